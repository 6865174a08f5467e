//! The LUKS2 token of bulla: one wrapped key of one key slot.
//!
//! `{"type":"bulla","keyslots":["1"],"version":1,"key_id":…,"key_version_id":…,"wrapped_key":…,"context":{…},"kms":…}`
//!
//! `wrapped_key` is the ciphertext blob of the KMS. `context` has the pairs of the user; [`volume_context`] adds the
//! UUID of the volume, which is read from the volume, never from a token. `kms` is only displayed: addresses come from
//! the configuration. Unknown members are kept.
//!
//! A killed command must not leave a key slot that no token names. So a token names a key slot before it is created
//! (`keyslots` is empty and `pending` has its number), and a token of a new key slot names the one that it replaces
//! (`replaces`) until that one is removed.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bulla_keys::blob;
use bulla_wire::ContextParameter;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::header::SlotId;
use super::uuid::VolumeUuid;

/// A token of bulla.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) slot: TokenSlot,
    /// The key slot to destroy once the KMS has opened this one.
    pub(crate) replaces: Option<SlotId>,
    pub(crate) wrapped: WrappedSlotKey,
    /// The encryption context that the user named.
    pub(crate) context: BTreeMap<String, String>,
    /// The KMS that wrapped the key.
    pub(crate) kms: String,
    unknown: Map<String, Value>,
}

/// A wrapped key and the key that wrapped it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WrappedSlotKey {
    pub(crate) key_id: String,
    pub(crate) key_version_id: String,
    pub(crate) blob: String,
}

/// The key slot that the wrapped key opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenSlot {
    Ready(SlotId),
    /// A command is creating it, or was killed while doing so.
    Pending(SlotId),
    /// It was destroyed.
    WithoutKeySlot,
}

/// Why a token of bulla cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenFault {
    /// A newer version of bulla wrote it.
    Version(u64),
    /// A member is missing or of another type, or the token names several key slots.
    Malformed,
    /// It is longer than any that bulla writes.
    TooLong,
    /// Its context has a name that is reserved for bulla.
    ReservedName,
}

/// The members with their spelling in JSON.
#[derive(Serialize, Deserialize)]
struct Members {
    #[serde(rename = "type")]
    kind: String,
    keyslots: Vec<String>,
    version: u64,
    key_id: String,
    key_version_id: String,
    wrapped_key: String,
    context: BTreeMap<String, String>,
    kms: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pending: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaces: Option<String>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl Token {
    /// The maximum size of a token: the area for all JSON of a volume has 12 KiB by default.
    pub(crate) const MAX_BYTES: usize = 8 << 10;

    pub(crate) fn new(
        slot: TokenSlot,
        wrapped: WrappedSlotKey,
        context: BTreeMap<String, String>,
        kms: String,
    ) -> Self {
        Self { slot, replaces: None, wrapped, context, kms, unknown: Map::new() }
    }

    /// Parses a token of the header; `None` for tokens of other programs.
    pub(crate) fn parse(json: &Map<String, Value>) -> Option<Result<Self, TokenFault>> {
        is_ours(json).then(|| Self::parse_bulla_token(json))
    }

    /// Returns the key slots that a token of bulla names, even if it cannot be used, including a removed one that its
    /// key slot replaces.
    pub(crate) fn named_slots(json: &Map<String, Value>) -> Vec<SlotId> {
        if !is_ours(json) {
            return Vec::new();
        }
        let slots = json.get("keyslots").and_then(Value::as_array).into_iter().flatten();
        let texts = slots.chain(json.get("pending")).chain(json.get("replaces")).filter_map(Value::as_str);
        texts.filter_map(|text| number(text).ok()).collect()
    }

    fn parse_bulla_token(json: &Map<String, Value>) -> Result<Self, TokenFault> {
        match json.get("version").and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(other) => return Err(TokenFault::Version(other)),
            None => return Err(TokenFault::Malformed),
        }
        let value = Value::Object(json.clone());
        if value.to_string().len() > Self::MAX_BYTES {
            return Err(TokenFault::TooLong);
        }
        let members: Members = serde_json::from_value(value).map_err(|_| TokenFault::Malformed)?;
        if members.context.keys().any(|name| is_reserved(name)) {
            return Err(TokenFault::ReservedName);
        }
        let slot = match (&members.keyslots[..], &members.pending) {
            ([slot], None) => TokenSlot::Ready(number(slot)?),
            ([], Some(slot)) => TokenSlot::Pending(number(slot)?),
            ([], None) => TokenSlot::WithoutKeySlot,
            _ => return Err(TokenFault::Malformed),
        };
        let replaces = members.replaces.as_deref().map(number).transpose()?;
        let Members { key_id, key_version_id, wrapped_key: blob, context, kms, unknown, .. } = members;
        let wrapped = WrappedSlotKey { key_id, key_version_id, blob };
        Ok(Self { slot, replaces, wrapped, context, kms, unknown })
    }

