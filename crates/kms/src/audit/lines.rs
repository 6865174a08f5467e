//! Reads the lines of one file, plain or compressed, with a limited length.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

/// Reads lines from a file.
pub(super) struct Lines<R> {
    input: R,
    line: Vec<u8>,
}

/// The next part of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'l> {
    /// A line, without its LF.
    Line(&'l [u8]),
    /// The file ends with bytes without an LF.
    Torn(&'l [u8]),
    /// The file has ended.
    End,
}

impl<'r> Lines<Box<dyn BufRead + 'r>> {
    /// Reads a file, decompressing it if necessary.
    pub(super) fn new(input: impl Read + 'r) -> io::Result<Self> {
        Self::named(Path::new(""), input)
    }

    /// Reads a file with this name. If it names a compressed one, damage to the first bytes is an error too.
    pub(super) fn named(path: &Path, input: impl Read + 'r) -> io::Result<Self> {
        let mut input = BufReader::with_capacity(BUFFER, input);
        let start = input.fill_buf()?;
        let is_named_gz = path.extension().is_some_and(|extension| extension == "gz");
        let is_compressed = start.starts_with(GZIP) || is_named_gz && !start.starts_with(b"{");
        let input: Box<dyn BufRead + 'r> = if is_compressed {
            Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(input)))
        } else {
            Box::new(input)
        };
        Ok(Self { input, line: Vec::new() })
    }
}

impl<R: BufRead> Lines<R> {
    /// Returns the next line. A line longer than [`MAX_LINE`] is returned in pieces, which are not valid lines of a trail.
    pub(super) fn next(&mut self) -> io::Result<Next<'_>> {
        self.line.clear();
        (&mut self.input).take(MAX_LINE).read_until(b'\n', &mut self.line)?;
        Ok(match self.line.split_last() {
            None => Next::End,
            Some((b'\n', line)) => Next::Line(line),
            Some(_) if self.line.len() as u64 == MAX_LINE => Next::Line(&self.line),
            Some(_) => Next::Torn(&self.line),
        })
    }
}

/// Far longer than any line that the trail writes: texts and lists in it are capped.
pub(super) const MAX_LINE: u64 = 1 << 20;
/// The first bytes of a compressed file.
pub(super) const GZIP: &[u8] = &[0x1f, 0x8b];
const BUFFER: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_file_may_be_torn() {
        let mut lines = Lines::new(&b"a\n\nb"[..]).unwrap();
        assert_eq!(lines.next().unwrap(), Next::Line(b"a"));
        assert_eq!(lines.next().unwrap(), Next::Line(b""));
        assert_eq!(lines.next().unwrap(), Next::Torn(b"b"));
        assert_eq!(lines.next().unwrap(), Next::End);
    }
}
