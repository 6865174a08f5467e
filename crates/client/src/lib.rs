//! A remote KMS, `bulla serve` or the real Alibaba Cloud, as a blocking client and as a
//! [`KeyService`](bulla_envelope::KeyService).
//!
//! ```no_run
//! use bulla_client::{Client, ClientOptions, Credentials, Endpoint};
//! use bulla_envelope::{EncryptionContext, KeyService};
//! use bulla_wire::actions::DescribeKey;
//!
//! let environment = |name: &str| std::env::var(name).ok();
//! let credentials = Credentials::find(&environment, std::env::home_dir().as_deref())?;
//! let options = ClientOptions::from_environment(&environment);
//! let kms = Client::new(Endpoint::parse("aliyun:cn-hangzhou")?, credentials, options)?;
//!
//! let data_key = kms.generate_data_key("alias/work", &EncryptionContext::default())?;
//! let key = kms.call(&DescribeKey { key_id: data_key.wrapped.key_id })?;
//! println!("wrapped by {}", key.key_metadata.arn);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Files
//!
//! [`Encryptor`], [`Decryptor`] and [`Rewrapper`] take files through any `KeyService`. A file, whole or not at all:
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/toy.rs"));
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (kms, folder) = (Toy, tempfile::tempdir()?);
//! # let place = |name: &str| folder.path().join(name);
//! # std::fs::write(place("sales.csv"), "id,amount\n")?;
//! use bulla_client::{DecryptOptions, Decryptor, EncryptOptions, Encryptor};
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
//! use bulla_client::{EncryptOptions, Encryptor, TreeEvent, encrypt_tree};
//! use bulla_envelope::EncryptionContext;
//!
//! let keys = vec!["alias/work".into()];
//! let encryptor = Encryptor::new(&kms, keys, EncryptionContext::default(), EncryptOptions::default());
//! let told = |event: TreeEvent<'_>| {
//!     if let TreeEvent::Failed(path, _, error) = event {
//!         eprintln!("{}: {error}", path.display());
//!     }
//! };
//! let summary = encrypt_tree(&encryptor, &place("books"), Some(&place("sealed")), &told)?;
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
//! use bulla_client::{EncryptOptions, Encryptor};
//! use bulla_envelope::EncryptionContext;
//! use bulla_envelope::native::{AllowedKeys, Reader};
//!
//! let context = EncryptionContext::default();
//! let encryptor = Encryptor::new(&kms, vec!["alias/work".into()], context.clone(), EncryptOptions::default());
//! let mut sealed = Vec::new();
//! encryptor.encrypt_stream(&b"id,amount\n"[..], &mut sealed)?;
//!
//! let mut plaintext = String::new();
//! Reader::new(&*sealed)?.unlock(&kms, &context, &AllowedKeys::default())?.read_to_string(&mut plaintext)?;
//! assert_eq!(plaintext, "id,amount\n");
//! # Ok(())
//! # }
//! ```
//!
//! # The KMS
//!
//! - [`Endpoint`]: where the KMS is. [`Credentials`]: who calls. [`ClientOptions`]: trust, proxy, patience.
//! - [`Client::call`] for an action of `bulla_wire`, [`Client::call_raw`] for any other.
//! - [`key_service_error`] tells what a [`Refusal`] means to encryption, also for a KMS that is not remote.
//!
//! Requests are signed with ACS3-HMAC-SHA256, anew for each try. Errors say what happened; their `hint()`,
//! and [`hint`] for those of a `KeyService`, says what to do. Nothing here reads the environment of the
//! process: the caller passes it in.

#![forbid(unsafe_code)]

mod cache;
mod client;
mod credentials;
mod data_keys;
mod decrypt;
mod encrypt;
mod endpoint;
mod engine;
mod error;
mod file_error;
mod key_service;
mod links;
mod once;
mod options;
pub mod output;
mod pages;
mod refusal;
mod removal;
mod retry;
mod rewrap;
mod root;
mod times;
mod transport;
mod tree;
mod watched;

pub use cache::KeyCache;
pub use decrypt::{DecryptOptions, Decryptor};
pub use encrypt::{Done, EncryptOptions, Encryptor, Format, all_cores, suffix};
pub use engine::Progress;
pub use file_error::FileError;
pub use links::resolve_in_place;
pub use rewrap::{RewrapOptions, Rewrapper};
pub use tree::{
    SkipReason, TreeEvent, TreeSummary, decrypt_tree, encrypt_tree, rekey_tree, rewrap_tree, verify_tree,
};

pub use client::Client;
pub use credentials::{Credentials, CredentialsError};
pub use endpoint::{Endpoint, EndpointError};
pub use error::{AnswerProblem, CallError, SetupError};
pub use key_service::{
    Caller, generate_data_key, hint, key_service_error, key_service_error_of_call, unwrap, wrap,
};
pub use options::ClientOptions;
pub use refusal::Refusal;
pub use transport::{CertificateProblem, RootsError, TransportError};
