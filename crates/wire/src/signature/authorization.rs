//! The Authorization header: signature version 3, ACS3-HMAC-SHA256, over method, path, query, headers and body.
//!
//! ```text
//! Authorization    = ACS3-HMAC-SHA256 Credential=<id>,SignedHeaders=<a;b;…>,Signature=<hex>
//! CanonicalRequest = METHOD \n path \n enc(query) \n name:value\n… \n a;b;… \n hex(SHA-256(body))
//! StringToSign     = ACS3-HMAC-SHA256 \n hex(SHA-256(CanonicalRequest))
//! Signature        = hex(HMAC-SHA256(secret, StringToSign))
//! ```

use aws_lc_rs::{digest, hmac};
use zeroize::Zeroizing;

use super::{Signature, Signer, timestamp};
use crate::call::HttpRequest;
use crate::error::{Error, ErrorCode};
use crate::parameters::Parameters;

/// A v3 signature as found in the headers.
pub struct Signed {
    signer: Signer,
    canonical_request: Zeroizing<String>,
    /// None if the header names another body than the one that came.
    signature: Option<Vec<u8>>,
}

impl Signed {
    pub(super) fn signer(&self) -> &Signer {
        &self.signer
    }

    pub(super) fn verify(&self, secret: &str) -> Result<(), Error> {
        let string_to_sign = string_to_sign(&self.canonical_request);
        let given = self.signature.as_deref().unwrap_or_default();
        hmac::verify(&key(secret), string_to_sign.as_bytes(), given).map_err(|_| {
            let canonical = &*self.canonical_request;
            let echo = Zeroizing::new(format!("[{string_to_sign}] server CanonicalRequest is:[{canonical}]"));
            super::mismatch(&echo)
        })
    }
}

impl std::fmt::Debug for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("authorization::Signed").field(&self.signer).finish()
    }
}

/// Version, action and signature of a request with an `Authorization` header.
pub(crate) fn parse(
    request: &HttpRequest<'_>,
    authorization: &str,
    parameters: &Parameters,
) -> Result<(String, String, Signature), Error> {
    let required = |header: &str| match request.header(header)? {
        Some(value) if !value.is_empty() => Ok(value),
        _ => Err(Error::with(ErrorCode::Missing, header)),
    };
    let (version, action) = (required("x-acs-version")?.to_owned(), required("x-acs-action")?.to_owned());
    let (algorithm, fields) = authorization.split_once(' ').ok_or(ErrorCode::IncompleteSignature)?;
    if algorithm != ALGORITHM {
        return Ok((version, action, Signature::Unsupported(algorithm.to_owned())));
    }
    let fields = Fields::parse(fields).ok_or(ErrorCode::IncompleteSignature)?;
    fields.check_coverage(request)?;
    let body_hash = hex_sha256(request.body);
    let body_as_signed = required("x-acs-content-sha256")?.eq_ignore_ascii_case(&body_hash);
    let signer = Signer {
        access_key_id: fields.credential.to_owned(),
        nonce: required("x-acs-signature-nonce")?.to_owned(),
        timestamp: timestamp(required("x-acs-date")?)?,
        has_token: request.header("x-acs-security-token")?.is_some(),
    };
    let canonical_request = fields.canonical_request(request, parameters, &body_hash)?;
    let signature = unhex(fields.signature).filter(|_| body_as_signed);
    Ok((version, action, Signature::Acs(Signed { signer, canonical_request, signature })))
}

/// The fields of the Authorization header.
struct Fields<'a> {
    credential: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Fields<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(',');
        let mut field = |name| parts.next()?.trim().split_once('=').filter(|(found, _)| *found == name);
        let fields = Self {
            credential: field("Credential")?.1,
            signed_headers: field("SignedHeaders")?.1.split(';').collect(),
            signature: field("Signature")?.1,
        };
        (parts.next().is_none() && !fields.credential.is_empty()).then_some(fields)
    }

    /// Everything that decides what a request means must be signed, and nothing may be signed twice.
    fn check_coverage(&self, request: &HttpRequest<'_>) -> Result<(), Error> {
        let mut needed = REQUIRED.to_vec();
        if request.header("x-acs-security-token")?.is_some() {
            needed.push("x-acs-security-token");
        }
        if !request.body.is_empty() {
            needed.push("content-type"); // decides whether the body is read as parameters
        }
        let mut sorted = self.signed_headers.clone();
        sorted.sort_unstable();
        let repeated = sorted.windows(2).any(|pair| pair[0] == pair[1]);
        match repeated || !needed.iter().all(|name| sorted.binary_search(name).is_ok()) {
            true => Err(ErrorCode::IncompleteSignature.into()),
            false => Ok(()),
        }
    }

    fn canonical_request(
        &self,
        request: &HttpRequest<'_>,
        parameters: &Parameters,
        body_hash: &str,
    ) -> Result<Zeroizing<String>, Error> {
        let query = match request.body.is_empty() {
            true => Zeroizing::new(parameters.encode()),
            false => Zeroizing::new(Parameters::from_query(request.query)?.encode()),
        };
        let mut text = Zeroizing::new(format!("{}\n/\n{}\n", request.method, *query));
        for name in &self.signed_headers {
            let value = request.header(name)?.ok_or(ErrorCode::IncompleteSignature)?;
            for part in [name, ":", value, "\n"] {
                text.push_str(part);
            }
        }
        for part in ["\n", &self.signed_headers.join(";"), "\n", body_hash] {
            text.push_str(part);
        }
        Ok(text)
    }
}

