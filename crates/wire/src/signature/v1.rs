//! Signature version 1.0: HMAC-SHA1 over all parameters of query or form.
//!
//! ```text
//! StringToSign = METHOD & %2F & enc(enc(name)=enc(value)&… sorted by name, without Signature)
//! Signature    = base64(HMAC-SHA1(secret ‖ "&", StringToSign))
//! ```
//!
//! SHA-1 is broken for collisions, but not for HMAC. Most deployed clients use this scheme.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{Signer, timestamp};
use crate::error::{Error, ErrorCode};
use crate::parameters::{Parameters, is_unreserved, percent_encode};

/// The signature in the parameters of a request.
pub struct Signed {
    signer: Signer,
    string_to_sign: Zeroizing<String>,
    signature: Vec<u8>,
}

impl Signed {
    pub(super) fn signer(&self) -> &Signer {
        &self.signer
    }

    pub(super) fn verify(&self, secret: &str) -> Result<(), Error> {
        hmac::verify(&key(secret), self.string_to_sign.as_bytes(), &self.signature)
            .map_err(|_| super::mismatch(&self.string_to_sign))
    }
}

impl std::fmt::Debug for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("v1::Signed").field(&self.signer).finish()
    }
}

/// Returns the base64 signature of `parameters` (without `Signature`) for a request with `method`.
#[must_use]
pub fn signature(method: &str, parameters: &Parameters, secret: &str) -> String {
    STANDARD.encode(hmac::sign(&key(secret), string_to_sign(method, parameters).as_bytes()))
}

/// Signs a request: sets all common parameters except `Action`, `Version` and `Format`, then `Signature`.
pub fn sign(
    method: &str,
    parameters: &mut Parameters,
    access_key_id: &str,
    secret: &str,
    timestamp: &str,
    nonce: &str,
) {
    parameters.set("AccessKeyId", access_key_id);
    parameters.set("SignatureMethod", METHOD);
    parameters.set("SignatureVersion", VERSION);
    parameters.set("SignatureNonce", nonce);
    parameters.set("Timestamp", timestamp);
    let signature = signature(method, parameters, secret);
    parameters.set("Signature", signature);
}

pub(crate) fn parse(method: &str, parameters: &Parameters) -> Result<Signed, Error> {
    let access_key_id = required(parameters, "AccessKeyId")?;
    let signature = required(parameters, "Signature")?;
    for (name, only) in [("SignatureMethod", METHOD), ("SignatureVersion", VERSION)] {
        if required(parameters, name)? != only {
            return Err(Error::invalid(name));
        }
    }
    if parameters.non_empty("SignatureType").is_some() {
        return Err(Error::invalid("SignatureType"));
    }
    let signer = Signer {
        access_key_id: access_key_id.to_owned(),
        timestamp: timestamp(required(parameters, "Timestamp")?)?,
        nonce: required(parameters, "SignatureNonce")?.to_owned(),
        security_token: parameters.non_empty("SecurityToken").map(|token| token.to_owned().into()),
    };
    let signature = STANDARD.decode(signature).map_err(|_| ErrorCode::IncompleteSignature)?;
    Ok(Signed { signer, string_to_sign: string_to_sign(method, parameters), signature })
}

/// Whether the parameters contain no part of a signature, and no parameter that has a meaning only with one.
pub(crate) fn is_absent(parameters: &Parameters) -> bool {
    ["AccessKeyId", "Signature", "SecurityToken"].iter().all(|name| parameters.non_empty(name).is_none())
}

/// Returns a common parameter, or the error `Missing<Name>`.
pub(crate) fn required<'a>(parameters: &'a Parameters, name: &str) -> Result<&'a str, Error> {
    parameters.non_empty(name).ok_or_else(|| Error::with(ErrorCode::Missing, name))
}

/// Percent-encodes the parameters twice: each name and value, then the text that they form.
fn string_to_sign(method: &str, parameters: &Parameters) -> Zeroizing<String> {
    let length: usize = parameters.iter().map(|(name, value)| (name.len() + value.len()) * 5 + 6).sum();
    let mut text = Zeroizing::new(String::with_capacity(method.len() + 5 + length));
    text.push_str(method);
    text.push_str("&%2F&");
    let mut separator = "";
    for (name, value) in parameters.iter().filter(|(name, _)| *name != "Signature") {
        text.push_str(separator);
        encode_twice(name, &mut text);
        text.push_str("%3D");
        encode_twice(value, &mut text);
        separator = "%26";
    }
    text
}

fn encode_twice(raw: &str, text: &mut String) {
    if raw.bytes().all(is_unreserved) {
        return text.push_str(raw); // every name, and most values
    }
    for part in percent_encode(raw) {
        match part.strip_prefix('%') {
            Some(hex) => text.extend(["%25", hex]),
            None => text.push_str(part),
        }
    }
}

/// Creates the key from one allocation, because a text that grows leaves copies of the secret in freed memory.
fn key(secret: &str) -> hmac::Key {
    let secret = Zeroizing::new([secret, "&"].concat());
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes())
}

const METHOD: &str = "HMAC-SHA1";
const VERSION: &str = "1.0";

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the public documentation, from the final URL on its page.
    #[test]
    fn documented_vector() {
        let parameters = Parameters::from_query(
            "Action=CreateKey&SignatureVersion=1.0&Format=json&Version=2016-01-20&AccessKeyId=testid\
             &SignatureMethod=HMAC-SHA1&Timestamp=2016-03-28T03:13:08Z",
        );
        assert_eq!(signature("GET", &parameters.unwrap(), "testsecret"), "41wk2SSX1GJh7fwnc5eqOfiJPFg=");
    }

    #[test]
    fn missing_parts_are_named() {
        let mut parameters = Parameters::from_query("Action=ListKeys&Version=2016-01-20").unwrap();
        sign("GET", &mut parameters, "testid", "testsecret", "2016-03-28T03:13:08Z", "n");
        assert!(parse("GET", &parameters).unwrap().verify("testsecret").is_ok());
        for name in
            ["AccessKeyId", "Signature", "SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp"]
        {
            let mut without = parameters.clone();
            without.set(name, "");
            let error = parse("GET", &without).unwrap_err();
            assert_eq!(error.code_text(), format!("Missing{name}"));
        }
    }

    #[test]
    fn echoes_the_string_to_sign_after_a_colon() {
        let mut parameters = Parameters::from_query("Action=ListKeys&Version=2016-01-20").unwrap();
        sign("GET", &mut parameters, "testid", "testsecret", "2016-03-28T03:13:08Z", "n");
        let error = parse("GET", &parameters).unwrap().verify("other").unwrap_err();
        assert!(error.message().contains("server string to sign is:GET&%2F&AccessKeyId%3Dtestid%26Action"));
        assert!(parse("POST", &parameters).unwrap().verify("testsecret").is_err(), "the method is signed");
    }
}
