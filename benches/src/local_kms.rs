//! local-kms, a KMS for tests with the API of AWS: a peer of `bulla serve`, if it is installed. It does not verify signatures.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Result;
use crate::report::left_out;
use crate::requests::Request;
use crate::server::{Server, member};

/// A server with one key.
pub(crate) struct LocalKms {
    pub(crate) server: Server,
    key_id: String,
}

impl LocalKms {
    /// Starts the server with its store in this folder. Returns `None` and prints a note if it is not installed.
    pub(crate) fn start(data: &Path) -> Result<Option<Self>> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut command = Command::new(NAME);
        command.env("PORT", port.to_string()).env("KMS_DATA_PATH", data);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let Some(server) = Server::of_peer(&mut command, port)? else {
            left_out(NAME, "it is not on PATH");
            return Ok(None);
        };
        let answer = server.connect()?.call(&request("CreateKey", "{}"))?.to_owned();
        Ok(Some(Self { server, key_id: member(&answer, "KeyId")? }))
    }

    /// Returns requests for data keys of 32 bytes.
    pub(crate) fn requests(&self, count: usize) -> Vec<Request> {
        let body = format!(r#"{{"KeyId":"{}","KeySpec":"AES_256"}}"#, self.key_id);
        vec![request("GenerateDataKey", &body); count]
    }
}

fn request(action: &str, body: &str) -> Request {
    format!(
        "POST / HTTP/1.1\r\n\
         Host: localhost\r\n\
         Content-Type: application/x-amz-json-1.1\r\n\
         X-Amz-Target: TrentService.{action}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len(),
    )
    .into_bytes()
}

pub(crate) const NAME: &str = "local-kms";
