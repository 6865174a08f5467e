//! The header of a LUKS2 volume: its JSON metadata, as `cryptsetup luksDump --dump-json-metadata` prints it and as
//! libcryptsetup passes it to a token plugin (LUKS2 On-Disk Format Specification 1.1.1, section 3).
//!
//! A stolen disk may come back with a header that a thief wrote, and LUKS2 authenticates neither header nor data.
//! [`LuksHeader::check`] verifies what can be verified before a KMS unwraps a key: the ciphers, and the time that the key
//! slots of bulla take to try.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::token::{Token, TokenFault};

/// The number of a key slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub(crate) struct SlotId(pub(crate) u32);

/// The number of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub(crate) struct TokenId(pub(crate) u32);

/// The parts of the metadata that are used here.
#[derive(Debug, Deserialize)]
pub(crate) struct LuksHeader {
    keyslots: BTreeMap<SlotId, Keyslot>,
    tokens: BTreeMap<TokenId, Map<String, Value>>,
    segments: BTreeMap<u32, Segment>,
    digests: BTreeMap<u32, Digest>,
    config: Config,
}

#[derive(Debug, Deserialize)]
struct Keyslot {
    #[serde(rename = "type")]
    kind: String,
    key_size: u32,
    area: Area,
    #[serde(default)]
    kdf: Derivation,
}

#[derive(Debug, Deserialize)]
struct Area {
    #[serde(default)]
    encryption: String,
    #[serde(default)]
    key_size: u32,
}

/// The derivation of a key from a passphrase. Argon2 has no iterations.
#[derive(Debug, Default, Deserialize)]
struct Derivation {
    #[serde(rename = "type")]
    kind: String,
    iterations: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Segment {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    encryption: String,
    #[serde(default)]
    flags: Vec<String>,
    integrity: Option<Value>,
}

/// Which key slots hold the key of which segments.
#[derive(Debug, Deserialize)]
struct Digest {
    keyslots: Vec<String>,
    segments: Vec<String>,
    #[serde(default)]
    iterations: u64,
}

#[derive(Debug, Deserialize)]
struct Config {
    #[serde(default)]
    requirements: Requirements,
}

#[derive(Debug, Default, Deserialize)]
struct Requirements {
    #[serde(default)]
    mandatory: Vec<String>,
}

/// Why a header is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    /// It is not the JSON metadata of LUKS2.
    Unreadable,
    /// A reencryption is unfinished.
    Reencrypting,
    /// The volume requires an unknown feature.
    Requirement(String),
    /// The data is not encrypted by AES-XTS with a key of 512 bits; the null cipher is one of the possible ones.
    DataCipher(String),
    /// A key slot is not encrypted by that cipher.
    SlotCipher(SlotId, String),
    /// Trying a key slot that a token of bulla names would take too long, or too much memory.
    SlotDerivation(SlotId, String),
    /// Comparing any key with the digest of the volume key would take too long.
    DigestIterations(u64),
}

impl LuksHeader {
    /// The maximum size of the metadata of a volume (4 MiB less the binary header).
    pub(crate) const MAX_BYTES: usize = 4 << 20;
    const MAX_SLOTS: u32 = 32;
    const MAX_TOKENS: u32 = 32;

    /// Parses the metadata.
    ///
    /// # Errors
    /// [`HeaderFault::Unreadable`].
    pub(crate) fn parse(json: &[u8]) -> Result<Self, HeaderFault> {
        if json.len() > Self::MAX_BYTES {
            return Err(HeaderFault::Unreadable);
        }
        serde_json::from_slice(json).map_err(|_| HeaderFault::Unreadable)
    }

    /// Refuses a volume that is not encrypted as bulla encrypts, although the right key opens it, one that is being
    /// changed, and one whose key takes too long to try.
    ///
    /// # Errors
    /// All of [`HeaderFault`] but `Unreadable`.
    pub(crate) fn check(&self) -> Result<(), HeaderFault> {
        self.check_quiet()?;
        self.check_segments()?;
        self.check_slots()?;
        self.check_cost()
    }