    /// Returns the token as it is written into the header.
    ///
    /// # Errors
    /// [`TokenFault::TooLong`].
    pub(crate) fn to_json(&self) -> Result<String, TokenFault> {
        let (keyslots, pending) = match self.slot {
            TokenSlot::Ready(slot) => (vec![slot.to_string()], None),
            TokenSlot::Pending(slot) => (vec![], Some(slot.to_string())),
            TokenSlot::WithoutKeySlot => (vec![], None),
        };
        let Self { replaces, wrapped, context, kms, unknown, .. } = self.clone();
        let members = Members {
            kind: TYPE.into(),
            keyslots,
            version: VERSION,
            key_id: wrapped.key_id,
            key_version_id: wrapped.key_version_id,
            wrapped_key: wrapped.blob,
            context,
            kms,
            pending,
            replaces: replaces.map(|slot| slot.to_string()),
            unknown,
        };
        let json = serde_json::to_string(&members).expect("strings and numbers are always JSON");
        if json.len() > Self::MAX_BYTES { Err(TokenFault::TooLong) } else { Ok(json) }
    }

    /// Returns the key slot that this token opens now.
    pub(crate) fn ready_slot(&self) -> Option<SlotId> {
        match self.slot {
            TokenSlot::Ready(slot) => Some(slot),
            TokenSlot::Pending(_) | TokenSlot::WithoutKeySlot => None,
        }
    }

    /// Returns the key slot that it names, including one that is being created.
    pub(crate) fn any_slot(&self) -> Option<SlotId> {
        match self.slot {
            TokenSlot::Ready(slot) | TokenSlot::Pending(slot) => Some(slot),
            TokenSlot::WithoutKeySlot => None,
        }
    }

    pub(crate) fn with_slot(self, slot: TokenSlot) -> Self {
        Self { slot, ..self }
    }

    pub(crate) fn replacing(self, replaces: Option<SlotId>) -> Self {
        Self { replaces, ..self }
    }

    pub(crate) fn with_wrapped(self, wrapped: WrappedSlotKey) -> Self {
        Self { wrapped, ..self }
    }

    pub(crate) fn with_kms(self, kms: String) -> Self {
        Self { kms, ..self }
    }

    /// Copies unknown members, which a later version of bulla wrote.
    pub(crate) fn keep_unknown(&mut self, of: &Self) {
        self.unknown.clone_from(&of.unknown);
    }

    /// Returns the encryption context to which the wrapped key is bound in this volume.
    pub(crate) fn encryption_context(&self, volume: &VolumeUuid) -> ContextParameter {
        volume_context(volume, &self.context)
    }
}

impl WrappedSlotKey {
    /// Returns whether the blob is of the key version that the token names, as far as visible: blobs of bulla and of
    /// Alibaba Cloud begin with the id of the version. A blob that is not base64 is of none.
    pub(crate) fn is_of_its_version(&self) -> bool {
        STANDARD.decode(&self.blob).is_ok_and(|blob| {
            blob::version(&blob).is_none_or(|version| version.to_string() == self.key_version_id)
        })
    }
}

/// Returns the encryption context of a key of a volume: the pairs of the user, and the volume.
pub(crate) fn volume_context(volume: &VolumeUuid, pairs: &BTreeMap<String, String>) -> ContextParameter {
    let mut context = pairs.clone();
    context.insert(VOLUME.into(), volume.to_string());
    ContextParameter(context)
}

/// Returns whether bulla reserves names like this one.
pub(crate) fn is_reserved(name: &str) -> bool {
    name.starts_with("bulla:")
}

fn is_ours(json: &Map<String, Value>) -> bool {
    json.get("type").and_then(Value::as_str) == Some(TYPE)
}

fn number(text: &str) -> Result<SlotId, TokenFault> {
    let slot: u32 = text.parse().map_err(|_| TokenFault::Malformed)?;
    // cryptsetup accepts no other spelling of a number, such as +1 or 01.
    if slot < 32 && text == slot.to_string() { Ok(SlotId(slot)) } else { Err(TokenFault::Malformed) }
}

impl fmt::Display for TokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => {
                write!(f, "it has version {version}, and this bulla supports only {VERSION}")
            }
            Self::Malformed => f.write_str("it is malformed"),
            Self::TooLong => write!(f, "it has more than {} bytes", Token::MAX_BYTES),
            Self::ReservedName => f.write_str("its context has a name that begins with bulla:"),
        }
    }
}

impl Error for TokenFault {}

const TYPE: &str = "bulla";
const VERSION: u64 = 1;
/// The name of the UUID in the encryption context.
const VOLUME: &str = "bulla:volume";

#[cfg(test)]
mod tests {
    use super::*;

    /// Every member, and one of a later version.
    const GOLDEN: &str = include_str!("../../../../testdata/luks/token.json");

    fn golden() -> Map<String, Value> {
        serde_json::from_str(GOLDEN).unwrap()
    }

    #[test]
    fn the_golden_token_is_read_and_written_as_it_is() {
        let token = Token::parse(&golden()).unwrap().unwrap();
        assert_eq!(token.slot, TokenSlot::Ready(SlotId(1)));
        assert_eq!(token.wrapped.key_id, "key-hzz65f3a68554o6ms5k7j");
        assert_eq!(token.context, [("machine".to_owned(), "web-1".to_owned())].into());
        assert_eq!(token.unknown["later"], serde_json::json!({"kept": true}));
        let written: Map<String, Value> = serde_json::from_str(&token.to_json().unwrap()).unwrap();
        assert_eq!(written, golden());
    }

