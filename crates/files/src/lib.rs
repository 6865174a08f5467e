//! Envelope encryption of files, streams and directory trees with any key management service (KMS).
//!
//! A [`KeyService`](bulla_envelope::KeyService) issues and unwraps data keys. This crate encrypts with them, using all cores, and
//! publishes outputs atomically: complete, verified and durable, or not at all.
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/toy.rs"));
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let kms = Toy;
//! # let folder = tempfile::tempdir()?;
//! # let [plain, sealed, copy] = ["sales.csv", "sales.csv.bulla", "copy.csv"].map(|name| folder.path().join(name));
//! # std::fs::write(&plain, "id,amount\n")?;
//! use bulla_envelope::EncryptionContext;
//! use bulla_files::{DecryptOptions, Decryptor, EncryptOptions, Encryptor};
//!
//! let context = EncryptionContext::new([("department", "sales")])?;
//! let encryptor = Encryptor::new(&kms, ["alias/work"], context, EncryptOptions::new());
//! encryptor.encrypt_file(&plain, &sealed)?;
//!
//! let decryptor = Decryptor::new(&kms, EncryptionContext::default(), DecryptOptions::new());
//! let summary = decryptor.decrypt_file(&sealed, &copy)?;
//! assert_eq!(summary.plaintext_len, Some(10));
//! # assert_eq!(std::fs::read(&copy)?, b"id,amount\n");
//! # Ok(())
//! # }
//! ```
//!
//! # Where to start
//!
//! | | |
//! |---|---|
//! | [`Encryptor`], [`EncryptOptions`] | encrypts a file, a stream or a tree under one key or several |
//! | [`Decryptor`], [`DecryptOptions`] | decrypts or verifies them; reads ranges of a file |
//! | [`Rewrapper`], [`RewrapOptions`] | gives existing files other keys |
//! | [`FileSummary`], [`TreeSummary`], [`TreeEvent`] | the results for a file and for a tree |
//! | [`FileError`] | why a file failed |
//! | [`KeyCache`] | calls a KMS only once for each wrapped key |
//! | [`output`] | clean-up when a signal stops the program, and errors of outputs |
//!
//! The formats of the files are those of [`bulla_envelope`]; [`Format`] names them.
//!
//! # Trees
//!
//! All files share one call of the KMS. If a file fails, the others are still processed:
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/toy.rs"));
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let kms = Toy;
//! # let folder = tempfile::tempdir()?;
//! # let place = |name: &str| folder.path().join(name);
//! # std::fs::create_dir(place("books"))?;
//! # std::fs::write(place("books/2019.csv"), "id,amount\n")?;
//! use bulla_envelope::EncryptionContext;
//! use bulla_files::{EncryptOptions, Encryptor, TreeEvent};
//!
//! let options = EncryptOptions::new().resume(true);
//! let encryptor = Encryptor::new(&kms, ["alias/work"], EncryptionContext::default(), options);
//! let listener = |event: TreeEvent<'_>| {
//!     if let TreeEvent::Failed { path, error, .. } = event {
//!         eprintln!("{}: {error}", path.display());
//!     }
//! };
//! let summary = encryptor.encrypt_tree(place("books"), Some(&place("sealed")), listener)?;
//! assert_eq!((summary.done, summary.failed), (1, 0));
//! # assert!(place("sealed/2019.csv.bulla").exists());
//! # Ok(())
//! # }
//! ```
//!
//! # Streams
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/toy.rs"));
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let kms = Toy;
//! use bulla_envelope::EncryptionContext;
//! use bulla_files::{DecryptOptions, Decryptor, EncryptOptions, Encryptor, Format};
//!
//! let context = EncryptionContext::default();
//! let encryptor = Encryptor::new(&kms, ["alias/work"], context.clone(), EncryptOptions::new());
//! let mut sealed = Vec::new();
//! encryptor.encrypt_stream(&b"id,amount\n"[..], &mut sealed)?;
//!
//! let decryptor = Decryptor::new(&kms, context, DecryptOptions::new().format(Format::Native));
//! let mut plaintext = Vec::new();
//! decryptor.decrypt_stream(&*sealed, &mut plaintext)?;
//! assert_eq!(plaintext, b"id,amount\n");
//! # Ok(())
//! # }
//! ```
//!
//! The beginning of a stream is written before its end is verified: see [`Decryptor::decrypt_stream`] for what an output contains
//! after an error.
//!
//! # Methods
//!
//! The constructor takes the options, and every method returns a [`FileSummary`] or a [`TreeSummary`].
//!
//! | | encrypt | decrypt | verify |
//! |---|---|---|---|
//! | a file, by its path | [`encrypt_file`](Encryptor::encrypt_file) | [`decrypt_file`](Decryptor::decrypt_file) | [`verify_file`](Decryptor::verify_file) |
//! | an open file or pipe | [`encrypt_open`](Encryptor::encrypt_open) | [`decrypt_open`](Decryptor::decrypt_open) | [`verify_open`](Decryptor::verify_open) |
//! | the same, to a stream | [`encrypt_open_to_stream`](Encryptor::encrypt_open_to_stream) | [`decrypt_open_to_stream`](Decryptor::decrypt_open_to_stream) | |
//! | a stream | [`encrypt_stream`](Encryptor::encrypt_stream) | [`decrypt_stream`](Decryptor::decrypt_stream) | [`verify_stream`](Decryptor::verify_stream) |
//! | a tree | [`encrypt_tree`](Encryptor::encrypt_tree) | [`decrypt_tree`](Decryptor::decrypt_tree) | [`verify_tree`](Decryptor::verify_tree) |
//!
//! # Guarantees
//!
//! - **Unverified plaintext is never visible.** A decrypted file gets its name after its last byte was verified, and a stream
//!   receives only verified bytes.
//! - **Outputs are atomic and durable**, and existing files are replaced only on request. An error leaves no output.
//! - **A source is removed only after its output was read back**, with both files locked.
//! - **A source that changes while it is read is an error**; an output never mixes two states of it.
//! - **Keys are wiped** when they are no longer needed, and `Debug` does not show them.
//!
//! Linux only: outputs are unnamed files (`O_TMPFILE`), and trees are opened without following symbolic links (`openat2`).

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

pub use bulla_envelope;
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
