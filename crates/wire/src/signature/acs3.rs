//! Signs the requests of a client with version 3, ACS3-HMAC-SHA256. [`super::authorization`] defines the format and verifies it.

use super::authorization::string_to_sign;
use super::hash::{Hash, hex};

/// The content of a client's request: parameters as form body, everything else in headers.
pub struct Outgoing<'a> {
    /// The `Host` header as it will be sent, with the port unless it is the default one.
    pub host: &'a str,
    /// The API version.
    pub version: &'a str,
    /// The action.
    pub action: &'a str,
    /// The encoded form body.
    pub body: &'a str,
    /// The current time, `yyyy-MM-ddTHH:mm:ssZ`.
    pub date: &'a str,
    /// A random text, never used before.
    pub nonce: &'a str,
    /// The security token of temporary credentials.
    pub security_token: Option<&'a str>,
}

impl Outgoing<'_> {
    /// Returns all headers of the POST request, including the signature.
    #[must_use]
    pub fn headers(&self, access_key_id: &str, secret: &str) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("content-type", FORM.to_owned()),
            ("host", self.host.to_owned()),
            ("x-acs-action", self.action.to_owned()),
            ("x-acs-content-sha256", Hash::Sha256.hex(self.body.as_bytes())),
            ("x-acs-date", self.date.to_owned()),
        ];
        if let Some(token) = self.security_token {
            headers.push(("x-acs-security-token", token.to_owned()));
        }
        headers.push(("x-acs-signature-nonce", self.nonce.to_owned()));
        headers.push(("x-acs-version", self.version.to_owned()));
        let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let canonical = format!("POST\n/\n\n{lines}\n{names}\n{}", headers[3].1);
        let string_to_sign = string_to_sign(SCHEME, Hash::Sha256, &canonical);
        let signature = hex(&*Hash::Sha256.mac(secret.as_bytes(), string_to_sign.as_bytes()));
        let authorization =
            format!("{SCHEME} Credential={access_key_id},SignedHeaders={names},Signature={signature}");
        headers.push(("authorization", authorization));
        headers
    }
}

const SCHEME: &str = "ACS3-HMAC-SHA256";
const FORM: &str = "application/x-www-form-urlencoded";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Call, HttpRequest};
    use crate::error::ErrorCode;

    #[test]
    fn what_a_client_signs_verifies_and_covers_the_body() {
        let outgoing = Outgoing {
            host: "127.0.0.1:8443",
            version: "2016-01-20",
            action: "GenerateDataKey",
            body: "KeyId=alias%2Fa",
            date: "2023-10-26T10:22:32Z",
            nonce: "n",
            security_token: Some("token"),
        };
        let signed = outgoing.headers("id", "secret");
        let headers: Vec<_> = signed.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let check = |body: &[u8]| {
            let request = HttpRequest { method: "POST", path: "/", query: "", headers: &headers, body };
            let call = Call::parse(&request).1.unwrap();
            assert_eq!(call.action, "GenerateDataKey");
            call.signature.verify("secret")
        };
        check(outgoing.body.as_bytes()).unwrap();
        assert_eq!(check(b"KeyId=alias%2Fb").unwrap_err().code(), ErrorCode::SignatureDoesNotMatch);
    }
}
