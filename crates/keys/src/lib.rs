//! Keys, aliases, secrets and their states, ciphertext blobs and sealed records of a KMS, without IO.
//!
//! What lasts is decided here: the bytes of a [blob], of a [record] and of the [root key slots](root), and
//! which [state](KeyState) lets a key do what. Nothing in this crate reads a clock, a file or a socket;
//! randomness comes through [`Random`], and nonces are drawn where they are used, never passed in.
//!
//! ```
//! use bulla_keys::blob::{self, BlobKey};
//! use bulla_keys::{Construction, EncryptionContext, KeyVersionId, Material, SystemRandom};
//!
//! let (version, material) = (KeyVersionId::random(&SystemRandom), Material::random(32, &SystemRandom));
//! let key = BlobKey::new(Construction::Xaes256Gcm, &material)?;
//! let context = EncryptionContext::new([("file", "sales.csv")]).unwrap();
//! let sealed = key.seal(version, &context, b"a data key", &SystemRandom);
//!
//! assert_eq!(blob::version(&sealed), Some(version));
//! assert_eq!(*key.open(version, &context, &sealed)?, b"a data key");
//! # Ok::<(), bulla_keys::Damaged>(())
//! ```

#![forbid(unsafe_code)]
#![deny(missing_debug_implementations, missing_docs)]

mod aad;
mod alias;
pub mod blob;
mod context;
mod id;
mod key;
mod material;
mod random;
pub mod record;
pub mod root;
pub mod secret;
mod sm4;
mod spec;
pub mod stack;
mod state;
mod tags;
mod xaes;

pub use alias::{Alias, AliasName};
pub use context::{EncryptionContext, RepeatedName};
pub use id::{KeyId, KeyVersionId, SecretValueId, StoreId};
pub use key::{Description, Key, KeyVersion, RotationInterval};
pub use material::{Construction, Material};
pub use random::{Random, SystemRandom};
pub use secret::{
    Secret, SecretDataType, SecretKind, SecretName, SecretRefusal, SecretValue, SecretVersion,
    SecretVersionId, Stage,
};
pub use sm4::Sm4Gcm;
pub use spec::{KeyKind, KeyOrigin, KeySpec, KeyUsage, ProtectionLevel};
pub use state::{KeyState, Operation, Refusal};
pub use tags::{TagProblem, Tags};
pub use xaes::{Damaged, Xaes256Gcm};
