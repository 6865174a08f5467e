//! Detects that the user wants to stop the host program while it waits for the plugin.
//!
//! cryptsetup catches SIGINT (Ctrl-C) and SIGTERM, and checks the flag that its handler sets only after the plugin has returned.
//! So the plugin must return early, and the handler must run as if the plugin did not exist.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

/// Blocks the signals that the host program catches, in this thread, until it is dropped. Then they are delivered, because
/// nothing reads them. Handlers and other threads are unchanged.
///
/// Signals without a handler terminate the host, which ends the program that the plugin runs, or are ignored. Signals that the
/// thread blocks already are handled by another thread.
pub(crate) struct Interrupts {
    added: libc::sigset_t,
    pending: OwnedFd,
}

impl Interrupts {
    /// Blocks the signals; returns `None` if the host catches none of them in this thread.
    pub(crate) fn block() -> io::Result<Option<Self>> {
        let blocked = blocked()?;
        let mut added = empty_set();
        let mut is_empty = true;
        for signal in STOP {
            // SAFETY: both sets were initialized, and the number is that of a signal.
            unsafe {
                if libc::sigismember(&raw const blocked, signal) == 0 && is_caught(signal)? {
                    libc::sigaddset(&raw mut added, signal);
                    is_empty = false;
                }
            }
        }
        if is_empty {
            return Ok(None);
        }
        // SAFETY: the set was initialized.
        let pending = unsafe { libc::signalfd(-1, &raw const added, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if pending < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call above has opened this descriptor, and nothing else owns it.
        let pending = unsafe { OwnedFd::from_raw_fd(pending) };
        change(libc::SIG_BLOCK, &added)?;
        Ok(Some(Self { added, pending }))
    }

    /// Returns a descriptor that is readable when a signal is pending. Reading from it would take the signal from the host.
    pub(crate) fn pending(&self) -> BorrowedFd<'_> {
        self.pending.as_fd()
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        let _ = change(libc::SIG_UNBLOCK, &self.added); // cannot fail with a valid set
    }
}

/// The signals that ask a program to stop, sent by the terminal or a service manager.
const STOP: [libc::c_int; 2] = [libc::SIGINT, libc::SIGTERM];

/// Whether the host has a handler for the signal.
fn is_caught(signal: libc::c_int) -> io::Result<bool> {
    let mut action = MaybeUninit::uninit();
    // SAFETY: with a null pointer, the call only writes the current action to the other one.
    checked(unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) })?;
    // SAFETY: the call above has succeeded, so it has initialized the value.
    let action: libc::sigaction = unsafe { action.assume_init() };
    Ok(![libc::SIG_DFL, libc::SIG_IGN].contains(&action.sa_sigaction))
}

/// Returns the signals that this thread blocks.
fn blocked() -> io::Result<libc::sigset_t> {
    let mut set = empty_set();
    // SAFETY: with a null pointer, the call only writes the current set to the other one.
    let error = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), &raw mut set) };
    if error == 0 { Ok(set) } else { Err(io::Error::from_raw_os_error(error)) }
}

fn change(how: libc::c_int, set: &libc::sigset_t) -> io::Result<()> {
    // SAFETY: the set was initialized, and with a null pointer the call does not return the old one.
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
