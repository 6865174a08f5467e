//! The rule for files that contain a secret, such as the root key and the private key of a certificate: which owners, modes
//! and links are accepted. The server and the CLI read such files through it too.
//!
//! - The file is regular and belongs to this user or root, and other users have no access. Groups have none either, or, with
//!   [`SecretReaders::OwnGroups`], may read it if this process is in the group (Kubernetes mounts secrets as 0440).
//! - Its directory belongs to this user or root, and no other user may write to it, unless its sticky bit prevents replacing
//!   the entries of others, as in `/tmp`.
//! - Symbolic links are followed only below that directory, through directories for which the same holds (Kubernetes:
//!   `key.pem -> ..data/key.pem`, `..data -> ..2026_11_24_03_11_24.1`). The links belong to this user or root too.
//!
//! openat2 with RESOLVE_BENEATH follows the same links, but does not reveal the directories on the way, and older kernels and
//! sandboxes lack it. So this module walks the path, each step from an open directory.

use std::ffi::OsString;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, openat, readlinkat, statat};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid, getgroups};
use zeroize::Zeroizing;

use crate::files;

/// The users who may read a file that contains a secret, besides its owner and root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecretReaders {
    /// No other user.
    #[default]
    OwnerOnly,
    /// The effective group or a supplementary group of this process.
    OwnGroups,
}

/// A file that contains a secret is not accepted.
#[derive(Debug)]
pub struct SecretFileError {
    /// The path, as the caller passed it.
    pub path: PathBuf,
    /// The reason.
    pub fault: SecretFileFault,
}

/// Why a file that contains a secret is not accepted.
#[derive(Debug)]
#[non_exhaustive]
pub enum SecretFileFault {
    /// The path does not exist.
    Missing,
    /// A symbolic link leads out of its directory, belongs to another user, or leads in a circle.
    Link,
    /// It is a directory, a device or a pipe.
    NotAFile,
    /// Its mode gives other users access.
    Exposed(u32),
    /// It belongs to the user with this id.
    Foreign(u32),
    /// Other users may replace the file, because the directory belongs to them or they may write to it.
    Directory {
        /// The directory.
        path: PathBuf,
        /// The id of its owner.
        owner: u32,
        /// Its mode.
        mode: u32,
    },
    /// It is longer than the maximum.
    TooLong,
    /// It could not be read or written.
    Io(io::Error),
}

/// Reads a file that contains a secret of at most `max_len` bytes.
///
/// # Errors
/// [`SecretFileError`] if the file breaks the rule or cannot be read.
pub fn read_secret_file(
    path: &Path,
    max_len: usize,
    readers: SecretReaders,
) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    read(path, max_len, readers).map_err(|fault| SecretFileError { path: path.to_owned(), fault })
}

pub(crate) fn read(
    path: &Path,
    max_len: usize,
    readers: SecretReaders,
) -> Result<Zeroizing<Vec<u8>>, SecretFileFault> {
    let file = open(path)?;
    check(&file.metadata()?, readers)?;
    // Allocated in full, because a growing buffer would leave a part of the secret in memory.
    let mut content = Zeroizing::new(Vec::with_capacity(max_len + 1));
    file.take(max_len as u64 + 1).read_to_end(&mut content)?;
    if content.len() > max_len { Err(SecretFileFault::TooLong) } else { Ok(content) }
}

fn check(found: &Metadata, readers: SecretReaders) -> Result<(), SecretFileFault> {
    if !found.is_file() {
        return Err(SecretFileFault::NotAFile);
    }
    if !is_trusted(found.uid()) {
        return Err(SecretFileFault::Foreign(found.uid()));
    }
    let group_may_read = readers == SecretReaders::OwnGroups && is_own_group(found.gid());
    let allowed = if group_may_read { GROUP_READ } else { 0 };
    match found.mode() & NOT_THE_OWNER & !allowed {
        0 => Ok(()),
        _ => Err(SecretFileFault::Exposed(found.mode() & PERMISSIONS)),
    }
}

/// Opens a file below its directory.
fn open(path: &Path) -> Result<File, SecretFileFault> {
    let name = path.file_name().ok_or(SecretFileFault::NotAFile)?;
    let directory = files::parent(path);
    let base = openat(CWD, directory, DIRECTORY, Mode::empty())?;
    Walk { directories: vec![Directory::checked(base, directory.to_owned())?], ahead: vec![name.to_owned()] }
        .run()
}

