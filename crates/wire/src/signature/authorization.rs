//! The Authorization header: signature versions 3 and 4, over method, path, query, headers and body.
//!
//! ```text
//! Authorization    = <scheme> Credential=<credential>,SignedHeaders=<a;b;…>,Signature=<hex>
//! CanonicalRequest = METHOD \n path \n enc(query) \n name:value\n… \n a;b;… \n hex(HASH(body))
//! StringToSign     = <scheme> \n hex(HASH(CanonicalRequest))
//! Signature        = hex(HMAC-HASH(key, StringToSign))
//! ```
//!
//! The schemes differ in the hash and in the key. In version 3, the credential is an access key id and the key is its secret. In
//! [version 4](super::acs4), the credential also has a scope, for which the key is derived from the secret.

use zeroize::Zeroizing;

use super::acs4::Scope;
use super::hash::{Hash, unhex};
use super::{Signature, Signer, timestamp};
use crate::actions::Product;
use crate::call::HttpRequest;
use crate::error::{Error, ErrorCode};
use crate::parameters::Parameters;

/// The signature in the headers of a request.
pub struct Signed {
    signer: Signer,
    scheme: &'static Scheme,
    /// The scope of the key, in version 4.
    scope: Option<Scope>,
    canonical_request: Zeroizing<String>,
    /// The signature; `None` if it is not hex, or if the header with the hash of the body does not match the body.
    signature: Option<Vec<u8>>,
}

impl Signed {
    pub(super) fn signer(&self) -> &Signer {
        &self.signer
    }

    pub(super) fn verify(&self, secret: &str) -> Result<(), Error> {
        let derived = self.scope.as_ref().map(|scope| scope.key(secret));
        let key = derived.as_ref().map_or(secret.as_bytes(), |key| key.as_slice());
        let Scheme { name, hash, .. } = *self.scheme;
        let string_to_sign = string_to_sign(name, hash, &self.canonical_request);
        let received = self.signature.as_deref().unwrap_or_default();
        if hash.verify(key, string_to_sign.as_bytes(), received) {
            return Ok(());
        }
        let canonical = &*self.canonical_request;
        let echo = ["[", &string_to_sign, "] server CanonicalRequest is:[", canonical, "]"].concat();
        let echo = Zeroizing::new(echo);
        Err(super::mismatch(&echo))
    }
}

impl std::fmt::Debug for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("authorization::Signed").field(&self.signer).finish()
    }
}

/// Parses product, action and signature of a request with an `Authorization` header.
pub(crate) fn parse(
    request: &HttpRequest<'_>,
    authorization: &str,
    parameters: &Parameters,
) -> Result<(Option<Product>, String, Signature), Error> {
    let required = |header: &str| match request.header(header)? {
        Some(value) if !value.is_empty() => Ok(value),
        _ => Err(Error::with(ErrorCode::Missing, header)),
    };
    let product = Product::from_version(required("x-acs-version")?);
    let action = required("x-acs-action")?.to_owned();
    let (name, fields) = authorization.split_once(' ').ok_or(ErrorCode::IncompleteSignature)?;
    let Some(scheme) = SCHEMES.iter().find(|scheme| scheme.name == name) else {
        return Ok((product, action, Signature::Unsupported(name.to_owned())));
    };
    let fields = Fields::parse(fields).ok_or(ErrorCode::IncompleteSignature)?;
    fields.check_coverage(request)?;
    let body_hash = scheme.hash.hex(request.body);
    // The header has this name for every hash.
    let body_as_signed = required("x-acs-content-sha256")?.eq_ignore_ascii_case(&body_hash);
    let date = required("x-acs-date")?;
    let nonce = required("x-acs-signature-nonce")?;
    let timestamp = timestamp(date)?;
    let (id, scope) =
        scheme.signer(fields.credential, product, date).ok_or(ErrorCode::IncompleteSignature)?;
    let signer = Signer {
        access_key_id: id.to_owned(),
        nonce: nonce.to_owned(),
        timestamp,
        security_token: request.header("x-acs-security-token")?.map(|token| token.to_owned().into()),
    };
    let canonical_request = fields.canonical_request(request, parameters, &body_hash)?;
    let signature = unhex(fields.signature).filter(|_| body_as_signed);
    Ok((product, action, Signature::Acs(Signed { signer, scheme, scope, canonical_request, signature })))
}

pub(super) fn string_to_sign(scheme: &str, hash: Hash, canonical_request: &str) -> String {
    format!("{scheme}\n{}", hash.hex(canonical_request.as_bytes()))
}

