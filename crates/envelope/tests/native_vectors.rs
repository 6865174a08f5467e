//! Opens the vectors of `testdata/native` in three ways, and files of the writer with lengths around every boundary.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::HashMap;
use std::fs;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use bulla_envelope::cobblestone::{
    CHUNK_LEN, PREFIX_LEN, SEALED_CHUNK_LEN, plaintext_len, sealed_len, sealed_offset,
};
use bulla_envelope::native::{
    AllowedKeys, BodyKey, Header, OpenError, Reader, SetId, SourceMetadata, UnlockError, Wrap, WrapKind,
    Writer,
};
use bulla_envelope::{
    DataKey, EncryptionContext, GeneratedDataKey, KeyService, KeyServiceError, UnwrappedDataKey, WrappedKey,
};
use serde_json::Value;

/// A KMS with a fixed set of blobs, each with its key and its context.
#[derive(Default)]
struct Toy(Mutex<HashMap<String, Known>>);

struct Known {
    data_key: DataKey,
    key_id: String,
    key_version_id: String,
    context: EncryptionContext,
}

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
        context: &EncryptionContext,
    ) -> Result<WrappedKey, KeyServiceError> {
        let mut known = self.0.lock().unwrap();
        let wrapped = WrappedKey {
            key_id: key.to_owned(),
            key_version_id: format!("{key}-1"),
            ciphertext_blob: format!("blob{}", known.len()),
        };
        let WrappedKey { key_id, key_version_id, ciphertext_blob } = wrapped.clone();
        let data_key = data_key.duplicate();
        known.insert(ciphertext_blob, Known { data_key, key_id, key_version_id, context: context.clone() });
        Ok(wrapped)
    }

    fn unwrap(&self, blob: &str, context: &EncryptionContext) -> Result<UnwrappedDataKey, KeyServiceError> {
        let known = self.0.lock().unwrap();
        let Known { data_key, key_id, key_version_id, context: right } =
            known.get(blob).ok_or(KeyServiceError::UnknownKeyVersion)?;
        if context != right {
            return Err(KeyServiceError::Damaged);
        }
        Ok(UnwrappedDataKey {
            data_key: data_key.duplicate(),
            key_id: key_id.clone(),
            key_version_id: key_version_id.clone(),
        })
    }
}

/// The class of an error, as the vectors name it.
type Class = &'static str;
/// The plaintext that was read, and how reading ended.
type Outcome = (Vec<u8>, Result<(), Class>);

fn class_of_open(error: &OpenError) -> Class {
    match error {
        OpenError::NotNative => "not_bulla",
        OpenError::Newer { .. } => "newer",
        OpenError::Truncated => "truncated",
        OpenError::Header(_) | OpenError::Size | OpenError::Damaged(_) => "damaged",
        other => panic!("{other:?}"),
    }
}

fn class_of_unlock(error: &UnlockError) -> Class {
    match error {
        UnlockError::NoSlot | UnlockError::Commitment | UnlockError::Kms(KeyServiceError::Damaged) => {
            "damaged"
        }
        UnlockError::Kms(KeyServiceError::UnknownKeyVersion) => "unknown_key",
        UnlockError::KeyMismatch { .. } => "key_mismatch",
        other => panic!("{other:?}"),
    }
}

/// Returns the class of an error that passed through `Read`, and checks that its kind agrees.
fn class_of_io(error: io::Error) -> Class {
    let class = class_of_open(error.get_ref().unwrap().downcast_ref().unwrap());
    let kind = if class == "truncated" { io::ErrorKind::UnexpectedEof } else { io::ErrorKind::InvalidData };
    assert_eq!(error.kind(), kind, "{error}");
    assert_eq!(class_of_open(&OpenError::of_read(error)), class);
    class
}

fn drain(mut reader: impl Read) -> Outcome {
    let mut plaintext = Vec::new();
    let result = reader.read_to_end(&mut plaintext).map(drop).map_err(class_of_io);
    (plaintext, result)
}

