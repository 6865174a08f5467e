//! The role of a cloud instance, from the metadata service that the instance reaches at a fixed address.
//!
//! A token is asked for first (IMDSv2): a program that can be made to send a GET elsewhere, or a proxy that repeats one,
//! gets no credentials. Without a token (IMDSv1) the service is asked only if the user says so. Plain HTTP and never
//! through a proxy, since the answers are for this machine only.

use std::time::Duration;

use super::answer::{Asked, CodedCredentials};
use super::error::{CredentialsError, ServerProblem};
use super::refresh::Session;
use super::server::Server;
use crate::endpoint::Endpoint;
use crate::error::SetupError;
use crate::options::ClientOptions;
use crate::transport::{Answer, Method, Request};

/// The metadata service, and which role it is asked for.
pub(super) struct Instance {
    server: Server,
    /// `None`: the one role that the service names.
    role: Option<String>,
    /// Whether to go on without a token if the service has none.
    without_token: bool,
}

impl Instance {
    pub(super) fn new(role: Option<String>, without_token: bool) -> Result<Self, SetupError> {
        let options = ClientOptions::new().connect_timeout(TIMEOUT);
        let server = Server::new(&Endpoint::metadata(), &options, 2 * TIMEOUT, BUDGET)?;
        Ok(Self { server, role, without_token })
    }

    pub(super) fn fetch(&self, place: &str) -> Result<Session, CredentialsError> {
        let asked = self.server.asked(place);
        if self.role.as_deref().is_some_and(|role| !is_role(role)) {
            let field = "the name of the role";
            let expected = "1 to 64 letters, digits, dots, hyphens and underscores";
            return Err(CredentialsError::Invalid { place: place.to_owned(), field, expected });
        }
        let token = self.token(asked)?;
        let headers: Vec<_> = token.map(|token| ("x-aliyun-ecs-metadata-token", token)).into_iter().collect();
        let role = match &self.role {
            Some(role) => role.clone(),
            None => self.only_role(asked, &headers)?,
        };
        let answer = asked.success(self.get(asked, &format!("{ROLES}{role}"), &headers)?)?;
        asked.parse::<CodedCredentials>(&answer.body)?.session(asked)
    }

    fn token(&self, asked: Asked<'_>) -> Result<Option<String>, CredentialsError> {
        let headers = [("x-aliyun-ecs-metadata-token-ttl-seconds", TOKEN_SECONDS.to_owned())];
        let request = Request { method: Method::Put, path: "/latest/api/token", headers: &headers, body: "" };
        let answer = self.server.send(asked, &request)?;
        match str::from_utf8(&answer.body).map(str::trim) {
            Ok(token) if answer.status == 200 && is_token(token) => Ok(Some(token.to_owned())),
            Ok(_) if answer.status == 200 => Err(asked.failed(ServerProblem::Field("token"))),
            _ if self.without_token => Ok(None),
            _ => Err(asked.failed(ServerProblem::NoToken(answer.status))),
        }
    }

    /// The role that the service names.
    fn only_role(
        &self,
        asked: Asked<'_>,
        headers: &[(&'static str, String)],
    ) -> Result<String, CredentialsError> {
        let answer = self.get(asked, ROLES, headers)?;
        if answer.status == 404 {
            return Err(asked.failed(ServerProblem::NoRole));
        }
        let answer = asked.success(answer)?;
        match str::from_utf8(&answer.body).map(str::trim) {
            Ok("") => Err(asked.failed(ServerProblem::NoRole)),
            Ok(role) if is_role(role) => Ok(role.to_owned()),
            _ => Err(asked.failed(ServerProblem::Field("name of a role"))),
        }
    }

    fn get(
        &self,
        asked: Asked<'_>,
        path: &str,
        headers: &[(&'static str, String)],
    ) -> Result<Answer, CredentialsError> {
        self.server.send(asked, &Request { method: Method::Get, path, headers, body: "" })
    }
}

/// Whether an error says that this machine is no instance with a role, rather than that something failed. A web server that
/// happens to be at the address of the metadata service answers 404 to the request for a token.
pub(super) fn is_no_instance(error: &CredentialsError) -> bool {
    matches!(
        error,
        CredentialsError::Server {
            problem: ServerProblem::Unreachable(_) | ServerProblem::NoRole | ServerProblem::NoToken(404),
            ..
        }
    )
}

/// Whether the name can stand in the path of a URL.
fn is_role(name: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&name.len()) && name != "." && name != ".." && name.bytes().all(valid)
}

/// Whether the token can stand in a header.
fn is_token(token: &str) -> bool {
    (1..=4096).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic())
}

const ROLES: &str = "/latest/meta-data/ram/security-credentials/";
/// How long a token is good: six hours, as by the official clients. A new one is asked for each time.
const TOKEN_SECONDS: &str = "21600";
/// For a connection, and again for its answer. The service is on the same machine, or one hop away.
const TIMEOUT: Duration = Duration::from_secs(1);
/// For one request with its retries.
const BUDGET: Duration = Duration::from_millis(2500);
