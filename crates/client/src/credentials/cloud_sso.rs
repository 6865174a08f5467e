//! CloudSSO: exchanges the access token of a browser login by the `aliyun` command line for temporary credentials.

use std::path::PathBuf;
use std::time::Duration;

use bulla_wire::Timestamp;
use serde::Deserialize;

use super::answer::TemporaryCredentials;
use super::error::CredentialsError;
use super::profile::{Profile, ProfileFile};
use super::refresh::Session;
use super::server::Server;
use crate::endpoint::Endpoint;
use crate::options::ClientOptions;
use crate::transport::{Method, Request};

/// A profile of mode CloudSSO. Its file is read again at every renewal, because each login stores a new token there.
pub(super) struct CloudSso {
    server: Server,
    path: PathBuf,
    profile: String,
}

impl CloudSso {
    pub(super) fn new(
        path: PathBuf,
        profile: &Profile,
        place: &str,
        connection: &ClientOptions,
    ) -> Result<Self, CredentialsError> {
        let expected = "https://HOST/PATH";
        let invalid = || CredentialsError::Invalid {
            place: place.to_owned(),
            field: "cloud_sso_sign_in_url",
            expected,
        };
        let endpoint = host(&profile.cloud_sso_sign_in_url).ok_or_else(invalid)?;
        let options = connection.clone().trusting_the_system();
        let server = Server::new(&endpoint, &options, TIMEOUT, TIMEOUT)
            .map_err(|source| CredentialsError::Setup { place: place.to_owned(), source })?;
        Ok(Self { server, path, profile: profile.name.clone() })
    }

    pub(super) fn fetch(&self, place: &str, now: Timestamp) -> Result<Session, CredentialsError> {
        let file = ProfileFile::read_named(&self.path)?;
        let profile = file.profile(&self.profile)?;
        if profile.cloud_sso_access_token_expire <= now.unix() {
            return Err(CredentialsError::LoginExpired { place: place.to_owned() });
        }
        let peer = self.server.peer(place);
        let headers = [
            ("authorization", format!("Bearer {}", profile.access_token.expose())),
            ("content-type", "application/json".to_owned()),
        ];
        let body = serde_json::json!({
            "AccountId": profile.cloud_sso_account_id,
            "AccessConfigurationId": profile.cloud_sso_access_config,
        });
        let body = body.to_string();
        let request =
            Request { method: Method::Post, path: "/cloud-credentials", headers: &headers, body: &body };
        let response = peer.success(self.server.send(peer, &request)?)?;
        peer.parse::<Reply>(&response.body)?.cloud_credential.session(peer)
    }
}

/// Returns the server of a sign-in URL. The path of the URL belongs to the page in the browser.
fn host(url: &str) -> Option<Endpoint> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    Endpoint::parse(&format!("{scheme}://{authority}")).ok()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    cloud_credential: TemporaryCredentials,
}

/// The timeout of all attempts together.
const TIMEOUT: Duration = Duration::from_secs(10);
