//! The role of a cloud instance, from the metadata service, which the instance reaches at a fixed address.
//!
//! The client first requests a token (IMDSv2), so that an attacker who can make a program send a GET, or a proxy that repeats
//! one, gets no credentials. It calls the service without a token (IMDSv1) only if the user allows it. It uses plain HTTP, and
//! never a proxy, because the responses are for this machine only.

use std::time::Duration;

use super::answer::{CodedCredentials, Peer};
use super::error::{CredentialsError, ServerProblem};
use super::refresh::Session;
use super::server::Server;
use crate::endpoint::Endpoint;
use crate::error::SetupError;
use crate::options::ClientOptions;
use crate::transport::{Method, Request, Response};

/// The metadata service and the role.
pub(super) struct Instance {
    server: Server,
    /// The name of the role; `None` for the only role that the service names.
    role: Option<String>,
    /// Whether to continue without a token if the service does not issue one.
    without_token: bool,
}

impl Instance {
    pub(super) fn new(role: Option<String>, without_token: bool) -> Result<Self, SetupError> {
        let options = ClientOptions::new().connect_timeout(TIMEOUT);
        let server = Server::new(&Endpoint::metadata(), &options, 2 * TIMEOUT, BUDGET)?;
        Ok(Self { server, role, without_token })
    }

    pub(super) fn fetch(&self, place: &str) -> Result<Session, CredentialsError> {
        let peer = self.server.peer(place);
        if self.role.as_deref().is_some_and(|role| !is_role(role)) {
            let field = "the name of the role";
            let expected = "1 to 64 letters, digits, dots, hyphens and underscores";
            return Err(CredentialsError::Invalid { place: place.to_owned(), field, expected });
        }
        let token = self.token(peer)?;
        let headers: Vec<_> = token.map(|token| ("x-aliyun-ecs-metadata-token", token)).into_iter().collect();
        let role = match &self.role {
            Some(role) => role.clone(),
            None => self.only_role(peer, &headers)?,
        };
        let response = peer.success(self.get(peer, &format!("{ROLES}{role}"), &headers)?)?;
        peer.parse::<CodedCredentials>(&response.body)?.session(peer)
    }

    fn token(&self, peer: Peer<'_>) -> Result<Option<String>, CredentialsError> {
        let headers = [("x-aliyun-ecs-metadata-token-ttl-seconds", TOKEN_SECONDS.to_owned())];
        let request = Request { method: Method::Put, path: "/latest/api/token", headers: &headers, body: "" };
        let response = self.server.send(peer, &request)?;
        match str::from_utf8(&response.body).map(str::trim) {
            Ok(token) if response.status == 200 && is_token(token) => Ok(Some(token.to_owned())),
            Ok(_) if response.status == 200 => Err(peer.failed(ServerProblem::Field("token"))),
            _ if self.without_token => Ok(None),
            _ => Err(peer.failed(ServerProblem::NoToken(response.status))),
        }
    }

    /// Returns the role that the service names.
    fn only_role(
        &self,
        peer: Peer<'_>,
        headers: &[(&'static str, String)],
    ) -> Result<String, CredentialsError> {
        let response = self.get(peer, ROLES, headers)?;
        if response.status == 404 {
            return Err(peer.failed(ServerProblem::NoRole));
        }
        let response = peer.success(response)?;
        match str::from_utf8(&response.body).map(str::trim) {
            Ok("") => Err(peer.failed(ServerProblem::NoRole)),
            Ok(role) if is_role(role) => Ok(role.to_owned()),
            _ => Err(peer.failed(ServerProblem::Field("name of a role"))),
        }
    }

    fn get(
        &self,
        peer: Peer<'_>,
        path: &str,
        headers: &[(&'static str, String)],
    ) -> Result<Response, CredentialsError> {
        self.server.send(peer, &Request { method: Method::Get, path, headers, body: "" })
    }
}

/// Whether an error means that this machine is no instance with a role, rather than a failure. An unrelated web server at the
/// address of the metadata service returns 404 to the request for a token.
pub(super) fn is_no_instance(error: &CredentialsError) -> bool {
    matches!(
        error,
        CredentialsError::Server {
            problem: ServerProblem::Unreachable(_) | ServerProblem::NoRole | ServerProblem::NoToken(404),
            ..
        }
    )
}

/// Whether a name may be part of a URL path.
fn is_role(name: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&name.len()) && name != "." && name != ".." && name.bytes().all(valid)
}

/// Whether a token may be the value of a header.
fn is_token(token: &str) -> bool {
    (1..=4096).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic())
}

const ROLES: &str = "/latest/meta-data/ram/security-credentials/";
/// The validity of a token: six hours, as in the official clients. Each fetch requests a new token.
const TOKEN_SECONDS: &str = "21600";
/// The timeout of a connection, and of a response. The service is on the same machine or one hop away.
const TIMEOUT: Duration = Duration::from_secs(1);
/// The timeout of a request with all retries.
const BUDGET: Duration = Duration::from_millis(2500);
