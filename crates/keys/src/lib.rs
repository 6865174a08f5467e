//! The domain of a key management service (KMS): keys, aliases, secrets and what they are sealed into. No IO.
//!
//! What lasts is decided here: the bytes of a [blob], of a [record] and of the [root key slots](root), and which
//! [state](KeyState) of a key allows which [operation](Operation).
//!
//! ```
//! use bulla_keys::blob::{self, BlobKey};
//! use bulla_keys::{Construction, EncryptionContext, KeyVersionId, Material, SystemRandom};
//!
//! let version = KeyVersionId::random(&SystemRandom);
//! let material = Material::random(32, &SystemRandom);
//! let key = BlobKey::new(Construction::Xaes256Gcm, &material)?;
//! let context = EncryptionContext::new([("file", "sales.csv")])?;
//! let sealed = key.seal(version, &context, b"a data key", &SystemRandom);
//!
//! assert_eq!(blob::version(&sealed), Some(version));
//! assert_eq!(*key.open(version, &context, &sealed)?, b"a data key");
//! assert!(key.open(version, &EncryptionContext::default(), &sealed).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to start
//!
//! | | |
//! |---|---|
//! | [`Key`], [`KeyVersion`], [`Alias`] | the records of a key, and every change to them as a function from one to the next |
//! | [`KeyState`] | the one table of what a state allows |
//! | [`Secret`], [`Stage`] | versions of a secret and the stages that point at them |
//! | [`blob`] | ciphertext blobs: what Encrypt answers and Decrypt takes |
//! | [`Material`], [`record`], [`root`] | secret bytes, sealed rows of a store, and the root key above both |
//! | [`TokenKey`] | what seals the tokens of temporary credentials |
//! | [`Anchor`], [`RowSet`] | what all rows of a store have in common, so that one that is put back shows |
//! | [`access_key`] | the sealed secret of an access key |
//! | [`mfa_seed`] | the sealed seed of a device for multi-factor authentication |
//! | [`backup`] | the sealed chunks of a backup of a store |
//! | [`seal_seed`] | the wrapped private key that seals the audit trail |
//! | [`Xaes256Gcm`], [`Sm4Gcm`] | the two constructions, each with a 192-bit nonce that may be drawn at random |
//!
//! # Guarantees
//!
//! - **No IO.** Nothing here reads a clock, a file or a socket; times are seconds since 1970 that the caller passes in.
//! - **No nonce from outside.** Randomness comes through [`Random`], which only the system generator implements.
//! - **Secrets are types**, wiped on drop, without their content in `Debug`; `expose` shows it.
//! - **Whatever does not open is [`Damaged`]**, and nothing else: damage, forgery and another key look alike.

#![forbid(unsafe_code)]
#![deny(missing_debug_implementations, missing_docs)]

mod aad;
pub mod access_key;
mod alias;
mod anchor;
pub mod backup;
pub mod blob;
mod context;
mod id;
mod key;
mod maker;
mod material;
pub mod mfa_seed;
mod random;
pub mod record;
pub mod root;
mod row_set;
pub mod seal_seed;
pub mod secret;
mod sm4;
mod spec;
pub mod stack;
mod state;
mod tags;
mod token_key;
mod xaes;

pub use alias::{Alias, AliasName, NotAnAlias};
pub use anchor::{Anchor, SealedCopy};
pub use context::{EncryptionContext, RepeatedName};
pub use id::{KeyId, KeyVersionId, NotAnId, SecretValueId, StoreId};
pub use key::{Description, Key, KeyVersion, NewKey, RotationInterval};
pub use maker::Maker;
pub use material::{Construction, Material};
pub use random::{Random, SystemRandom};
pub use row_set::{RowHash, RowHasher, RowSet};
pub use secret::{
    Secret, SecretDataType, SecretKind, SecretName, SecretRefusal, SecretValue, SecretVersion,
    SecretVersionId, Stage,
};
pub use sm4::Sm4Gcm;
pub use spec::{KeyKind, KeyOrigin, KeySpec, KeyUsage, ProtectionLevel};
pub use state::{KeyState, Operation, Refusal};
pub use tags::{TagProblem, Tags};
pub use token_key::TokenKey;
pub use xaes::{Damaged, Xaes256Gcm};
