//! The data model of a key management service (KMS): keys, aliases and secrets, and how they are encrypted at rest. No IO.
//!
//! This crate defines all stored formats: the bytes of a ciphertext [blob], of a [record] and of the [root key slots](root). It
//! also decides which [operations](Operation) a key allows in which [state](KeyState).
//!
//! ```
//! use bulla_keys::blob::{self, BlobKey};
//! use bulla_keys::{CanonicalContext, Construction, KeyVersionId, Material, SystemRandom};
//!
//! let version = KeyVersionId::random(&SystemRandom);
//! let material = Material::random(32, &SystemRandom);
//! let key = BlobKey::new(Construction::Xaes256Gcm, &material)?;
//! let context = CanonicalContext::new([("file", "sales.csv")])?;
//! let sealed = key.seal(version, &context, b"a data key", &SystemRandom);
//!
//! assert_eq!(blob::version(&sealed), Some(version));
//! assert_eq!(*key.open(version, &context, &sealed)?, b"a data key");
//! assert!(key.open(version, &CanonicalContext::default(), &sealed).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to start
//!
//! | | |
//! |---|---|
//! | [`Key`], [`KeyVersion`], [`Alias`] | the records of a key, and every change as a function from a record to a new one |
//! | [`KeyState`] | the operations that each state of a key allows |
//! | [`Secret`], [`Stage`] | the versions of a secret, and the stages that point to them |
//! | [`blob`] | ciphertext blobs: the result of Encrypt, and the input of Decrypt |
//! | [`Material`], [`record`], [`root`] | key material, sealed rows of a store, and the root key that protects both |
//! | [`TokenKey`] | the key that seals the tokens of temporary credentials |
//! | [`Anchor`], [`RowSet`] | a hash over all rows of a store, which reveals rows that were rolled back |
//! | [`access_key`] | sealed secrets of access keys |
//! | [`mfa_seed`] | sealed seeds of devices for multi-factor authentication |
//! | [`backup`] | sealed chunks of a backup of a store |
//! | [`seal_seed`] | the wrapped private key that signs the audit trail |
//! | [`Xaes256Gcm`], [`Sm4Gcm`] | the two constructions for encryption, both with random 192-bit nonces |
//!
//! # Guarantees
//!
//! - **No IO.** Nothing here reads a clock, a file or a socket. The caller passes times, in seconds since the Unix epoch.
//! - **Nonces are random.** Callers cannot pass one. Randomness comes from [`Random`], which only the system generator
//!   implements.
//! - **Secrets have types of their own**, which are wiped on drop and do not show their content in `Debug`; `expose` returns it.
//! - **Every failure to open is [`Damaged`]**: damage, forgery and a wrong key are indistinguishable.

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
pub use context::{CanonicalContext, RepeatedContextName};
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
