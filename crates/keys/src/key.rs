//! Master keys and their versions, as they are recorded, and what may become of them.
//!
//! Every change is a function from one record to the next; whoever calls it writes the result if the record is still
//! the same. Times are seconds since 1970.

use std::fmt;

use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::id::{KeyId, KeyVersionId};
use crate::maker::Maker;
use crate::material::{Construction, Material};
use crate::spec::{KeyKind, KeyOrigin, KeySpec, KeyUsage, ProtectionLevel};
use crate::state::{KeyState, Operation, Refusal};
use crate::tags::Tags;

/// A master key without its material.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Key {
    /// Its id.
    #[n(0)]
    pub id: KeyId,
    /// When it was made.
    #[n(1)]
    pub created: i64,
    /// The account that made it, or [`Key::SECRETS_SERVICE`].
    #[n(2)]
    pub creator: Box<str>,
    /// What it is for.
    #[n(3)]
    pub description: Description,
    /// What it is.
    #[n(4)]
    pub spec: KeySpec,
    /// What it may be used for.
    #[n(5)]
    pub usage: KeyUsage,
    /// Where its material comes from.
    #[n(6)]
    pub origin: KeyOrigin,
    /// What guards its material.
    #[n(7)]
    pub protection: ProtectionLevel,
    /// As it was written; [`Key::state`] is what counts.
    #[n(8)]
    written_state: KeyState,
    /// The newest version: the one that encrypts, if this is no key pair.
    #[n(9)]
    pub primary: KeyVersionId,
    /// When that version was made.
    #[n(10)]
    pub last_rotation: i64,
    /// Seconds between versions that are made by themselves.
    #[n(11)]
    pub rotation_interval: Option<RotationInterval>,
    /// When it will be gone; only while its deletion is pending.
    #[n(12)]
    delete_at: Option<i64>,
    /// Why it must not be deleted, if it is protected.
    #[n(13)]
    pub deletion_protection: Option<Description>,
    /// What its owners file it under.
    #[n(14)]
    #[cbor(default)]
    pub tags: Tags,
    /// The material that was imported, if any ever was; apart, because most keys have none.
    #[n(15)]
    imported: Option<Box<Imported>>,
    /// Who made it.
    #[n(16)]
    pub made_by: Option<Maker>,
}

/// What a key is when it is made.
#[derive(Clone, Copy, Debug)]
pub struct NewKey<'a> {
    /// Its id.
    pub id: KeyId,
    /// Its first version.
    pub primary: KeyVersionId,
    /// When it is made.
    pub created: i64,
    /// The account that makes it, or [`Key::SECRETS_SERVICE`].
    pub creator: &'a str,
    /// What it is.
    pub spec: KeySpec,
    /// What it may be used for.
    pub usage: KeyUsage,
    /// Where its material comes from.
    pub origin: KeyOrigin,
}

/// What is remembered of imported material.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Imported {
    /// Tells whether other material is the same.
    #[n(0)]
    fingerprint: ByteArray<32>,
    /// When it ends; never, if absent.
    #[n(1)]
    expires: Option<i64>,
    /// Whether it is there, and was not deleted.
    #[n(2)]
    present: bool,
}

/// One version of a key, with its material sealed once more inside the sealed record.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct KeyVersion {
    /// Its id.
    #[n(0)]
    pub id: KeyVersionId,
    /// The key it belongs to.
    #[n(1)]
    pub key: KeyId,
    /// When it was made.
    #[n(2)]
    pub created: i64,
    /// What its material is, and so how it is used.
    #[n(3)]
    pub construction: Construction,
    /// What [`crate::Material::seal`] gave; empty if the material was deleted.
    #[n(4)]
    pub sealed_material: ByteVec,
    /// The public key of a key pair: DER of its SubjectPublicKeyInfo (RFC 5280).
    #[n(5)]
    pub public_key: Option<ByteVec>,
    /// Which version of its key it is, from 0.
    #[n(6)]
    #[cbor(default)]
    pub number: u32,
}

/// What a key is for: up to 8192 characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Description(#[n(0)] Box<str>);

/// How often a new version is made: 7 to 730 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct RotationInterval(#[n(0)] u32);

