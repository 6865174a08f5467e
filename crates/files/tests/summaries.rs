//! The summary of a file has no placeholders for missing values.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "support/toy.rs"]
#[allow(unreachable_pub, reason = "the examples of the crate include it at their root")]
mod toy;

use std::fs::{self, File};
use std::io::Seek;
use std::path::Path;

use bulla_envelope::EncryptionContext;
use bulla_files::{
    DecryptOptions, Decryptor, EncryptOptions, Encryptor, FileSummary, Format, RewrapOptions, Rewrapper,
};
use toy::Toy;

const CONTENT: &str = "id,amount\n";

fn encryptor(format: Format) -> Encryptor<Toy> {
    let options = EncryptOptions::new().format(format);
    Encryptor::new(Toy, vec!["alias/work".to_owned()], EncryptionContext::default(), options)
}

fn decryptor() -> Decryptor<Toy> {
    Decryptor::new(Toy, EncryptionContext::default(), DecryptOptions::default())
}

/// Returns the output and the length of a summary, whose other fields are always the same here.
fn parts(summary: &FileSummary) -> (Option<&Path>, Option<u64>) {
    assert_eq!(summary.key_id, "toy");
    assert!(!summary.already_done && !summary.damaged_slot);
    (summary.output.as_deref(), summary.plaintext_len)
}

#[test]
fn a_summary_names_what_was_written_and_counts_what_was_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let len = Some(CONTENT.len() as u64);
    fs::write(path("plain"), CONTENT).unwrap();
    for (format, name) in [(Format::Native, "plain.bulla"), (Format::Text, "plain.cipher")] {
        let (sealed, copy) = (path(name), path(name).with_extension("copy"));
        let summary = encryptor(format).encrypt_file(path("plain"), &sealed).unwrap();
        assert_eq!(parts(&summary), (Some(&*sealed), len));
        let summary = decryptor().decrypt_file(&sealed, &copy).unwrap();
        assert_eq!(parts(&summary), (Some(&*copy), len));
        fs::remove_file(copy).unwrap();
        let summary = decryptor().verify_file(&sealed).unwrap();
        assert_eq!(parts(&summary), (None, len));
    }
    let (sealed, rewrapper) =
        (path("plain.bulla"), Rewrapper::new(Toy, EncryptionContext::default(), RewrapOptions::default()));
    assert_eq!(parts(&rewrapper.rekey(&sealed).unwrap()), (Some(&*sealed), len));
    let rewrapped = rewrapper.rewrap(&sealed).unwrap();
    assert!(rewrapped.already_done);
    assert_eq!((rewrapped.output.as_deref(), rewrapped.plaintext_len), (Some(&*sealed), None));
}

#[test]
fn a_range_counts_what_was_written() {
    let mut sealed = tempfile::tempfile().unwrap();
    encryptor(Format::Native).encrypt_stream(CONTENT.as_bytes(), &mut sealed).unwrap();
    for (range, expected) in [(3..9, "amount"), (3..99, "amount\n"), (12..99, "")] {
        sealed.rewind().unwrap();
        let mut plaintext = Vec::new();
        let summary = decryptor().decrypt_range(&sealed, range, &mut plaintext).unwrap();
        assert_eq!(parts(&summary), (None, Some(expected.len() as u64)));
        assert_eq!(plaintext, expected.as_bytes());
    }
}

#[test]
fn a_stream_has_no_output_and_is_counted() {
    let (directory, len) = (tempfile::tempdir().unwrap(), Some(CONTENT.len() as u64));
    for format in [Format::Native, Format::Text] {
        let mut sealed = Vec::new();
        let summary = encryptor(format).encrypt_stream(CONTENT.as_bytes(), &mut sealed).unwrap();
        assert_eq!(parts(&summary), (None, len));
        let mut plaintext = Vec::new();
        let summary = decryptor().decrypt_stream(&*sealed, &mut plaintext).unwrap();
        assert_eq!(parts(&summary), (None, len));
        assert_eq!(plaintext, CONTENT.as_bytes());
        assert_eq!(parts(&decryptor().verify_stream(&*sealed).unwrap()), (None, len));
        let path = directory.path().join("sealed");
        fs::write(&path, sealed).unwrap();
        let file = File::open(&path).unwrap();
        let mut plaintext = Vec::new();
        let summary = decryptor().decrypt_open_to_stream(&file, &path, &mut plaintext).unwrap();
        assert_eq!(parts(&summary), (None, len));
        assert_eq!(plaintext, CONTENT.as_bytes());
    }
}
