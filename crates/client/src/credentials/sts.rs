//! Sessions of roles: AssumeRole with other credentials, AssumeRoleWithOIDC with a token from a file.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bulla_wire::sts::{AssumeRole, AssumeRoleWithOIDC, GetCallerIdentity, GetCallerIdentityReply};
use bulla_wire::{Action, SecretText};
use rustix::fs::OFlags;
use serde::Deserialize;

use super::answer::{Peer, TemporaryCredentials};
use super::error::{CredentialsError, ServerProblem};
use super::provider::CredentialProvider;
use super::refresh::Session;
use super::trusted_file::{open_regular, read_text};
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::{CallError, ResponseProblem};
use crate::options::ClientOptions;

/// A security token service (STS) and the options for calls to it.
#[derive(Clone, Debug)]
pub struct Sts {
    pub(super) endpoint: Endpoint,
    pub(super) options: ClientOptions,
}

impl Sts {
    /// Returns the address.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Returns the identity of the credentials, by GetCallerIdentity.
    ///
    /// # Errors
    /// [`CredentialsError`] if there are no credentials, or the STS does not reply.
    pub fn identity(
        &self,
        credentials: &CredentialProvider,
    ) -> Result<GetCallerIdentityReply, Arc<CredentialsError>> {
        credentials.current()?; // an error of the source is not an error of the STS
        let place = credentials.place();
        let client = Client::new(self.endpoint.clone(), credentials.clone(), self.options.clone())
            .map_err(|source| CredentialsError::Setup { place: place.to_owned(), source })?;
        let peer = Peer { place, server: &self.endpoint };
        Ok(client.call(&GetCallerIdentity {}).map_err(|error| failure(peer, error))?)
    }

    /// Returns the options. An STS that the user named must have a certificate that the user trusts; the cloud's one that the
    /// system trusts.
    #[must_use]
    pub fn options(&self) -> &ClientOptions {
        &self.options
    }
}

/// A role and the parameters of a session.
#[derive(Debug)]
pub(super) struct RoleRequest {
    pub(super) role_arn: String,
    pub(super) session_name: String,
    pub(super) duration_seconds: u32,
    pub(super) policy: Option<String>,
    pub(super) external_id: Option<String>,
}

impl RoleRequest {
    pub(super) const DEFAULT_DURATION: u32 = 3600;
    /// The minimum duration that an STS accepts.
    pub(super) const MIN_DURATION: u32 = 900;

    /// Returns the name, or `bulla` if it is empty.
    pub(super) fn session_name_or_default(name: &str) -> String {
        if name.is_empty() { "bulla".to_owned() } else { name.to_owned() }
    }

    fn assume_role(&self) -> AssumeRole {
        AssumeRole {
            role_arn: self.role_arn.clone(),
            role_session_name: self.session_name.clone(),
            duration_seconds: Some(self.duration_seconds),
            policy: self.policy.clone(),
            external_id: self.external_id.clone(),
            source_identity: None,
        }
    }

    fn assume_role_with_oidc(&self, provider_arn: &str, token: SecretText) -> AssumeRoleWithOIDC {
        AssumeRoleWithOIDC {
            role_arn: self.role_arn.clone(),
            oidc_provider_arn: provider_arn.to_owned(),
            oidc_token: token,
            role_session_name: self.session_name.clone(),
            duration_seconds: Some(self.duration_seconds),
            policy: self.policy.clone(),
        }
    }
}

/// A role that is assumed with other credentials.
pub(super) struct AssumedRole {
    client: Client,
    request: RoleRequest,
}

impl AssumedRole {
    /// Creates the role of `request`, to be assumed with the credentials `by`.
    pub(super) fn new(
        by: CredentialProvider,
        sts: &Sts,
        request: RoleRequest,
        place: &str,
    ) -> Result<Self, CredentialsError> {
        let client = Client::new(sts.endpoint.clone(), by, sts.options.clone())
            .map_err(|source| CredentialsError::Setup { place: place.to_owned(), source })?;
        Ok(Self { client, request })
    }

    pub(super) fn fetch(&self, place: &str) -> Result<Session, CredentialsError> {
        session(place, &self.client, &self.request.assume_role())
    }
}

/// A role that is assumed with the token of an OpenID Connect provider.
pub(super) struct OidcRole {
    client: Client,
    provider_arn: String,
    /// Read at every renewal, because the issuer replaces the token before it expires.
    token_file: PathBuf,
    request: RoleRequest,
}

impl OidcRole {
    pub(super) fn new(
        sts: &Sts,
        provider_arn: String,
        token_file: PathBuf,
        request: RoleRequest,
        place: &str,
    ) -> Result<Self, CredentialsError> {
        let client = Client::unsigned(sts.endpoint.clone(), sts.options.clone())
            .map_err(|source| CredentialsError::Setup { place: place.to_owned(), source })?;
        Ok(Self { client, provider_arn, token_file, request })
    }

    pub(super) fn fetch(&self, place: &str) -> Result<Session, CredentialsError> {
        let request = self.request.assume_role_with_oidc(&self.provider_arn, self.token()?);
        session(place, &self.client, &request)
    }

    /// Reads the token, without the line end that an editor may have added.
    fn token(&self) -> Result<SecretText, CredentialsError> {
        let read = || {
            let text = read_text(&open_regular(&self.token_file, OFlags::empty())?)?;
            match text.trim() {
                "" => Err(io::Error::other("it is empty")),
                token => Ok(token.to_owned().into()),
            }
        };
        read().map_err(|source| CredentialsError::Read { path: self.token_file.clone(), source })
    }
}

/// The used part of both replies. An STS that omits other parts works too.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    credentials: TemporaryCredentials,
}

fn session<A: Action>(place: &str, client: &Client, request: &A) -> Result<Session, CredentialsError> {
    let peer = Peer { place, server: client.endpoint() };
    let reply = client.call_raw(A::PRODUCT.version(), A::NAME, &request.print());
    let reply = reply.map_err(|error| failure(peer, error))?;
    peer.parse::<Reply>(reply.expose().as_bytes())?.credentials.session(peer)
}

fn failure(peer: Peer<'_>, error: CallError) -> CredentialsError {
    peer.failed(match error {
        CallError::Credentials(source) => {
            return CredentialsError::Base { place: peer.place.to_owned(), source };
        }
        CallError::Unreachable { source, .. } => ServerProblem::Unreachable(source),
        CallError::Refused(refusal) => ServerProblem::Refused(Box::new(refusal)),
        CallError::InvalidResponse { status, problem: ResponseProblem::NoErrorCode, .. } => {
            ServerProblem::Status(status)
        }
        CallError::InvalidResponse { problem, .. } => ServerProblem::InvalidResponse(problem),
        CallError::Name(_) | CallError::Local { .. } => {
            unreachable!("the names are constants, the STS is remote")
        }
    })
}
