//! Calls for different files overlap, so that they wait for a remote KMS at the same time and not one after the other.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "support/toy.rs"]
#[allow(unreachable_pub, reason = "the examples of the crate include it at their root")]
mod toy;

use std::fs;
use std::path::Path;
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

use bulla_envelope::{
    DataKey, EncryptionContext, GeneratedDataKey, KeyService, KeyServiceError, UnwrappedDataKey, WrappedKey,
};
use bulla_files::threads::all_cores;
use bulla_files::{
    DecryptOptions, Decryptor, EncryptOptions, Encryptor, Format, KeyCache, RewrapOptions, Rewrapper,
    TreeSummary,
};
use toy::Toy;

/// A KMS that replies once it has two calls of a kind, and refuses a caller that makes one after the other.
#[derive(Default)]
struct Pairwise {
    generated: Meeting,
    unwrapped: Meeting,
}

/// A meeting point of two calls.
#[derive(Default)]
struct Meeting {
    came: Mutex<usize>,
    changed: Condvar,
}

impl Meeting {
    fn wait(&self) -> Result<(), KeyServiceError> {
        let mut came = self.came.lock().unwrap();
        *came += 1;
        self.changed.notify_all();
        let both = *came + *came % 2;
        let waited = self.changed.wait_timeout_while(came, LONG, |came| *came < both).unwrap();
        if waited.1.timed_out() { Err(KeyServiceError::Throttled) } else { Ok(()) }
    }
}

impl KeyService for Pairwise {
    fn generate_data_key(
        &self,
        key: &str,
        context: &EncryptionContext,
    ) -> Result<GeneratedDataKey, KeyServiceError> {
        self.generated.wait()?;
        Toy.generate_data_key(key, context)
    }

    fn wrap(
        &self,
        key: &str,
        data_key: &DataKey,
        context: &EncryptionContext,
    ) -> Result<WrappedKey, KeyServiceError> {
        Toy.wrap(key, data_key, context)
    }

    fn unwrap(&self, blob: &str, context: &EncryptionContext) -> Result<UnwrappedDataKey, KeyServiceError> {
        self.unwrapped.wait()?;
        Toy.unwrap(blob, context)
    }
}

#[test]
fn a_cache_lets_different_questions_overlap() {
    let cache = KeyCache::new(Pairwise::default());
    let none = EncryptionContext::default();
    let blobs = [DataKey::random(), DataKey::random()].map(|key| key.to_base64().to_string());
    thread::scope(|scope| {
        for blob in &blobs {
            scope.spawn(|| cache.unwrap(blob, &none).unwrap());
        }
    });
    // Two data keys with the same parameters take two calls.
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| cache.generate_data_key("key", &none).unwrap());
        }
    });
}

#[test]
fn files_with_data_keys_of_their_own_call_the_kms_together() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("plain")).unwrap();
    for name in ["a", "b"] {
        fs::write(path("plain").join(name), "content").unwrap();
    }
    for (format, name) in [(Format::Native, "native"), (Format::Text, "text")] {
        let sealed = path(name);
        let options = EncryptOptions::new().files(many()).format(format).data_key_per_file(true);
        let encryptor = Encryptor::new(Pairwise::default(), ["toy"], EncryptionContext::default(), options);
        assert_both_done(&encryptor.encrypt_tree(path("plain"), Some(&sealed), |_| {}).unwrap(), name);
        assert_both_done(&decrypt(&sealed, &path("opened").with_extension(name)), name);
    }
    let options = RewrapOptions::new().files(many()).data_key_per_file(true);
    let rewrapper = Rewrapper::new(Pairwise::default(), EncryptionContext::default(), options);
    assert_both_done(&rewrapper.rekey_tree(path("native"), |_| {}).unwrap(), "rekeyed");
    assert_both_done(&decrypt(&path("native"), &path("opened")), "rekeyed");
}

/// Returns a number of files as for a remote KMS: more than there are cores, so that each thread takes one.
fn many() -> usize {
    all_cores() + 1
}

fn decrypt(from: &Path, to: &Path) -> TreeSummary {
    let options = DecryptOptions::new().files(many());
    let decryptor = Decryptor::new(Pairwise::default(), EncryptionContext::default(), options);
    decryptor.decrypt_tree(from, Some(to), |_| {}).unwrap()
}

#[track_caller]
fn assert_both_done(summary: &TreeSummary, what: &str) {
    assert_eq!((summary.done, summary.failed), (2, 0), "{what}");
}

/// Much longer than two threads need to meet, and shorter than a test may hang.
const LONG: Duration = Duration::from_secs(30);
