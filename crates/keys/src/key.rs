//! Master keys and their versions, as they are recorded.

use std::fmt;

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::id::{KeyId, KeyVersionId};
use crate::material::Construction;
use crate::spec::{KeyOrigin, KeySpec, KeyUsage, ProtectionLevel};
use crate::state::{KeyState, Operation, Refusal};

/// A master key without its material. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Key {
    /// Its id.
    #[n(0)]
    pub id: KeyId,
    /// When it was made.
    #[n(1)]
    pub created: i64,
    /// The account that made it.
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
    /// Whether it may be used now.
    #[n(8)]
    pub state: KeyState,
    /// The version that encrypts.
    #[n(9)]
    pub primary: KeyVersionId,
    /// When that version was made.
    #[n(10)]
    pub last_rotation: i64,
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
    /// How it makes blobs.
    #[n(3)]
    pub construction: Construction,
    /// What [`crate::Material::seal`] gave.
    #[n(4)]
    pub sealed_material: ByteVec,
}

/// What a key is for: up to 8192 characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Description(#[n(0)] Box<str>);

impl Key {
    /// This key, enabled or disabled; the same key if it is so already.
    ///
    /// # Errors
    /// [`Refusal`] by its present state.
    pub fn with_enabled(&self, enabled: bool) -> Result<Self, Refusal> {
        self.state.allows(Operation::EnableOrDisable)?;
        let state = if enabled { KeyState::Enabled } else { KeyState::Disabled };
        Ok(Self { state, ..self.clone() })
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

impl fmt::Debug for KeyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyVersion").field("id", &self.id).field("key", &self.key).finish_non_exhaustive()
    }
}