/// Reads a file like a pipe: the input cannot seek and returns few bytes at a time.
fn streamed(file: &[u8], kms: &Toy) -> Outcome {
    let open = || {
        let reader = Reader::new(Stutter(file)).map_err(|error| class_of_open(&error))?;
        reader
            .unlock(kms, &EncryptionContext::default(), &AllowedKeys::all())
            .map_err(|error| class_of_unlock(&error))
    };
    open().map_or_else(|class| (Vec::new(), Err(class)), drain)
}

fn sought(file: &[u8], kms: &Toy) -> Outcome {
    let open = || {
        let reader = Reader::new(Cursor::new(file)).map_err(|error| class_of_open(&error))?;
        let unlocked = reader
            .unlock(kms, &EncryptionContext::default(), &AllowedKeys::all())
            .map_err(|error| class_of_unlock(&error))?;
        unlocked.seekable().map_err(|error| class_of_open(&error))
    };
    open().map_or_else(|class| (Vec::new(), Err(class)), drain)
}

/// Opens the chunks one by one, the last one first, like a caller that opens several in parallel.
fn by_chunks(file: &[u8], kms: &Toy) -> Outcome {
    let mut chunks = Vec::new();
    let mut open = || {
        let mut rest = file;
        let header = Header::read(&mut rest).map_err(|error| class_of_open(&error))?;
        let prefix: &[u8; PREFIX_LEN] = rest.first_chunk().ok_or("truncated")?;
        let unlocked = header
            .unlock(prefix, kms, &EncryptionContext::default(), &AllowedKeys::all())
            .map_err(|error| class_of_unlock(&error))?;
        let length = plaintext_len(rest.len() as u64).ok_or("truncated")?;
        assert_eq!(sealed_len(length), rest.len() as u64);
        if header.source().size.is_some_and(|size| size != length) {
            return Err("damaged");
        }
        for chunk in (0..=length / CHUNK_LEN as u64).rev() {
            let from = usize::try_from(sealed_offset(chunk)).unwrap();
            let sealed = &rest[from..rest.len().min(from + SEALED_CHUNK_LEN)];
            let mut plaintext = Vec::new();
            unlocked.opener.open(chunk, sealed, &mut plaintext).map_err(|_| "damaged")?;
            chunks.push(plaintext);
        }
        Ok(())
    };
    let result = open();
    chunks.reverse();
    (chunks.concat(), result)
}

/// Returns up to 1,000 bytes at a time.
struct Stutter<'a>(&'a [u8]);

impl Read for Stutter<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(1000);
        self.0.read(&mut buffer[..length])
    }
}

fn plaintext(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i ^ i >> 8 ^ i >> 16) as u8).collect()
}

fn context_of(pairs: &Value) -> EncryptionContext {
    let pairs = pairs.as_object().unwrap().iter();
    EncryptionContext::new(pairs.map(|(name, value)| (name.as_str(), value.as_str().unwrap()))).unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/native")
}

fn text<'a>(of: &'a Value, field: &str) -> &'a str {
    of[field].as_str().unwrap_or_else(|| panic!("{field} in {of}"))
}

/// Returns the vectors with their files, and the KMS that has their keys.
fn vectors() -> (Vec<(Value, Vec<u8>)>, Toy) {
    let json: Value = serde_json::from_slice(&fs::read(folder().join("vectors.json")).unwrap()).unwrap();
    let keys = json["keys"].as_object().unwrap().iter().map(|(blob, key)| {
        let known = Known {
            data_key: DataKey::from_base64(text(key, "data_key_b64")).unwrap(),
            key_id: text(key, "key_id").to_owned(),
            key_version_id: text(key, "key_version_id").to_owned(),
            context: context_of(&key["context"]),
        };
        (blob.clone(), known)
    });
    let toy = Toy(Mutex::new(keys.collect()));
    let vectors = json["vectors"].as_array().unwrap().iter().map(|vector| {
        let file = fs::read(folder().join(text(vector, "file"))).unwrap();
        (vector.clone(), file)
    });
    let vectors: Vec<_> = vectors.collect();
    assert!(vectors.len() >= 65, "{}", vectors.len());
    (vectors, toy)
}

