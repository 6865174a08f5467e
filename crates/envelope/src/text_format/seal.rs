//! Seals a plaintext as the four lines, in one pass.

use std::io::{self, Read, Write};
use std::thread;

use super::error::{LineFlaw, SealError};
use super::mac_thread::MacThread;
use super::{CHUNK_LEN, CHUNK_TEXT_LEN, SHORT_LINE_LIMIT};
use crate::DataKey;
use crate::eax::{Authenticator, Keystream, Nonce};
use crate::strict_base64::{self, Bulk};

/// The result of [`seal()`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sealed {
    /// The length of the plaintext in bytes.
    pub plaintext_len: u64,
}

/// Encrypts all of `plaintext` into `output`, and flushes it.
///
/// `ciphertext_blob` is `data_key`, wrapped by a KMS, in base64. Use a data key for one file only.
///
/// # Errors
/// [`SealError`]; `output` then has no tag, and no reader accepts it.
pub fn seal(
    plaintext: impl Read,
    output: impl Write,
    data_key: &DataKey,
    ciphertext_blob: &str,
) -> Result<Sealed, SealError> {
    seal_with_nonce(plaintext, output, data_key, ciphertext_blob, Nonce::random())
}

/// Seals with a given nonce. Only tests that reproduce published vectors pass one that is not random.
fn seal_with_nonce(
    mut plaintext: impl Read,
    mut output: impl Write,
    data_key: &DataKey,
    ciphertext_blob: &str,
    nonce: Nonce,
) -> Result<Sealed, SealError> {
    check_blob(ciphertext_blob)?;
    let mut keystream = Keystream::new(data_key, &nonce);
    let mut piece = vec![0; CHUNK_LEN];
    let mut text = vec![0; CHUNK_TEXT_LEN];
    let base64 = Bulk::new();
    let mut plaintext_len = 0;

    write!(output, "{ciphertext_blob}\n{}\n", strict_base64::encode(&nonce.0)).map_err(SealError::Write)?;
    let authenticator = thread::scope(|scope| {
        let mac = MacThread::start(scope, Authenticator::new(data_key, &nonce)).map_err(SealError::Thread)?;
        loop {
            let length = fill(&mut plaintext, &mut piece).map_err(SealError::Read)?;
            let mut ciphertext = mac.buffer();
            keystream.apply(&piece[..length], &mut ciphertext);
            let text_len = base64.encode(&ciphertext, &mut text);
            mac.update(ciphertext);
            output.write_all(&text[..text_len]).map_err(SealError::Write)?;
            plaintext_len += length as u64;
            // Every chunk except the last is full, so the base64 is padded only at the end of the line.
            if length < CHUNK_LEN {
                return Ok(mac.finish());
            }
        }
    })?;
    write!(output, "\n{}\n", strict_base64::encode(&authenticator.finish()))
        .and_then(|()| output.flush())
        .map_err(SealError::Write)?;
    Ok(Sealed { plaintext_len })
}

/// Checks the blob. One that is not base64 could contain a newline, and one that is too long could not be read back.
fn check_blob(ciphertext_blob: &str) -> Result<(), SealError> {
    let flaw = match ciphertext_blob.len() {
        0 => LineFlaw::Empty,
        SHORT_LINE_LIMIT.. => LineFlaw::TooLong { limit: SHORT_LINE_LIMIT },
        _ if !strict_base64::is_valid(ciphertext_blob.as_bytes()) => LineFlaw::NotBase64,
        _ => return Ok(()),
    };
    Err(SealError::CiphertextBlob(flaw))
}

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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Cursor;
    use std::path::PathBuf;

    use super::super::Reader;
    use super::*;

    /// The guide's script created it with PyCryptodome. Sealing and opening reproduce the same bytes.
    #[test]
    fn vectors_of_the_guide() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/text-format");
        let vectors = fs::read(folder.join("vectors.json")).unwrap();
        let vectors: Vec<serde_json::Value> = serde_json::from_slice(&vectors).unwrap();
        assert_eq!(vectors.len(), 8);
        for vector in &vectors {
            let field = |name: &str| vector[name].as_str().unwrap();
            let name = field("name");
            let plain = fs::read(folder.join(format!("{name}.plain"))).unwrap();
            let cipher = fs::read(folder.join(format!("{name}.cipher"))).unwrap();
            let key = DataKey::from_base64(field("data_key_b64")).unwrap();
            let nonce = u128::from_str_radix(field("nonce_hex"), 16).unwrap().to_be_bytes();

            let mut sealed = Vec::new();
            seal_with_nonce(&*plain, &mut sealed, &key, field("ciphertext_blob"), Nonce(nonce)).unwrap();
            assert!(sealed == cipher, "{name}");
            assert_eq!(Reader::new(&*cipher).unwrap().ciphertext_blob(), field("ciphertext_blob"));
            assert_opens(&cipher, &key, &plain);
        }
    }

    #[test]
    fn every_size_around_the_borders_of_chunks() {
        let key = DataKey::random();
        let plain: Vec<u8> = (0..3 * CHUNK_LEN + 5).map(|i| (i * 7 / 5) as u8).collect();
        let borders = [CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1, 2 * CHUNK_LEN, 3 * CHUNK_LEN + 5];
        for size in (0..=49).chain(borders) {
            let mut sealed = Vec::new();
            let report = seal(&plain[..size], &mut sealed, &key, "YmxvYg==").unwrap();
            assert_eq!(report.plaintext_len, size as u64);
            assert_eq!(sealed.len(), 9 + 25 + size.div_ceil(3) * 4 + 1 + 25, "{size} bytes");
            assert_opens(&sealed, &key, &plain[..size]);
            let blanks = String::from_utf8(sealed).unwrap().replace('\n', " \t\r\n");
            assert_opens(blanks.as_bytes(), &key, &plain[..size]);
        }
    }

    fn assert_opens(sealed: &[u8], key: &DataKey, plain: &[u8]) {
        let opened = Reader::new(sealed).unwrap().open_into_discardable(key, Vec::new()).unwrap();
        assert!(opened.out == plain);
        assert_eq!(opened.plaintext_len, plain.len() as u64);
        let opened = Reader::new(Cursor::new(sealed)).unwrap().open_verified(key, Vec::new()).unwrap();
        assert!(opened.out == plain);
        assert_eq!(opened.plaintext_len, plain.len() as u64);
    }

    #[test]
    fn a_blob_that_would_break_the_lines_is_refused() {
        let long = "AAAA".repeat(SHORT_LINE_LIMIT / 4);
        for (blob, flaw) in [
            ("", LineFlaw::Empty),
            ("YmxvYg==\n", LineFlaw::NotBase64),
            ("YmxvYg", LineFlaw::NotBase64),
            (&long, LineFlaw::TooLong { limit: SHORT_LINE_LIMIT }),
        ] {
            let mut out = Vec::new();
            let error = seal(&b"x"[..], &mut out, &DataKey::random(), blob).unwrap_err();
            assert!(matches!(error, SealError::CiphertextBlob(found) if found == flaw), "{error}");
            assert!(out.is_empty());
        }
        let key = DataKey::random();
        let mut sealed = Vec::new();
        seal(&b"x"[..], &mut sealed, &key, &long[4..]).unwrap();
        assert_opens(&sealed, &key, b"x");
    }

    #[test]
    fn each_call_draws_a_new_nonce() {
        let key = DataKey::random();
        let sealed = || {
            let mut out = Vec::new();
            seal(&b"same"[..], &mut out, &key, "YmxvYg==").unwrap();
            out
        };
        assert_ne!(sealed(), sealed());
    }
}
