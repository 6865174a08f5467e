//! `DATA/lock`: a lock on the store for one process at a time, with a fair queue for those that wait.
//!
//! Two advisory locks (`flock`), both released by the kernel when their process ends:
//!
//! - the *store lock*, on the file `DATA/lock`, is held as long as the store is open. The text of the file is the role of the
//!   holder;
//! - the *queue*, on the directory `DATA` itself, is held by the next process until it has the store lock. The kernel serves
//!   the processes that block on it in order.
//!
//! On a read-only file system, processes share the store lock, which excludes processes that write through another mount. If
//! there is no lock file there, redb's own lock on the store has the same effect.
//!
//! A process that closes the store and opens it again joins the queue too, so it cannot overtake the next process, and a
//! holder can tell from the queue whether a process waits. Only a process that arrives just while the kernel wakes another
//! one may overtake it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use crate::role::Role;
use crate::store::{Access, LostFile, Pinned, open_with};
use crate::{Options, files};

/// The held lock; dropping it releases it.
#[derive(Debug)]
pub(crate) struct Lock {
    /// None without a lock file, on a read-only file system.
    pinned: Option<Pinned>,
    role: Role,
    data: PathBuf,
}

#[derive(Debug)]
pub(crate) enum LockError {
    /// Another process holds the store for longer than a command waits.
    Held(Role),
    Io(io::Error),
}

impl Lock {
    /// Locks `options.data`. Waits up to [`Options::patience`] for the command that holds it, and longer for processes that
    /// came earlier. Does not wait for a server.
    pub(crate) fn take(options: &Options) -> Result<Self, LockError> {
        let &Options { ref data, role, patience, on_wait, .. } = options;
        let mut wait = Wait { begun: Instant::now(), patience, on_wait: Some(on_wait) };
        for _ in 0..ATTEMPTS {
            let lock = Self { pinned: take_once(data, &mut wait)?, role, data: data.clone() };
            if lock.verify().is_ok() {
                lock.note_role(role);
                return Ok(lock);
            } // the file was replaced before it was locked, so its lock excludes no other process
        }
        Err(LockError::Io(io::Error::other("the lock file is replaced all the time")))
    }

    /// Checks that other processes find the same lock file.
    pub(crate) fn verify(&self) -> Result<(), LostFile> {
        self.pinned.as_ref().map_or(Ok(()), Pinned::verify)
    }

    fn note_role(&self, role: Role) {
        if let Some(pinned) = &self.pinned {
            write_role(&pinned.file, role);
        }
    }

    /// Whether another process waits for the lock. True also if that cannot be known, because there is no queue.
    pub(crate) fn is_awaited(&self) -> bool {
        File::open(&self.data).is_ok_and(|queue| may_be_held(&queue.try_lock()))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.role == Role::Server {
            self.note_role(Role::Command); // the next command then need not write
        }
    }
}

fn take_once(data: &Path, wait: &mut Wait) -> Result<Option<Pinned>, LockError> {
    let next = join_queue(data, wait)?; // released on return
    let path = data.join(NAME);
    let Some((file, access)) = open_lock(&path).map_err(LockError::Io)? else { return Ok(None) };
    let deadline = Instant::now() + wait.patience;
    let mut server_seen = false;
    while !try_lock(&file, access)? {
        match holder(&file).map_err(LockError::Io)? {
            // A single reading may be the role of a killed server, before the new holder writes its own.
            Role::Server if server_seen => return Err(LockError::Held(Role::Server)),
            Role::Server => {
                server_seen = true;
                thread::sleep(SECOND_LOOK);
            }
            Role::Command if Instant::now() >= deadline => return Err(LockError::Held(Role::Command)),
            Role::Command => wait.sleep(PAUSE),
        }
    }
    drop(next);
    Pinned::new(&path, file).map(Some).map_err(LockError::Io)
}

/// Opens the lock file, and creates it if it is missing. Returns `None` if it is missing on a read-only file system.
fn open_lock(path: &Path) -> io::Result<Option<(File, Access)>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(files::NO_FOLLOW);
    match open_with(&mut options, path) {
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => Ok(None),
        opened => opened.map(Some),
    }
}

/// Whether another process may hold the lock, according to a failed attempt.
fn may_be_held(tried: &Result<(), TryLockError>) -> bool {
    tried.is_err()
}

/// How long a process waits, and how its user learns of the wait.
struct Wait {
    begun: Instant,
    patience: Duration,
    /// Notifies the user once; taken by the call.
    on_wait: Option<fn()>,
}

impl Wait {
    fn sleep(&mut self, pause: Duration) {
        thread::sleep(pause);
        if self.begun.elapsed() >= SILENT_WAIT {
            self.notify();
        }
    }

    fn notify(&mut self) {
        if let Some(notify) = self.on_wait.take() {
            notify();
        }
    }
}

