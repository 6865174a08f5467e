//! A blocking client of a key management service (KMS): `bulla serve` or the real Alibaba Cloud KMS.
//!
//! ```no_run
//! use bulla_client::{ApiKeyService, Client, ClientOptions, CredentialOptions, CredentialProvider, Endpoint};
//! use bulla_envelope::{EncryptionContext, KeyService};
//! use bulla_wire::kms::DescribeKey;
//!
//! let environment = |name: &str| std::env::var(name).ok();
//! let endpoint: Endpoint = "aliyun:cn-hangzhou".parse()?;
//! let options = ClientOptions::from_environment(environment);
//! let search = CredentialOptions::new(endpoint.clone(), options.clone());
//! let credentials = CredentialProvider::find(environment, std::env::home_dir().as_deref(), &search)?;
//! let client = Client::new(endpoint, credentials, options)?;
//!
//! let data_key = ApiKeyService::new(&client).generate_data_key("alias/work", &EncryptionContext::default())?;
//! let key = client.call(&DescribeKey { key_id: data_key.wrapped.key_id })?;
//! println!("wrapped by {}", key.key_metadata.arn);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to start
//!
//! | | |
//! |---|---|
//! | [`Endpoint`], [`ClientOptions`] | where the KMS is; trust, proxy and timeouts |
//! | [`CredentialProvider`], [`Credentials`] | who calls: found as the official clients do, or brought by the program |
//! | [`Client`] | calls an action of [`bulla_wire`], or any other by its name |
//! | [`ApiKeyService`] | the [`KeyService`](bulla_envelope::KeyService) that encryption uses, of a client or any other [`KmsApi`] |
//! | [`CallError`], [`Refusal`] | why a call brought no reply |
//!
//! # Guarantees
//!
//! - **Signed for each try** with ACS3-HMAC-SHA256: no nonce is used twice.
//! - **Tried again only if that is safe**: a request that changes something is sent again only if it was not acted on.
//! - **TLS, or loopback.** Plain HTTP to another machine is refused, because answers hold plaintext data keys; only the
//!   metadata service of a cloud instance is asked that way, and never through a proxy.
//! - **No secret in an error.** Answers are not repeated, and an echo of the request is cut out.
//! - **Nothing of the process is read** but the files that the options and the environment name: the caller passes the
//!   environment in. A program is started only if a profile of mode External is used.
//! - **No file is written**, and a configuration file that others may write is refused.

#![forbid(unsafe_code)]
#![deny(missing_debug_implementations, missing_docs)]

mod api;
mod client;
mod clock;
mod credentials;
mod endpoint;
mod error;
mod key_service;
mod options;
mod refusal;
mod retry;
mod transport;

pub use api::KmsApi;
pub use bulla_envelope;
pub use bulla_wire;
pub use client::Client;
pub use credentials::{
    CredentialOptions, CredentialProvider, Credentials, CredentialsError, ProcessProblem, ServerProblem, Sts,
    Writer,
};
pub use endpoint::{Endpoint, EndpointError};
pub use error::{AnswerProblem, CallError, SetupError};
pub use key_service::ApiKeyService;
pub use options::ClientOptions;
pub use refusal::{Denial, Refusal};
pub use transport::{CertificateProblem, RootsError, TransportError};
