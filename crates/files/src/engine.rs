//! Seals and opens whole bodies in parallel. For files, workers take ranges of chunks, and read and write them at their offsets.
//! For streams, one thread reads and seals (or opens) while another one writes.
//!
//! Source bytes are copied to private memory before they are sealed, so that no other process can change them between sealing and
//! writing. Buffers of plaintext are wiped. Memory is bounded: a few ranges for each thread.

mod open;
mod reserve;
mod scratch;
mod seal;
mod threads;

use std::io::{self, Read};

pub(crate) use self::open::{Body, open_stream, own_opener, read_prefix};
pub(crate) use self::seal::{seal_body, seal_file, seal_stream};
pub(crate) use self::threads::LargeFiles;

/// Reads until `buffer` is full or the input ends.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match input.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}
