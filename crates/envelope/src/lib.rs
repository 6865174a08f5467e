//! Envelope encryption of files and streams: formats, data keys and the [`KeyService`] joint, without IO.
//!
//! A key management service (KMS) keeps a key that never leaves it. It draws a *data key*, gives it out
//! twice, in the clear and wrapped by its own key, and unwraps it later for whoever may ask. The data key
//! encrypts a file here; the wrapped one is stored with the ciphertext; the clear one is wiped.
//!
//! ```
//! # use bulla_envelope::*;
//! # struct Toy;
//! # impl KeyService for Toy {
//! #     fn generate_data_key(
//! #         &self,
//! #         key: &str,
//! #         context: &EncryptionContext,
//! #     ) -> Result<GeneratedDataKey, KeyServiceError> {
//! #         let data_key = DataKey::random();
//! #         Ok(GeneratedDataKey { wrapped: self.wrap(key, &data_key, context)?, data_key })
//! #     }
//! #     fn wrap(
//! #         &self,
//! #         key: &str,
//! #         data_key: &DataKey,
//! #         _: &EncryptionContext,
//! #     ) -> Result<WrappedKey, KeyServiceError> {
//! #         Ok(WrappedKey {
//! #             key_id: key.to_owned(),
//! #             key_version_id: "1".to_owned(),
//! #             ciphertext_blob: data_key.to_base64().to_string(),
//! #         })
//! #     }
//! #     fn unwrap(&self, blob: &str, _: &EncryptionContext) -> Result<UnwrappedDataKey, KeyServiceError> {
//! #         let answer = |error: NotADataKey| KeyServiceError::Answer(std::sync::Arc::new(error));
//! #         let data_key = DataKey::from_base64(blob).map_err(answer)?;
//! #         Ok(UnwrappedDataKey { data_key, key_id: "toy".to_owned(), key_version_id: "1".to_owned() })
//! #     }
//! # }
//! use bulla_envelope::text_format::{self, Reader};
//!
//! let kms = Toy; // wraps a data key by writing it down: any `KeyService` does
//! let context = EncryptionContext::new([("department", "sales")])?;
//!
//! let GeneratedDataKey { data_key, wrapped } = kms.generate_data_key("alias/default", &context)?;
//! let mut file = Vec::new();
//! text_format::seal(&b"id,amount\n1,7\n"[..], &mut file, &data_key, &wrapped.ciphertext_blob)?;
//!
//! let reader = Reader::new(file.as_slice())?;
//! let UnwrappedDataKey { data_key, .. } = kms.unwrap(reader.ciphertext_blob(), &context)?;
//! assert_eq!(reader.open_into_discardable(&data_key, Vec::new())?.out, b"id,amount\n1,7\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The joint: [`KeyService`], the one trait to implement for another KMS; [`DataKey`] and
//! [`EncryptionContext`], which pass through it.
//!
//! The formats: [`native`], the one of `.bulla` files, built on [`cobblestone`]; [`text_format`], four lines of base64.
//!
//! Errors: each format has its own in its module; [`EncryptError`] and [`DecryptError`] are for a caller of either.
//!
//! [`recall`]: whether a second pass over an input sees what the first one saw.
//!
//! Nothing in this crate opens a file or a socket or reads the clock: the caller brings `Read`, `Write` and
//! `Seek`. Nonces are drawn where they are used and never passed in. Whole files run through in constant
//! memory, on two threads that end before the call returns.

#![forbid(unsafe_code)]
#![deny(missing_debug_implementations, missing_docs)]

mod body_key;
pub mod cobblestone;
mod context;
mod data_key;
mod eax;
mod error;
mod key_bytes;
mod key_service;
pub mod native;
pub mod recall;
mod strict_base64;
pub mod text_format;

pub use context::{EncryptionContext, RepeatedName};
pub use data_key::{DataKey, NotADataKey};
pub use error::{DecryptError, EncryptError};
pub use key_service::{
    GeneratedDataKey, KeyService, KeyServiceError, LocalFailure, UnwrappedDataKey, WrappedKey,
};