/// A signature scheme.
struct Scheme {
    name: &'static str,
    hash: Hash,
    /// Whether the credential has a scope for which the key is derived.
    scoped: bool,
}

impl Scheme {
    /// Splits a credential into the access key id and the scope, if the scheme has one.
    fn signer<'a>(
        &self,
        credential: &'a str,
        product: Option<Product>,
        date: &str,
    ) -> Option<(&'a str, Option<Scope>)> {
        let (id, scope) = if self.scoped {
            let (id, scope) = Scope::parse(credential, product.unwrap_or(Product::FALLBACK), date)?;
            (id, Some(scope))
        } else {
            (credential, None)
        };
        (!id.is_empty()).then_some((id, scope))
    }
}

/// The fields of the `Authorization` header.
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
        parts.next().is_none().then_some(fields)
    }

    /// Checks that the signature covers every header that decides what the request means, and none twice.
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
        let is_repeated = sorted.windows(2).any(|pair| pair[0] == pair[1]);
        let is_covered = needed.iter().all(|name| sorted.binary_search(name).is_ok());
        if is_repeated || !is_covered { Err(ErrorCode::IncompleteSignature.into()) } else { Ok(()) }
    }

    fn canonical_request(
        &self,
        request: &HttpRequest<'_>,
        parameters: &Parameters,
        body_hash: &str,
    ) -> Result<Zeroizing<String>, Error> {
        let query = Zeroizing::new(if request.body.is_empty() {
            parameters.encode()
        } else {
            Parameters::from_query(request.query)?.encode()
        });
        let mut parts = vec![request.method, "\n/\n", &query, "\n"];
        for name in &self.signed_headers {
            let value = request.header(name)?.ok_or(ErrorCode::IncompleteSignature)?;
            parts.extend([name, ":", value, "\n"]);
        }
        let signed_headers = self.signed_headers.join(";");
        parts.extend(["\n", &signed_headers, "\n", body_hash]);
        Ok(Zeroizing::new(parts.concat())) // in one allocation: a text that grows leaves a part of the query in freed memory
    }
}

