//! Ensures that one command at a time changes a volume.
//!
//! cryptsetup locks a header for each of its writes. A change by bulla consists of several writes, and without a lock
//! another command would treat an unfinished change as the remains of a killed one.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use rustix::fs::{FlockOperation, NFS_SUPER_MAGIC, fcntl_lock, fstatfs};

use crate::failure::{Exit, Failure};

/// The lock of a volume. It ends with the process.
///
/// It is a lock of fcntl(2), because cryptsetup waits for a lock of flock(2) on an image file. Such a lock ends when
/// this process closes any descriptor of the file, so while it is held, only cryptsetup may open the volume.
pub(crate) struct VolumeLock {
    _file: File,
}

impl VolumeLock {
    pub(crate) fn take(device: &Path) -> Result<Self, Failure> {
        let io = |error: io::Error| Failure::io(device, &error);
        let file = OpenOptions::new().read(true).write(true).open(device).map_err(io)?;
        // NFS maps both kinds of locks to one, so cryptsetup would wait for this one.
        let is_remote = fstatfs(&file).is_ok_and(|system| system.f_type == NFS_SUPER_MAGIC);
        if !is_remote && let Err(error) = fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            let error = io::Error::from(error);
            // fcntl(2) has two error numbers for a lock that is held.
            return Err(match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::PermissionDenied => {
                    let what = format!("another command of bulla changes {}", device.display());
                    Failure::new(Exit::Other, what, "try again when it has ended")
                }
                _ => io(error),
            });
        }
        Ok(Self { _file: file })
    }
}
