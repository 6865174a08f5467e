//! Credentials from a URI: a small server on this machine or in a private network returns them in response to a GET.

use std::time::Duration;

use super::answer::CodedCredentials;
use super::error::CredentialsError;
use super::refresh::Session;
use super::server::Server;
use crate::endpoint::Endpoint;
use crate::options::ClientOptions;
use crate::transport::{Method, Request};

/// A URI that returns credentials.
pub(super) struct CredentialsUri {
    server: Server,
    path: String,
}

impl CredentialsUri {
    /// Parses a URI: https, or http to this machine or to the metadata service.
    pub(super) fn new(
        uri: &str,
        field: &'static str,
        place: &str,
        connection: &ClientOptions,
    ) -> Result<Self, CredentialsError> {
        let invalid = || CredentialsError::Invalid { place: place.to_owned(), field, expected: EXPECTED };
        let (endpoint, path) = split(uri).ok_or_else(invalid)?;
        let options = connection.clone().connect_timeout(CONNECT_TIMEOUT);
        let server = Server::new(&endpoint, &options, TIMEOUT, TIMEOUT)
            .map_err(|source| CredentialsError::Setup { place: place.to_owned(), source })?;
        Ok(Self { server, path })
    }

    pub(super) fn fetch(&self, place: &str) -> Result<Session, CredentialsError> {
        let peer = self.server.peer(place);
        let request = Request { method: Method::Get, path: &self.path, headers: &[], body: "" };
        let response = peer.success(self.server.send(peer, &request)?)?;
        peer.parse::<CodedCredentials>(&response.body)?.session(peer)
    }
}

/// Splits a URI into its server and the rest from the first slash on.
fn split(uri: &str) -> Option<(Endpoint, String)> {
    let printable = uri.bytes().all(|byte| byte.is_ascii_graphic());
    let (scheme, rest) = uri.split_once("://").filter(|_| printable)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = path.split('#').next().unwrap_or_default(); // a fragment is not sent
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let metadata = Endpoint::metadata();
    if scheme.eq_ignore_ascii_case("http") && [metadata.host(), "100.100.100.200:80"].contains(&authority) {
        return Some((metadata, path));
    }
    Some((Endpoint::parse(&format!("{scheme}://{authority}")).ok()?, path))
}

const EXPECTED: &str = "https://HOST/PATH, or http:// to this machine or the metadata service";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The timeout of all attempts together.
const TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_kept_and_the_fragment_is_not() {
        for (uri, server, path) in [
            ("http://127.0.0.1:8080/a?x=1&y=%20#f", "http://127.0.0.1:8080", "/a?x=1&y=%20"),
            ("http://localhost", "http://localhost", "/"),
            ("https://h.example?x", "https://h.example", "/?x"),
            ("HTTP://100.100.100.200/latest/x", "http://100.100.100.200", "/latest/x"),
            ("http://100.100.100.200:80/x", "http://100.100.100.200", "/x"),
        ] {
            let (endpoint, found) = split(uri).unwrap();
            assert_eq!((endpoint.to_string().as_str(), found.as_str()), (server, path), "{uri}");
        }
    }

    #[test]
    fn plain_http_leaves_this_machine_only_for_the_metadata_service() {
        for uri in [
            "http://credentials.example/",
            "http://100.100.100.200:8080/",
            "http://100.100.100.200@evil.example/",
            "ftp://127.0.0.1/",
            "127.0.0.1:8080",
            "https://me:secret@h/",
            "https://h/ a",
            "aliyun:cn-hangzhou",
            "",
        ] {
            assert!(split(uri).is_none(), "{uri}");
        }
    }
}