impl Key {
    /// The creator of the key that seals secrets for which nobody named a key. Accounts are digits.
    pub const SECRETS_SERVICE: &str = "secretsmanager";

    /// A new key. It waits for its material if that is to be imported.
    #[must_use]
    pub fn new(new: NewKey<'_>) -> Self {
        let NewKey { id, primary, created, creator, spec, usage, origin } = new;
        let written_state = match origin {
            KeyOrigin::Kms => KeyState::Enabled,
            KeyOrigin::External => KeyState::PendingImport,
        };
        Self {
            id,
            created,
            creator: creator.into(),
            description: Description::default(),
            spec,
            usage,
            origin,
            protection: ProtectionLevel::Software,
            written_state,
            primary,
            last_rotation: created,
            rotation_interval: None,
            delete_at: None,
            deletion_protection: None,
            tags: Tags::default(),
            imported: None,
            made_by: None,
        }
    }

    /// Whether it may be used at `now`.
    #[must_use]
    pub fn state(&self, now: i64) -> KeyState {
        match self.written_state {
            KeyState::Enabled | KeyState::Disabled if self.has_expired(now) => KeyState::PendingImport,
            state => state,
        }
    }

    /// Whether it is the key of a service, which everybody can use and nobody can change: what it seals stays readable.
    #[must_use]
    pub fn is_service(&self) -> bool {
        *self.creator == *Self::SECRETS_SERVICE
    }

    /// Whether it allows `operation` at `now`.
    ///
    /// # Errors
    /// [`Refusal`] by its present state, or because it is the key of a service.
    pub fn allows(&self, operation: Operation, now: i64) -> Result<(), Refusal> {
        if self.is_service() && operation != Operation::Use {
            return Err(Refusal::Unsupported);
        }
        self.state(now).allows(operation)
    }

    /// When it will be gone, if its deletion is pending.
    #[must_use]
    pub fn delete_at(&self) -> Option<i64> {
        self.delete_at
    }

    /// Whether it has imported material that has not ended at `now`.
    #[must_use]
    pub fn has_imported(&self, now: i64) -> bool {
        self.holds_material() && !self.has_expired(now)
    }

    /// When its imported material ends, if it does.
    #[must_use]
    pub fn material_expires(&self) -> Option<i64> {
        self.imported.as_ref().filter(|imported| imported.present)?.expires
    }

    /// When the rotation policy asks for the next version, whether or not the state lets it be made: what the API shows
    /// for a suspended rotation too.
    #[must_use]
    pub fn planned_rotation(&self) -> Option<i64> {
        Some(self.last_rotation.saturating_add(i64::from(self.rotation_interval?.seconds())))
    }

    /// When the next version will be made; only enabled keys get one.
    #[must_use]
    pub fn next_rotation(&self) -> Option<i64> {
        self.planned_rotation().filter(|_| self.written_state == KeyState::Enabled)
    }

    /// The next scheduled event: rotation, material expiry or deletion.
    #[must_use]
    pub fn due(&self) -> Option<i64> {
        [self.next_rotation(), self.delete_at, self.material_expires()].into_iter().flatten().min()
    }

    /// Whether its deletion is scheduled, or its material expires.
    #[must_use]
    pub fn ends(&self) -> bool {
        self.delete_at.is_some() || self.material_expires().is_some()
    }

    /// This key, enabled or disabled; the same key if it is so already.
    ///
    /// # Errors
    /// [`Refusal`] by its present state.
    pub fn with_enabled(&self, enabled: bool, now: i64) -> Result<Self, Refusal> {
        self.allows(Operation::EnableOrDisable, now)?;
        let written_state = if enabled { KeyState::Enabled } else { KeyState::Disabled };
        Ok(Self { written_state, ..self.clone() })
    }

    /// Returns a copy with edited metadata: fields that say what the key is for, and not what it is.
    ///
    /// # Errors
    /// [`Refusal`] by its present state.
    pub fn with_metadata(&self, now: i64, edit: impl FnOnce(&mut Self)) -> Result<Self, Refusal> {
        self.allows(Operation::Describe, now)?;
        let mut key = self.clone();
        edit(&mut key);
        Ok(key)
    }