    fn check_segments(&self) -> Result<(), HeaderFault> {
        for segment in self.segments.values() {
            if segment.kind != "crypt" || segment.encryption != CIPHER || segment.integrity.is_some() {
                return Err(HeaderFault::DataCipher(format!("{} {}", segment.kind, segment.encryption)));
            }
        }
        // Only a reencryption needs several segments; under one key, they could encrypt different data identically.
        if self.segments.len() != 1 {
            return Err(HeaderFault::DataCipher(format!("{} segments", self.segments.len())));
        }
        Ok(())
    }

    fn check_slots(&self) -> Result<(), HeaderFault> {
        for (slot, keyslot) in &self.keyslots {
            let Keyslot { kind, key_size, area, .. } = keyslot;
            if kind != "luks2"
                || *key_size != KEY_BYTES
                || area.encryption != CIPHER
                || area.key_size != KEY_BYTES
            {
                let cipher = format!("{} {} bits", area.encryption, u64::from(*key_size) * 8);
                return Err(HeaderFault::SlotCipher(*slot, cipher));
            }
        }
        Ok(())
    }

    /// Refuses a cost that an attacker may have written to delay a boot. Key slots of passphrases are not tried here.
    fn check_cost(&self) -> Result<(), HeaderFault> {
        for slot in self.good_tokens().iter().filter_map(|(_, token)| token.any_slot()) {
            let Some(Keyslot { kdf, .. }) = self.keyslots.get(&slot) else { continue };
            if kdf.kind != "pbkdf2" || kdf.iterations.is_none_or(|count| count > MAX_SLOT_ITERATIONS) {
                let iterations = kdf.iterations.map_or(String::new(), |count| format!(" {count} iterations"));
                return Err(HeaderFault::SlotDerivation(slot, format!("{}{iterations}", kdf.kind)));
            }
        }
        match self.digests.values().map(|digest| digest.iterations).max() {
            Some(count) if count > MAX_DIGEST_ITERATIONS => Err(HeaderFault::DigestIterations(count)),
            _ => Ok(()),
        }
    }

    /// Refuses a volume in the middle of a reencryption, and one with an unknown feature.
    fn check_quiet(&self) -> Result<(), HeaderFault> {
        let mut mandatory = self.config.requirements.mandatory.iter();
        if mandatory.clone().any(|requirement| requirement.contains("reencrypt"))
            || self.keyslots.values().any(|keyslot| keyslot.kind == "reencrypt")
            || self.segments.values().any(|segment| !segment.flags.is_empty())
        {
            return Err(HeaderFault::Reencrypting);
        }
        mandatory.next().map_or(Ok(()), |requirement| Err(HeaderFault::Requirement(requirement.clone())))
    }

    /// Returns the tokens of bulla, with the faults of those that cannot be used.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = (TokenId, Result<Token, TokenFault>)> {
        self.tokens.iter().filter_map(|(id, json)| Some((*id, Token::parse(json)?)))
    }

    /// Returns the usable tokens of bulla.
    pub(crate) fn good_tokens(&self) -> Vec<(TokenId, Token)> {
        self.tokens().filter_map(|(id, token)| Some((id, token.ok()?))).collect()
    }

    /// Returns the key slots that hold the volume key. Others, which `cryptsetup luksAddKey --unbound` creates, open
    /// nothing.
    pub(crate) fn slots(&self) -> impl Iterator<Item = SlotId> {
        let of_data = self.digests.values().filter(|digest| !digest.segments.is_empty());
        let bound: Vec<&str> = of_data.flat_map(|digest| &digest.keyslots).map(String::as_str).collect();
        self.keyslots.keys().copied().filter(move |slot| bound.contains(&&*slot.to_string()))
    }

    pub(crate) fn has_slot(&self, slot: SlotId) -> bool {
        self.keyslots.contains_key(&slot)
    }

    /// Returns the key slots that no token of bulla names, so that no KMS opens them.
    pub(crate) fn slots_without_kms(&self) -> Vec<SlotId> {
        let named = self.named_slots();
        self.slots().filter(|slot| !named.contains(slot)).collect()
    }

    /// Returns the lowest key slot that is neither in use nor named by a token of bulla.
    pub(crate) fn free_slot(&self) -> Option<SlotId> {
        let named = self.named_slots();
        (0..Self::MAX_SLOTS).map(SlotId).find(|slot| !self.has_slot(*slot) && !named.contains(slot))
    }

    /// Returns the key slots that tokens of bulla name, including those that a later version wrote.
    fn named_slots(&self) -> Vec<SlotId> {
        self.tokens.values().flat_map(Token::named_slots).collect()
    }

    /// Returns the unused token numbers.
    pub(crate) fn free_tokens(&self) -> impl Iterator<Item = TokenId> {
        (0..Self::MAX_TOKENS).map(TokenId).filter(|id| !self.tokens.contains_key(id))
    }
}

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for HeaderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("the header is not the metadata of a LUKS2 volume"),
            Self::Reencrypting => f.write_str("a reencryption of the volume is unfinished"),
            Self::Requirement(name) => write!(f, "the volume requires {name:?}, which is not known here"),
            Self::DataCipher(cipher) => {
                write!(f, "the data is encrypted by {cipher:?}, not by {CIPHER} with 512 bits")
            }
            Self::SlotCipher(slot, cipher) => {
                write!(f, "key slot {slot} is encrypted by {cipher:?}, not by {CIPHER} with 512 bits")
            }
            Self::SlotDerivation(slot, derivation) => write!(
                f,
                "key slot {slot} of bulla derives its key by {derivation:?}, not by pbkdf2 with at most \
                 {MAX_SLOT_ITERATIONS} iterations"
            ),
            Self::DigestIterations(count) => write!(
                f,
                "the digest of the volume key takes {count} iterations, more than {MAX_DIGEST_ITERATIONS}"
            ),
        }
    }
}