/// Locks the queue. Returns `None` where directories cannot be locked, as on NFS: processes are then served in random order.
fn join_queue(data: &Path, wait: &mut Wait) -> Result<Option<File>, LockError> {
    let queue = File::open(data).map_err(LockError::Io)?;
    match queue.try_lock() {
        Ok(()) => return Ok(Some(queue)),
        Err(TryLockError::Error(_)) => {
            thread::sleep(2 * PAUSE); // lets processes that poll go first after this one has closed the store
            return Ok(None);
        }
        // Otherwise the thread below would outlive this call, and each file of a tree might start one.
        Err(TryLockError::WouldBlock) if wait.patience.is_zero() => {
            return Err(LockError::Held(Role::Command));
        }
        Err(TryLockError::WouldBlock) => {}
    }
    // flock has no timeout. If the thread gets the lock too late, it drops the lock with the file.
    let (sender, receiver) = sync_channel(1);
    let block = move || sender.send(queue.lock().map(|()| queue));
    thread::Builder::new().name("queue".into()).spawn(block).map_err(LockError::Io)?;
    let locked = receiver.recv_timeout(SILENT_WAIT.min(wait.patience)).or_else(|_| {
        wait.notify();
        receiver.recv_timeout(wait.patience * TURNS)
    });
    match locked {
        Ok(locked) => locked.map(Some).map_err(LockError::Io),
        Err(_) => Err(LockError::Held(Role::Command)),
    }
}

fn try_lock(file: &File, access: Access) -> Result<bool, LockError> {
    let tried = match access {
        Access::Full => file.try_lock(),
        Access::ReadOnly => file.try_lock_shared(),
    };
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(LockError::Io(error)),
    }
}

/// Reads the role that the holder wrote. An empty file means a command.
fn holder(file: &File) -> io::Result<Role> {
    let mut text = [0; ROLE_BYTES];
    let length = file.read_at(&mut text, 0)?;
    Ok(if text[..length].starts_with(SERVER.trim_ascii_end()) { Role::Server } else { Role::Command })
}

/// Writes the role, unless the file has it already. Opening a store must not depend on this write, which fails on a full
/// disk; both texts have the same length, so that the second needs no more space. Without the role, other processes wait for
/// a server as if it were a command.
fn write_role(file: &File, role: Role) {
    if holder(file).is_ok_and(|noted| noted != role) {
        let text = match role {
            Role::Server => SERVER,
            Role::Command => COMMAND,
        };
        let _ = file.write_all_at(text, 0);
    }
}

