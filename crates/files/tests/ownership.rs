//! An encryptor, a decryptor and a rewrapper own their KMS, so a struct that contains one needs no lifetime and can be shared.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "support/toy.rs"]
#[allow(unreachable_pub, reason = "the examples of the crate include it at their root")]
mod toy;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use bulla_envelope::{EncryptionContext, KeyService};
use bulla_files::{DecryptOptions, Decryptor, EncryptOptions, Encryptor, RewrapOptions, Rewrapper};
use toy::Toy;

/// A struct of a program: without a lifetime, and with a KMS that is chosen at run time.
struct Archive {
    encryptor: Encryptor<Box<dyn KeyService>>,
    decryptor: Decryptor<Arc<dyn KeyService>>,
    rewrapper: Rewrapper<Toy>,
}

impl Archive {
    fn new() -> Self {
        let context = EncryptionContext::default;
        let keys = vec!["alias/work".to_owned()];
        Self {
            encryptor: Encryptor::new(Box::new(Toy), keys, context(), EncryptOptions::default()),
            decryptor: Decryptor::new(Arc::new(Toy), context(), DecryptOptions::default()),
            rewrapper: Rewrapper::new(Toy, context(), RewrapOptions::default()),
        }
    }

    fn keep_and_read(&self, directory: &Path, content: &str) -> String {
        let path = |suffix: &str| directory.join(format!("{content}{suffix}"));
        fs::write(path(""), content).unwrap();
        self.encryptor.encrypt_file(path(""), path(".bulla")).unwrap();
        self.rewrapper.rewrap(path(".bulla")).unwrap();
        self.decryptor.decrypt_file(path(".bulla"), path(".copy")).unwrap();
        fs::read_to_string(path(".copy")).unwrap()
    }
}

#[test]
fn what_encrypts_is_kept_without_its_kms_and_serves_threads() {
    let (archive, directory) = (Arc::new(Archive::new()), tempfile::tempdir().unwrap());
    let threads = ["one", "two"].map(|content| {
        let (archive, directory) = (archive.clone(), directory.path().to_owned());
        thread::spawn(move || assert_eq!(archive.keep_and_read(&directory, content), content))
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn debug_shows_keys_by_their_names_only() {
    let (archive, directory) = (Archive::new(), tempfile::tempdir().unwrap());
    archive.keep_and_read(directory.path(), "content");
    let header = fs::read(directory.path().join("content.bulla")).unwrap();
    let wrap = bulla_envelope::native::Header::read(&*header).unwrap();
    let data_key = &wrap.wraps().next().unwrap().key.ciphertext_blob; // this KMS wraps by encoding
    let shown = format!("{:?} {:?} {:?}", archive.encryptor, archive.decryptor, archive.rewrapper);
    assert!(shown.contains("alias/work") && !shown.contains(data_key), "{shown}");
}
