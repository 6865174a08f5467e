//! Notices that a user wants the host program to stop, while it waits for the plugin.
//!
//! cryptsetup catches SIGINT (Ctrl-C) and SIGTERM and looks at what its handler noted only when the plugin has returned. So the
//! plugin has to return early, and the handler has to run as if the plugin was not there.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

/// Keeps the signals that the host program catches from this thread until it is dropped. They are delivered then, because
/// nothing takes them; handlers and other threads stay as they are.
///
/// Other signals end the host, which ends what the plugin runs, or are ignored; signals that the thread blocks already
/// are for another thread.
pub(crate) struct Interrupts {
    kept: libc::sigset_t,
    pending: OwnedFd,
}

impl Interrupts {
    /// Keeps the signals; `None` if the host catches none of them in this thread.
    pub(crate) fn keep() -> io::Result<Option<Self>> {
        let blocked = blocked()?;
        let mut kept = empty_set();
        let mut is_empty = true;
        for signal in STOP {
            // SAFETY: both sets were initialized, and the number is that of a signal.
            unsafe {
                if libc::sigismember(&raw const blocked, signal) == 0 && is_caught(signal)? {
                    libc::sigaddset(&raw mut kept, signal);
                    is_empty = false;
                }
            }
        }
        if is_empty {
            return Ok(None);
        }
        // SAFETY: the set was initialized.
        let pending = unsafe { libc::signalfd(-1, &raw const kept, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if pending < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call above has opened this descriptor, and nothing else owns it.
        let pending = unsafe { OwnedFd::from_raw_fd(pending) };
        change(libc::SIG_BLOCK, &kept)?;
        Ok(Some(Self { kept, pending }))
    }

    /// Returns what is readable when such a signal has arrived. Reading would take the signal from the host.
    pub(crate) fn pending(&self) -> BorrowedFd<'_> {
        self.pending.as_fd()
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        let _ = change(libc::SIG_UNBLOCK, &self.kept); // it cannot fail with a valid set
    }
}

/// What asks a program to stop: the user at the terminal, or a service manager.
const STOP: [libc::c_int; 2] = [libc::SIGINT, libc::SIGTERM];

/// Whether the host has a handler for the signal.
fn is_caught(signal: libc::c_int) -> io::Result<bool> {
    let mut action = MaybeUninit::uninit();
    // SAFETY: a null pointer asks for the present action, which the call writes to the other one.
    checked(unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) })?;
    // SAFETY: the call above has succeeded, so it has initialized the value.
    let action: libc::sigaction = unsafe { action.assume_init() };
    Ok(![libc::SIG_DFL, libc::SIG_IGN].contains(&action.sa_sigaction))
}

/// The signals that this thread blocks.
fn blocked() -> io::Result<libc::sigset_t> {
    let mut set = empty_set();
    // SAFETY: a null pointer asks for the present set, which the call writes to the other one.
    let error = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), &raw mut set) };
    if error == 0 { Ok(set) } else { Err(io::Error::from_raw_os_error(error)) }
}

fn change(how: libc::c_int, set: &libc::sigset_t) -> io::Result<()> {
    // SAFETY: the set was initialized, and a null pointer asks for nothing.
    let error = unsafe { libc::pthread_sigmask(how, set, ptr::null_mut()) };
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
}

fn empty_set() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the call initializes the set behind a valid pointer and cannot fail.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    }
}

fn checked(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
