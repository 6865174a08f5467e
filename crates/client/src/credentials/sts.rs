//! Sessions of roles: AssumeRole with other credentials, AssumeRoleWithOIDC with a token in a file.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bulla_wire::sts::{AssumeRole, AssumeRoleWithOIDC, GetCallerIdentity, GetCallerIdentityReply};
use bulla_wire::{Action, SecretText};
use rustix::fs::OFlags;
use serde::Deserialize;

use super::answer::{Asked, TemporaryCredentials};
use super::error::{CredentialsError, ServerProblem};
use super::provider::CredentialProvider;
use super::refresh::Session;
use super::trusted_file::{open_regular, read_text};
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::{AnswerProblem, CallError};
use crate::options::ClientOptions;

/// A security token service (STS), and how it is reached.
#[derive(Clone, Debug)]
pub struct Sts {
    pub(super) endpoint: Endpoint,
    pub(super) options: ClientOptions,
}

impl Sts {
    /// Its address.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Asks which identity the credentials prove, by GetCallerIdentity.
    ///
    /// # Errors
    /// There are no credentials, or the STS does not answer.
    pub fn identity(
        &self,
        credentials: &CredentialProvider,
    ) -> Result<GetCallerIdentityReply, Arc<CredentialsError>> {
        credentials.current()?; // an error of the source is not one of this STS
        let place = credentials.place();
        let client = Client::new(self.endpoint.clone(), credentials.clone(), self.options.clone())
            .map_err(|source| CredentialsError::Setup { place: place.to_owned(), source })?;
        let asked = Asked { place, server: &self.endpoint };
        Ok(client.call(&GetCallerIdentity {}).map_err(|error| failure(asked, error))?)
    }

    /// How it is reached. The user's certificates are trusted at an STS that the user named; the system's at the cloud's.
    #[must_use]
    pub fn options(&self) -> &ClientOptions {
        &self.options
    }
}

/// Which role, and which session of it.
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
    /// The shortest session of an STS.
    pub(super) const MIN_DURATION: u32 = 900;

    /// `bulla` if no name is given.
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
    /// The role of `request`, for the owner of the credentials `by`.
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
    /// Read at every renewal: the issuer of the tokens replaces them in time.
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

    /// The token without the line end that an editor may have left.
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

/// What matters of both replies. An STS that leaves something else out serves as well.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    credentials: TemporaryCredentials,
}

fn session<A: Action>(place: &str, client: &Client, request: &A) -> Result<Session, CredentialsError> {
    let asked = Asked { place, server: client.endpoint() };
    let reply = client.call_raw(A::PRODUCT.version(), A::NAME, &request.print());
    let reply = reply.map_err(|error| failure(asked, error))?;
    asked.parse::<Reply>(reply.expose().as_bytes())?.credentials.session(asked)
}

fn failure(asked: Asked<'_>, error: CallError) -> CredentialsError {
    asked.failed(match error {
        CallError::Credentials(source) => {
            return CredentialsError::Base { place: asked.place.to_owned(), source };
        }
        CallError::Unreachable { source, .. } => ServerProblem::Unreachable(source),
        CallError::Refused(refusal) => ServerProblem::Refused(Box::new(refusal)),
        CallError::Answer { status, problem: AnswerProblem::NoErrorCode, .. } => {
            ServerProblem::Status(status)
        }
        CallError::Answer { problem, .. } => ServerProblem::Answer(problem),
        CallError::Name(_) | CallError::Local { .. } => {
            unreachable!("the names are constants, the STS is remote")
        }
    })
}
