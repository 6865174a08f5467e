//! A remote KMS, `bulla serve` or the real Alibaba Cloud, as a blocking client and as a
//! [`KeyService`](bulla_envelope::KeyService).
//!
//! ```no_run
//! use bulla_client::{ApiKeyService, Client, ClientOptions, Credentials, Endpoint};
//! use bulla_envelope::{EncryptionContext, KeyService};
//! use bulla_wire::kms::DescribeKey;
//!
//! let environment = |name: &str| std::env::var(name).ok();
//! let credentials = Credentials::find(&environment, std::env::home_dir().as_deref())?;
//! let options = ClientOptions::from_environment(&environment);
//! let client = Client::new(Endpoint::parse("aliyun:cn-hangzhou")?, credentials, options)?;
//!
//! let data_key = ApiKeyService::new(&client).generate_data_key("alias/work", &EncryptionContext::default())?;
//! let key = client.call(&DescribeKey { key_id: data_key.wrapped.key_id })?;
//! println!("wrapped by {}", key.key_metadata.arn);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The KMS
//!
//! - [`Endpoint`]: where the KMS is. [`Credentials`]: who calls. [`ClientOptions`]: trust, proxy, patience.
//! - [`Client::call`] for an action of `bulla_wire`, [`Client::call_raw`] for any other.
//! - [`ApiKeyService`] is the `KeyService` of a client, and of any other [`KmsApi`].
//!
//! Requests are signed with ACS3-HMAC-SHA256, anew for each try. Errors say what happened; their `hint()`,
//! and [`hint`] for those of a `KeyService`, says what to do. Nothing here reads the environment of the
//! process: the caller passes it in.

#![forbid(unsafe_code)]

mod api;
mod client;
mod credentials;
mod endpoint;
mod error;
mod hint;
mod key_service;
mod options;
mod refusal;
mod retry;
mod transport;

pub use api::KmsApi;
pub use client::Client;
pub use credentials::{Credentials, CredentialsError};
pub use endpoint::{Endpoint, EndpointError};
pub use error::{AnswerProblem, CallError, SetupError};
pub use hint::hint;
pub use key_service::ApiKeyService;
pub use options::ClientOptions;
pub use refusal::Refusal;
pub use transport::{CertificateProblem, RootsError, TransportError};
