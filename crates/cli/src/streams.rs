//! Standard input and output as the parent process passed them.
//!
//! Before `main`, Rust's runtime opens /dev/null for closed standard streams, and its `Stdout` ignores errors of a
//! descriptor that cannot be written. So a closed input would be read as an empty one, and output would be lost without
//! an error.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::{Errno, fcntl_getfd};

/// Returns standard input as a file, without the buffer of `std`.
pub(crate) fn standard_input() -> io::Result<File> {
    duplicate(io::stdin().as_fd(), &INPUT_WAS_CLOSED)
}

/// Returns standard output as a file, without the buffer of `std`.
pub(crate) fn standard_output() -> io::Result<File> {
    duplicate(io::stdout().as_fd(), &OUTPUT_WAS_CLOSED)
}

/// Writes to standard output at once; writes of several threads are not interleaved.
pub(crate) fn write_out(bytes: &[u8]) -> io::Result<()> {
    static OUTPUT: OnceLock<File> = OnceLock::new();
    let _turn = io::stdout().lock();
    let mut output = match OUTPUT.get() {
        Some(output) => output,
        None => {
            let output = standard_output()?;
            OUTPUT.get_or_init(|| output)
        }
    };
    output.write_all(bytes)
}

fn duplicate(stream: BorrowedFd<'_>, was_closed: &AtomicBool) -> io::Result<File> {
    if was_closed.load(Ordering::Relaxed) {
        return Err(Errno::BADF.into());
    }
    Ok(stream.try_clone_to_owned()?.into())
}

static INPUT_WAS_CLOSED: AtomicBool = AtomicBool::new(false);
static OUTPUT_WAS_CLOSED: AtomicBool = AtomicBool::new(false);

ctor::declarative::ctor! {
    /// Runs before the runtime, so it must not use `std`: it makes two system calls and sets two flags.
    #[ctor(unsafe)]
    fn note_closed_streams() {
        let is_closed = |stream| fcntl_getfd(stream) == Err(Errno::BADF);
        INPUT_WAS_CLOSED.store(is_closed(rustix::stdio::stdin()), Ordering::Relaxed);
        OUTPUT_WAS_CLOSED.store(is_closed(rustix::stdio::stdout()), Ordering::Relaxed);
    }
}