    /// This key, to be gone at `delete_at`.
    ///
    /// # Errors
    /// [`Refusal`] by its present state, or because it is protected.
    pub fn with_deletion(&self, delete_at: i64, now: i64) -> Result<Self, Refusal> {
        self.allows(Operation::ScheduleDeletion, now)?;
        if self.deletion_protection.is_some() {
            return Err(Refusal::DeletionProtected);
        }
        Ok(Self { written_state: KeyState::PendingDeletion, delete_at: Some(delete_at), ..self.clone() })
    }

    /// This key, which stays after all.
    ///
    /// # Errors
    /// [`Refusal`] by its present state.
    pub fn without_deletion(&self, now: i64) -> Result<Self, Refusal> {
        self.allows(Operation::CancelDeletion, now)?;
        let written_state = match self.origin {
            KeyOrigin::External if !self.holds_material() => KeyState::PendingImport,
            _ => KeyState::Enabled, // which it is not while its material has expired
        };
        Ok(Self { written_state, delete_at: None, ..self.clone() })
    }

    /// This key with the version `primary`, made now.
    ///
    /// # Errors
    /// [`Refusal`] by its present state, its kind, or the number of its versions so far.
    pub fn rotated(&self, primary: KeyVersionId, versions: usize, now: i64) -> Result<Self, Refusal> {
        self.allows(Operation::Use, now)?;
        if self.origin == KeyOrigin::External || self.spec.kind() == KeyKind::Mac || self.is_service() {
            return Err(Refusal::Unsupported);
        }
        if self.spec.kind() == KeyKind::Asymmetric && versions >= MAX_KEY_PAIRS {
            return Err(Refusal::TooManyVersions);
        }
        Ok(Self { primary, last_rotation: now, ..self.clone() })
    }

    /// This key with or without versions that are made by themselves. A rotation by a clock that was ahead counts as one
    /// made now: else the next ones would wait for that time.
    ///
    /// # Errors
    /// [`Refusal`] by its present state or its kind.
    pub fn with_rotation(&self, interval: Option<RotationInterval>, now: i64) -> Result<Self, Refusal> {
        self.allows(Operation::Use, now)?;
        if self.origin == KeyOrigin::External || self.spec.kind() != KeyKind::Symmetric || self.is_service() {
            return Err(Refusal::Unsupported);
        }
        let last_rotation = self.last_rotation.min(now);
        Ok(Self { rotation_interval: interval, last_rotation, ..self.clone() })
    }

    /// This key with imported material, which ends at `expires`; none if it had other material before.
    ///
    /// # Errors
    /// [`Refusal`] by its present state or its origin.
    pub fn with_imported(
        &self,
        material: &Material,
        expires: Option<i64>,
        now: i64,
    ) -> Result<Option<Self>, Refusal> {
        if self.origin != KeyOrigin::External {
            return Err(Refusal::Unsupported);
        }
        let state = self.state(now);
        state.allows(Operation::Import)?;
        let fingerprint = ByteArray::from(material.fingerprint(self.id));
        if self.imported.as_ref().is_some_and(|imported| imported.fingerprint != fingerprint) {
            return Ok(None);
        }
        let written_state = if state == KeyState::Disabled { state } else { KeyState::Enabled };
        let imported = Some(Box::new(Imported { fingerprint, expires, present: true }));
        Ok(Some(Self { written_state, imported, ..self.clone() }))
    }

    /// This key without its imported material, which can be imported again.
    ///
    /// # Errors
    /// [`Refusal`] by its origin.
    pub fn without_imported(&self) -> Result<Self, Refusal> {
        if self.origin != KeyOrigin::External {
            return Err(Refusal::Unsupported);
        }
        let written_state = match self.written_state {
            KeyState::PendingDeletion => KeyState::PendingDeletion,
            _ => KeyState::PendingImport,
        };
        let imported = self
            .imported
            .clone()
            .map(|imported| Box::new(Imported { present: false, expires: None, ..*imported }));
        Ok(Self { written_state, imported, ..self.clone() })
    }

    /// Whether imported material is there, expired or not: that may be due to a wrong clock.
    fn holds_material(&self) -> bool {
        self.imported.as_ref().is_some_and(|imported| imported.present)
    }

