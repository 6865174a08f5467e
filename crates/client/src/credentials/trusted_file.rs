//! Reads configuration files, but only if no other user can have written them.
//!
//! The writer of such a file decides which account encrypts and which program runs. So the file, each directory on the path to it
//! and each symbolic link must belong to the user of this process or to root, and no other user may have write access to the file
//! or the directories. A directory with the sticky bit, such as /tmp, is accepted, because only their owners can replace its
//! entries. The path is checked component by component. No other user can change a checked component, so opening the path
//! afterwards leads to the same file.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::error::{CredentialsError, Writer};

/// Reads the configuration file at `path`; `None` if it does not exist.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<String>>, CredentialsError> {
    let unreadable = |source| CredentialsError::Read { path: path.to_owned(), source };
    let real = match walk(path) {
        Ok(real) => real?,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let file = open_regular(&real, OFlags::NOFOLLOW).map_err(unreadable)?;
    check(&real, &file.metadata().map_err(unreadable)?)?;
    read_text(&file).map(Some).map_err(unreadable)
}

/// Reads a configuration file that must exist.
pub(super) fn read_named(path: &Path) -> Result<Zeroizing<String>, CredentialsError> {
    let missing = || {
        let source = io::Error::from(rustix::io::Errno::NOENT);
        CredentialsError::Read { path: path.to_owned(), source }
    };
    read(path)?.ok_or_else(missing)
}

