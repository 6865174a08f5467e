//! Starts a program with posix_spawn, which is safe in a host program with any number of threads, and isolates it from the host.
//!
//! `std::process::Command` would inherit the signals that the host ignores, and its descriptors without close-on-exec.

use std::ffi::{CStr, c_char, c_int, c_short};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use rustix::process::Pid;

/// Starts `program` in its own session, without a terminal, in `/`. It gets the three `streams` (0, 1, 2) and no other descriptor
/// of the host, default signal handlers with no signal blocked, and the environment [`ENVIRONMENT`].
///
/// The descriptors of `streams` must be above 2, and have close-on-exec set for other programs that the host starts meanwhile.
pub(crate) fn spawn(program: &CStr, arguments: &[&CStr], streams: [BorrowedFd<'_>; 3]) -> io::Result<Pid> {
    let actions = FileActions::new(streams)?;
    let attributes = Attributes::new()?;
    let argv: Vec<*mut c_char> = null_terminated([program].iter().chain(arguments));
    let environment: Vec<*mut c_char> = null_terminated(ENVIRONMENT.iter());
    let mut pid = 0;
    // SAFETY: all pointers are valid during the call: the strings and both lists end in a null, actions and attributes
    // were initialized, and posix_spawn writes to none of the strings.
    let error = unsafe {
        libc::posix_spawn(
            &raw mut pid,
            program.as_ptr(),
            &raw const actions.0,
            &raw const attributes.0,
            argv.as_ptr(),
            environment.as_ptr(),
        )
    };
    checked(error)?;
    Pid::from_raw(pid).ok_or_else(|| io::ErrorKind::Other.into())
}

/// The complete environment of the program. It contains no variable that a user of the host program could have set.
const ENVIRONMENT: [&CStr; 2] = [c"PATH=/usr/sbin:/usr/bin:/sbin:/bin", c"LC_ALL=C.UTF-8"];

fn null_terminated<'a>(texts: impl Iterator<Item = &'a &'a CStr>) -> Vec<*mut c_char> {
    texts.map(|text| text.as_ptr().cast_mut()).chain([ptr::null_mut()]).collect()
}

/// The changes of descriptors and working directory in the child, before it executes the program.
struct FileActions(libc::posix_spawn_file_actions_t);

impl FileActions {
    fn new(streams: [BorrowedFd<'_>; 3]) -> io::Result<Self> {
        let mut actions = MaybeUninit::uninit();
        // SAFETY: the pointer is valid for writes.
        checked(unsafe { libc::posix_spawn_file_actions_init(actions.as_mut_ptr()) })?;
        // SAFETY: the call above has succeeded, so it has initialized the value.
        let mut actions = Self(unsafe { actions.assume_init() });
        for (number, stream) in (0..).zip(streams) {
            // SAFETY: the actions were initialized.
            checked(unsafe {
                libc::posix_spawn_file_actions_adddup2(&raw mut actions.0, stream.as_raw_fd(), number)
            })?;
        }
        // SAFETY: the actions were initialized.
        checked(unsafe { libc::posix_spawn_file_actions_addclosefrom_np(&raw mut actions.0, 3) })?;
        // SAFETY: the actions were initialized, and the path is a string that the call copies.
        checked(unsafe { libc::posix_spawn_file_actions_addchdir_np(&raw mut actions.0, c"/".as_ptr()) })?;
        Ok(actions)
    }
}

impl Drop for FileActions {
    fn drop(&mut self) {
        // SAFETY: the actions were initialized, and are not used again.
        unsafe { libc::posix_spawn_file_actions_destroy(&raw mut self.0) };
    }
}

/// The signals and the session of the child.
struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    fn new() -> io::Result<Self> {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: the pointer is valid for writes.
        checked(unsafe { libc::posix_spawnattr_init(attributes.as_mut_ptr()) })?;
        // SAFETY: the call above has succeeded, so it has initialized the value.
        let mut attributes = Self(unsafe { attributes.assume_init() });
        let every = signal_set(libc::sigfillset);
        let none = signal_set(libc::sigemptyset);
        let flags = (libc::POSIX_SPAWN_SETSIGDEF | libc::POSIX_SPAWN_SETSIGMASK) as c_short
            | libc::POSIX_SPAWN_SETSID;
        // SAFETY: attributes and sets were initialized, and the calls copy the sets.
        checked(unsafe { libc::posix_spawnattr_setsigdefault(&raw mut attributes.0, &raw const every) })?;
        // SAFETY: as above.
        checked(unsafe { libc::posix_spawnattr_setsigmask(&raw mut attributes.0, &raw const none) })?;
        // SAFETY: the attributes were initialized.
        checked(unsafe { libc::posix_spawnattr_setflags(&raw mut attributes.0, flags) })?;
        Ok(attributes)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: the attributes were initialized, and are not used again.
        unsafe { libc::posix_spawnattr_destroy(&raw mut self.0) };
    }
}

fn signal_set(fill: unsafe extern "C" fn(*mut libc::sigset_t) -> c_int) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `fill` is sigfillset or sigemptyset, which initialize the set behind a valid pointer and cannot fail.
    unsafe {
        fill(set.as_mut_ptr());
        set.assume_init()
    }
}

/// Converts a result of the posix_spawn functions, which return the error number.
fn checked(error: c_int) -> io::Result<()> {
    match error {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}
