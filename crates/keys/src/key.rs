//! The records of master keys and their versions, and all changes of a master key.
//!
//! Every change is a function from a record to a new one. Its caller writes the new record if the old one is still current. Times
//! are in seconds since the Unix epoch.

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
    /// The id of the key.
    #[n(0)]
    pub id: KeyId,
    /// When the key was created.
    #[n(1)]
    pub created: i64,
    /// The account that created the key, or [`Key::SECRETS_SERVICE`].
    #[n(2)]
    pub creator: Box<str>,
    /// The purpose of the key, in its owner's words.
    #[n(3)]
    pub description: Description,
    /// The algorithm and size of the key.
    #[n(4)]
    pub spec: KeySpec,
    /// The operations that the key is for.
    #[n(5)]
    pub usage: KeyUsage,
    /// Where the material of the key comes from.
    #[n(6)]
    pub origin: KeyOrigin,
    /// How the material of the key is protected.
    #[n(7)]
    pub protection: ProtectionLevel,
    /// The stored state. [`Key::state`] returns the effective one.
    #[n(8)]
    written_state: KeyState,
    /// The newest version. If the key is not a key pair, it encrypts with this version.
    #[n(9)]
    pub primary: KeyVersionId,
    /// When the primary version was created.
    #[n(10)]
    pub last_rotation: i64,
    /// The interval of automatic rotation; `None` if it is off.
    #[n(11)]
    pub rotation_interval: Option<RotationInterval>,
    /// When the key will be deleted; only while its deletion is pending.
    #[n(12)]
    delete_at: Option<i64>,
    /// The reason for the deletion protection; `None` if the key is not protected.
    #[n(13)]
    pub deletion_protection: Option<Description>,
    /// The tags that the key's owners set.
    #[n(14)]
    #[cbor(default)]
    pub tags: Tags,
    /// The material that was imported; `None` if none ever was. Boxed because most keys have none.
    #[n(15)]
    imported: Option<Box<Imported>>,
    /// The user or program that created the key.
    #[n(16)]
    pub made_by: Option<Maker>,
}

/// The parameters of [`Key::new`].
#[derive(Clone, Copy, Debug)]
pub struct NewKey<'a> {
    /// The id of the key.
    pub id: KeyId,
    /// The id of its first version.
    pub primary: KeyVersionId,
    /// When the key is created.
    pub created: i64,
    /// The account that creates the key, or [`Key::SECRETS_SERVICE`].
    pub creator: &'a str,
    /// The algorithm and size of the key.
    pub spec: KeySpec,
    /// The operations that the key is for.
    pub usage: KeyUsage,
    /// Where the material of the key comes from.
    pub origin: KeyOrigin,
}

/// What the record of a key keeps about imported material.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Imported {
    /// Identifies the material, because only the same material may be imported again.
    #[n(0)]
    fingerprint: ByteArray<32>,
    /// When the material expires; `None` if it does not.
    #[n(1)]
    expires: Option<i64>,
    /// Whether the key still has the material; `false` after it was deleted.
    #[n(2)]
    present: bool,
}

/// A version of a key. Its material is sealed separately inside the sealed record.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct KeyVersion {
    /// The id of the version.
    #[n(0)]
    pub id: KeyVersionId,
    /// The key that the version belongs to.
    #[n(1)]
    pub key: KeyId,
    /// When the version was created.
    #[n(2)]
    pub created: i64,
    /// The construction that the material is for.
    #[n(3)]
    pub construction: Construction,
    /// The result of [`crate::Material::seal`]; empty if the material was deleted.
    #[n(4)]
    pub sealed_material: ByteVec,
    /// The public key of a key pair: DER of its SubjectPublicKeyInfo (RFC 5280).
    #[n(5)]
    pub public_key: Option<ByteVec>,
    /// The number of the version within its key, from 0.
    #[n(6)]
    #[cbor(default)]
    pub number: u32,
}

/// A description: up to 8192 characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Description(#[n(0)] Box<str>);

/// The interval of automatic rotation: 7 to 730 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct RotationInterval(#[n(0)] u32);

impl Key {
    /// The creator of the default key for secrets, which encrypts the secrets that were created without a key. It cannot be
    /// mistaken for an account, because accounts are digits.
    pub const SECRETS_SERVICE: &str = "secretsmanager";

    /// Creates a key: enabled, or waiting for its material if that is to be imported.
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

    /// Returns the effective state at `now`: expired material makes an enabled or disabled key wait for import.
    #[must_use]
    pub fn state(&self, now: i64) -> KeyState {
        match self.written_state {
            KeyState::Enabled | KeyState::Disabled if self.has_expired(now) => KeyState::PendingImport,
            state => state,
        }
    }

    /// Whether this is the key of a service. Callers may use such a key but not change it, so that what it encrypted stays
    /// readable.
    #[must_use]
    pub fn is_service(&self) -> bool {
        *self.creator == *Self::SECRETS_SERVICE
    }

    /// Checks that the key allows `operation` at `now`.
    ///
    /// # Errors
    /// [`Refusal`] if the state of the key does not allow the operation, or if it is the key of a service.
    pub fn allows(&self, operation: Operation, now: i64) -> Result<(), Refusal> {
        if self.is_service() && operation != Operation::Use {
            return Err(Refusal::Unsupported);
        }
        self.state(now).allows(operation)
    }

    /// Returns when the key will be deleted, if its deletion is pending.
    #[must_use]
    pub fn delete_at(&self) -> Option<i64> {
        self.delete_at
    }

    /// Whether the key has imported material that has not expired at `now`.
    #[must_use]
    pub fn has_imported(&self, now: i64) -> bool {
        self.holds_material() && !self.has_expired(now)
    }

