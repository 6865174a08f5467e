//! Envelope encryption of files and streams: two file formats, data keys, and the trait [`KeyService`]. No IO.
//!
//! A key management service (KMS) has a key that never leaves it. It creates a *data key* and returns it twice: as plaintext, and
//! wrapped under its own key. Later it unwraps the wrapped data key for callers with permission. This crate encrypts a file with
//! the plaintext data key, stores the wrapped one in the file, and wipes the plaintext one from memory.
//!
//! ```
//! # use std::io::{Read, Write};
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
//! #             key_id: "toy".to_owned(),
//! #             key_version_id: "1".to_owned(),
//! #             ciphertext_blob: data_key.to_base64().to_string(),
//! #         })
//! #     }
//! #     fn unwrap(&self, blob: &str, _: &EncryptionContext) -> Result<UnwrappedDataKey, KeyServiceError> {
//! #         let answer = |error: NotADataKey| KeyServiceError::InvalidResponse(std::sync::Arc::new(error));
//! #         let data_key = DataKey::from_base64(blob).map_err(answer)?;
//! #         Ok(UnwrappedDataKey { data_key, key_id: "toy".to_owned(), key_version_id: "1".to_owned() })
//! #     }
//! # }
//! use bulla_envelope::native::{AllowedKeys, BodyKey, Header, Reader, SetId, SourceMetadata, Wrap, WrapKind, Writer};
//!
//! let kms = Toy; // any `KeyService`; this one wraps a key by writing it down
//! let context = EncryptionContext::new([("department", "sales")])?;
//! let GeneratedDataKey { data_key, wrapped } = kms.generate_data_key("alias/work", &context)?;
//! let wrap = Wrap { kind: WrapKind::Set, region: String::new(), key: wrapped };
//! let header = Header::new(SetId::random(), context.clone(), SourceMetadata::default(), vec![wrap])?;
//! let mut writer = Writer::new(Vec::new(), &header, &BodyKey::of_set(&data_key, header.file_id()))?;
//! writer.write_all(b"id,amount\n1,7\n")?;
//! let file = writer.finish()?;
//!
//! let mut plaintext = Vec::new();
//! Reader::new(&*file)?.unlock(&kms, &context, &AllowedKeys::all())?.read_to_end(&mut plaintext)?;
//! assert_eq!(plaintext, b"id,amount\n1,7\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to start
//!
//! | | |
//! |---|---|
//! | [`KeyService`] | the trait to implement for another KMS; its functions use [`DataKey`] and [`EncryptionContext`] |
//! | [`native`] | `.bulla` files: several keys for one file, a stored encryption context, random access |
//! | [`text_format`] | four lines of base64, which a short program in any language can read |
//! | [`cobblestone`] | the chunks of a native body, for callers that seal or open several in parallel |
//! | [`recall`] | checks that a second pass over an input reads what the first one read |
//! | [`EncryptError`], [`DecryptError`] | errors for callers of both formats; each format has its own errors in its module |
//!
//! # Guarantees
//!
//! - **No IO.** Nothing here opens a file or a socket or reads the clock. The caller passes `Read`, `Write` and `Seek`.
//! - **Nonces and salts are random.** The functions that seal create them; callers cannot pass one.
//! - **Keys have types of their own.** Data keys and body keys are wiped on drop, are not shown by `Debug`, and cannot be used in
//!   place of each other.
//! - **Memory is constant.** A file of any size is processed through a few buffers. The text format uses a second thread, which
//!   ends before the call returns. before the call returns.

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