/// The supported schemes.
static SCHEMES: [Scheme; 3] = [
    Scheme { name: "ACS3-HMAC-SHA256", hash: Hash::Sha256, scoped: false },
    Scheme { name: "ACS3-HMAC-SM3", hash: Hash::Sm3, scoped: false },
    Scheme { name: "ACS4-HMAC-SHA256", hash: Hash::Sha256, scoped: true },
];
const REQUIRED: [&str; 6] =
    ["host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;
    use crate::signature::hash::hex;

    const SECRET: &str = "YourAccessKeySecret";
    const DATE: &str = "2023-10-26T10:22:32Z";
    const QUERY: &str = "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai";
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const SIGNED: &str =
        "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version";

    type Headers = Vec<(&'static str, String)>;

    /// Returns the request of the public documentation, signed at `date`.
    fn documented(date: &str, nonce: &str, authorization: &str) -> Headers {
        [
            ("host", "ecs.cn-shanghai.aliyuncs.com"),
            ("x-acs-action", "RunInstances"),
            ("x-acs-content-sha256", EMPTY),
            ("x-acs-date", date),
            ("x-acs-signature-nonce", nonce),
            ("x-acs-version", "2014-05-26"),
            ("authorization", authorization),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .to_vec()
    }

    /// Returns the same request with a body, signed by `scheme`.
    fn sign(scheme: &Scheme, body: &str) -> Headers {
        sign_with(scheme, body, &scheme.hash.hex(body.as_bytes()))
    }

    /// Returns the same request with a header that claims a hash of the body.
    fn sign_with(scheme: &Scheme, body: &str, content_hash: &str) -> Headers {
        let mut headers = documented(DATE, "n", "");
        headers[2].1 = content_hash.to_owned();
        headers.insert(0, ("content-type", "application/x-www-form-urlencoded".to_owned()));
        let lines: String = headers[..7].iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let body_hash = scheme.hash.hex(body.as_bytes());
        let canonical = format!("POST\n/\n{QUERY}\n{lines}\ncontent-type;{SIGNED}\n{body_hash}");
        let credential = credential(scheme);
        let key = match Scope::parse(credential, Product::FALLBACK, DATE) {
            Some((_, scope)) => scope.key(SECRET).to_vec(),
            None => SECRET.as_bytes().to_vec(),
        };
        let to_sign = format!("{}\n{}", scheme.name, scheme.hash.hex(canonical.as_bytes()));
        let signature = hex(&*scheme.hash.mac(&key, to_sign.as_bytes()));
        headers[7].1 = format!(
            "{} Credential={credential},SignedHeaders=content-type;{SIGNED},Signature={signature}",
            scheme.name
        );
        headers
    }

    fn credential(scheme: &Scheme) -> &'static str {
        if scheme.scoped { "id/20231026/cn-shanghai/Kms/aliyun_v4_request" } else { "id" }
    }

    fn check(method: &str, query: &str, headers: &Headers, body: &str) -> Result<(), ErrorCode> {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let request = HttpRequest { method, path: "/", query, headers: &headers, body: body.as_bytes() };
        let call = Call::parse(&request).1.map_err(|error| error.code())?;
        call.signature.signer().map_err(|error| error.code())?;
        call.signature.verify(SECRET).map_err(|error| error.code())
    }

    fn verify(headers: &Headers) -> Result<(), ErrorCode> {
        check("POST", QUERY, headers, "")
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
            verify(&documented(date, nonce, &authorization)).unwrap();
            let upper = authorization.replace(signature, &signature.to_uppercase());
            assert!(verify(&documented(date, nonce, &upper)).is_err());
        }
    }

    #[test]
    fn every_scheme_covers_method_query_headers_and_body() {
        let wrong = Err(ErrorCode::SignatureDoesNotMatch);
        let body = "KeyId=alias%2Fa";
        for scheme in &SCHEMES {
            let headers = sign(scheme, body);
            assert_eq!(check("POST", QUERY, &headers, body), Ok(()), "{}", scheme.name);
            assert_eq!(check("GET", QUERY, &headers, body), wrong);
            assert_eq!(check("POST", &QUERY.replace("shanghai", "beijing"), &headers, body), wrong);
            assert_eq!(check("POST", &format!("{QUERY}&a="), &headers, body), wrong);
            assert_eq!(check("POST", QUERY, &headers, "KeyId=alias%2Fb"), wrong);
            assert_eq!(check("POST", QUERY, &headers, "KeyId=alias/a"), wrong, "the raw bytes are hashed");
            assert_eq!(check("POST", QUERY, &headers, ""), wrong);
            for index in 0..7 {
                let mut changed = headers.clone();
                changed[index].1.insert(0, '2');
                assert!(
                    check("POST", QUERY, &changed, body).is_err(),
                    "{}: {:?}",
                    scheme.name,
                    changed[index]
                );
            }
        }
    }

    #[test]
    fn the_header_must_name_the_hash_of_the_body() {
        for scheme in &SCHEMES {
            let hash = scheme.hash.hex(b"a=b");
            let name = scheme.name;
            assert_eq!(check("POST", QUERY, &sign_with(scheme, "a=b", &hash), "a=b"), Ok(()), "{name}");
            for other in [EMPTY, &hash[1..], "UNSIGNED-PAYLOAD"] {
                let outcome = check("POST", QUERY, &sign_with(scheme, "a=b", other), "a=b");
                assert_eq!(outcome, Err(ErrorCode::SignatureDoesNotMatch), "{name}: {other}");
            }
        }
    }

    #[test]
    fn every_required_header_must_be_signed() {
        for scheme in &SCHEMES {
            let credential = credential(scheme);
            let code = |signed: &str| {
                let fields = format!("Credential={credential},SignedHeaders={signed},Signature=00");
                verify(&documented(DATE, "n", &format!("{} {fields}", scheme.name))).unwrap_err()
            };
            assert_eq!(code(SIGNED), ErrorCode::SignatureDoesNotMatch);
            for name in REQUIRED {
                let fewer: Vec<_> = SIGNED.split(';').filter(|header| *header != name).collect();
                assert_eq!(code(&fewer.join(";")), ErrorCode::IncompleteSignature, "{name}");
            }
            assert_eq!(code(&format!("{SIGNED};host")), ErrorCode::IncompleteSignature);
            assert_eq!(code(&format!("{SIGNED};x-absent")), ErrorCode::IncompleteSignature);
            assert_eq!(code(&SIGNED.to_uppercase()), ErrorCode::IncompleteSignature);
        }
    }

    #[test]
    fn a_body_without_signed_content_type_is_refused() {
        for scheme in &SCHEMES {
            let mut headers = sign(scheme, "a=b");
            headers[7].1 = headers[7].1.replace("content-type;", "");
            let outcome = check("POST", QUERY, &headers, "a=b");
            assert_eq!(outcome, Err(ErrorCode::IncompleteSignature), "{}", scheme.name);
        }
    }

    #[test]
    fn repeated_headers_and_unsigned_tokens_are_refused() {
        for scheme in &SCHEMES {
            let headers = sign(scheme, "");
            assert_eq!(verify(&headers), Ok(()));
            for (name, value) in headers.iter().cloned().chain([("x-acs-security-token", "token".into())]) {
                let mut more = headers.clone();
                more.push((name, value));
                assert_eq!(verify(&more), Err(ErrorCode::IncompleteSignature), "{}: {name}", scheme.name);
            }
        }
    }

    /// An attacker who changes the name of the scheme, and the hash of the body accordingly, has no signature for it.
    #[test]
    fn a_signature_is_good_for_its_own_scheme() {
        for (scheme, other) in SCHEMES.iter().flat_map(|one| SCHEMES.iter().map(move |two| (one, two))) {
            let mut headers = sign(scheme, "");
            headers[3].1 = other.hash.hex(b"");
            let (_, fields) = headers[7].1.split_once(',').unwrap();
            headers[7].1 = format!("{} Credential={},{fields}", other.name, credential(other));
            let expected =
                if scheme.name == other.name { Ok(()) } else { Err(ErrorCode::SignatureDoesNotMatch) };
            assert_eq!(verify(&headers), expected, "{} as {}", scheme.name, other.name);
        }
    }

    #[test]
    fn other_schemes_and_broken_fields_are_refused() {
        for scheme in &SCHEMES {
            let good = sign(scheme, "");
            let text = good[7].1.clone();
            let (name, fields) = text.split_once(' ').unwrap();
            let [id, signed, signature] = fields.split(',').collect::<Vec<_>>()[..] else {
                panic!("{fields}")
            };
            for broken in [
                String::new(),
                name.to_owned(),
                fields.to_owned(),
                format!("{} {fields}", name.to_lowercase()),
                format!("{name} {}", fields.replace("Credential", "credential")),
                format!("{name},ACS3-HMAC-SHA1 {fields}"),
                format!("ACS3-HMAC-SHA1 {name} {fields}"),
                format!("{name} {name} {fields}"),
                format!("{text},{text}"),
                format!("{text}, {name} {fields}"),
                format!("{name} {id},{signed}"),
                format!("{name} {id},{signature}"),
                format!("{name} {signed},{signature}"),
                format!("{name} {signed},{id},{signature}"),
                format!("{name} {id},{id},{signed},{signature}"),
                format!("{name} {id},{signed},{signature},{signature}"),
                format!("{name} {id},{signed},{signature},"),
                format!("{name} Credential=,{signed},{signature}"),
                format!("{name} {id},SignedHeaders=,{signature}"),
                format!("ACS4-HMAC-SM3 {fields}"),
                format!("ACS3-RSA-SHA256 {fields}"),
                "Bearer token".to_owned(),
            ] {
                let mut headers = good.clone();
                headers[7].1.clone_from(&broken);
                assert_eq!(verify(&headers), Err(ErrorCode::IncompleteSignature), "{broken}");
            }
        }
    }

    #[test]
    fn a_version_4_credential_is_of_the_day_and_the_product() {
        let scheme = SCHEMES.iter().find(|scheme| scheme.scoped).unwrap();
        let good = sign(scheme, "");
        for (changed, code) in [
            ("id/20231026/cn-beijing/Kms/aliyun_v4_request", ErrorCode::SignatureDoesNotMatch),
            ("id/20231025/cn-shanghai/Kms/aliyun_v4_request", ErrorCode::IncompleteSignature),
            ("id/20231026/cn-shanghai/Ecs/aliyun_v4_request", ErrorCode::IncompleteSignature),
            ("id/20231026/cn-shanghai/Kms/aws4_request", ErrorCode::IncompleteSignature),
            ("/20231026/cn-shanghai/Kms/aliyun_v4_request", ErrorCode::IncompleteSignature),
            ("id", ErrorCode::IncompleteSignature),
        ] {
            let mut headers = good.clone();
            headers[7].1 = headers[7].1.replace(credential(scheme), changed);
            assert_eq!(verify(&headers), Err(code), "{changed}");
        }
        let mut late = good;
        late[4].1 = "2023-10-27T10:22:32Z".to_owned();
        assert_eq!(verify(&late), Err(ErrorCode::IncompleteSignature));
        late[4].1 = "2023-10-26 10:22:32".to_owned();
        assert_eq!(verify(&late), Err(ErrorCode::IllegalTimestamp));
    }
}
