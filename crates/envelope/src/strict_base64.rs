//! Strict base64 (RFC 4648, section 4): the standard alphabet with padding, whose unused bits are zero.

use base64::Engine;
use base64::engine::Simd;
use base64::engine::general_purpose::{PAD, STANDARD};

/// Base64 of whole files, with the fastest SIMD instructions of the processor.
pub(crate) struct Bulk(Simd);

impl Bulk {
    pub(crate) fn new() -> Self {
        Self(Simd::standard(PAD))
    }

    /// Writes the text of `bytes` to the beginning of `text`, which must be long enough, and returns its length.
    pub(crate) fn encode(&self, bytes: &[u8], text: &mut [u8]) -> usize {
        self.0.encode_slice(bytes, text).expect("the caller gives room for the text")
    }

    /// Writes the bytes of `text` to the beginning of `bytes` and returns their number.
    ///
    /// # Errors
    /// [`NotBase64`], also if `bytes` is too short. `bytes` may then contain a part.
    pub(crate) fn decode(&self, text: &[u8], bytes: &mut [u8]) -> Result<usize, NotBase64> {
        self.0.decode_slice(text, bytes).map_err(|_| NotBase64)
    }
}

/// The error for a text that is not base64.
#[derive(Debug)]
pub(crate) struct NotBase64;

/// Returns the text of `bytes`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Returns the length of the text of `length` bytes.
pub(crate) const fn encoded_len(length: usize) -> usize {
    length.div_ceil(3) * 4
}

/// Returns whether `text` is base64.
pub(crate) fn is_valid(text: &[u8]) -> bool {
    STANDARD.decode(text).is_ok()
}

/// Decodes `text`, which must be the base64 of exactly `bytes.len()` bytes.
///
/// # Errors
/// [`Mismatch`]. `bytes` may then contain a part.
pub(crate) fn decode_exactly(text: &[u8], bytes: &mut [u8]) -> Result<(), Mismatch> {
    let length = decoded_len(text).ok_or(Mismatch::NotBase64)?;
    if length != bytes.len() {
        return Err(Mismatch::Length(length));
    }
    STANDARD.decode_slice(text, bytes).map(drop).map_err(|_| Mismatch::NotBase64)
}

/// Why a text is not the base64 of the expected number of bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    NotBase64,
    /// The text has the length of another number of bytes. Its characters were not checked.
    Length(usize),
}

/// Returns the number of bytes that the length and padding of `text` announce.
fn decoded_len(text: &[u8]) -> Option<usize> {
    let padding = text.iter().rev().take_while(|&&byte| byte == b'=').count();
    (text.len().is_multiple_of(4) && padding <= 2).then(|| text.len() / 4 * 3 - padding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_text_of_some_bytes_is_accepted() {
        let mut two = [0; 2];
        assert_eq!(decode_exactly(b"AQI=", &mut two), Ok(()));
        assert_eq!(two, [1, 2]);
        for text in
            ["AQJ=", "AQI", "AQI==", "AQ==I", "A===", "AQI=AQI=", "AQI\n", "-_I=", "====", "AQI\u{e9}"]
        {
            let mut bytes = [0; 2];
            assert!(decode_exactly(text.as_bytes(), &mut bytes).is_err(), "{text}");
            assert!(!is_valid(text.as_bytes()), "{text}");
            assert!(Bulk::new().decode(text.as_bytes(), &mut [0; 9]).is_err(), "{text}");
        }
        assert_eq!(decode_exactly(b"AQID", &mut two), Err(Mismatch::Length(3)));
        assert_eq!(decode_exactly(b"AQ==", &mut two), Err(Mismatch::Length(1)));
        assert_eq!(decode_exactly(b"", &mut two), Err(Mismatch::Length(0)));
    }

    /// Replaces each byte at each position of a text that is long enough for the SIMD instructions.
    #[test]
    fn both_engines_agree_on_every_text() {
        let text = encode(&(0..=u8::MAX).cycle().take(300).collect::<Vec<_>>()).into_bytes();
        assert_eq!(text.len(), encoded_len(300));
        let (bulk, mut bytes) = (Bulk::new(), [0; 300]);
        for place in 0..text.len() {
            for byte in 0..=u8::MAX {
                let mut changed = text.clone();
                changed[place] = byte;
                let decoded = bulk.decode(&changed, &mut bytes).ok().map(|length| &bytes[..length]);
                assert_eq!(decoded, STANDARD.decode(&changed).ok().as_deref(), "{byte} at {place}");
            }
        }
    }

    #[test]
    fn both_engines_write_the_same() {
        let bytes: Vec<_> = (0..1000_u32).map(|i| (i * 7 / 5) as u8).collect();
        let (mut text, mut decoded) = ([0; encoded_len(1000)], [0; 1000]);
        for length in 0..=bytes.len() {
            let text_len = Bulk::new().encode(&bytes[..length], &mut text);
            assert_eq!(text[..text_len], *encode(&bytes[..length]).as_bytes(), "{length} bytes");
            let decoded_len = Bulk::new().decode(&text[..text_len], &mut decoded).unwrap();
            assert_eq!(decoded[..decoded_len], bytes[..length]);
        }
    }
}