fn expected_plaintext(vector: &Value) -> Vec<u8> {
    let plaintext = plaintext(usize::try_from(vector["plaintext_len"].as_u64().unwrap()).unwrap());
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &plaintext);
    let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash, text(vector, "plaintext_sha256"), "{vector}");
    plaintext
}

#[test]
fn every_vector_is_read_as_expected_in_each_way() {
    let (vectors, kms) = vectors();
    for (vector, file) in &vectors {
        let name = text(vector, "file");
        let (expected, error) = (expected_plaintext(vector), vector["error"].as_str());
        for (way, (found, result)) in [
            ("streamed", streamed(file, &kms)),
            ("sought", sought(file, &kms)),
            ("by chunks", by_chunks(file, &kms)),
        ] {
            assert_eq!(result.err(), error, "{name} {way}");
            match error {
                None => assert!(found == expected, "{name} {way}"),
                Some("truncated") if way == "sought" => assert!(found.is_empty(), "{name} {way}"),
                // A damaged file may yield a genuine beginning, but nothing else.
                Some(_) if way != "by chunks" => assert!(expected.starts_with(&found), "{name} {way}"),
                Some(_) => {}
            }
        }
    }
}

/// A seekable file that was truncated, at a chunk boundary or elsewhere, yields no plaintext.
#[test]
fn a_cut_file_that_can_seek_gives_no_byte() {
    let (vectors, kms) = vectors();
    let whole: Vec<_> = vectors.iter().filter(|(vector, _)| vector["error"].is_null()).collect();
    for (vector, file) in whole {
        let body = usize::try_from(vector["body_offset"].as_u64().unwrap()).unwrap();
        let chunks = (0..).map(|chunk| body + PREFIX_LEN + chunk * SEALED_CHUNK_LEN);
        let borders = chunks
            .take_while(|end| *end < file.len())
            .flat_map(|end| [end - 1, end, end + 1, end + 15, end + 16, end + 17]);
        for end in borders.chain([body, body + 1, file.len() - 1]).filter(|end| *end < file.len()) {
            let (found, result) = sought(&file[..end], &kms);
            assert!(found.is_empty() && result.is_err(), "{vector} cut to {end}: {result:?}");
            let (found, result) = streamed(&file[..end], &kms);
            assert!(result.is_err(), "{vector} cut to {end}");
            assert!(expected_plaintext(vector).starts_with(&found), "{vector} cut to {end}");
        }
    }
}

/// Reading on after an error does not return an end of file, as it would for a complete file.
#[test]
fn an_error_stays_one() {
    let (vectors, kms) = vectors();
    let mut broken = 0;
    for (vector, file) in vectors.iter().filter(|(vector, _)| !vector["error"].is_null()) {
        let Ok(reader) = Reader::new(file.as_slice()) else { continue };
        let none = EncryptionContext::default();
        let Ok(mut opened) = reader.unlock(&kms, &none, &AllowedKeys::all()) else { continue };
        if io::copy(&mut opened, &mut io::sink()).is_err() {
            broken += 1;
            assert!(opened.read(&mut [0]).is_err() && opened.read(&mut [0]).is_err(), "{vector}");
        }
    }
    assert!(broken > 5, "{broken}");
}

