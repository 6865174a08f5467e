//! The indexes of a snapshot, for lookups other than by id. Each file has the index of one kind of record, and the lookups
//! that use it.

mod access_keys;
mod aliases;
mod import_tokens;
mod keys;
mod label;
mod makers;
mod people;
mod policies;
mod schedule;
mod secrets;
mod versions;

pub(super) use self::access_keys::AccessKeyIndex;
pub(super) use self::aliases::AliasIndex;
pub(super) use self::import_tokens::ImportTokenIndex;
pub(super) use self::keys::KeyIndex;
pub(crate) use self::keys::{Age, Group, KeyClass, KeyLists};
pub(crate) use self::label::Label;
pub(crate) use self::makers::{Made, Makers};
pub(crate) use self::people::Attached;
pub(super) use self::people::{GroupIndex, RoleIndex, UserIndex};
pub(super) use self::policies::{KeyPolicyIndex, SecretPolicyIndex};
pub(crate) use self::schedule::Due;
pub(super) use self::secrets::SecretIndex;
pub(crate) use self::secrets::SecretLists;
pub(super) use self::versions::VersionIndex;