/// Opens a regular file. A directory, pipe or device could block or never end.
pub(super) fn open_regular(path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = (flags | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
}

/// Reads a text file of at most 1 MiB.
pub(super) fn read_text(file: &File) -> io::Result<Zeroizing<String>> {
    let room = usize::try_from(file.metadata()?.len().min(MAX_LENGTH)).expect("at most 1 MiB");
    // Allocated at once: a vector that grows leaves copies in memory that is not wiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(room + 64));
    file.take(MAX_LENGTH + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_LENGTH {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    let text = str::from_utf8(&bytes).map_err(|_| io::Error::other("it is not text in UTF-8"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Returns the path without symbolic links, after checking each directory and link. Does not check the last component.
fn walk(path: &Path) -> io::Result<Result<PathBuf, CredentialsError>> {
    let mut real = PathBuf::from("/");
    let mut links = 0;
    let mut left = components(&std::path::absolute(path)?);
    if let Err(error) = check(&real, &fs::symlink_metadata(&real)?) {
        return Ok(Err(error));
    }
    while let Some(name) = left.pop() {
        if name == ".." {
            real.pop();
            continue;
        }
        real.push(&name);
        let metadata = fs::symlink_metadata(&real)?;
        if metadata.is_symlink() {
            links += 1;
            if links > MAX_LINKS {
                return Err(io::Error::other("too many symbolic links lead to it"));
            }
            if let Err(error) = check_owner(&real, &metadata) {
                return Ok(Err(error));
            }
            let target = fs::read_link(&real)?;
            real.pop();
            if target.is_absolute() {
                real = PathBuf::from("/");
            }
            left.extend(components(&target));
        } else if metadata.is_dir() {
            if let Err(error) = check(&real, &metadata) {
                return Ok(Err(error));
            }
        } else if !left.is_empty() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
    }
    Ok(Ok(real))
}

/// Returns the components of a path, the last one first.
fn components(path: &Path) -> Vec<OsString> {
    let names = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    let mut names: Vec<_> = names.collect();
    names.reverse();
    names
}

/// Checks the owner and mode of a file or directory.
fn check(path: &Path, metadata: &Metadata) -> Result<(), CredentialsError> {
    check_owner(path, metadata)?;
    let sticky = metadata.is_dir() && metadata.mode() & STICKY != 0;
    let writer = match metadata.mode() & 0o022 {
        _ if sticky => None,
        0 => None,
        0o020 => Some(Writer::Group),
        _ => Some(Writer::AllUsers),
    };
    writer.map_or(Ok(()), |writer| Err(CredentialsError::NotPrivate { path: path.to_owned(), writer }))
}

fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), CredentialsError> {
    let owner = metadata.uid();
    if owner == 0 || owner == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(CredentialsError::NotPrivate { path: path.to_owned(), writer: Writer::Owner(owner) })
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

const MAX_LENGTH: u64 = 1024 * 1024;
/// The limit of the kernel.
const MAX_LINKS: u32 = 40;
const STICKY: u32 = 0o1000;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("d")).unwrap();
            fs::write(folder.path().join("d/config"), "text").unwrap();
            let folder = Self(folder);
            folder.chmod("d", 0o755);
            folder.chmod("d/config", 0o600);
            folder
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn chmod(&self, name: &str, mode: u32) {
            fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
        }

        fn read(&self, name: &str) -> Result<Option<String>, CredentialsError> {
            read(&self.path(name)).map(|text| text.map(|text| text.to_string()))
        }

        fn writer(&self, name: &str) -> (PathBuf, Writer) {
            match self.read(name) {
                Err(CredentialsError::NotPrivate { path, writer }) => (path, writer),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn files_that_only_their_owner_writes_are_read() {
        let folder = Folder::new();
        for mode in [0o600, 0o400, 0o644, 0o755] {
            folder.chmod("d/config", mode);
            assert_eq!(folder.read("d/config").unwrap().as_deref(), Some("text"), "{mode:o}");
        }
        assert!(folder.read("d/other").unwrap().is_none());
        assert!(folder.read("none/other").unwrap().is_none());
    }

    #[test]
    fn files_and_directories_that_others_write_are_refused() {
        let folder = Folder::new();
        for (mode, writer) in [(0o620, Writer::Group), (0o602, Writer::AllUsers), (0o666, Writer::AllUsers)] {
            folder.chmod("d/config", mode);
            assert_eq!(folder.writer("d/config"), (folder.path("d/config"), writer));
        }
        folder.chmod("d/config", 0o600);
        for (mode, writer) in [(0o775, Writer::Group), (0o777, Writer::AllUsers)] {
            folder.chmod("d", mode);
            assert_eq!(folder.writer("d/config"), (folder.path("d"), writer));
            assert_eq!(folder.writer("d/../d/./config"), (folder.path("d"), writer));
        }
        folder.chmod("d", 0o1777);
        assert!(folder.read("d/config").unwrap().is_some(), "the sticky bit protects what is in it");
    }

    #[test]
    fn links_are_followed_and_their_way_is_checked() {
        let folder = Folder::new();
        fs::create_dir(folder.path("links")).unwrap();
        symlink("../d/config", folder.path("links/relative")).unwrap();
        symlink(folder.path("links/relative"), folder.path("links/absolute")).unwrap();
        for name in ["links/relative", "links/absolute"] {
            folder.chmod("d", 0o755);
            assert!(folder.read(name).unwrap().is_some(), "{name}");
            folder.chmod("d", 0o775);
            assert_eq!(folder.writer(name), (folder.path("d"), Writer::Group));
        }
        symlink("loop", folder.path("links/loop")).unwrap();
        assert!(matches!(folder.read("links/loop"), Err(CredentialsError::Read { .. })));
        symlink("nowhere", folder.path("links/dangling")).unwrap();
        assert!(folder.read("links/dangling").unwrap().is_none());
    }

    #[test]
    fn what_belongs_to_another_user_is_refused() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("LEFT OUT: only root can give files to another user");
            return;
        }
        let folder = Folder::new();
        chown(folder.path("d/config"), Some(12345), None).unwrap();
        assert_eq!(folder.writer("d/config"), (folder.path("d/config"), Writer::Owner(12345)));
        chown(folder.path("d/config"), Some(0), None).unwrap();
        chown(folder.path("d"), Some(12345), None).unwrap();
        assert_eq!(folder.writer("d/config"), (folder.path("d"), Writer::Owner(12345)));
        chown(folder.path("d"), Some(0), None).unwrap();
        symlink("d/config", folder.path("link")).unwrap();
        std::os::unix::fs::lchown(folder.path("link"), Some(12345), None).unwrap();
        assert_eq!(folder.writer("link"), (folder.path("link"), Writer::Owner(12345)));
    }

    #[test]
    fn only_regular_text_files_of_a_sane_length_are_read() {
        let folder = Folder::new();
        assert!(matches!(folder.read("d"), Err(CredentialsError::Read { .. })));
        let made = std::process::Command::new("mkfifo").arg(folder.path("fifo")).status().unwrap();
        assert!(made.success());
        folder.chmod("fifo", 0o600);
        assert!(matches!(folder.read("fifo"), Err(CredentialsError::Read { .. })), "and does not block");
        fs::write(folder.path("d/config"), [0xff]).unwrap();
        assert!(matches!(folder.read("d/config"), Err(CredentialsError::Read { .. })));
        fs::write(folder.path("d/config"), vec![b' '; 1024 * 1024 + 1]).unwrap();
        assert!(matches!(folder.read("d/config"), Err(CredentialsError::Read { .. })));
    }
}