pub(super) fn string_to_sign(canonical_request: &str) -> String {
    format!("{ALGORITHM}\n{}", hex_sha256(canonical_request.as_bytes()))
}

pub(super) fn key(secret: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())
}

pub(super) fn hex_sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Lower-case hex only: one signature has one spelling.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|&[high, low]| Some(nibble(high)? << 4 | nibble(low)?));
    rest.is_empty().then(|| bytes.collect())?
}

pub(super) const ALGORITHM: &str = "ACS3-HMAC-SHA256";
const REQUIRED: [&str; 6] =
    ["host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const SIGNED: &str =
        "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version";

    fn documented<'a>(date: &'a str, nonce: &'a str, authorization: &'a str) -> Vec<(&'a str, &'a [u8])> {
        [
            ("host", "ecs.cn-shanghai.aliyuncs.com"),
            ("x-acs-action", "RunInstances"),
            ("x-acs-content-sha256", EMPTY),
            ("x-acs-date", date),
            ("x-acs-signature-nonce", nonce),
            ("x-acs-version", "2014-05-26"),
            ("authorization", authorization),
        ]
        .into_iter()
        .map(|(name, value)| (name, value.as_bytes()))
        .collect()
    }

    fn verify(headers: &[(&str, &[u8])], body: &[u8]) -> Result<(), Error> {
        let query = "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai";
        let request = HttpRequest { method: "POST", path: "/", query, headers, body };
        Call::parse(&request).1?.signature.verify("YourAccessKeySecret")
    }

    /// The two vectors of the public documentation.
    #[test]
    fn documented_vectors() {
        for (date, nonce, signature) in [
            (
                "2023-10-26T10:22:32Z",
                "3156853299f313e23d1673dc12e1703d",
                "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0",
            ),
            (
                "2023-10-26T09:01:01Z",
                "d410180a5abf7fe235dd9b74aca91fc0",
                "e521358f7776c97df52e6b2891a8bc73026794a071b50c3323388c4e0df64804",
            ),
        ] {
            let authorization = format!(
                "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders={SIGNED},Signature={signature}"
            );
            verify(&documented(date, nonce, &authorization), b"").unwrap();
            let upper = authorization.replace(signature, &signature.to_uppercase());
            assert!(verify(&documented(date, nonce, &upper), b"").is_err());
        }
    }

    #[test]
    fn every_required_header_must_be_signed() {
        let code = |signed: &str| {
            let text = format!("ACS3-HMAC-SHA256 Credential=id,SignedHeaders={signed},Signature=00");
            verify(&documented("2023-10-26T10:22:32Z", "n", &text), b"").unwrap_err().code()
        };
        assert_eq!(code(SIGNED), ErrorCode::SignatureDoesNotMatch);
        for name in REQUIRED {
            let fewer: Vec<_> = SIGNED.split(';').filter(|header| *header != name).collect();
            assert_eq!(code(&fewer.join(";")), ErrorCode::IncompleteSignature, "{name}");
        }
        assert_eq!(code(&format!("{SIGNED};host")), ErrorCode::IncompleteSignature);
        assert_eq!(code(&format!("{SIGNED};x-absent")), ErrorCode::IncompleteSignature);
    }

    #[test]
    fn repeated_headers_and_unsigned_tokens_are_refused() {
        let text = format!("ACS3-HMAC-SHA256 Credential=id,SignedHeaders={SIGNED},Signature=00");
        for extra in [("x-acs-action", "ListKeys"), ("x-acs-security-token", "token")] {
            let mut headers = documented("2023-10-26T10:22:32Z", "n", &text);
            headers.push((extra.0, extra.1.as_bytes()));
            let error = verify(&headers, b"").unwrap_err();
            assert_eq!(error.code(), ErrorCode::IncompleteSignature, "{extra:?}");
        }
    }
}