#[test]
fn headers_match_the_vectors() {
    let (vectors, _) = vectors();
    for (vector, file) in vectors.iter().filter(|(vector, _)| vector["error"].is_null()) {
        let header = Header::read(file.as_slice()).unwrap();
        let name = text(vector, "file");
        assert_eq!(header.len() as u64, vector["body_offset"].as_u64().unwrap(), "{name}");
        let id: String = header.file_id().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(id, text(vector, "file_id"), "{name}");
        assert_eq!(*header.context(), context_of(&vector["context"]), "{name}");
        let newest = header.slots().iter().flatten().max_by_key(|slot| slot.generation).unwrap();
        let wraps: Vec<_> = newest.wraps.iter().map(fields).collect();
        let stated = vector["wraps"].as_array().unwrap().iter();
        let fields = ["kind", "key_id", "key_version_id", "region", "ciphertext_blob"];
        let stated: Vec<_> = stated.map(|wrap| fields.map(|field| text(wrap, field))).collect();
        assert_eq!(wraps, stated, "{name}");
        let damaged = header.slots().iter().any(Option::is_none);
        assert_eq!(damaged, vector["warning"] == "slot", "{name}");
        // A header that was read is written back unchanged, unless a slot is damaged.
        if damaged {
            assert!(header.to_bytes().is_err() && header.needs_repair(), "{name}");
        } else {
            assert!(header.to_bytes().unwrap() == file[..header.len()], "{name}");
        }
    }
}

fn fields(wrap: &Wrap) -> [&str; 5] {
    let WrappedKey { key_id, key_version_id, ciphertext_blob } = &wrap.key;
    [wrap.kind.name(), key_id, key_version_id, &wrap.region, ciphertext_blob]
}

#[test]
fn a_seek_reaches_its_position() {
    let (vectors, kms) = vectors();
    let named = |name: &str| &vectors.iter().find(|(vector, _)| text(vector, "file") == name).unwrap().1;
    for (name, length) in [("32768-bytes.bulla", 32_768), ("1048577-bytes.bulla", 1_048_577)] {
        let (file, plaintext) = (named(name), plaintext(length));
        let reader = Reader::new(Cursor::new(file.as_slice())).unwrap();
        let open = reader.unlock(&kms, &EncryptionContext::default(), &AllowedKeys::all()).unwrap();
        let mut open = open.seekable().unwrap();
        assert_eq!(open.len(), length as u64);
        for from in [length, 0, 16_383, 16_384, 16_385, 32_767, 32_768, length - 1, length + 5, 1] {
            assert_eq!(open.seek(SeekFrom::Start(from as u64)).unwrap(), from as u64);
            let mut part = Vec::new();
            open.by_ref().take(20_000).read_to_end(&mut part).unwrap();
            let from = from.min(length);
            assert!(part == plaintext[from..length.min(from + 20_000)], "{name} from {from}");
        }
        assert_eq!(open.seek(SeekFrom::End(-7)).unwrap(), length as u64 - 7);
        assert_eq!(open.seek(SeekFrom::Current(3)).unwrap(), length as u64 - 4);
        let mut end = Vec::new();
        open.read_to_end(&mut end).unwrap();
        assert_eq!(end, plaintext[length - 4..]);
        assert!(open.seek(SeekFrom::Current(-i64::try_from(length).unwrap() - 1)).is_err());
    }
}

