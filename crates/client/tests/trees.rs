//! Trees whose KMS fails temporarily, and what is reported about their files.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use bulla_envelope::EncryptionContext;
use bulla_files::{DecryptOptions, Decryptor, EncryptOptions, Encryptor, Format, TreeEvent, TreeSummary};
use support::{Reply, TestKms};

const FILES: usize = 20;
const ANSWER: &str = r#"{"CiphertextBlob":"blob","KeyId":"key","KeyVersionId":"version",
    "Plaintext":"ToT/8cI7bIT/G8QOz5eBNDfSpXdUi5guYYDZp1Ou/tc=","RequestId":"r"}"#;
/// Errors that do not predict the result of the next call.
const TRANSIENT: [(u16, &str); 6] = [
    (500, r#"{"Code":"InternalFailure","Message":"m","RequestId":"r"}"#),
    (503, r#"{"Code":"ServiceUnavailableTemporary","Message":"m","RequestId":"r"}"#),
    (400, r#"{"Code":"InvalidTimeStamp.Expired","Message":"m","RequestId":"r"}"#),
    (400, r#"{"Code":"SignatureNonceUsed","Message":"m","RequestId":"r"}"#),
    (429, r#"{"Code":"Throttling.User","Message":"m","RequestId":"r"}"#),
    (502, "<html>a gateway</html>"),
];

fn encrypt(script: Vec<Reply>, from: &Path, to: &Path, data_key_per_file: bool) -> (TreeSummary, usize) {
    let kms = TestKms::start(script);
    let service = kms.key_service();
    let options = EncryptOptions::new().files(1).data_key_per_file(data_key_per_file);
    let encryptor = Encryptor::new(service, ["key"], EncryptionContext::default(), options);
    (encryptor.encrypt_tree(from, Some(to), |_| {}).unwrap(), kms.seen().len())
}

fn decrypt(script: Vec<Reply>, from: &Path, to: &Path) -> (TreeSummary, usize) {
    let kms = TestKms::start(script);
    let service = kms.key_service();
    let options = DecryptOptions::new().files(1);
    let decryptor = Decryptor::new(service, EncryptionContext::default(), options);
    (decryptor.decrypt_tree(from, Some(to), |_| {}).unwrap(), kms.seen().len())
}

/// Returns a script of errors, followed by as many valid replies as are needed.
fn script(failing: &[(u16, &'static str)]) -> Vec<Reply> {
    let good = (0..FILES).map(|_| Reply::Json(200, ANSWER));
    failing.iter().map(|&(status, body)| Reply::Json(status, body)).chain(good).collect()
}

fn plain_tree(directory: &Path) -> PathBuf {
    let tree = directory.join("plain");
    fs::create_dir(&tree).unwrap();
    (0..FILES).for_each(|number| fs::write(tree.join(number.to_string()), "content").unwrap());
    tree
}

#[test]
fn one_transient_answer_fails_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let plain = plain_tree(directory.path());
    for (number, answer) in TRANSIENT.into_iter().enumerate() {
        let place = |name: &str| directory.path().join(format!("{name}{number}"));
        for (name, per_file, calls) in [("shared", false, 2), ("own", true, FILES + 1)] {
            let (summary, calls_made) = encrypt(script(&[answer]), &plain, &place(name), per_file);
            assert_eq!((summary.done, summary.failed, calls_made), (FILES, 0, calls), "{answer:?} {name}");
        }
        let (summary, calls_made) = decrypt(script(&[answer]), &place("shared"), &place("opened"));
        assert_eq!((summary.done, summary.failed, calls_made), (FILES, 0, 2), "{answer:?}");
    }
}

/// More failures than there are attempts of a call do not count as failures of the other files.
#[test]
fn internal_errors_fail_one_file_and_not_its_tree() {
    let directory = tempfile::tempdir().unwrap();
    let plain = plain_tree(directory.path());
    let failing = [TRANSIENT[0]; 3];
    let place = |name: &str| directory.path().join(name);
    let (summary, calls_made) = encrypt(script(&failing), &plain, &place("shared"), false);
    assert_eq!((summary.done, summary.failed, calls_made), (FILES - 1, 1, 4));
    let (summary, calls_made) = encrypt(script(&failing), &plain, &place("own"), true);
    assert_eq!((summary.done, summary.failed, calls_made), (FILES - 1, 1, FILES + 2));
    let (summary, calls_made) = decrypt(script(&failing), &place("shared"), &place("opened"));
    assert_eq!((summary.done, summary.failed, calls_made), (FILES - 2, 1, 4));
}

/// A refusal applies to all files with this wrapped key, so none of them calls the KMS again.
#[test]
fn a_refusal_fails_a_tree_with_one_call() {
    let directory = tempfile::tempdir().unwrap();
    let plain = plain_tree(directory.path());
    let place = |name: &str| directory.path().join(name);
    encrypt(script(&[]), &plain, &place("shared"), false);
    let disabled = (409, r#"{"Code":"Rejected.Disabled","Message":"m","RequestId":"r"}"#);
    let (summary, calls_made) = decrypt(script(&[disabled]), &place("shared"), &place("opened"));
    assert_eq!((summary.done, summary.failed, calls_made), (0, FILES, 1));
    let (summary, calls_made) = encrypt(script(&[disabled]), &plain, &place("other"), true);
    assert_eq!((summary.done, summary.failed, calls_made), (0, FILES, 1));
}

/// Several files at once share one progress report, and each reports its own length.
#[test]
fn each_file_reports_its_own_length() {
    let directory = tempfile::tempdir().unwrap();
    let plain = directory.path().join("plain");
    fs::create_dir(&plain).unwrap();
    (0..FILES).for_each(|number| fs::write(plain.join(number.to_string()), vec![7; 1 << 20]).unwrap());
    for (format, name) in [(Format::Text, "text"), (Format::Native, "native")] {
        let kms = TestKms::start(script(&[]));
        let service = kms.key_service();
        let options = EncryptOptions::new().files(4).format(format);
        let encryptor = Encryptor::new(service, ["key"], EncryptionContext::default(), options);
        let lengths = Mutex::new(Vec::new());
        let note = |event: TreeEvent<'_>| {
            if let TreeEvent::Processed { file, .. } = event {
                lengths.lock().unwrap().push(file.plaintext_len);
            }
        };
        encryptor.encrypt_tree(&plain, Some(&directory.path().join(name)), note).unwrap();
        assert_eq!(lengths.into_inner().unwrap(), [Some(1 << 20); FILES], "{name}");
    }
}
