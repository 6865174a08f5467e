//! Resolves a name through any chain of symbolic links, and decides whether a file may replace it.
//!
//! The links of `/proc/PID/fd` look like links to regular files if a descriptor is one. But replacing `/dev/stdout`, which leads
//! there, would destroy it for every process. So the chain is followed link by link, and no directory on it may be in procfs.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, PROC_SUPER_MAGIC, fstatfs, openat, readlinkat, statat};
use rustix::io::Errno;

use crate::file_error::FileError;
use crate::output::directory_of;

/// What a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeadsTo {
    /// The name does not exist.
    Nothing,
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// The name is a symbolic link whose target does not exist.
    Dangling,
    /// A device, pipe or socket, or anything reached through procfs.
    Special,
}

/// Returns what `name` in the directory `start` leads to.
pub(crate) fn follow(start: &File, name: &OsStr) -> Result<LeadsTo, Errno> {
    let mut opened: File;
    let mut directory = start;
    let mut name = name.to_owned();
    let mut missing = LeadsTo::Nothing;
    for _ in 0..=MAX_LINKS {
        let found = match statat(directory, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) if missing == LeadsTo::Nothing => return Ok(missing), // the most common case
            Err(Errno::NOENT) if is_in_proc(directory)? => return Ok(LeadsTo::Special),
            Err(Errno::NOENT) => return Ok(missing),
            found => found?,
        };
        if is_in_proc(directory)? {
            return Ok(LeadsTo::Special);
        }
        match FileType::from_raw_mode(found.st_mode) {
            FileType::Symlink => missing = LeadsTo::Dangling,
            FileType::RegularFile => return Ok(LeadsTo::File),
            FileType::Directory => return Ok(LeadsTo::Directory),
            _ => return Ok(LeadsTo::Special),
        }
        let target =
            PathBuf::from(OsString::from_vec(readlinkat(directory, &name, Vec::new())?.into_bytes()));
        if DEVICES.iter().any(|devices| target.starts_with(devices)) {
            missing = LeadsTo::Special; // even without /proc, or with the device unplugged
        }
        let Some(last) = target.file_name() else { return Ok(LeadsTo::Directory) }; // `/` or `..`
        name = last.to_owned();
        opened = match open_directory(directory, directory_of(&target)) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return dangling(directory, &target, missing),
            opened => opened?,
        };
        directory = &opened;
    }
    Ok(missing)
}

/// Returns the path of the file that a path leads to, for a command that changes the file in place.
///
/// # Errors
/// [`FileError::Special`] for a device, pipe or socket and for anything reached through procfs, such as `/dev/stdin`;
/// [`FileError::Source`] if the path cannot be resolved.
pub fn resolve_in_place(path: &Path) -> Result<PathBuf, FileError> {
    if let Some(name) = path.file_name() {
        let directory = File::open(directory_of(path)).map_err(FileError::Source)?;
        let leads_to = follow(&directory, name).map_err(|error| FileError::Source(error.into()))?;
        if leads_to == LeadsTo::Special {
            return Err(FileError::Special);
        }
    }
    path.canonicalize().map_err(FileError::Source)
}

/// Whether a directory is in procfs, where no file can be created.
pub(crate) fn is_in_proc(directory: impl AsFd) -> Result<bool, Errno> {
    Ok(fstatfs(directory)?.f_type == PROC_SUPER_MAGIC)
}

/// Classifies a link whose `target` has no directory: it is special if the existing part of the path is in procfs.
fn dangling(directory: &File, target: &Path, otherwise: LeadsTo) -> Result<LeadsTo, Errno> {
    let above = directory_of(target).ancestors().skip(1);
    let reached = above
        .map(|path| if path == Path::new("") { Path::new(".") } else { path })
        .find_map(|path| open_directory(directory, path).ok());
    match reached {
        Some(reached) if is_in_proc(&reached)? => Ok(LeadsTo::Special),
        _ => Ok(otherwise),
    }
}

fn open_directory(directory: &File, path: &Path) -> Result<File, Errno> {
    Ok(openat(directory, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?.into())
}

/// The limit of the kernel.
const MAX_LINKS: usize = 40;
/// Directories of devices and descriptors. Links into them are special even if the target does not exist at present.
const DEVICES: [&str; 2] = ["/proc", "/dev"];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_name_leads_to_what_is_at_the_end_of_its_links() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let open = fs::write(path("file"), "content").and_then(|()| File::open(path("file"))).unwrap();
        fs::create_dir(path("below")).unwrap();
        let _socket = UnixListener::bind(path("socket")).unwrap();
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(&open);
        for (name, target, expected) in [
            ("link", "file", LeadsTo::File),
            ("chain", "below/../link", LeadsTo::File),
            ("absolute", path("chain").to_str().unwrap(), LeadsTo::File),
            ("directory", "below/", LeadsTo::Directory),
            ("above", "..", LeadsTo::Directory),
            ("root", "/", LeadsTo::Directory),
            ("dangling", "missing", LeadsTo::Dangling),
            ("further", "missing/missing/file", LeadsTo::Dangling),
            ("through-a-file", "file/file", LeadsTo::Dangling),
            ("loop", "loop", LeadsTo::Dangling),
            ("to-socket", "socket", LeadsTo::Special),
            ("device", "/dev/null", LeadsTo::Special),
            ("unplugged", "/dev/no-such-device", LeadsTo::Special),
            ("to-unplugged", "unplugged", LeadsTo::Special),
            ("stdout", &format!("/proc/self/fd/{descriptor}"), LeadsTo::Special),
            ("thread", &format!("/proc/thread-self/fd/{descriptor}"), LeadsTo::Special),
            ("to-stdout", "stdout", LeadsTo::Special),
            ("closed", "/proc/self/fd/999999", LeadsTo::Special),
            ("gone", "/proc/999999999/fd/1", LeadsTo::Special),
            ("to-gone", "gone", LeadsTo::Special),
            ("fd", "/proc/self/fd", LeadsTo::Special),
            ("to-fd", &format!("fd/{descriptor}"), LeadsTo::Special),
            ("file-of-proc", "/proc/version", LeadsTo::Special),
        ] {
            symlink(target, path(name)).unwrap();
            let opened = File::open(directory.path()).unwrap();
            assert_eq!(follow(&opened, OsStr::new(name)).unwrap(), expected, "{name} -> {target}");
        }
        let opened = File::open(directory.path()).unwrap();
        for (name, expected) in [
            ("file", LeadsTo::File),
            ("below", LeadsTo::Directory),
            ("socket", LeadsTo::Special),
            ("missing", LeadsTo::Nothing),
        ] {
            assert_eq!(follow(&opened, OsStr::new(name)).unwrap(), expected, "{name}");
        }
        // The same with a relative path that leads to the root.
        let up = "../".repeat(directory.path().components().count());
        symlink(format!("{up}proc/999999999/fd/1"), path("relative")).unwrap();
        assert_eq!(follow(&opened, OsStr::new("relative")).unwrap(), LeadsTo::Special);
        let descriptors = File::open("/proc/self/fd").unwrap();
        let there = descriptor.to_string();
        for (name, expected) in [(&*there, LeadsTo::Special), ("999999", LeadsTo::Nothing)] {
            assert_eq!(follow(&descriptors, OsStr::new(name)).unwrap(), expected);
        }
    }
}
