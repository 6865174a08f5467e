//! Reads a file of lines from its end, in pieces of whole lines, for searches that begin with the newest line.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::chain::Framed;
use super::lines::{GZIP, MAX_LINE};

/// A reader of an uncompressed file of the trail, from its end.
pub(super) struct Backwards {
    file: File,
    /// The content before this offset was not read yet.
    start: u64,
    /// The end of a line that begins before `start`, with its LF.
    end_of_line: Vec<u8>,
}

/// Consecutive lines.
pub(super) struct Piece(Vec<u8>);

impl Piece {
    /// Oldest first, without their LF.
    pub(super) fn lines(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
    }

    /// Bytes.
    pub(super) fn len(&self) -> u64 {
        self.0.len() as u64
    }
}

impl Backwards {
    /// Opens a file for reading the lines before the one with this number, and perhaps a few after it; without a number, all
    /// lines.
    pub(super) fn open(file: File, before: Option<u64>) -> io::Result<Self> {
        let len = file.metadata()?.len();
        let start = match before {
            Some(before) => end_of_lines_before(&file, before, len)?,
            None => len,
        };
        Ok(Self { file, start, end_of_line: Vec::new() })
    }

    /// Returns the next lines; none at the beginning of the file. Leaves out anything that is too long for a line of a trail,
    /// and the end of a file without an LF.
    pub(super) fn next(&mut self) -> io::Result<Option<Piece>> {
        if self.start == 0 {
            return Ok(None);
        }
        let is_end_of_file = self.end_of_line.is_empty();
        let start = self.start.saturating_sub(PIECE);
        let mut bytes = read(&self.file, start, self.start - start)?;
        self.start = start;
        if is_end_of_file {
            bytes.truncate(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1));
        }
        bytes.append(&mut self.end_of_line);
        if start > 0 {
            let first_end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
            let lines = bytes.split_off(first_end);
            bytes.truncate(usize::try_from(MAX_LINE).unwrap_or(usize::MAX));
            self.end_of_line = bytes;
            return Ok(Some(Piece(lines)));
        }
        Ok(Some(Piece(bytes)))
    }
}

/// Whether a file is compressed.
pub(super) fn is_compressed(file: &File) -> io::Result<bool> {
    Ok(read(file, 0, GZIP.len() as u64)? == GZIP)
}

/// Returns an offset at which a line begins, and before which all lines with lower numbers end. Numbers rise within a file.
fn end_of_lines_before(file: &File, before: u64, len: u64) -> io::Result<u64> {
    let mut low = 0;
    let mut high = len;
    while high - low > PIECE {
        let Some(line) = line_after(file, low + (high - low) / 2, high)? else { break };
        if line.number < before {
            low = line.start;
        } else {
            high = line.start;
        }
    }
    Ok(high)
}

struct LineStart {
    /// Its offset.
    start: u64,
    number: u64,
}

/// Returns the first line that begins after `from` and ends before `to`.
fn line_after(file: &File, from: u64, to: u64) -> io::Result<Option<LineStart>> {
    for len in [USUAL_LINES, 2 * MAX_LINE] {
        let bytes = read(file, from, (to - from).min(len))?;
        if let Some(line) = second_line(&bytes) {
            return Ok(Some(LineStart { start: from + line.start, ..line }));
        }
    }
    Ok(None)
}

/// Returns the first line of a trail that begins after the start of these bytes.
fn second_line(bytes: &[u8]) -> Option<LineStart> {
    let mut at = 0;
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let whole = line.strip_suffix(b"\n").filter(|_| index > 0);
        if let Some(framed) = whole.and_then(Framed::parse) {
            return Some(LineStart { start: at, number: framed.number });
        }
        at += line.len() as u64;
    }
    None
}

/// Reads a part of a file, up to its end.
fn read(file: &File, offset: u64, len: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

const PIECE: u64 = 256 << 10;
/// A length in which a line begins and ends, unless it is very long.
const USUAL_LINES: u64 = 32 << 10;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::chain::Position;
    use super::*;

    /// Returns a file of lines with these lengths, besides the lines of the chain, numbered from 1.
    fn written(lengths: impl IntoIterator<Item = usize>, torn: &[u8]) -> File {
        let mut bytes = Vec::new();
        let mut last = Position::START;
        for length in lengths {
            last = last.append(&format!(r#""a":"{}""#, "x".repeat(length)), &mut bytes);
        }
        bytes.extend_from_slice(torn);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file
    }

    /// Returns the numbers of all lines in the order of reading.
    fn numbers(file: &File, before: Option<u64>) -> Vec<u64> {
        let mut pieces = Backwards::open(file.try_clone().unwrap(), before).unwrap();
        let mut numbers = Vec::new();
        while let Some(piece) = pieces.next().unwrap() {
            numbers.extend(piece.lines().rev().filter_map(Framed::parse).map(|line| line.number));
        }
        numbers
    }

    fn newest_first(last: u64) -> Vec<u64> {
        (1..=last).rev().collect()
    }

    #[test]
    fn lines_of_any_length_are_read_backwards() {
        let piece = usize::try_from(PIECE).unwrap();
        for lengths in [vec![10; 20_000], vec![piece; 3], vec![1, 2 * piece, 1, piece - 100, 7, 3 * piece]] {
            let last = lengths.len() as u64;
            for torn in [&b""[..], b"{\"seq\":", &vec![b'x'; 3 * piece]] {
                assert_eq!(numbers(&written(lengths.clone(), torn), None), newest_first(last), "{last}");
            }
        }
        assert_eq!(numbers(&written([], b""), None), [0; 0]);
        assert_eq!(numbers(&written([], b"torn"), None), [0; 0]);
    }

    #[test]
    fn overlong_lines_are_skipped() {
        let far_too_long = usize::try_from(3 * MAX_LINE).unwrap();
        assert_eq!(numbers(&written([10, far_too_long, 10], b""), None), [3, 1]);
    }

    #[test]
    fn reading_begins_near_a_line() {
        let lengths = (0..30_000).map(|number| number % 97);
        let file = written(lengths, b"");
        for before in [1, 2, 3, 1000, 15_000, 29_999, 30_000, 30_001, u64::MAX] {
            let read = numbers(&file, Some(before));
            let requested: Vec<_> = read.iter().copied().filter(|number| *number < before).collect();
            assert_eq!(requested, newest_first((before - 1).min(30_000)), "{before}");
            assert!(read.len() - requested.len() < 3000, "{before}: {}", read.len());
        }
        let long = written([300_000; 20], b"");
        for before in 1..=21 {
            let read = numbers(&long, Some(before));
            assert!(read.ends_with(&newest_first(before - 1)), "{before}: {read:?}");
        }
    }
}