/// The walk to a file: the directories so far, and the names ahead, the next one last.
struct Walk {
    directories: Vec<Directory>,
    ahead: Vec<OsString>,
}

struct Directory {
    handle: OwnedFd,
    path: PathBuf,
}

impl Walk {
    fn run(mut self) -> Result<File, SecretFileFault> {
        let mut links = 0;
        while let Some(name) = self.ahead.pop() {
            let here = self.directories.last().ok_or(SecretFileFault::Link)?; // `..` led out
            if name == ".." {
                self.directories.pop();
                continue;
            }
            let found = statat(&here.handle, &name, AtFlags::SYMLINK_NOFOLLOW)?;
            if FileType::from_raw_mode(found.st_mode) == FileType::Symlink {
                links += 1;
                if links > MAX_LINKS || !is_trusted(found.st_uid) {
                    return Err(SecretFileFault::Link);
                }
                let target = readlinkat(&here.handle, &name, Vec::new())?;
                self.follow(Path::new(&OsString::from_vec(target.into_bytes())))?;
            } else if self.ahead.is_empty() {
                return Ok(openat(&here.handle, &name, FILE, Mode::empty())?.into());
            } else {
                let handle = openat(&here.handle, &name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?;
                self.directories.push(Directory::checked(handle, here.path.join(&name))?);
            }
        }
        Err(SecretFileFault::NotAFile)
    }

    fn follow(&mut self, target: &Path) -> Result<(), SecretFileFault> {
        for component in target.components().rev() {
            match component {
                Component::RootDir | Component::Prefix(_) => return Err(SecretFileFault::Link),
                Component::CurDir => {}
                Component::ParentDir | Component::Normal(_) => {
                    self.ahead.push(component.as_os_str().to_owned())
                }
            }
        }
        Ok(())
    }
}

impl Directory {
    /// Returns the directory, if only trusted users can replace its entries.
    fn checked(handle: OwnedFd, path: PathBuf) -> Result<Self, SecretFileFault> {
        let found = fstat(&handle)?;
        let owner = found.st_uid;
        let mode = found.st_mode;
        let is_safe = mode & OTHERS_WRITE == 0 || mode & STICKY != 0;
        if is_trusted(owner) && is_safe {
            Ok(Self { handle, path })
        } else {
            Err(SecretFileFault::Directory { path, owner, mode: mode & PERMISSIONS })
        }
    }
}

fn is_trusted(user: u32) -> bool {
    user == 0 || user == geteuid().as_raw()
}

fn is_own_group(group: u32) -> bool {
    let is_supplementary = || getgroups().is_ok_and(|groups| groups.iter().any(|own| own.as_raw() == group));
    group == getegid().as_raw() || is_supplementary()
}

impl SecretFileFault {
    /// Returns advice for the user of the file at `path`.
    pub(crate) fn hint(&self, path: &Path) -> String {
        let file = path.display();
        match self {
            Self::Missing => "check the path".into(),
            Self::Link => "name the file itself; links may only lead to files below their directory".into(),
            Self::NotAFile => "name the file".into(),
            Self::Exposed(_) => {
                format!("run: chmod 600 {file}; if others may have read it, its keys are known to them")
            }
            Self::Foreign(_) => {
                format!("run as its owner, or give it to this user: chown $(id -u) {file}")
            }
            Self::Directory { path, owner, mode } => files::exposed_hint(path, *owner, *mode),
            Self::TooLong => "name the right file".into(),
            Self::Io(_) => "check that the file and its directory can be read and written".into(),
        }
    }

    /// Like [`SecretFileFault::hint`], for the operator of a server, who can let a group read the file.
    pub(crate) fn server_hint(&self, path: &Path) -> String {
        match self {
            Self::Exposed(mode) if mode & NOT_THE_OWNER == GROUP_READ => format!(
                "run: chmod 600 {}, or if a group of this user may read it, start with --group-readable-secrets",
                path.display()
            ),
            _ => self.hint(path),
        }
    }
}

impl SecretFileError {
    /// Returns advice for the operator of a server.
    #[must_use]
    pub fn hint(&self) -> String {
        self.fault.server_hint(&self.path)
    }
}

impl<E: Into<io::Error>> From<E> for SecretFileFault {
    fn from(error: E) -> Self {
        let error = error.into();
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            // A link replaced the file after it was checked.
            _ if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => Self::Link,
            _ => Self::Io(error),
        }
    }
}

