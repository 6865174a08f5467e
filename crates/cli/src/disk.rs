//! Encrypted disks: LUKS2 volumes with key slots that a KMS opens.
//!
//! A random key of 64 bytes opens a key slot of a volume. A token in the header of the volume ([`Token`]) holds that
//! key, wrapped by a key of a KMS and bound to the UUID of the volume by the encryption context. cryptsetup reads and
//! writes volumes ([`Volume`]); bulla wraps and unwraps the key and maintains the tokens ([`Enrolment`]). Headers are
//! untrusted: an attacker may have written any part of one.

mod access_secret;
mod boot;
mod changed;
mod cryptsetup;
mod enrolment;
mod header;
mod install;
mod lock;
mod loops;
mod mapped;
mod mapping;
mod passphrase;
mod plugin;
mod recovery;
mod slot_key;
mod token;
mod tpm;
mod unlock;
mod uuid;
mod volume;

pub(crate) use self::boot::{BootScripts, BootSecret};
pub(crate) use self::enrolment::{Enrolment, faulty_tokens};
pub(crate) use self::header::LuksHeader;
pub(crate) use self::mapping::{check_mapping, check_unused, close};
pub(crate) use self::passphrase::{Passphrase, ask_line, restore_terminal};
pub(crate) use self::plugin::Plugin;
pub(crate) use self::recovery::RecoveryPassphrase;
pub(crate) use self::slot_key::{VolumeKms, Wrapping};
pub(crate) use self::token::{Token, TokenSlot, is_reserved};
pub(crate) use self::tpm::{Pcrs, Tpm};
pub(crate) use self::unlock::{DiskConfig, UnlockRequest};
pub(crate) use self::uuid::VolumeUuid;
pub(crate) use self::volume::Volume;
