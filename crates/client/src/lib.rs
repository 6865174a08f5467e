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
//! | [`Endpoint`], [`ClientOptions`] | the address of the KMS; certificates, proxy and timeouts |
//! | [`CredentialProvider`], [`Credentials`] | credentials, found like the official clients do, or passed by the program |
//! | [`Client`] | calls an action of [`bulla_wire`], or any other action by its name |
//! | [`ApiKeyService`] | the [`KeyService`](bulla_envelope::KeyService) for encryption, for a client or any other [`KmsApi`] |
//! | [`CallError`], [`Refusal`] | why a call returned no reply |
//!
//! # Guarantees
//!
//! - **Each attempt is signed separately** with ACS3-HMAC-SHA256, so no nonce is used twice.
//! - **Retries are safe.** A request that changes something is sent again only if the KMS certainly did not execute it.
//! - **TLS, or loopback.** Plain HTTP to another machine is refused, because responses contain plaintext data keys. The only
//!   exception is the metadata service of a cloud instance, which is never called through a proxy.
//! - **Errors contain no secrets.** They do not quote responses, and an echo of the request is removed.
//! - **The process environment is not read**: the caller passes the environment in. The only files that are read are those that
//!   the options and the environment name, and configuration files in the home directory. A program is started only for a profile
//!   of mode External.
//! - **No file is written**, and a configuration file that another user can write is refused.

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
pub use error::{CallError, ResponseProblem, SetupError};
pub use key_service::ApiKeyService;
pub use options::ClientOptions;
pub use refusal::{Denial, Refusal};
pub use transport::{CertificateProblem, RootsError, TransportError};
