//! Seals: Ed25519 (RFC 8032) signatures over the lines of the trail.
//!
//! ```text
//! signature = Ed25519(key, len ‖ "bulla/audit-signature/v1", len ‖ head, len ‖ prev)
//! head      = the bytes of the line from its first one to the one before `,"signature":`
//! prev      = the SHA-256 that the line has as `prev`, as 32 bytes
//! len       = u32be
//! line      = head ‖ ,"signature":"HEX","prev":"HEX"}
//! ```
//!
//! The head includes the type of the line, so that a seal cannot pass for a certificate; the store, the epoch, the time and
//! the number of the line; the number of a commit of the store that was durable; and the public key. `prev` covers all lines
//! before. So each byte of a sealed trail is signed, including members that a later version adds.
//!
//! Each file has its own key pair. Its first line is the certificate of the public key, signed by the key of the file before,
//! whose private key is then destroyed.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use bulla_keys::root::RootKeys;
use bulla_keys::{Random, SystemRandom, seal_seed};
use zeroize::Zeroizing;

use super::chain::{Framed, Hash, from_hex, head, hex};
use super::line::Members;

/// The public key of seals. Written in lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

/// The text is not a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPublicKey;

/// A key pair that signs seals.
pub(super) struct SealKey {
    pair: Ed25519KeyPair,
    seed: Zeroizing<[u8; 32]>,
    public: PublicKey,
}

impl SealKey {
    pub(super) fn random() -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        SystemRandom.fill(&mut *seed);
        Self::from_seed(seed)
    }

    pub(super) fn from_seed(seed: Zeroizing<[u8; 32]>) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).expect("any 32 bytes are a seed");
        let public = pair.public_key().as_ref().try_into().expect("a public key has 32 bytes");
        Self { pair, seed, public: PublicKey(public) }
    }

    pub(super) fn public(&self) -> PublicKey {
        self.public
    }

    /// Adds the signature to the members of a line with this number, which follows the line with hash `prev`.
    pub(super) fn sign(&self, prev: Hash, number: u64, members: &Members) -> Members {
        let message = message(&head(number, members.as_str()), prev);
        let signature = hex(self.pair.sign(&message).as_ref());
        Members::from_rendered([members.as_str(), SIGNATURE, &signature, "\""].concat())
    }

    /// Returns the content of the key's file.
    pub(super) fn wrap(&self, roots: &RootKeys) -> String {
        let wrapped = seal_seed::wrap(roots, &self.public.0, &self.seed, &SystemRandom);
        format!("{PREFIX}{}:{}\n", self.public, hex(&wrapped))
    }

    /// Parses the result of [`SealKey::wrap`]; none if it is damaged, or belongs to another store.
    pub(super) fn unwrap(text: &str, roots: &RootKeys) -> Option<Self> {
        let (public, wrapped) = text.strip_prefix(PREFIX)?.strip_suffix('\n')?.split_once(':')?;
        let public: PublicKey = public.parse().ok()?;
        let wrapped: [u8; WRAPPED_LEN] = from_hex(wrapped)?;
        let key = Self::from_seed(seal_seed::unwrap(roots, &public.0, &wrapped).ok()?);
        (key.public == public).then_some(key)
    }
}

impl PublicKey {
    /// Whether the line has a signature by this key.
    pub(super) fn verifies(&self, line: Framed<'_>) -> bool {
        let Some((members, signature)) = line.members.rsplit_once(SIGNATURE) else { return false };
        let Some(signature) = signature.strip_suffix('"').and_then(from_hex::<64>) else { return false };
        let message = message(&head(line.number, members), line.prev);
        UnparsedPublicKey::new(&ED25519, &self.0).verify(&message, &signature).is_ok()
    }
}

/// Returns the signed message.
fn message(head: &str, prev: Hash) -> Vec<u8> {
    let mut message = Vec::with_capacity(head.len() + 128);
    for part in [LABEL, head.as_bytes(), prev.as_bytes()] {
        let length = u32::try_from(part.len()).expect("lines are far below 4 GiB");
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(part);
    }
    message
}

impl FromStr for PublicKey {
    type Err = NotAPublicKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        from_hex(text).map(Self).ok_or(NotAPublicKey)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl fmt::Display for NotAPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a public key: 64 lower-case hexadecimal digits")
    }
}

impl std::error::Error for NotAPublicKey {}

const LABEL: &[u8] = b"bulla/audit-signature/v1";
const SIGNATURE: &str = r#","signature":""#;
const PREFIX: &str = "bulla-seal-key-v1:";
/// A seed of 32 bytes, with nonce and tag.
const WRAPPED_LEN: usize = 32 + bulla_keys::Xaes256Gcm::OVERHEAD;

#[cfg(test)]
mod tests {
    use bulla_keys::StoreId;
    use bulla_keys::root::RootKey;

    use super::super::chain::Position;
    use super::*;

    #[test]
    fn a_signature_covers_the_number_the_members_and_the_line_before() {
        let key = SealKey::random();
        let signed = key.sign(Hash::NONE, 1, &Members::from_rendered(r#""type":"seal","commit":7"#));
        let mut out = Vec::new();
        Position::START.append(signed.as_str(), &mut out);
        let text = String::from_utf8(out).unwrap();
        let verifies = |line: &str| key.public().verifies(Framed::parse(line.trim_end().as_bytes()).unwrap());
        assert!(verifies(&text));
        assert!(!SealKey::random().public().verifies(Framed::parse(text.trim_end().as_bytes()).unwrap()));
        for (from, to) in [
            ("\"seq\":1", "\"seq\":2"),
            ("commit\":7", "commit\":8"),
            ("\"commit\"", "\"x\":1,\"commit\""),
            ("prev\":\"0", "prev\":\"1"),
            ("\"signature\"", "\"signatur\""),
        ] {
            assert!(!verifies(&text.replacen(from, to, 1)), "{from}");
        }
    }

    #[test]
    fn a_kept_key_opens_under_its_store_only() {
        let root = RootKey::random(&SystemRandom);
        let roots = root.keys(StoreId::random(&SystemRandom), 1);
        let key = SealKey::random();
        let kept = key.wrap(&roots);
        assert_eq!(SealKey::unwrap(&kept, &roots).unwrap().public(), key.public());
        assert!(SealKey::unwrap(&kept, &root.keys(StoreId::random(&SystemRandom), 1)).is_none());
        assert!(SealKey::unwrap(&"\0".repeat(kept.len()), &roots).is_none());
    }
}