    fn has_expired(&self, now: i64) -> bool {
        self.material_expires().is_some_and(|expires| now >= expires)
    }
}

impl KeyVersion {
    /// Whether its material is there.
    #[must_use]
    pub fn has_material(&self) -> bool {
        !self.sealed_material.is_empty()
    }
}

impl Description {
    /// The longest description, in characters.
    pub const MAX_CHARS: usize = 8192;

    /// The description `text`, unless it is too long.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (text.chars().count() <= Self::MAX_CHARS).then(|| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RotationInterval {
    /// What the API spells `<integer>[d|h|m|s]`, if it is in the range.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let unit = match text.chars().last()? {
            'd' => DAY,
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        let number =
            text.get(..text.len() - 1).filter(|number| number.bytes().all(|b| b.is_ascii_digit()))?;
        let seconds = number.parse::<u32>().ok()?.checked_mul(unit)?;
        (7 * DAY..=730 * DAY).contains(&seconds).then_some(Self(seconds))
    }

    /// In seconds.
    #[must_use]
    pub fn seconds(self) -> u32 {
        self.0
    }
}

impl fmt::Display for RotationInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0)
    }
}

impl fmt::Debug for KeyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyVersion").field("id", &self.id).field("key", &self.key).finish_non_exhaustive()
    }
}

