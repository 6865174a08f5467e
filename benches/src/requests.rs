//! Requests in the format of the guide's SDK, each with a unique nonce, signed before the measurement.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;
use bulla_wire::signature::v1;
use bulla_wire::{Action, Timestamp};

/// The root access key of the servers.
pub(crate) const ACCESS_KEY_ID: &str = "testid";
pub(crate) const ACCESS_KEY_SECRET: &str = "testsecret";

/// A request as bytes on the wire.
pub(crate) type Request = Vec<u8>;

/// The credentials that sign requests.
pub(crate) struct Signer {
    pub(crate) access_key_id: String,
    pub(crate) secret: String,
    pub(crate) security_token: Option<String>,
}

impl Signer {
    pub(crate) fn root() -> Self {
        Self { access_key_id: ACCESS_KEY_ID.into(), secret: ACCESS_KEY_SECRET.into(), security_token: None }
    }
}

/// Signs `count` requests for the same action, with unique nonces, as the account's root.
pub(crate) fn signed<A: Action>(action: &A, server: SocketAddr, count: usize) -> Vec<Request> {
    signed_by(&Signer::root(), action, server, count)
}

/// Signs `count` requests for the same action, with unique nonces.
pub(crate) fn signed_by<A: Action>(
    signer: &Signer,
    action: &A,
    server: SocketAddr,
    count: usize,
) -> Vec<Request> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_secs();
    let timestamp = Timestamp::from_unix(now.cast_signed()).to_string();
    (0..count).map(|_| request(signer, action, server, &timestamp)).collect()
}

fn request<A: Action>(signer: &Signer, action: &A, server: SocketAddr, timestamp: &str) -> Request {
    let mut parameters = action.print();
    parameters.set("Action", A::NAME);
    parameters.set("Version", A::PRODUCT.version());
    parameters.set("Format", "JSON");
    parameters.set("RegionId", "cn-hangzhou");
    parameters.set("SignatureType", "");
    if let Some(token) = &signer.security_token {
        parameters.set("SecurityToken", token);
    }
    v1::sign("POST", &mut parameters, &signer.access_key_id, &signer.secret, timestamp, &nonce());
    format!(
        "POST /?{} HTTP/1.1\r\n\
         Host: {server}\r\n\
         User-Agent: AlibabaCloud (Linux 6.1.0;x86_64) Python/3.11.7 Core/2.16.1 python-requests/2.18.3\r\n\
         Accept-Encoding: identity\r\n\
         Accept: */*\r\n\
         Connection: keep-alive\r\n\
         x-acs-action: {}\r\n\
         x-acs-version: {}\r\n\
         x-sdk-invoke-type: normal\r\n\
         x-sdk-client: python/2.0.0\r\n\
         Content-Length: 0\r\n\r\n",
        parameters.encode(),
        A::NAME,
        A::PRODUCT.version(),
    )
    .into_bytes()
}

fn nonce() -> String {
    let mut random = [0; 16];
    rand::fill(&mut random).expect("the operating system gives random bytes once it has booted");
    random.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}