/// Returns a file of the writer. The lengths of the written pieces are no divisor or multiple of the chunk length.
fn written(
    content: &[u8],
    source: SourceMetadata,
    kind: WrapKind,
    context: &EncryptionContext,
    kms: &Toy,
) -> Vec<u8> {
    let data_key = DataKey::random();
    let keys = ["first", "second"];
    let wrap = |key| Wrap { kind, region: "cn-hangzhou".to_owned(), key };
    let of_set = |key| Wrap { kind: WrapKind::Set, ..wrap(kms.wrap(key, &data_key, context).unwrap()) };
    let header = Header::new(SetId::random(), context.clone(), source, keys.map(of_set).to_vec()).unwrap();
    let key = BodyKey::of_set(&data_key, header.file_id());
    let of_file = |name| wrap(key.wrap(kms, name, context).unwrap());
    let header = match kind {
        WrapKind::Set => header,
        WrapKind::File => header.with_wraps(keys.map(of_file).to_vec()).unwrap(),
    };
    let mut writer = Writer::new(Vec::new(), &header, &key).unwrap();
    for piece in content.chunks(10_007) {
        writer.write_all(piece).unwrap();
        writer.flush().unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn what_is_written_is_read_at_every_border() {
    let kms = Toy::default();
    let context = EncryptionContext::new([("file", "sales.csv")]).unwrap();
    let borders = [16_384, 32_768, 8 * 16_384, 9 * 16_384, 16 * 16_384, 1 << 20];
    let lengths = borders.into_iter().flat_map(|border| [border - 1, border, border + 1]);
    for length in lengths.chain([0, 1, 15, 16]) {
        let content = plaintext(length);
        for kind in [WrapKind::Set, WrapKind::File] {
            for size in [None, Some(length as u64)] {
                let source = SourceMetadata { mode: Some(0o640), size, modified: Some((-5, 999_999_999)) };
                let file = written(&content, source, kind, &context, &kms);
                for way in [streamed, sought, by_chunks] {
                    assert!(way(&file, &kms) == (content.clone(), Ok(())), "{length} bytes, {kind:?}");
                }
                let header = Header::read(file.as_slice()).unwrap();
                assert_eq!(*header.source(), source);
                let slots = if size.is_some_and(|size| size < 1 << 20) { 1 } else { 2 };
                assert_eq!(header.slots().len(), slots, "{length} bytes");
                assert_eq!(file.len() as u64, header.len() as u64 + sealed_len(length as u64));
            }
        }
    }
}

/// The size in the header is checked even if the body is well formed.
#[test]
fn a_size_that_is_not_so_is_damage() {
    let kms = Toy::default();
    let none = EncryptionContext::default();
    for (length, stated) in [(100, 99), (100, 101), (0, 1), (16_384, 0), (40_000, 16_384)] {
        let source = SourceMetadata { size: Some(stated), ..SourceMetadata::default() };
        let file = written(&plaintext(length), source, WrapKind::Set, &none, &kms);
        for way in [streamed, sought] {
            let (found, result) = way(&file, &kms);
            assert_eq!(result, Err("damaged"), "{length} bytes, said to be {stated}");
            assert!(found.len() <= CHUNK_LEN * (length / CHUNK_LEN), "{length} bytes, said to be {stated}");
        }
    }
}

#[test]
fn a_file_opens_by_any_of_its_keys_that_is_allowed_and_by_no_other() {
    let kms = Toy::default();
    let context = EncryptionContext::new([("file", "sales.csv"), ("year", "2026")]).unwrap();
    let file = written(b"content", SourceMetadata::default(), WrapKind::Set, &context, &kms);
    let open = |stated: &[(&str, &str)], allowed: &AllowedKeys| {
        let stated = EncryptionContext::new(stated.iter().copied()).unwrap();
        let reader = Reader::new(file.as_slice()).unwrap();
        reader.unlock(&kms, &stated, allowed).map(drain)
    };
    let only = |ids: &[&str]| AllowedKeys::only(ids.iter().copied());
    let (all, content) = (AllowedKeys::all(), (b"content".to_vec(), Ok(())));
    assert_eq!(open(&[], &all).unwrap(), content);
    for allowed in [&["first"][..], &["second"], &["first", "second"], &["third", "second"]] {
        assert_eq!(open(&[], &only(allowed)).unwrap(), content, "{allowed:?}");
    }
    assert_eq!(open(&[("year", "2026")], &all).unwrap(), content, "a part of the context");
    assert!(matches!(open(&[("year", "2025")], &all), Err(UnlockError::Context)));
    assert!(matches!(open(&[("other", "2026")], &all), Err(UnlockError::Context)));
    for allowed in [&["third"][..], &[""], &[]] {
        match open(&[], &only(allowed)) {
            Err(UnlockError::NotAllowed { keys }) => assert_eq!(keys, ["first", "second"], "{allowed:?}"),
            other => panic!("{allowed:?}: {:?}", other.map(|_| ())),
        }
    }
}
