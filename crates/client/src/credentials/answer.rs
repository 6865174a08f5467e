//! Parses the JSON in which servers return temporary credentials: the metadata service, credentials URIs, CloudSSO and STS.

use bulla_wire::{SecretText, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Credentials;
use super::error::{CredentialsError, ServerProblem};
use super::refresh::Session;
use crate::endpoint::Endpoint;
use crate::error::ResponseProblem;
use crate::transport::Response;

/// A source and the server that it calls, for errors.
#[derive(Clone, Copy)]
pub(super) struct Peer<'a> {
    pub(super) place: &'a str,
    pub(super) server: &'a Endpoint,
}

impl Peer<'_> {
    pub(super) fn failed(&self, problem: ServerProblem) -> CredentialsError {
        CredentialsError::Server { place: self.place.to_owned(), server: self.server.to_string(), problem }
    }

    /// Returns the response if its status is 200.
    pub(super) fn success(&self, response: Response) -> Result<Response, CredentialsError> {
        if response.status == 200 {
            Ok(response)
        } else {
            Err(self.failed(ServerProblem::Status(response.status)))
        }
    }

    /// Parses the body of a response. An error of `serde_json` may quote it, so only its kind is kept.
    pub(super) fn parse<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, CredentialsError> {
        serde_json::from_slice(body).map_err(|error| {
            let problem =
                if error.is_data() { ResponseProblem::OtherShape } else { ResponseProblem::NotJson };
            self.failed(ServerProblem::InvalidResponse(problem))
        })
    }
}

/// Temporary credentials, in the spelling of all servers.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct TemporaryCredentials {
    access_key_id: String,
    access_key_secret: SecretText,
    security_token: SecretText,
    expiration: String,
}

/// Temporary credentials with a result code.
#[derive(Deserialize)]
pub(super) struct CodedCredentials {
    #[serde(rename = "Code", default)]
    code: String,
    #[serde(flatten)]
    credentials: TemporaryCredentials,
}

impl TemporaryCredentials {
    /// Returns the session. All four fields are required: without an expiry, the client could not renew the credentials in time.
    pub(super) fn session(self, peer: Peer<'_>) -> Result<Session, CredentialsError> {
        let empty = [
            ("AccessKeyId", self.access_key_id.is_empty()),
            ("AccessKeySecret", self.access_key_secret.expose().is_empty()),
            ("SecurityToken", self.security_token.expose().is_empty()),
        ];
        if let Some((field, _)) = empty.into_iter().find(|(_, empty)| *empty) {
            return Err(peer.failed(ServerProblem::Field(field)));
        }
        let expires = Timestamp::parse(&self.expiration)
            .ok_or_else(|| peer.failed(ServerProblem::Field("Expiration")))?;
        let credentials = Credentials {
            access_key_id: self.access_key_id,
            access_key_secret: self.access_key_secret,
            security_token: Some(self.security_token),
        };
        Ok(Session { credentials, expires: Some(expires) })
    }
}

impl CodedCredentials {
    /// Returns the session if the code is `Success`.
    pub(super) fn session(self, peer: Peer<'_>) -> Result<Session, CredentialsError> {
        if self.code != "Success" {
            return Err(peer.failed(ServerProblem::NoSuccess));
        }
        self.credentials.session(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Session, String> {
        let server = Endpoint::metadata();
        let peer = Peer { place: "here", server: &server };
        let read = peer.parse::<CodedCredentials>(json.as_bytes());
        read.and_then(|response| response.session(peer)).map_err(|error| error.to_string())
    }

    const WHOLE: &str = r#"{"Code":"Success","AccessKeyId":"STS.i","AccessKeySecret":"hunter2","SecurityToken":"t",
        "Expiration":"2030-01-01T00:00:00Z","LastUpdated":"2029-01-01T00:00:00Z"}"#;

    #[test]
    fn a_whole_answer_gives_a_session() {
        let session = read(WHOLE).unwrap();
        assert_eq!(session.credentials.access_key_id, "STS.i");
        assert_eq!(session.credentials.access_key_secret.expose(), "hunter2");
        assert_eq!(session.credentials.security_token.unwrap().expose(), "t");
        assert_eq!(session.expires.unwrap().to_string(), "2030-01-01T00:00:00Z");
    }

    #[test]
    fn what_is_missing_is_named_without_quoting_the_answer() {
        for (from, to, what) in [
            ("AccessKeyId", "X", "answered without a usable AccessKeyId"),
            ("\"hunter2\"", "\"\"", "answered without a usable AccessKeySecret"),
            ("SecurityToken", "X", "answered without a usable SecurityToken"),
            ("2030-01-01T00:00:00Z", "2030-01-01T00:00:00.5Z", "answered without a usable Expiration"),
            ("Success", "Failed", "returned a code other than Success"),
            ("Code", "X", "returned a code other than Success"),
            ("\"hunter2\"", "[\"hunter2\"]", "answered JSON that is not the reply to this action"),
            ("{", "<", "answered something that is not JSON"),
        ] {
            let error = read(&WHOLE.replacen(from, to, 1)).unwrap_err();
            assert_eq!(error, format!("here: http://100.100.100.200 {what}"));
        }
    }
}