const NAME: &str = "lock";
const ROLE_BYTES: usize = 8;
const SERVER: &[u8; ROLE_BYTES] = b"server\n\n";
const COMMAND: &[u8; ROLE_BYTES] = b"command\n";
const ATTEMPTS: usize = 100;
/// How long the next process waits for the command that holds the lock.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// A process waits this many times longer for processes that came before it.
const TURNS: u32 = 6;
/// How long a process waits before its user is informed.
const SILENT_WAIT: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(2);
const SECOND_LOOK: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn take(data: &Path, role: Role) -> Result<Lock, LockError> {
        Lock::take(&Options::new(data, role))
    }

    #[test]
    fn a_server_is_not_waited_for() {
        let data = tempfile::tempdir().unwrap();
        let held = take(data.path(), Role::Server).unwrap();
        let started = Instant::now();
        let refused = take(data.path(), Role::Command).unwrap_err();
        assert!(matches!(refused, LockError::Held(Role::Server)));
        assert!(started.elapsed() < PATIENCE);
        drop(held);
        take(data.path(), Role::Command).unwrap();
    }

    /// A killed server leaves its role in the file; the next holder writes its own only after it has the lock.
    #[test]
    fn the_role_that_a_killed_server_left_is_read_twice() {
        while !writes_its_role_in_time() {}
    }

    /// Returns false if the machine was so busy that the role of the next holder was written too late.
    fn writes_its_role_in_time() -> bool {
        let data = tempfile::tempdir().unwrap();
        let held =
            File::options().read(true).write(true).create_new(true).open(data.path().join(NAME)).unwrap();
        held.lock().unwrap();
        write_role(&held, Role::Server);
        let started = Instant::now();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| take(data.path(), Role::Command).map(drop));
            thread::sleep(SECOND_LOOK / 5);
            write_role(&held, Role::Command);
            let is_in_time = started.elapsed() < SECOND_LOOK;
            thread::sleep(SECOND_LOOK * 2);
            assert!(!is_in_time || !waiting.is_finished());
            drop(held);
            let taken = waiting.join().unwrap();
            assert!(!is_in_time || taken.is_ok(), "{taken:?}");
            is_in_time
        })
    }

    #[test]
    fn a_server_of_the_version_before_is_recognized() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join(NAME);
        std::fs::write(&path, "server\n").unwrap();
        let held = File::open(&path).unwrap();
        held.lock().unwrap();
        assert!(matches!(take(data.path(), Role::Command), Err(LockError::Held(Role::Server))));
    }

    #[test]
    fn a_command_is_waited_for() {
        let data = tempfile::tempdir().unwrap();
        let held = take(data.path(), Role::Command).unwrap();
        assert!(!held.is_awaited());
        thread::scope(|scope| {
            let waiting = scope.spawn(|| take(data.path(), Role::Server).map(drop));
            while !held.is_awaited() {
                assert!(!waiting.is_finished());
                thread::sleep(PAUSE);
            }
            drop(held);
            waiting.join().unwrap().unwrap();
        });
    }

    /// A tree of files opens the store for each file, and each waiting thread would outlive the call.
    #[test]
    fn a_process_without_patience_leaves_no_thread_in_the_queue() {
        let data = tempfile::tempdir().unwrap();
        let queue = File::open(data.path()).unwrap();
        queue.lock().unwrap();
        let mut options = Options::new(data.path(), Role::Command);
        options.patience = Duration::ZERO;
        options.on_wait = || panic!("it does not wait");
        for _ in 0..50 {
            assert!(matches!(Lock::take(&options), Err(LockError::Held(Role::Command))));
        }
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
        let waiting = names.filter(|name| name.trim_end() == "queue").count();
        assert!(waiting < 50, "{waiting} threads: some belong to other tests");
    }

    /// Where directories cannot be locked, as on NFS, a holder that assumed an empty queue would never release the store.
    #[test]
    fn what_cannot_be_known_is_taken_for_awaited() {
        assert!(!may_be_held(&Ok(())));
        assert!(may_be_held(&Err(TryLockError::WouldBlock)));
        assert!(may_be_held(&Err(TryLockError::Error(io::ErrorKind::Unsupported.into()))));
    }

    #[test]
    fn a_waiting_process_notifies_its_user_once() {
        static NOTIFICATIONS: AtomicUsize = AtomicUsize::new(0);
        let data = tempfile::tempdir().unwrap();
        let held = take(data.path(), Role::Command).unwrap();
        let mut options = Options::new(data.path(), Role::Command);
        options.on_wait = || {
            NOTIFICATIONS.fetch_add(1, Ordering::Relaxed);
        };
        thread::scope(|scope| {
            let next = scope.spawn(|| Lock::take(&options).map(drop)); // waits for the lock
            while !held.is_awaited() {
                thread::sleep(PAUSE);
            }
            let later = scope.spawn(|| Lock::take(&options).map(drop)); // waits in the queue
            while NOTIFICATIONS.load(Ordering::Relaxed) < 2 {
                assert!(!next.is_finished() && !later.is_finished());
                thread::sleep(PAUSE);
            }
            thread::sleep(SILENT_WAIT / 2);
            drop(held);
            next.join().unwrap().unwrap();
            later.join().unwrap().unwrap();
        });
        drop(Lock::take(&options).unwrap());
        assert_eq!(NOTIFICATIONS.load(Ordering::Relaxed), 2);
    }

    /// A process that releases the lock and takes it again at once would win every race by polling.
    #[test]
    fn those_that_wait_take_turns() {
        let data = tempfile::tempdir().unwrap();
        let held = take(data.path(), Role::Command).unwrap();
        let order = std::sync::Mutex::new(Vec::new());
        thread::scope(|scope| {
            for number in 1..=3 {
                let (order, data) = (&order, data.path());
                scope.spawn(move || {
                    let lock = take(data, Role::Command).unwrap();
                    order.lock().unwrap().push(number);
                    drop(lock);
                });
                thread::sleep(Duration::from_millis(500)); // until it waits
            }
            drop(held);
            let again = take(data.path(), Role::Command).unwrap();
            order.lock().unwrap().push(4);
            drop(again);
        });
        let order = order.into_inner().unwrap();
        assert_eq!(order[0], 1, "the next one cannot be overtaken: {order:?}");
        // A process that arrives just while the queue advances may overtake those that the kernel wakes.
        let waiting: Vec<_> = order.iter().filter(|number| **number != 4).collect();
        assert_eq!(waiting, [&1, &2, &3]);
    }

    #[test]
    fn commands_write_nothing() {
        let data = tempfile::tempdir().unwrap();
        let text = || std::fs::read(data.path().join(NAME)).unwrap();
        drop(take(data.path(), Role::Command).unwrap());
        assert_eq!(text(), b"");
        let server = take(data.path(), Role::Server).unwrap();
        assert_eq!(text(), SERVER);
        drop(server);
        assert_eq!(text(), COMMAND);
        drop(take(data.path(), Role::Command).unwrap());
        assert_eq!(text(), COMMAND);
    }
}
