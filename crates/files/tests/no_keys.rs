//! An empty list of keys means no keys: neither the keys that a file has, nor a default.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "support/toy.rs"]
#[allow(unreachable_pub, reason = "the examples of the crate include it at their root")]
mod toy;

use std::fs;

use bulla_envelope::EncryptionContext;
use bulla_files::{EncryptOptions, Encryptor, FileError, RewrapOptions, Rewrapper};
use toy::Toy;

const NO_KEYS: [&str; 0] = [];

#[test]
fn no_keys_are_an_error_and_change_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("plain"), "content").unwrap();
    let context = EncryptionContext::default;

    let unprivileged = Encryptor::new(Toy, NO_KEYS, context(), EncryptOptions::new());
    assert_no_key(unprivileged.encrypt_file(path("plain"), path("sealed")));
    assert!(!path("sealed").exists());

    Encryptor::new(Toy, ["toy"], context(), EncryptOptions::new())
        .encrypt_file(path("plain"), path("sealed"))
        .unwrap();
    let sealed = fs::read(path("sealed")).unwrap();
    let unprivileged = Rewrapper::new(Toy, context(), RewrapOptions::new().keys(NO_KEYS));
    assert_no_key(unprivileged.rewrap(path("sealed")));
    assert_no_key(unprivileged.rekey(path("sealed")));
    assert!(fs::read(path("sealed")).unwrap() == sealed);
    Rewrapper::new(Toy, context(), RewrapOptions::new()).rewrap(path("sealed")).unwrap();
}

#[track_caller]
fn assert_no_key<T>(result: Result<T, FileError>) {
    let result = result.map(drop);
    assert!(matches!(result, Err(FileError::NoKeys)), "{result:?}");
}