impl Error for HeaderFault {}

/// The cipher of data and key slots.
pub(super) const CIPHER: &str = "aes-xts-plain64";
/// Two keys of AES-256: one for the data, one for the tweak.
pub(super) const KEY_BYTES: u32 = 64;
/// bulla writes 1,000.
const MAX_SLOT_ITERATIONS: u64 = 10_000;
/// A few seconds; cryptsetup chooses a number that takes an eighth of a second.
const MAX_DIGEST_ITERATIONS: u64 = 10_000_000;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Metadata of a new volume of cryptsetup 2.6.1, with one token of each kind.
    pub(crate) const METADATA: &str = include_str!("../../../../testdata/luks/metadata.json");

    fn edited(pointer: &str, value: Value) -> LuksHeader {
        let mut json: Value = serde_json::from_str(METADATA).unwrap();
        *json.pointer_mut(pointer).unwrap() = value;
        LuksHeader::parse(json.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_volume_as_cryptsetup_makes_it_is_good() {
        let header = LuksHeader::parse(METADATA.as_bytes()).unwrap();
        assert_eq!(header.check(), Ok(()));
        assert_eq!(header.slots().collect::<Vec<_>>(), [SlotId(0), SlotId(1)]);
        assert_eq!(header.slots_without_kms(), [SlotId(0)]);
        assert_eq!((header.free_slot(), header.free_tokens().next()), (Some(SlotId(2)), Some(TokenId(2))));
        assert_eq!(header.good_tokens().len(), 1);
    }

    #[test]
    fn a_token_of_a_later_version_names_its_key_slots() {
        let named = serde_json::json!({"type": "bulla", "version": 2, "keyslots": ["0", 7], "pending": "2"});
        let header = edited("/tokens/1", named);
        assert!(header.slots_without_kms().is_empty());
        assert_eq!(header.free_slot(), Some(SlotId(3)));
    }

    #[test]
    fn a_key_slot_of_no_data_is_no_way_in() {
        for unbound in [serde_json::json!([]), serde_json::json!(["1"])] {
            let header = edited("/digests/0/keyslots", unbound.clone());
            let bound = header.slots().map(|slot| slot.to_string()).collect::<Vec<_>>();
            assert_eq!(Value::from(bound), unbound);
            assert!(header.slots_without_kms().is_empty());
            assert_eq!(header.free_slot(), Some(SlotId(2)));
        }
        assert_eq!(edited("/digests/0/segments", serde_json::json!([])).slots().count(), 0);
    }

    #[test]
    fn volumes_of_other_ciphers_are_refused() {
        for (pointer, value) in [
            ("/segments/0/encryption", "cipher_null-ecb"),
            ("/segments/0/encryption", "aes-cbc-essiv:sha256"),
            ("/segments/0/type", "linear"),
            ("/keyslots/0/area/encryption", "cipher_null-ecb"),
            ("/keyslots/1/type", "other"),
        ] {
            let fault = edited(pointer, value.into()).check().unwrap_err();
            assert!(
                matches!(fault, HeaderFault::DataCipher(_) | HeaderFault::SlotCipher(..)),
                "{pointer} {value}: {fault}"
            );
        }
        for pointer in ["/keyslots/1/key_size", "/keyslots/1/area/key_size"] {
            let fault = edited(pointer, 32.into()).check();
            assert!(matches!(fault, Err(HeaderFault::SlotCipher(SlotId(1), _))), "{pointer}");
        }
        let integrity = serde_json::json!({"type": "hmac(sha256)"});
        let mut json: Value = serde_json::from_str(METADATA).unwrap();
        json["segments"]["0"]["integrity"] = integrity;
        let fault = LuksHeader::parse(json.to_string().as_bytes()).unwrap().check();
        assert!(matches!(fault, Err(HeaderFault::DataCipher(_))));
        let segment = serde_json::from_str::<Value>(METADATA).unwrap()["segments"]["0"].clone();
        for segments in [serde_json::json!({}), serde_json::json!({"0": segment, "1": segment})] {
            let fault = edited("/segments", segments).check();
            assert!(matches!(fault, Err(HeaderFault::DataCipher(_))));
        }
    }

    #[test]
    fn a_key_slot_of_ours_that_takes_long_is_refused() {
        let argon2 = serde_json::json!({"type": "argon2id", "time": 4, "memory": 1_048_576, "cpus": 4});
        let pbkdf2 =
            |count: u64| serde_json::json!({"type": "pbkdf2", "hash": "sha256", "iterations": count});
        assert_eq!(edited("/keyslots/1/kdf", pbkdf2(10_000)).check(), Ok(()));
        for kdf in [pbkdf2(10_001), pbkdf2(u64::MAX), argon2.clone(), serde_json::json!({"type": "pbkdf2"})] {
            let fault = edited("/keyslots/1/kdf", kdf).check();
            assert!(matches!(fault, Err(HeaderFault::SlotDerivation(SlotId(1), _))), "{fault:?}");
        }
        for kdf in [pbkdf2(u64::MAX), argon2] {
            assert_eq!(edited("/keyslots/0/kdf", kdf).check(), Ok(()), "a passphrase is no concern of ours");
        }
        let fault = edited("/digests/0/iterations", 10_000_001.into()).check();
        assert_eq!(fault, Err(HeaderFault::DigestIterations(10_000_001)));
    }

    #[test]
    fn a_volume_in_the_middle_of_a_reencryption_is_refused() {
        let requirement = |name: &str| {
            let mut json: Value = serde_json::from_str(METADATA).unwrap();
            json["config"]["requirements"] = serde_json::json!({"mandatory": [name]});
            LuksHeader::parse(json.to_string().as_bytes()).unwrap().check()
        };
        assert_eq!(requirement("online-reencrypt-v2"), Err(HeaderFault::Reencrypting));
        assert_eq!(requirement("offline-reencrypt"), Err(HeaderFault::Reencrypting));
        assert_eq!(requirement("new"), Err(HeaderFault::Requirement("new".into())));
        assert_eq!(edited("/keyslots/1/type", "reencrypt".into()).check(), Err(HeaderFault::Reencrypting));
        let mut json: Value = serde_json::from_str(METADATA).unwrap();
        json["segments"]["0"]["flags"] = serde_json::json!(["in-reencryption"]);
        assert_eq!(
            LuksHeader::parse(json.to_string().as_bytes()).unwrap().check(),
            Err(HeaderFault::Reencrypting)
        );
    }

    #[test]
    fn what_is_no_metadata_is_unreadable() {
        for json in
            [&b""[..], b"[]", b"{}", b"{\"keyslots\":{\"x\":1}}", &[0xff; 10], &vec![b' '; (4 << 20) + 1]]
        {
            assert_eq!(LuksHeader::parse(json).unwrap_err(), HeaderFault::Unreadable);
        }
    }
}
