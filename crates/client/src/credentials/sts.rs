//! Sessions of roles: AssumeRole with other credentials, AssumeRoleWithOIDC with a token in a file.

use std::io;
use std::path::PathBuf;

use bulla_wire::{Parameters, SecretText};
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

    fn parameters(&self, more: impl IntoIterator<Item = (&'static str, String)>) -> Parameters {
        let mut parameters = Parameters::default();
        parameters.set("RoleArn", self.role_arn.as_str());
        parameters.set("RoleSessionName", self.session_name.as_str());
        parameters.set("DurationSeconds", self.duration_seconds.to_string());
        let optional = [("Policy", &self.policy), ("ExternalId", &self.external_id)];
        for (name, value) in optional {
            if let Some(value) = value {
                parameters.set(name, value.as_str());
            }
        }
        for (name, value) in more {
            parameters.set(name, value);
        }
        parameters
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
        let asked = Asked { place, server: self.client.endpoint() };
        session(asked, self.client.call_raw(VERSION, "AssumeRole", &self.request.parameters([])))
    }
}

/// A role that is assumed with the token of an OpenID Connect provider.
pub(super) struct OidcRole {
    client: Client,
    provider_arn: String,
    /// Read at every renewal: whoever issues the tokens replaces them in time.
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
        let token = self.token()?;
        let more = [("OIDCProviderArn", self.provider_arn.clone()), ("OIDCToken", token)];
        let asked = Asked { place, server: self.client.endpoint() };
        session(asked, self.client.call_raw(VERSION, "AssumeRoleWithOIDC", &self.request.parameters(more)))
    }

    /// The token without the line end that an editor may have left; `Parameters` wipes it.
    fn token(&self) -> Result<String, CredentialsError> {
        let read = || {
            let text = read_text(&open_regular(&self.token_file, OFlags::empty())?)?;
            match text.trim() {
                "" => Err(io::Error::other("it is empty")),
                token => Ok(token.to_owned()),
            }
        };
        read().map_err(|source| CredentialsError::Read { path: self.token_file.clone(), source })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    credentials: TemporaryCredentials,
}

fn session(asked: Asked<'_>, reply: Result<SecretText, CallError>) -> Result<Session, CredentialsError> {
    let reply = reply.map_err(|error| failure(asked, error))?;
    asked.parse::<Reply>(reply.expose().as_bytes())?.credentials.session(asked)
}

fn failure(asked: Asked<'_>, error: CallError) -> CredentialsError {
    asked.failed(match error {
        CallError::Credentials(source) => {
            return CredentialsError::Base { place: asked.place.to_owned(), source };
        }
        CallError::Unreachable { source, .. } => ServerProblem::Unreachable(source),
        CallError::Refused(refusal) => ServerProblem::Refused(refusal),
        CallError::Answer { status, problem: AnswerProblem::NoErrorCode, .. } => {
            ServerProblem::Status(status)
        }
        CallError::Answer { problem, .. } => ServerProblem::Answer(problem),
        CallError::Name(_) | CallError::Local { .. } => {
            unreachable!("the names are constants, the STS is remote")
        }
    })
}

const VERSION: &str = "2015-04-01";