    #[test]
    fn each_state_of_a_slot_is_written_and_read() {
        let token = Token::parse(&golden()).unwrap().unwrap();
        for slot in [TokenSlot::Ready(SlotId(31)), TokenSlot::Pending(SlotId(0)), TokenSlot::WithoutKeySlot] {
            for replaces in [None, Some(SlotId(2))] {
                let token = token.clone().with_slot(slot).replacing(replaces);
                let json = serde_json::from_str(&token.to_json().unwrap()).unwrap();
                assert_eq!(Token::parse(&json), Some(Ok(token)));
            }
        }
    }

    #[test]
    fn tokens_of_others_are_none_and_damaged_ones_are_refused() {
        let with = |name: &str, value: Value| {
            let mut json = golden();
            json.insert(name.into(), value);
            Token::parse(&json)
        };
        assert_eq!(with("type", "systemd-tpm2".into()), None);
        assert_eq!(with("type", 1.into()), None);
        assert_eq!(with("version", 2.into()), Some(Err(TokenFault::Version(2))));
        let context = |name: &str| serde_json::json!({ name: "x" });
        assert_eq!(with("context", context("bulla:volume")), Some(Err(TokenFault::ReservedName)));
        assert_eq!(with("kms", "x".repeat(9000).into()), Some(Err(TokenFault::TooLong)));
        for (name, value) in [
            ("version", "1".into()),
            ("version", Value::Null),
            ("keyslots", serde_json::json!(["0", "1"])),
            ("keyslots", serde_json::json!(["32"])),
            ("keyslots", serde_json::json!([1])),
            ("keyslots", serde_json::json!(["-1"])),
            ("keyslots", serde_json::json!(["+1"])),
            ("keyslots", serde_json::json!(["01"])),
            ("pending", "2".into()),
            ("replaces", "x".into()),
            ("key_id", 5.into()),
            ("wrapped_key", Value::Null),
            ("context", serde_json::json!({"a": 1})),
        ] {
            assert_eq!(with(name, value.clone()), Some(Err(TokenFault::Malformed)), "{name} {value}");
        }
        for name in ["version", "keyslots", "key_id", "key_version_id", "wrapped_key", "context", "kms"] {
            let mut json = golden();
            json.remove(name);
            assert_eq!(Token::parse(&json), Some(Err(TokenFault::Malformed)), "{name}");
        }
    }

    /// Every bit of every byte, including those between the members.
    #[test]
    fn a_token_with_a_changed_byte_is_refused_or_read_as_it_is_written() {
        let (mut refused, mut read) = (0, 0);
        for at in 0..GOLDEN.len() {
            for bit in 0..8 {
                let mut changed = GOLDEN.as_bytes().to_vec();
                changed[at] ^= 1 << bit;
                let json = serde_json::from_slice::<Map<String, Value>>(&changed).ok();
                let Some(Some(Ok(token))) = json.as_ref().map(Token::parse) else {
                    refused += 1;
                    continue;
                };
                read += 1;
                let written = serde_json::from_str(&token.to_json().unwrap()).unwrap();
                assert_eq!(json, Some(written), "byte {at}, bit {bit}");
            }
        }
        assert!(refused > GOLDEN.len() && read > GOLDEN.len(), "{refused} {read}");
    }

    #[test]
    fn a_blob_of_another_version_than_the_token_names_is_known_as_such() {
        let is_of = |blob: &[u8], version: &str| {
            let key_version_id = version.to_owned();
            let blob = STANDARD.encode(blob);
            WrappedSlotKey { key_id: "key".into(), key_version_id, blob }.is_of_its_version()
        };
        let version = "2ab1a983-7072-4bbc-a582-584b5bd8a4e9";
        let blob = format!("{version}and then what is sealed");
        assert!(is_of(blob.as_bytes(), version));
        assert!(!is_of(blob.as_bytes(), "2ab1a983-7072-4bbc-a582-584b5bd8a4e8"));
        assert!(!is_of(blob.as_bytes(), ""));
        assert!(is_of(b"a blob of another KMS tells no version", version));
        let token = Token::parse(&golden()).unwrap().unwrap();
        assert!(token.wrapped.is_of_its_version());
        assert!(!WrappedSlotKey { blob: "?".into(), ..token.wrapped }.is_of_its_version());
    }

    #[test]
    fn the_context_has_the_uuid_of_the_volume() {
        let token = Token::parse(&golden()).unwrap().unwrap();
        let volume = VolumeUuid::parse("088d56d8-1ff1-491c-9259-131a816cd2a6").unwrap();
        let ContextParameter(pairs) = token.encryption_context(&volume);
        assert_eq!(pairs["bulla:volume"], "088d56d8-1ff1-491c-9259-131a816cd2a6");
        assert_eq!(pairs["machine"], "web-1");
    }
}
