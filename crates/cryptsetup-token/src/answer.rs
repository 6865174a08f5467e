//! The output of `bulla disk unlock`: a line `bulla 1 LENGTH`, followed by that many bytes of passphrase.
//!
//! The length shows that an output is complete, even if the host program consumed the exit status, or another process keeps the
//! pipe open.

use crate::passphrase::SecretPage;

/// Collects the output in protected memory.
pub(crate) struct Answer {
    page: SecretPage,
    filled: usize,
}

/// The error for an output that `bulla disk unlock` does not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// The output is empty or truncated.
    Incomplete,
    /// The output does not begin with the line, or has other bytes after the passphrase.
    Malformed,
}

impl Answer {
    pub(crate) fn new(page: SecretPage) -> Self {
        Self { page, filled: 0 }
    }

    /// Returns the memory for the next read; empty if the output is longer than any valid one.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        let filled = self.filled;
        &mut self.page.bytes_mut()[filled..]
    }

    /// Records that `count` bytes were read into `room`.
    pub(crate) fn note(&mut self, count: usize) {
        self.filled += count;
    }

    /// Returns the page, with the passphrase at its beginning and zeroes after it, and the length of the passphrase.
    pub(crate) fn passphrase(mut self) -> Result<(SecretPage, usize), Unreadable> {
        let (begin, length) = parse(&self.page.bytes()[..self.filled])?;
        let bytes = self.page.bytes_mut();
        bytes.copy_within(begin..begin + length, 0);
        crate::passphrase::wipe(&mut bytes[length..self.filled]);
        Ok((self.page, length))
    }
}

/// Returns the offset and the length of the passphrase.
fn parse(answer: &[u8]) -> Result<(usize, usize), Unreadable> {
    let expected = answer.len().min(PREFIX.len());
    if answer[..expected] != PREFIX[..expected] {
        return Err(Unreadable::Malformed);
    }
    let rest = &answer[expected..];
    let line = match rest.iter().take(MAX_DIGITS + 1).position(|byte| *byte == b'\n') {
        Some(line) => line,
        None if rest.len() > MAX_DIGITS => return Err(Unreadable::Malformed),
        None => return Err(Unreadable::Incomplete),
    };
    let length = number(&rest[..line]).ok_or(Unreadable::Malformed)?;
    match (rest.len() - line - 1).cmp(&length) {
        std::cmp::Ordering::Less => Err(Unreadable::Incomplete),
        std::cmp::Ordering::Equal => Ok((expected + line + 1, length)),
        std::cmp::Ordering::Greater => Err(Unreadable::Malformed),
    }
}

/// Parses a length from 1 to [`MAX_PASSPHRASE`] without leading zeroes.
fn number(digits: &[u8]) -> Option<usize> {
    if digits.starts_with(b"0") || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (1..=MAX_PASSPHRASE).contains(&number).then_some(number)
}

const PREFIX: &[u8] = b"bulla 1 ";
/// Maximum length of a passphrase; the same as cryptsetup accepts from a terminal.
const MAX_PASSPHRASE: usize = 512;
const MAX_DIGITS: usize = 3;

// Room for the longest output and an excess byte, which makes it malformed.
const _: () = assert!(PREFIX.len() + MAX_DIGITS + 1 + MAX_PASSPHRASE < SecretPage::SIZE);

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(answer: &[u8]) -> Result<Vec<u8>, Unreadable> {
        let mut collected = Answer::new(SecretPage::new().unwrap());
        collected.room()[..answer.len()].copy_from_slice(answer);
        collected.note(answer.len());
        let (page, length) = collected.passphrase()?;
        assert!(page.bytes()[length..].iter().all(|byte| *byte == 0), "a part of the answer is left");
        Ok(page.bytes()[..length].to_vec())
    }

    fn answer(length: &str, bytes: &[u8]) -> Vec<u8> {
        [b"bulla 1 ", length.as_bytes(), b"\n", bytes].concat()
    }

    #[test]
    fn a_whole_answer_is_a_passphrase() {
        assert_eq!(passphrase(&answer("3", b"\0\n\xff")), Ok(b"\0\n\xff".to_vec()));
        assert_eq!(passphrase(&answer("1", b"x")), Ok(b"x".to_vec()));
        assert_eq!(passphrase(&answer("512", &[7; 512])), Ok(vec![7; 512]));
    }

    #[test]
    fn every_part_of_an_answer_is_incomplete() {
        let whole = answer("64", &[b'a'; 64]);
        for length in 0..whole.len() {
            assert_eq!(passphrase(&whole[..length]), Err(Unreadable::Incomplete), "{length}");
        }
    }

    #[test]
    fn other_answers_are_malformed() {
        let long = answer("513", &[7; 513]);
        let cases: [&[u8]; 11] = [
            b"secret",
            b"bulla 2 1\nx",
            b"bulla 1 \n",
            b"bulla 1 0\n",
            b"bulla 1 01\nx",
            b"bulla 1 +1\nx",
            b"bulla 1 x\n",
            b"bulla 1 1\nxy",
            b"bulla 1 1234",
            b"bulla 1 9999\n",
            &long,
        ];
        for case in cases {
            assert_eq!(passphrase(case), Err(Unreadable::Malformed), "{}", String::from_utf8_lossy(case));
        }
    }
}
