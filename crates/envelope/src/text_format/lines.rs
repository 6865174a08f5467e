//! Reads the lines: strict about their content, tolerant of their endings.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use super::error::{LineFlaw, OpenError};
use super::{CHUNK_LEN, CHUNK_TEXT_LEN, SHORT_LINE_LIMIT};
use crate::eax::BLOCK_LEN;
use crate::strict_base64::{self, Bulk, Mismatch};

/// The lines of an input, read in order. Blanks at the end of a line are ignored.
pub(super) struct Lines<R>(BufReader<R>);

impl<R: Read> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self(BufReader::with_capacity(READ_LEN, input))
    }

    /// Reads line 1, the wrapped key.
    ///
    /// # Errors
    /// [`OpenError::NotTextFormat`] if the line cannot be the beginning of a wrapped key.
    pub(super) fn ciphertext_blob(&mut self) -> Result<String, OpenError> {
        let (line, end) = self.short_line()?;
        let text = trim(&line);
        let flaw = if end == End::Limit {
            LineFlaw::TooLong { limit: SHORT_LINE_LIMIT }
        } else if text.iter().any(|&byte| !byte.is_ascii_alphanumeric() && !b"+/=".contains(&byte)) {
            LineFlaw::NotBase64
        } else if end == End::Input {
            return Err(OpenError::Truncated { line: 1 });
        } else if text.is_empty() {
            LineFlaw::Empty
        } else if !strict_base64::is_valid(text) {
            LineFlaw::NotBase64
        } else {
            return Ok(String::from_utf8(text.to_vec()).expect("base64 is ASCII"));
        };
        Err(OpenError::NotTextFormat(flaw))
    }

    /// Reads line 2 or 4, the nonce or the tag.
    pub(super) fn block(&mut self, number: u8) -> Result<[u8; BLOCK_LEN], OpenError> {
        let damaged = |flaw| OpenError::Damaged { line: number, flaw };
        let (line, end) = self.short_line()?;
        let text = trim(&line);
        if end == End::Limit {
            return Err(damaged(LineFlaw::TooLong { limit: SHORT_LINE_LIMIT }));
        }
        if end == End::Input && text.len() < strict_base64::encoded_len(BLOCK_LEN) {
            return Err(OpenError::Truncated { line: number });
        }
        let mut block = [0; BLOCK_LEN];
        match strict_base64::decode_exactly(text, &mut block) {
            Ok(()) => Ok(block),
            Err(Mismatch::NotBase64) => Err(damaged(LineFlaw::NotBase64)),
            Err(Mismatch::Length(bytes)) => Err(damaged(LineFlaw::Length { bytes, expected: BLOCK_LEN })),
        }
    }

    /// Reads line 3 in chunks.
    pub(super) fn ciphertext(&mut self) -> Ciphertext<'_, R> {
        Ciphertext {
            input: &mut self.0,
            base64: Bulk::new(),
            text: Vec::new(),
            data_ended: false,
            line_ended: false,
        }
    }

    /// Checks that only blanks follow line 4.
    pub(super) fn end(&mut self) -> Result<(), OpenError> {
        loop {
            let rest = match self.0.fill_buf() {
                Ok(rest) => rest,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(OpenError::Read(error)),
            };
            if rest.is_empty() {
                return Ok(());
            }
            if rest.iter().any(|&byte| byte != b'\n' && !is_blank(byte)) {
                return Err(OpenError::Damaged { line: 5, flaw: LineFlaw::Surplus });
            }
            let length = rest.len();
            self.0.consume(length);
        }
    }

    fn short_line(&mut self) -> Result<(Vec<u8>, End), OpenError> {
        let mut line = Vec::new();
        let end = read_line(&mut self.0, SHORT_LINE_LIMIT, &mut line)?;
        Ok((line, end))
    }
}

impl<R: Read + Seek> Lines<R> {
    /// Returns the offset of the next line.
    pub(super) fn position(&mut self) -> Result<u64, OpenError> {
        self.0.stream_position().map_err(OpenError::Read)
    }

    /// Moves back to the beginning of a line.
    pub(super) fn seek_to(&mut self, position: u64) -> Result<(), OpenError> {
        self.0.seek(SeekFrom::Start(position)).map(drop).map_err(OpenError::Read)
    }
}

/// The third line, which may be larger than memory.
pub(super) struct Ciphertext<'a, R> {
    input: &'a mut BufReader<R>,
    base64: Bulk,
    /// The base64 of one chunk.
    text: Vec<u8>,
    /// Whether only blanks may follow in this line.
    data_ended: bool,
    line_ended: bool,
}

impl<R: Read> Ciphertext<'_, R> {
    /// Replaces the content of `chunk` with the next chunk, which is not empty. Returns `false` after the last one.
    ///
    /// The same input is always split into the same chunks.
    pub(super) fn next(&mut self, chunk: &mut Vec<u8>) -> Result<bool, OpenError> {
        const NOT_BASE64: OpenError = OpenError::Damaged { line: 3, flaw: LineFlaw::NotBase64 };
        while !self.line_ended {
            self.text.clear();
            match read_line(self.input, CHUNK_TEXT_LEN, &mut self.text)? {
                End::Input => return Err(OpenError::Truncated { line: 3 }),
                End::Line => self.line_ended = true,
                End::Limit => {}
            }
            let text = trim(&self.text);
            if self.data_ended && !text.is_empty() {
                return Err(NOT_BASE64);
            }
            chunk.resize(text.len().div_ceil(4) * 3, 0);
            let length = self.base64.decode(text, chunk).map_err(|_| NOT_BASE64)?;
            chunk.truncate(length);
            // Blanks, padding or the end of the line made the chunk short; each of them ends the data.
            self.data_ended = length < CHUNK_LEN;
            if length > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The reason why reading a line ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Line,
    Input,
    /// The limit was reached; the line may be longer.
    Limit,
}

/// Appends up to `limit` characters of a line, including its end, to `line`.
fn read_line(input: &mut impl BufRead, limit: usize, line: &mut Vec<u8>) -> Result<End, OpenError> {
    line.reserve_exact(limit);
    let length = input.take(limit as u64).read_until(b'\n', line).map_err(OpenError::Read)?;
    Ok(match line.last() {
        Some(b'\n') => End::Line,
        _ if length < limit => End::Input,
        _ => End::Limit,
    })
}

fn trim(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let blanks = line.iter().rev().take_while(|&&byte| is_blank(byte)).count();
    &line[..line.len() - blanks]
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

/// The number of bytes to read from the input at once.
const READ_LEN: usize = 256 << 10;
