//! Files, streams and trees of them, encrypted and decrypted by any [`KeyService`](bulla_envelope::KeyService).
//!
//! [`Encryptor`], [`Decryptor`] and [`Rewrapper`] take files through any `KeyService`. A file, whole or not at all:
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/toy.rs"));
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (kms, folder) = (Toy, tempfile::tempdir()?);
//! # let place = |name: &str| folder.path().join(name);
//! # std::fs::write(place("sales.csv"), "id,amount\n")?;
//! use bulla_files::{DecryptOptions, Decryptor, EncryptOptions, Encryptor};
//! use bulla_envelope::EncryptionContext;
//!
//! let context = EncryptionContext::new([("department", "sales")])?;
//! let encryptor = Encryptor::new(&kms, vec!["alias/work".into()], context, EncryptOptions::default());
//! encryptor.encrypt_file(&place("sales.csv"), &place("sales.csv.bulla"))?;
//!
//! let decryptor = Decryptor::new(&kms, EncryptionContext::default(), DecryptOptions::default());
//! decryptor.decrypt_file(&place("sales.csv.bulla"), &place("copy.csv"))?;
//! # assert_eq!(std::fs::read(place("copy.csv"))?, b"id,amount\n");
//! # Ok(())
//! # }
//! ```
//!
//! A tree, with one call to the KMS:
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/toy.rs"));
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (kms, folder) = (Toy, tempfile::tempdir()?);
//! # let place = |name: &str| folder.path().join(name);
//! # std::fs::create_dir(place("books"))?;
//! # std::fs::write(place("books/2019.csv"), "id,amount\n")?;
//! use bulla_files::{EncryptOptions, Encryptor, TreeEvent};
//! use bulla_envelope::EncryptionContext;
//!
//! let keys = vec!["alias/work".into()];
//! let encryptor = Encryptor::new(&kms, keys, EncryptionContext::default(), EncryptOptions::default());
//! let listener = |event: TreeEvent<'_>| {
//!     if let TreeEvent::Failed { path, error, .. } = event {
//!         eprintln!("{}: {error}", path.display());
//!     }
//! };
//! let summary = encryptor.encrypt_tree(&place("books"), Some(&place("sealed")), listener)?;
//! assert_eq!((summary.done, summary.failed), (1, 0));
//! # assert!(place("sealed/2019.csv.bulla").exists());
//! # Ok(())
//! # }
//! ```
//!
//! A stream:
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/toy.rs"));
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let kms = Toy;
//! use std::io::Read;
//! use bulla_files::{EncryptOptions, Encryptor};
//! use bulla_envelope::EncryptionContext;
//! use bulla_envelope::native::{AllowedKeys, Reader};
//!
//! let context = EncryptionContext::default();
//! let encryptor = Encryptor::new(&kms, vec!["alias/work".into()], context.clone(), EncryptOptions::default());
//! let mut sealed = Vec::new();
//! encryptor.encrypt_stream(&b"id,amount\n"[..], &mut sealed)?;
//!
//! let mut plaintext = String::new();
//! Reader::new(&*sealed)?.unlock(&kms, &context, &AllowedKeys::all())?.read_to_string(&mut plaintext)?;
//! assert_eq!(plaintext, "id,amount\n");
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]
#![deny(missing_debug_implementations, missing_docs)]

mod cache;
mod compare;
mod data_keys;
mod decrypt;
mod encrypt;
mod engine;
mod file_error;
mod file_summary;
mod format;
mod links;
mod once;
mod options;
pub mod output;
mod pages;
mod progress;
mod removal;
mod rewrap;
mod root;
pub mod threads;
mod times;
mod tree;
mod watched;

pub use cache::KeyCache;
pub use decrypt::Decryptor;
pub use encrypt::Encryptor;
pub use file_error::FileError;
pub use file_summary::FileSummary;
pub use format::Format;
pub use options::{DecryptOptions, EncryptOptions, RewrapOptions};
pub use progress::Progress;
pub use rewrap::Rewrapper;
pub use tree::{SkipReason, TreeEvent, TreeSummary};