/// The fault as the end of a sentence about the file.
impl fmt::Display for SecretFileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Link => f.write_str("is a symbolic link that leads out of its directory"),
            Self::NotAFile => f.write_str("is not a regular file"),
            Self::Exposed(mode) => write!(f, "is open to others (mode {mode:03o})"),
            Self::Foreign(user) => write!(f, "belongs to user {user}"),
            Self::Directory { path, owner, mode } => {
                let path = path.display();
                write!(f, "can be replaced by others: {path} is open to them (user {owner}, mode {mode:03o})")
            }
            Self::TooLong => f.write_str("is too long"),
            Self::Io(error) => write!(f, "cannot be used: {error}"),
        }
    }
}

impl fmt::Display for SecretFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path.display(), self.fault)
    }
}

impl std::error::Error for SecretFileError {}

/// For searching, not reading, which needs fewer permissions.
const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// NONBLOCK: opening a pipe must not wait for a writer.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);
/// The limit of Linux.
const MAX_LINKS: usize = 40;
const PERMISSIONS: u32 = 0o777;
const NOT_THE_OWNER: u32 = 0o077;
const GROUP_READ: u32 = 0o040;
const OTHERS_WRITE: u32 = 0o022;
const STICKY: u32 = 0o1000;

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    fn owner_only(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretFileFault> {
        read(path, 64, SecretReaders::OwnerOnly)
    }

    fn own_groups(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretFileFault> {
        read(path, 64, SecretReaders::OwnGroups)
    }

    fn write(path: &Path, mode: u32) {
        fs::write(path, "secret").unwrap();
        set_mode(path, mode);
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    /// Tests that only root can set up print that they are skipped.
    fn is_root(test: &str) -> bool {
        let is_root = geteuid().is_root();
        if !is_root {
            eprintln!("LEFT OUT: {test}: files of other users and groups need root");
        }
        is_root
    }

    #[test]
    fn a_file_for_its_owner_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        assert!(matches!(owner_only(&path), Err(SecretFileFault::Missing)));
        assert!(matches!(owner_only(&path.join("below")), Err(SecretFileFault::Missing)));
        for mode in [0o600, 0o400, 0o700] {
            write(&path, mode);
            assert_eq!(*owner_only(&path).unwrap(), b"secret");
            fs::remove_file(&path).unwrap();
        }
        write(&path, 0o600);
        assert!(matches!(read(&path, 5, SecretReaders::OwnerOnly), Err(SecretFileFault::TooLong)));
        assert_eq!(*read(&path, 6, SecretReaders::OwnerOnly).unwrap(), b"secret");
    }

    #[test]
    fn what_others_may_do_something_with_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        write(&path, 0o600);
        for mode in [0o604, 0o602, 0o601, 0o620, 0o610, 0o660, 0o650, 0o644, 0o666] {
            set_mode(&path, mode);
            for refused in [owner_only(&path), own_groups(&path)] {
                assert!(matches!(refused, Err(SecretFileFault::Exposed(found)) if found == mode), "{mode:o}");
            }
        }
    }

    #[test]
    fn a_group_reads_if_it_is_our_own_and_may() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        write(&path, 0o600);
        chown(&path, None, Some(getegid().as_raw())).unwrap();
        for mode in [0o640, 0o440] {
            set_mode(&path, mode);
            assert_eq!(*own_groups(&path).unwrap(), b"secret");
            let hint = owner_only(&path).unwrap_err().server_hint(&path);
            assert!(hint.ends_with("start with --group-readable-secrets"), "{hint}");
        }
        if is_root("a group that is not ours") {
            let other = (1..).find(|group| !is_own_group(*group)).unwrap();
            chown(&path, None, Some(other)).unwrap();
            assert!(matches!(own_groups(&path), Err(SecretFileFault::Exposed(0o440))));
        }
    }

    #[test]
    fn files_links_and_directories_of_other_users_are_refused() {
        if !is_root("other users") {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("key"), directory.path().join("link"));
        write(&path, 0o600);
        symlink("key", &link).unwrap();
        owner_only(&link).unwrap();
        std::os::unix::fs::lchown(&link, Some(4711), None).unwrap();
        assert!(
            matches!(owner_only(&link), Err(SecretFileFault::Link)),
            "a link that another user made in /tmp"
        );
        chown(&path, Some(4711), None).unwrap();
        assert!(matches!(owner_only(&path), Err(SecretFileFault::Foreign(4711))));
        chown(&path, Some(0), None).unwrap();
        chown(directory.path(), Some(4711), None).unwrap();
        assert!(matches!(owner_only(&path), Err(SecretFileFault::Directory { owner: 4711, .. })));
    }

    #[test]
    fn a_directory_in_which_others_can_replace_the_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let (path, below) = (directory.path().join("key"), directory.path().join("below"));
        write(&path, 0o600);
        fs::create_dir(&below).unwrap();
        write(&below.join("key"), 0o600);
        symlink("below/key", directory.path().join("link")).unwrap();
        for mode in [0o777, 0o770, 0o702] {
            set_mode(directory.path(), mode);
            let refused = owner_only(&path).unwrap_err();
            assert!(
                matches!(refused, SecretFileFault::Directory { mode: found, .. } if found == mode),
                "{refused}"
            );
            set_mode(directory.path(), mode | STICKY);
            owner_only(&path).unwrap();
            set_mode(&below, mode);
            let refused = owner_only(&directory.path().join("link")).unwrap_err();
            assert!(
                matches!(&refused, SecretFileFault::Directory { path, .. } if *path == below),
                "{refused}"
            );
        }
        set_mode(&below, 0o755);
        set_mode(directory.path(), 0o755);
        owner_only(&directory.path().join("link")).unwrap();
    }

    /// The layout of a Kubernetes secret: an update changes the target of `..data`.
    #[test]
    fn links_are_followed_below_their_directory() {
        let volume = tempfile::tempdir().unwrap();
        let at = |path: &str| volume.path().join(path);
        set_mode(volume.path(), 0o777 | STICKY);
        for version in ["..2026_1", "..2026_2"] {
            fs::create_dir(at(version)).unwrap();
            let path = at(version).join("key.pem");
            fs::write(&path, version).unwrap();
            set_mode(&path, 0o400);
        }
        symlink("..2026_1", at("..data")).unwrap();
        symlink("..data/key.pem", at("key.pem")).unwrap();
        assert_eq!(*owner_only(&at("key.pem")).unwrap(), b"..2026_1");
        symlink("..2026_2", at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
        assert_eq!(*owner_only(&at("key.pem")).unwrap(), b"..2026_2");
        symlink("./..data/../..2026_1/./key.pem", at("winding")).unwrap();
        assert_eq!(*owner_only(&at("winding")).unwrap(), b"..2026_1");
    }

    #[test]
    fn links_that_lead_out_or_nowhere_are_refused() {
        let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let below = directory.path().join("below");
        fs::create_dir(&below).unwrap();
        write(&directory.path().join("key"), 0o600);
        write(&below.join("key"), 0o600);
        let absolute = below.join("key");
        let link = |target: &Path| {
            let link = below.join("link");
            let _ = fs::remove_file(&link);
            symlink(target, &link).unwrap();
            owner_only(&link)
        };
        link(Path::new("key")).unwrap();
        for target in ["../key", "../below/key", "../../key", "link", ".."].map(Path::new) {
            let refused = link(target).unwrap_err();
            assert!(
                matches!(refused, SecretFileFault::Link | SecretFileFault::NotAFile),
                "{target:?}: {refused}"
            );
        }
        assert!(matches!(link(&absolute), Err(SecretFileFault::Link)));
        symlink(elsewhere.path(), below.join("elsewhere")).unwrap();
        write(&elsewhere.path().join("key"), 0o600);
        assert!(matches!(link(Path::new("elsewhere/key")), Err(SecretFileFault::Link)));
        assert!(matches!(link(Path::new("nothing")), Err(SecretFileFault::Missing)));
        // The directory itself may be named by a link: the caller named it deliberately.
        owner_only(&below.join("elsewhere/key")).unwrap();
    }

    #[test]
    fn what_is_no_file_is_refused_without_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        for path in [directory.path(), Path::new("/dev/null"), Path::new("/"), &pipe] {
            let refused = owner_only(path).unwrap_err();
            assert!(matches!(refused, SecretFileFault::NotAFile), "{}: {refused}", path.display());
        }
    }
}