/// As many versions as a key pair may have.
const MAX_KEY_PAIRS: usize = 50;
const DAY: u32 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    fn key(spec: KeySpec, origin: KeyOrigin) -> Key {
        Key::new(NewKey {
            id: KeyId::random(&SystemRandom),
            primary: KeyVersionId::random(&SystemRandom),
            created: 1000,
            creator: "account",
            spec,
            usage: spec.usages()[0],
            origin,
        })
    }

    #[test]
    fn intervals() {
        for (text, seconds) in
            [("7d", 604_800), ("604800s", 604_800), ("365d", 31_536_000), ("730d", 63_072_000)]
        {
            assert_eq!(RotationInterval::parse(text).unwrap().to_string(), format!("{seconds}s"));
        }
        for text in
            ["", "d", "7", "6d", "731d", "+7d", "-7d", "7D", "7 d", "999999999999d", "50000000d", "7密"]
        {
            assert_eq!(RotationInterval::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_protected_key_is_not_deleted() {
        let key = key(KeySpec::Aes256, KeyOrigin::Kms);
        let protected =
            key.with_metadata(0, |key| key.deletion_protection = Some(Description::default())).unwrap();
        assert_eq!(protected.with_deletion(9, 0), Err(Refusal::DeletionProtected));
        let pending = key.with_deletion(9, 0).unwrap();
        assert_eq!((pending.state(0), pending.due()), (KeyState::PendingDeletion, Some(9)));
        assert_eq!(pending.with_deletion(9, 0), Err(Refusal::StateModifiedFailed));
        assert!(pending.with_metadata(0, |_| {}).is_err());
        assert_eq!(pending.without_deletion(0), Ok(key));
    }

    #[test]
    fn imported_material_ends_and_comes_back() {
        let empty = key(KeySpec::Aes256, KeyOrigin::External);
        assert_eq!(empty.state(0), KeyState::PendingImport);
        let (material, other) = (Material::random(32, &SystemRandom), Material::random(32, &SystemRandom));
        let full = empty.with_imported(&material, Some(50), 0).unwrap().unwrap();
        assert_eq!((full.state(49), full.state(50)), (KeyState::Enabled, KeyState::PendingImport));
        assert_eq!((full.due(), full.has_imported(49), full.has_imported(50)), (Some(50), true, false));
        assert_eq!(full.with_imported(&other, None, 0), Ok(None), "other material");
        let deleted = full.without_imported().unwrap();
        assert_eq!((deleted.state(0), deleted.due()), (KeyState::PendingImport, None));
        assert_eq!(deleted.with_imported(&other, None, 0), Ok(None), "other material, also later");
        assert_eq!(deleted.with_imported(&material, None, 0).unwrap().unwrap().state(99), KeyState::Enabled);
        let kept = full.with_deletion(99, 0).unwrap().without_deletion(60).unwrap();
        assert_eq!((kept.state(60), kept.state(49)), (KeyState::PendingImport, KeyState::Enabled));
        let disabled = full.with_enabled(false, 0).unwrap();
        assert_eq!(disabled.with_imported(&material, None, 0).unwrap().unwrap().state(0), KeyState::Disabled);
        let ended = full.with_deletion(99, 0).unwrap().without_imported().unwrap();
        assert_eq!((ended.state(0), ended.delete_at()), (KeyState::PendingDeletion, Some(99)));
        assert_eq!(ended.without_deletion(0).unwrap().state(0), KeyState::PendingImport);
        assert_eq!(key(KeySpec::Aes256, KeyOrigin::Kms).without_imported(), Err(Refusal::Unsupported));
    }

    #[test]
    fn only_symmetric_keys_of_this_kms_rotate_by_themselves() {
        let (week, next) = (RotationInterval::parse("7d"), KeyVersionId::random(&SystemRandom));
        let rotating = key(KeySpec::Sm4, KeyOrigin::Kms).with_rotation(week, 1000).unwrap();
        assert_eq!(rotating.due(), Some(1000 + 604_800));
        assert_eq!(rotating.next_rotation(), rotating.due());
        for suspended in
            [rotating.with_enabled(false, 0).unwrap(), rotating.with_deletion(9_000_000, 0).unwrap()]
        {
            assert_eq!(suspended.next_rotation(), None);
            assert_eq!(suspended.planned_rotation(), rotating.due(), "the API shows it all the same");
        }
        assert_eq!(rotating.with_enabled(false, 0).unwrap().due(), None, "suspended");
        let rotated = rotating.rotated(next, 1, 5000).unwrap();
        assert_eq!((rotated.primary, rotated.last_rotation), (next, 5000));
        assert!(rotating.rotated(next, 100_000, 0).is_ok());
        for spec in [KeySpec::Rsa2048, KeySpec::HmacSm3] {
            assert_eq!(key(spec, KeyOrigin::Kms).with_rotation(week, 0), Err(Refusal::Unsupported));
        }
        let empty = key(KeySpec::Aes256, KeyOrigin::External);
        let pending = Err(Refusal::State(KeyState::PendingImport));
        assert_eq!((empty.with_rotation(week, 0), empty.rotated(next, 0, 0)), (pending.clone(), pending));
        let imported =
            empty.with_imported(&Material::from_bytes(vec![1; 32].into()), None, 0).unwrap().unwrap();
        assert_eq!(imported.with_rotation(week, 0), Err(Refusal::Unsupported));
        assert_eq!(imported.rotated(next, 1, 0), Err(Refusal::Unsupported));
        let ahead = rotated.rotated(next, 2, i64::MAX).unwrap().with_rotation(week, 6000).unwrap();
        assert_eq!(ahead.due(), Some(6000 + 604_800), "the clock was wrong");
        let pair = key(KeySpec::EcP256, KeyOrigin::Kms);
        assert!(pair.rotated(next, 49, 0).is_ok());
        assert_eq!(pair.rotated(next, 50, 0), Err(Refusal::TooManyVersions));
        assert_eq!(key(KeySpec::HmacSha256, KeyOrigin::Kms).rotated(next, 1, 0), Err(Refusal::Unsupported));
    }

    #[test]
    fn nobody_changes_the_key_of_a_service() {
        let next = KeyVersionId::random(&SystemRandom);
        let service = Key { creator: Key::SECRETS_SERVICE.into(), ..key(KeySpec::Aes256, KeyOrigin::Kms) };
        assert_eq!(service.allows(Operation::Use, 0), Ok(()));
        for refusal in [
            service.with_enabled(false, 0),
            service.with_metadata(0, |_| ()),
            service.with_deletion(99, 0),
            service.without_deletion(0),
            service.rotated(next, 1, 0),
            service.with_rotation(RotationInterval::parse("7d"), 0),
            service.without_imported(),
        ] {
            assert_eq!(refusal, Err(Refusal::Unsupported));
        }
        for operation in [Operation::NameByAlias, Operation::RetargetAlias, Operation::Import] {
            assert_eq!(service.allows(operation, 0), Err(Refusal::Unsupported), "{operation:?}");
        }
    }
}
