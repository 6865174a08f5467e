//! Properties of public types: `Debug` shows no secrets, and which types can be sent to other threads.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::error::Error;
use std::fmt::Debug;
use std::io::{Cursor, Read, Write};
use std::sync::Mutex;

use bulla_envelope::cobblestone::{self, Chunks, Opener, Sealer};
use bulla_envelope::native::{
    self, AllowedKeys, BodyKey, Header, SetId, SourceMetadata, Unlocked, Wrap, WrapKind,
};
use bulla_envelope::recall::Recall;
use bulla_envelope::text_format;
use bulla_envelope::{
    DataKey, EncryptionContext, GeneratedDataKey, KeyService, KeyServiceError, UnwrappedDataKey, WrappedKey,
};

const KEY: [u8; 32] = *b"\x4e\x84\xff\xf1\xc2\x3b\x6c\x84\xff\x1b\xc4\x0e\xcf\x97\x81\x34\x37\xd2\xa5\x77\x54\x8b\x98\x2e\x61\x80\xd9\xa7\x53\xae\xfe\xd7";
const KEY_TEXT: &str = "ToT/8cI7bIT/G8QOz5eBNDfSpXdUi5guYYDZp1Ou/tc=";
const PLAINTEXT: &[u8] = b"attack at dawn";

/// A KMS that always returns one data key, and stores the last key that it wrapped.
#[derive(Default)]
struct OneKey(Mutex<Vec<u8>>);

impl KeyService for OneKey {
    fn generate_data_key(
        &self,
        key: &str,
        context: &EncryptionContext,
    ) -> Result<GeneratedDataKey, KeyServiceError> {
        let data_key = DataKey::from_base64(KEY_TEXT).unwrap();
        Ok(GeneratedDataKey { wrapped: self.wrap(key, &data_key, context)?, data_key })
    }

    fn wrap(
        &self,
        key: &str,
        data_key: &DataKey,
        _: &EncryptionContext,
    ) -> Result<WrappedKey, KeyServiceError> {
        *self.0.lock().unwrap() = data_key.expose().to_vec();
        let (key_id, key_version_id) = (key.to_owned(), "1".to_owned());
        Ok(WrappedKey { key_id, key_version_id, ciphertext_blob: "YmxvYg==".to_owned() })
    }

    fn unwrap(&self, _: &str, _: &EncryptionContext) -> Result<UnwrappedDataKey, KeyServiceError> {
        let data_key = DataKey::from_base64(KEY_TEXT).unwrap();
        Ok(UnwrappedDataKey { data_key, key_id: "k".to_owned(), key_version_id: "1".to_owned() })
    }
}

/// Checks that a text contains neither the data key, the body key nor the plaintext, in any form in which `Debug` shows bytes.
#[track_caller]
fn assert_hides_secrets(value: &dyn Debug, body_key: &[u8]) {
    for shown in [format!("{value:?}"), format!("{value:#?}").replace(['\n', ' '], "")] {
        for secret in [&KEY[..], body_key, PLAINTEXT] {
            let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
            let list = format!("{:?}", &secret[..4]);
            let list = list.trim_matches(['[', ']']);
            for form in [&hex, list, &list.replace(' ', "")] {
                assert!(!shown.to_lowercase().contains(form), "{shown}");
            }
        }
        assert!(!shown.contains(KEY_TEXT) && !shown.contains("attack"), "{shown}");
        assert!(!shown.is_empty());
    }
}

#[test]
fn debug_shows_no_secret() {
    let none = EncryptionContext::default();
    let kms = OneKey::default();
    let generated = kms.generate_data_key("k", &none).unwrap();
    let wrap = Wrap { kind: WrapKind::Set, region: String::new(), key: generated.wrapped.clone() };
    let header = Header::new(SetId::random(), none.clone(), SourceMetadata::default(), vec![wrap]).unwrap();
    let body_key = BodyKey::of_set(&generated.data_key, header.file_id());
    body_key.wrap(&kms, "k", &none).unwrap();
    let exposed = kms.0.lock().unwrap().clone();
    assert!(exposed.len() == 32 && exposed != KEY);
    let hides = |value: &dyn Debug| assert_hides_secrets(value, &exposed);

    hides(&generated);
    hides(&kms.unwrap("", &none).unwrap());
    hides(&body_key);
    hides(&header);

    let mut writer = native::Writer::new(Vec::new(), &header, &body_key).unwrap();
    writer.write_all(PLAINTEXT).unwrap();
    hides(&writer);
    let file = writer.finish().unwrap();

    let reader = native::Reader::new(Cursor::new(&file)).unwrap();
    hides(&reader);
    let unlocked = reader.header().unlock(reader.prefix(), &kms, &none, &AllowedKeys::all()).unwrap();
    hides(&unlocked);
    hides(&unlocked.key);
    hides(&unlocked.opener);
    let mut open = reader.open(unlocked);
    open.read_exact(&mut [0; 6]).unwrap();
    hides(&open); // contains the rest
    let mut seekable = open.seekable().unwrap();
    seekable.read_exact(&mut [0; 6]).unwrap();
    hides(&seekable);

    let sealer = Sealer::new(&body_key, b"");
    hides(&sealer);
    hides(&sealer.take(1).unwrap());

    let mut text = Vec::new();
    text_format::seal(PLAINTEXT, &mut text, &generated.data_key, "YmxvYg==").unwrap();
    hides(&text_format::Reader::new(&*text).unwrap());

    let mut recall = Recall::new();
    recall.push(PLAINTEXT);
    hides(&recall);
}

#[test]
fn types_can_cross_threads_and_errors_can_be_boxed() {
    fn send_and_sync<T: Send + Sync>() {}
    fn boxed<T: Error + Send + Sync + 'static>() {}
    send_and_sync::<DataKey>();
    send_and_sync::<EncryptionContext>();
    send_and_sync::<BodyKey>();
    send_and_sync::<Header>();
    send_and_sync::<Unlocked>();
    send_and_sync::<AllowedKeys>();
    send_and_sync::<Sealer>();
    send_and_sync::<Chunks<'_>>();
    send_and_sync::<Opener>();
    send_and_sync::<Recall>();
    send_and_sync::<native::Writer<Vec<u8>>>();
    send_and_sync::<native::Reader<&[u8]>>();
    send_and_sync::<native::OpenReader<&[u8]>>();
    send_and_sync::<native::SeekReader<Cursor<Vec<u8>>>>();
    send_and_sync::<text_format::Reader<&[u8]>>();
    boxed::<KeyServiceError>();
    boxed::<bulla_envelope::EncryptError>();
    boxed::<bulla_envelope::DecryptError>();
    boxed::<native::SealError>();
    boxed::<native::OpenError>();
    boxed::<native::UnlockError>();
    boxed::<text_format::SealError>();
    boxed::<text_format::OpenError>();
    boxed::<cobblestone::DamagedChunk>();
    boxed::<cobblestone::WrongCommitment>();
    boxed::<cobblestone::TooLong>();
    boxed::<bulla_envelope::NotADataKey>();
    boxed::<bulla_envelope::RepeatedName>();
}
