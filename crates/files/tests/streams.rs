//! What decryption writes for a stream that is truncated, damaged or of an unexpected format.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "support/toy.rs"]
#[allow(unreachable_pub, reason = "the examples of the crate include it at their root")]
mod toy;

use bulla_envelope::{EncryptionContext, native};
use bulla_files::{DecryptOptions, Decryptor, EncryptOptions, Encryptor, FileError, FileSummary, Format};
use toy::Toy;

/// Several of the pieces in which a stream is decrypted.
const LEN: usize = 1_000_000;

fn content() -> Vec<u8> {
    (0..LEN).map(|index| (index % 251) as u8).collect()
}

fn sealed(format: Format) -> Vec<u8> {
    let options = EncryptOptions::new().format(format);
    let mut sealed = Vec::new();
    Encryptor::new(Toy, ["toy"], EncryptionContext::default(), options)
        .encrypt_stream(&*content(), &mut sealed)
        .unwrap();
    sealed
}

/// Returns what was written, and the result.
fn decrypt(options: DecryptOptions, sealed: &[u8]) -> (Vec<u8>, Result<FileSummary, FileError>) {
    let mut plaintext = Vec::new();
    let decryptor = Decryptor::new(Toy, EncryptionContext::default(), options);
    let result = decryptor.decrypt_stream(sealed, &mut plaintext);
    assert_eq!(decryptor.verify_stream(sealed).is_ok(), result.is_ok());
    (plaintext, result)
}

#[test]
fn a_truncated_native_stream_is_an_error_after_a_genuine_beginning() {
    let mut sealed = sealed(Format::Native);
    sealed.truncate(LEN * 3 / 4);
    let (plaintext, result) = decrypt(DecryptOptions::new(), &sealed);
    assert!(result.is_err());
    assert!(!plaintext.is_empty() && content().starts_with(&plaintext), "{} bytes", plaintext.len());
    let (plaintext, result) = decrypt(DecryptOptions::new().whole(true), &sealed);
    assert!(result.is_err() && plaintext.is_empty(), "{} bytes", plaintext.len());
}

#[test]
fn a_damaged_native_stream_is_written_up_to_the_damage() {
    let mut sealed = sealed(Format::Native);
    sealed[LEN * 3 / 4] ^= 1;
    for whole in [false, true] {
        let (plaintext, result) = decrypt(DecryptOptions::new().whole(whole), &sealed);
        assert!(result.is_err());
        assert!(plaintext.len() < LEN * 3 / 4 && content().starts_with(&plaintext));
    }
}

#[test]
fn nothing_is_written_of_a_text_stream_that_is_truncated_or_damaged() {
    let sealed = sealed(Format::Text);
    let mut damaged = sealed.clone();
    damaged[LEN / 2] = if damaged[LEN / 2] == b'A' { b'B' } else { b'A' };
    for input in [&sealed[..LEN / 2], &sealed[..sealed.len() - 3], &damaged] {
        let (plaintext, result) = decrypt(DecryptOptions::new(), input);
        assert!(result.is_err() && plaintext.is_empty(), "{} bytes", plaintext.len());
    }
}

#[test]
fn a_stream_of_the_other_format_is_refused() {
    for (format, other) in [(Format::Native, Format::Text), (Format::Text, Format::Native)] {
        let sealed = sealed(format);
        let (plaintext, result) = decrypt(DecryptOptions::new().format(other), &sealed);
        assert!(result.is_err() && plaintext.is_empty());
        assert_eq!(decrypt(DecryptOptions::new().format(format), &sealed).0, content());
    }
}

#[test]
fn input_shorter_than_a_header_is_no_encrypted_stream() {
    let sealed = sealed(Format::Native);
    for len in [0, 1, native::MAGIC.len() - 1, native::MAGIC.len(), native::MAGIC.len() + 1] {
        for whole in [false, true] {
            let (plaintext, result) = decrypt(DecryptOptions::new().whole(whole), &sealed[..len]);
            assert!(result.is_err() && plaintext.is_empty(), "{len} bytes");
        }
    }
}
