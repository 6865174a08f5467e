//! The hash chain: each line has the next number, and the SHA-256 of the line before it.
//!
//! ```text
//! line = {"seq":NUMBER,MEMBERS,"prev":"HASH"}
//! HASH = SHA-256 of the previous line without its LF, in lower-case hex; 64 zeros in the first line of a trail
//! ```

use std::fmt::{self, Write as _};
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};

/// SHA-256 of a line without its LF. Written in lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; 32]);

/// The position of a line: its number and its hash. Written `NUMBER:HASH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The number of the line; 0 before the first line.
    pub number: u64,
    /// The hash of the line.
    pub hash: Hash,
}

/// The text is not a hash or a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPosition;

/// A line, split where the chain joined it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Framed<'l> {
    pub(super) number: u64,
    /// The members between `seq` and `prev`.
    pub(super) members: &'l str,
    pub(super) prev: Hash,
}

impl Hash {
    /// The `prev` of the first line of a trail.
    pub const NONE: Self = Self([0; 32]);

    /// Returns the hash of a line without its LF.
    #[must_use]
    pub fn of(line: &[u8]) -> Self {
        Self(digest(&SHA256, line).as_ref().try_into().expect("SHA-256 gives 32 bytes"))
    }

    /// Returns a hash from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The bytes as big-endian numbers, for systems that store only numbers.
    #[must_use]
    pub fn words(&self) -> [u32; 8] {
        let (words, _) = self.0.as_chunks();
        std::array::from_fn(|index| u32::from_be_bytes(words[index]))
    }

    fn write(self, out: &mut Vec<u8>) {
        let mut digits = [0; HASH_LEN];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        out.extend_from_slice(&digits);
    }
}

impl Position {
    /// The position before the first line of a trail.
    pub const START: Self = Self { number: 0, hash: Hash::NONE };

    /// Appends the line that follows this one, with its LF, and returns its position.
    pub(super) fn append(self, members: &str, out: &mut Vec<u8>) -> Self {
        self.append_as(self.number + 1, members, out)
    }

    /// Like [`Position::append`], for a line that skips numbers.
    pub(super) fn append_as(self, number: u64, members: &str, out: &mut Vec<u8>) -> Self {
        let start = out.len();
        out.extend_from_slice(SEQ.as_bytes());
        out.extend_from_slice(number.to_string().as_bytes());
        out.push(b',');
        out.extend_from_slice(members.as_bytes());
        out.extend_from_slice(PREV);
        self.hash.write(out);
        out.extend_from_slice(END);
        let hash = Hash::of(&out[start..]);
        out.push(b'\n');
        Self { number, hash }
    }
}

impl<'l> Framed<'l> {
    /// Splits a line without its LF. None if the chain cannot have written it.
    pub(super) fn parse(line: &'l [u8]) -> Option<Self> {
        let line = str::from_utf8(line).ok()?;
        let rest = line.strip_prefix(SEQ)?.strip_suffix(r#""}"#)?;
        let (number, rest) = rest.split_once(',')?;
        let (members, prev) = rest.split_at_checked(rest.len().checked_sub(HASH_LEN)?)?;
        let members = members.strip_suffix(r#","prev":""#)?;
        Some(Self { number: parse_number(number)?, members, prev: prev.parse().ok()? })
    }
}

/// Returns a line up to its members.
pub(super) fn head(number: u64, members: &str) -> String {
    format!("{SEQ}{number},{members}")
}

/// Parses a number, which has only one spelling.
fn parse_number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

/// Decodes lower-case hex; none if it is not exactly `N` bytes.
pub(super) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit =
        |byte: u8| HEX.iter().position(|digit| *digit == byte).and_then(|value| u8::try_from(value).ok());
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// Encodes as lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a string cannot fail
        text
    })
}

impl FromStr for Hash {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        from_hex(text).map(Self).ok_or(NotAPosition)
    }
}

impl FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, hash) = text.split_once(':').ok_or(NotAPosition)?;
        Ok(Self { number: parse_number(number).ok_or(NotAPosition)?, hash: hash.parse()? })
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.number, self.hash)
    }
}

impl fmt::Display for NotAPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a line number, a colon and 64 lower-case hexadecimal digits")
    }
}

impl std::error::Error for NotAPosition {}

const HEX: &[u8; 16] = b"0123456789abcdef";
const SEQ: &str = r#"{"seq":"#;
const PREV: &[u8] = br#","prev":""#;
const END: &[u8] = br#""}"#;
/// The length of a hash in hex.
const HASH_LEN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_number_first_and_the_hash_of_the_line_before_last() {
        let mut out = Vec::new();
        let one = Position::START.append(r#""a":1"#, &mut out);
        let two = one.append(r#""b":"x,y""#, &mut out);
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!(r#"{{"seq":1,"a":1,"prev":"{}"}}"#, "0".repeat(64)));
        // Computed with Python: hashlib.sha256(line).hexdigest()
        assert_eq!(one.hash.to_string(), "f3a992ce5255ff835ea4f5e8a040c0e453aa899d594de79996b3f08147922ac7");
        assert_eq!(lines[1], format!(r#"{{"seq":2,"b":"x,y","prev":"{}"}}"#, one.hash));
        let framed = Framed::parse(lines[1].as_bytes()).unwrap();
        assert_eq!(framed, Framed { number: 2, members: r#""b":"x,y""#, prev: one.hash });
        assert_eq!((two.number, two.hash), (2, Hash::of(lines[1].as_bytes())));
        assert_eq!(two.to_string().parse(), Ok(two));
    }

    #[test]
    fn a_malformed_line_is_rejected() {
        let hash = Hash::of(b"");
        let line = format!(r#"{{"seq":1,"a":1,"prev":"{hash}"}}"#);
        assert!(Framed::parse(line.as_bytes()).is_some());
        for (from, to) in [
            ("seq\":1", "seq\":01"),
            ("seq\":1", "seq\": 1"),
            ("{\"s", " {\"s"),
            ("\"}", "\" }"),
            ("e3b0", "E3B0"),
        ] {
            assert_eq!(Framed::parse(line.replace(from, to).as_bytes()), None, "{from} -> {to}");
        }
        assert_eq!(Framed::parse(b""), None);
        assert_eq!(Framed::parse(br#"{"seq":1,"prev":""}"#), None);
    }
}
