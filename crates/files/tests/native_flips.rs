//! Flips random bits of a large native file: no plaintext is published, unless only one of two slots was hit.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use bulla_envelope::native::Header;
use bulla_envelope::{
    DataKey, EncryptionContext, GeneratedDataKey, KeyService, KeyServiceError, UnwrappedDataKey, WrappedKey,
};
use bulla_files::output::Durability;
use bulla_files::{DecryptOptions, Decryptor, EncryptOptions, Encryptor};

/// A KMS that wraps a data key by encoding it.
struct Toy;

impl KeyService for Toy {
    fn generate_data_key(
        &self,
        key: &str,
        context: &EncryptionContext,
    ) -> Result<GeneratedDataKey, KeyServiceError> {
        let data_key = DataKey::random();
        Ok(GeneratedDataKey { wrapped: self.wrap(key, &data_key, context)?, data_key })
    }

    fn wrap(
        &self,
        key: &str,
        data_key: &DataKey,
        _: &EncryptionContext,
    ) -> Result<WrappedKey, KeyServiceError> {
        Ok(WrappedKey {
            key_id: key.to_owned(),
            key_version_id: "1".to_owned(),
            ciphertext_blob: data_key.to_base64().to_string(),
        })
    }

    fn unwrap(&self, blob: &str, _: &EncryptionContext) -> Result<UnwrappedDataKey, KeyServiceError> {
        let data_key = DataKey::from_base64(blob).map_err(|_| KeyServiceError::Damaged)?;
        Ok(UnwrappedDataKey { data_key, key_id: "toy".to_owned(), key_version_id: "1".to_owned() })
    }
}

/// Returns an unpredictable number.
fn random_below(limit: u64) -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0) % limit
}

fn content() -> Vec<u8> {
    (0..(2_u32 << 20) + 77).map(|i| (i ^ i >> 8 ^ i >> 16) as u8).collect()
}

/// Encrypts the content in a directory.
fn seal(directory: &Path) -> Vec<u8> {
    let content = content();
    fs::write(directory.join("file"), &content).unwrap();
    let options = EncryptOptions::new().durability(Durability::Later);
    let context = EncryptionContext::new([("file", "sales.csv")]).unwrap();
    let encryptor = Encryptor::new(&Toy, vec!["toy".to_owned()], context, options);
    encryptor.encrypt_file(directory.join("file"), directory.join("file.bulla")).unwrap();
    content
}

/// Checks what decryption to a file returns for the current file.
fn check(directory: &Path, content: &[u8], what: &str, may_open: bool) {
    let options = DecryptOptions::new().durability(Durability::Later);
    let decryptor = Decryptor::new(&Toy, EncryptionContext::default(), options);
    let (from, to) = (directory.join("file.bulla"), directory.join("out"));
    let result = decryptor.decrypt_file(&from, &to);
    assert_eq!(result.is_ok(), may_open, "{what}: {result:?}");
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    match result {
        Ok(done) => {
            assert!(done.damaged_slot, "{what}");
            assert!(fs::read(&to).unwrap() == content, "{what}");
            fs::remove_file(to).unwrap();
        }
        Err(_) => assert_eq!(names, ["file", "file.bulla"], "{what}"),
    }
}

/// Checks what decryption to a stream and verification return for it.
fn check_streams(directory: &Path, content: &[u8], what: &str, may_open: bool) {
    let decryptor = Decryptor::new(&Toy, EncryptionContext::default(), DecryptOptions::default());
    let from = directory.join("file.bulla");
    // A stream receives verified chunks up to the damaged one, then fails.
    let file = || File::open(&from).unwrap();
    let check = |stream: &[u8], result: Result<_, _>| {
        assert_eq!(result.is_ok(), may_open, "{what}: {result:?}");
        assert!(content.starts_with(stream), "{what}");
    };
    let mut stream = Vec::new();
    let result = decryptor.decrypt_open_to_stream(&file(), &from, &mut stream);
    check(&stream, result);
    stream.clear();
    let result = decryptor.decrypt_stream(file(), &mut stream);
    check(&stream, result);
    for verified in [decryptor.verify_file(&from), decryptor.verify_stream(file())] {
        assert_eq!(verified.is_ok_and(|done| done.damaged_slot), may_open, "{what}");
    }
}

#[test]
fn a_thousand_turned_bits() {
    let directory = tempfile::tempdir().unwrap();
    let content = seal(directory.path());
    let path = directory.path().join("file.bulla");
    let header = Header::read(File::open(&path).unwrap()).unwrap();
    let (slots, body) = (header.slot_offset(0)..header.slot_offset(2), header.len() as u64);
    assert_eq!((header.slots().len(), slots.end), (2, body));
    let file = File::options().read(true).write(true).open(&path).unwrap();
    let length = file.metadata().unwrap().len();
    for round in 0..1000 {
        // Most flips are in the body, and enough are in the header.
        let at = if round % 4 == 0 { random_below(body) } else { random_below(length) };
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        let bit = 1 << random_below(8);
        file.write_all_at(&[byte[0] ^ bit], at).unwrap();
        let what = format!("bit {bit:#x} of byte {at}");
        check(directory.path(), &content, &what, slots.contains(&at));
        if round % 3 == 0 {
            check_streams(directory.path(), &content, &what, slots.contains(&at));
        }
        file.write_all_at(&byte, at).unwrap();
    }
}

/// If bits in both slots are flipped, all wraps are damaged, even if the rest is intact.
#[test]
fn both_slots_hit_is_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let content = seal(directory.path());
    let path = directory.path().join("file.bulla");
    let header = Header::read(File::open(&path).unwrap()).unwrap();
    let file = File::options().read(true).write(true).open(&path).unwrap();
    let size = header.slot_offset(1) - header.slot_offset(0);
    for _ in 0..50 {
        let places = [0, 1].map(|slot| header.slot_offset(slot) + random_below(size));
        let mut bytes = [[0]; 2];
        for (at, byte) in places.iter().zip(&mut bytes) {
            file.read_exact_at(byte, *at).unwrap();
            file.write_all_at(&[byte[0] ^ 1 << random_below(8)], *at).unwrap();
        }
        check(directory.path(), &content, &format!("bytes {places:?}"), false);
        for (at, byte) in places.iter().zip(&bytes) {
            file.write_all_at(byte, *at).unwrap();
        }
    }
}
