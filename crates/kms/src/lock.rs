//! `DATA/lock`: who holds the store. A command holds it for one KMS call, a server for its life.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::files;

/// What the holder of a store is; it decides how long others wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A command with the embedded KMS: done in a moment.
    Command,
    /// A server: it will not let go.
    Server,
}

/// The held lock; dropping it lets go.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.file.set_len(0); // whoever takes it next will write its own role
    }
}

#[derive(Debug)]
pub(crate) enum LockError {
    /// Somebody else holds it, and it is not worth waiting (any longer).
    Held(Role),
    Io(io::Error),
}

impl Lock {
    /// Takes the lock; waits up to [`PATIENCE`] for a command, not at all for a server.
    pub(crate) fn take(data: &Path, role: Role) -> Result<Self, LockError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .mode(0o600)
            .custom_flags(files::NO_FOLLOW)
            .open(data.join(NAME))
            .map_err(LockError::Io)?;
        let deadline = Instant::now() + PATIENCE;
        let mut server_seen = false;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
                Err(TryLockError::WouldBlock) => {}
            }
            match holder(&mut file).map_err(LockError::Io)? {
                // Once may be what a killed server left, before the new holder writes its own role.
                Role::Server if server_seen => return Err(LockError::Held(Role::Server)),
                Role::Server => {
                    server_seen = true;
                    thread::sleep(SECOND_LOOK);
                }
                Role::Command if Instant::now() >= deadline => return Err(LockError::Held(Role::Command)),
                Role::Command => thread::sleep(PAUSE),
            }
        }
        write_role(&mut file, role).map_err(LockError::Io)?;
        Ok(Self { file })
    }
}

/// The role that the holder wrote. Until it has written one, it is taken for a command: that one waits.
fn holder(file: &mut File) -> io::Result<Role> {
    let mut text = String::new();
    file.rewind()?;
    file.take(16).read_to_string(&mut text)?;
    Ok(if text.starts_with(SERVER) { Role::Server } else { Role::Command })
}

fn write_role(file: &mut File, role: Role) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(match role {
        Role::Server => SERVER.as_bytes(),
        Role::Command => b"command\n",
    })
}

const NAME: &str = "lock";
const SERVER: &str = "server\n";
/// How long a command waits for another one.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);
const SECOND_LOOK: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_not_waited_for() {
        let data = tempfile::tempdir().unwrap();
        let held = Lock::take(data.path(), Role::Server).unwrap();
        let started = Instant::now();
        let refused = Lock::take(data.path(), Role::Command).unwrap_err();
        assert!(matches!(refused, LockError::Held(Role::Server)));
        assert!(started.elapsed() < Duration::from_secs(5));
        drop(held);
        Lock::take(data.path(), Role::Command).unwrap();
    }

    /// A killed server leaves its role behind; the next holder writes its own only after it has the lock.
    #[test]
    fn what_a_killed_server_left_is_looked_at_twice() {
        let data = tempfile::tempdir().unwrap();
        let mut held = File::create(data.path().join(NAME)).unwrap();
        held.lock().unwrap();
        held.write_all(SERVER.as_bytes()).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| Lock::take(data.path(), Role::Command).map(drop));
            thread::sleep(SECOND_LOOK / 5);
            write_role(&mut held, Role::Command).unwrap();
            thread::sleep(SECOND_LOOK * 2);
            assert!(!waiting.is_finished());
            drop(held);
            waiting.join().unwrap().unwrap();
        });
    }

    #[test]
    fn a_command_is_waited_for() {
        let data = tempfile::tempdir().unwrap();
        let held = Lock::take(data.path(), Role::Command).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| Lock::take(data.path(), Role::Server).map(drop));
            thread::sleep(Duration::from_millis(50));
            assert!(!waiting.is_finished());
            drop(held);
            waiting.join().unwrap().unwrap();
        });
    }
}
