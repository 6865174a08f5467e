//! The socket `DATA/control.sock`.
//!
//! It is bound through a descriptor of the data directory, so neither the length of the path nor a replaced directory
//! on the way to it matters. Only the owner of the data directory can create files in it. The process that creates the
//! socket holds the lock of the store, so an existing socket is of a server that has ended.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, fchmod, fstat, open, statat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;
use tokio::net::{UnixListener, UnixSocket};

/// The name of the socket in the data directory.
pub(super) const NAME: &str = "control.sock";

/// A socket that clients can connect to, removed on drop.
pub(crate) struct ControlSocket {
    pub(super) listener: UnixListener,
    directory: OwnedFd,
    /// Device and inode, which distinguish it from a socket that another server has put in its place.
    identity: (u64, u64),
}

impl ControlSocket {
    /// Creates the socket in this data directory, whose lock this process holds. Must be called within a runtime.
    ///
    /// # Errors
    /// Errors of the system; `AlreadyExists` if a file other than a socket has its name.
    pub(crate) fn bind(data: &Path) -> io::Result<Self> {
        let directory = open_directory(data)?;
        remove_stale(&directory)?;
        let socket = UnixSocket::new_stream()?;
        // The file gets this mode from the socket, less the umask, so it is private from the start.
        fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
        socket.bind(path_in(&directory, data))?;
        let listener = socket.listen(BACKLOG)?;
        let found = statat(&directory, NAME, AtFlags::SYMLINK_NOFOLLOW)?;
        let is_private = found.st_mode & 0o777 & !0o600 == 0;
        let socket = Self { listener, directory, identity: (found.st_dev, found.st_ino) };
        if !is_private {
            return Err(io::Error::other("the file system makes sockets that others may use"));
        }
        Ok(socket)
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let found = statat(&self.directory, NAME, AtFlags::SYMLINK_NOFOLLOW);
        if found.is_ok_and(|found| (found.st_dev, found.st_ino) == self.identity) {
            let _ = unlinkat(&self.directory, NAME, AtFlags::empty()); // the next server does it
        }
    }
}

/// Connects to the socket in a data directory. Returns the user who owns the directory.
pub(super) fn connect(data: &Path) -> io::Result<(std::os::unix::net::UnixStream, u32)> {
    let directory = open(data, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let owner = fstat(&directory)?.st_uid;
    let stream = std::os::unix::net::UnixStream::connect(path_in(&directory, data))?;
    Ok((stream, owner))
}

/// Opens the data directory, which must belong to this user alone, as the engine requires.
fn open_directory(data: &Path) -> io::Result<OwnedFd> {
    let directory = open(data, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let found = fstat(&directory)?;
    if found.st_uid != geteuid().as_raw() || found.st_mode & 0o022 != 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the data directory is open to others"));
    }
    Ok(directory)
}

/// Removes the socket of a server that has ended.
fn remove_stale(directory: &OwnedFd) -> io::Result<()> {
    match statat(directory, NAME, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(found) if FileType::from_raw_mode(found.st_mode) == FileType::Socket => {
            Ok(unlinkat(directory, NAME, AtFlags::empty())?)
        }
        Ok(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, "another file has its name")),
    }
}

/// Returns a path of the socket that fits into an address of the kernel (108 bytes) and leads to this directory.
/// Without /proc, it is the path of the directory.
fn path_in(directory: &OwnedFd, data: &Path) -> PathBuf {
    let through = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
    let is_there = std::fs::metadata(&through).is_ok_and(|found| found.is_dir() && found.mode() != 0);
    if is_there { through.join(NAME) } else { data.join(NAME) }
}

/// Connections that wait to be accepted, which takes no time.
const BACKLOG: u32 = 64;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

    use super::*;

    fn bind(data: &Path) -> io::Result<ControlSocket> {
        let runtime = crate::runtime().unwrap();
        let _context = runtime.enter();
        ControlSocket::bind(data)
    }

    /// A directory with the mode that the engine creates it with.
    fn directory() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
        directory
    }

    #[test]
    fn a_socket_is_private_and_removed_at_the_end() {
        let data = directory();
        let runtime = crate::runtime().unwrap();
        let _context = runtime.enter();
        let socket = ControlSocket::bind(data.path()).unwrap();
        let found = fs::symlink_metadata(data.path().join(NAME)).unwrap();
        assert!(found.file_type().is_socket());
        assert_eq!(found.mode() & 0o777, 0o600);
        connect(data.path()).unwrap();
        drop(socket);
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0);
        assert_eq!(connect(data.path()).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn the_socket_of_a_dead_server_is_replaced_and_nothing_else() {
        let data = directory();
        let path = data.path().join(NAME);
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert_eq!(connect(data.path()).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        drop(bind(data.path()).unwrap());
        let elsewhere = directory();
        let target = elsewhere.path().join("target");
        for make in [
            (|path, _| fs::write(path, "precious").unwrap()) as fn(&Path, &Path),
            |path, _| fs::create_dir(path).unwrap(),
            |path, target| symlink(target, path).unwrap(),
        ] {
            make(&path, &target);
            let refused = bind(data.path()).map(drop).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
            assert!(path.symlink_metadata().is_ok(), "it stays");
            assert!(!target.exists(), "no link is followed");
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
        }
    }

    #[test]
    fn a_socket_that_another_one_has_replaced_stays() {
        let data = directory();
        let runtime = crate::runtime().unwrap();
        let _context = runtime.enter();
        let first = ControlSocket::bind(data.path()).unwrap();
        let second = ControlSocket::bind(data.path()).unwrap();
        drop(first);
        connect(data.path()).unwrap();
        drop(second);
    }

    #[test]
    fn the_path_may_be_longer_than_an_address() {
        let data = directory();
        let deep = data.path().join("x".repeat(120)).join("y".repeat(120));
        fs::create_dir_all(&deep).unwrap();
        fs::set_permissions(&deep, fs::Permissions::from_mode(0o700)).unwrap();
        let runtime = crate::runtime().unwrap();
        let _context = runtime.enter();
        let _socket = ControlSocket::bind(&deep).unwrap();
        connect(&deep).unwrap();
    }

    #[test]
    fn a_directory_that_others_may_write_gets_no_socket() {
        let data = directory();
        fs::set_permissions(data.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let refused = bind(data.path()).map(drop).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0);
    }
}