    /// Returns when the imported material expires, if it does.
    #[must_use]
    pub fn material_expires(&self) -> Option<i64> {
        self.imported.as_ref().filter(|imported| imported.present)?.expires
    }

    /// Returns when the rotation policy asks for the next version, in any state of the key. The API shows this time for suspended
    /// rotations too.
    #[must_use]
    pub fn planned_rotation(&self) -> Option<i64> {
        Some(self.last_rotation.saturating_add(i64::from(self.rotation_interval?.seconds())))
    }

    /// Returns when the next version will be created automatically; `None` unless the key is enabled.
    #[must_use]
    pub fn next_rotation(&self) -> Option<i64> {
        self.planned_rotation().filter(|_| self.written_state == KeyState::Enabled)
    }

    /// The next scheduled event: rotation, material expiry or deletion.
    #[must_use]
    pub fn due(&self) -> Option<i64> {
        [self.next_rotation(), self.delete_at, self.material_expires()].into_iter().flatten().min()
    }

    /// Whether the deletion of the key is scheduled, or its material expires.
    #[must_use]
    pub fn ends(&self) -> bool {
        self.delete_at.is_some() || self.material_expires().is_some()
    }

    /// Enables or disables the key; returns an unchanged copy if it is enabled or disabled already.
    ///
    /// # Errors
    /// [`Refusal`] if the state of the key does not allow it.
    pub fn with_enabled(&self, enabled: bool, now: i64) -> Result<Self, Refusal> {
        self.allows(Operation::EnableOrDisable, now)?;
        let written_state = if enabled { KeyState::Enabled } else { KeyState::Disabled };
        Ok(Self { written_state, ..self.clone() })
    }

    /// Returns a copy with edited metadata: fields that describe the key without changing what it does.
    ///
    /// # Errors
    /// [`Refusal`] if the state of the key does not allow it.
    pub fn with_metadata(&self, now: i64, edit: impl FnOnce(&mut Self)) -> Result<Self, Refusal> {
        self.allows(Operation::Describe, now)?;
        let mut key = self.clone();
        edit(&mut key);
        Ok(key)
    }

    /// Schedules the deletion of the key at `delete_at`.
    ///
    /// # Errors
    /// [`Refusal`] if the state of the key does not allow it, or if the key is protected from deletion.
    pub fn with_deletion(&self, delete_at: i64, now: i64) -> Result<Self, Refusal> {
        self.allows(Operation::ScheduleDeletion, now)?;
        if self.deletion_protection.is_some() {
            return Err(Refusal::DeletionProtected);
        }
        Ok(Self { written_state: KeyState::PendingDeletion, delete_at: Some(delete_at), ..self.clone() })
    }

    /// Cancels the scheduled deletion of the key.
    ///
    /// # Errors
    /// [`Refusal`] if the deletion of the key is not pending.
    pub fn without_deletion(&self, now: i64) -> Result<Self, Refusal> {
        self.allows(Operation::CancelDeletion, now)?;
        let written_state = match self.origin {
            KeyOrigin::External if !self.holds_material() => KeyState::PendingImport,
            _ => KeyState::Enabled, // still `PendingImport` in effect while its material has expired
        };
        Ok(Self { written_state, delete_at: None, ..self.clone() })
    }

    /// Makes `primary`, created at `now`, the primary version of the key. `versions` is the number of versions so far.
    ///
    /// # Errors
    /// [`Refusal`] if the state or kind of the key does not allow it, or if the key has too many versions.
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

    /// Sets or removes the interval of automatic rotation. If the clock was ahead at the last rotation, that rotation counts as
    /// made at `now`; otherwise the next one would wait until the clock catches up.
    ///
    /// # Errors
    /// [`Refusal`] if the state or kind of the key does not allow it.
    pub fn with_rotation(&self, interval: Option<RotationInterval>, now: i64) -> Result<Self, Refusal> {
        self.allows(Operation::Use, now)?;
        if self.origin == KeyOrigin::External || self.spec.kind() != KeyKind::Symmetric || self.is_service() {
            return Err(Refusal::Unsupported);
        }
        let last_rotation = self.last_rotation.min(now);
        Ok(Self { rotation_interval: interval, last_rotation, ..self.clone() })
    }

    /// Adds imported material, which expires at `expires`. Returns `None` if other material was imported before.
    ///
    /// # Errors
    /// [`Refusal`] if the state or origin of the key does not allow it.
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

    /// Removes the imported material. The same material can be imported again.
    ///
    /// # Errors
    /// [`Refusal`] if the material of the key was not imported.
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

    /// Whether the key has imported material, expired or not, because a wrong clock can make it seem expired.
    fn holds_material(&self) -> bool {
        self.imported.as_ref().is_some_and(|imported| imported.present)
    }

    fn has_expired(&self, now: i64) -> bool {
        self.material_expires().is_some_and(|expires| now >= expires)
    }
}

impl KeyVersion {
    /// Whether the version has its material.
    #[must_use]
    pub fn has_material(&self) -> bool {
        !self.sealed_material.is_empty()
    }
}

impl Description {
    /// The maximum number of characters.
    pub const MAX_CHARS: usize = 8192;

    /// Creates a description; `None` if the text is too long.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (text.chars().count() <= Self::MAX_CHARS).then(|| Self(text.into()))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RotationInterval {
    /// Parses the API's spelling `<integer>[d|h|m|s]`; `None` if the interval is out of range.
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

    /// Returns the interval in seconds.
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

/// The maximum number of versions of a key pair.
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
    fn only_symmetric_keys_of_this_kms_rotate_automatically() {
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
    fn the_key_of_a_service_is_read_only() {
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
