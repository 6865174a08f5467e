//! Verifies ID tokens (OpenID Connect Core 1.0, section 2): the signature by a key of the provider, then the claims.

use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;

use super::OidcProvider;
use super::keys::KeySet;

/// The identity in a verified token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OidcIdentity {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    /// All audiences of the token, in order.
    pub(crate) audiences: Vec<String>,
    /// The configured audiences among them, at least one: the value of the condition key `oidc:aud`.
    pub(crate) client_ids: Vec<String>,
    pub(crate) issued: i64,
    pub(crate) expires: i64,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OidcRefusal {
    /// It is malformed, has another issuer or audience, is not valid yet, or its signature is wrong.
    Invalid,
    Expired,
    /// It names a key that is not in the provider's key set.
    UnknownKey,
    /// The keys of the provider are unknown, or too old.
    NoKeys,
}

/// Times are numbers, possibly with a fraction (RFC 7519).
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Verifies a token at `now`, in seconds since 1970. `token` may end with a line end, as in a file.
///
/// The signature is checked first, so that errors reveal nothing about claims that an attacker may have written.
pub(super) fn verify(
    token: &str,
    provider: &OidcProvider,
    keys: &KeySet,
    now: i64,
) -> Result<OidcIdentity, OidcRefusal> {
    let token = token.trim_end_matches(['\r', '\n']);
    let claims = verified_claims(token, keys)?;
    let audiences = match claims.aud {
        Audience::One(audience) => vec![audience],
        Audience::Many(audiences) => audiences,
    };
    let is_listed = |audience: &&String| provider.client_ids.contains(audience);
    let client_ids: Vec<_> = audiences.iter().filter(is_listed).cloned().collect();
    let is_subject = (1..=MAX_SUBJECT).contains(&claims.sub.len());
    if claims.iss != provider.issuer || client_ids.is_empty() || !is_subject {
        return Err(OidcRefusal::Invalid);
    }
    let [expires, issued] = [claims.exp, claims.iat].map(seconds);
    let not_before = claims.nbf.map_or(issued, seconds);
    if expires.saturating_add(LEEWAY) <= now {
        return Err(OidcRefusal::Expired);
    }
    if issued.max(not_before) > now.saturating_add(LEEWAY) {
        return Err(OidcRefusal::Invalid);
    }
    Ok(OidcIdentity { issuer: claims.iss, subject: claims.sub, audiences, client_ids, issued, expires })
}

/// Returns the claims of a token that one of the keys has signed, with the algorithm of that key.
fn verified_claims(token: &str, keys: &KeySet) -> Result<Claims, OidcRefusal> {
    let header = decode_header(token).map_err(|_| OidcRefusal::Invalid)?;
    let mut refusal = OidcRefusal::UnknownKey;
    for candidate in keys.candidates(header.kid.as_deref()) {
        match decode::<Claims>(token, &candidate.key, &signature_only(candidate.algorithm)) {
            Ok(decoded) => return Ok(decoded.claims),
            Err(_) => refusal = OidcRefusal::Invalid,
        }
    }
    Err(refusal)
}

/// The claims are checked here, because the library would use the system clock.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

/// Returns whole seconds; values out of range become the minimum or maximum.
#[allow(clippy::cast_possible_truncation, reason = "the cast saturates, and NaN is no JSON")]
fn seconds(time: f64) -> i64 {
    time.floor() as i64
}

/// How far the clocks of the provider and of this server may differ, in seconds.
const LEEWAY: i64 = 60;
/// Maximum bytes of a subject (OpenID Connect Core 1.0, section 2), which session tokens contain.
const MAX_SUBJECT: usize = 255;

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;
    use serde_json::{Value, json};

    use super::super::testing::{Issuer, NOW, encode};
    use super::*;

    fn provider() -> OidcProvider {
        let client_ids = vec!["bulla".into(), "other".into()];
        OidcProvider { name: "ci".into(), issuer: "https://ci.example".into(), client_ids }
    }

    fn check(issuer: &Issuer, token: &str) -> Result<OidcIdentity, OidcRefusal> {
        verify(token, &provider(), &issuer.key_set(), NOW)
    }

    fn with(issuer: &Issuer, claim: &str, value: Value) -> Result<OidcIdentity, OidcRefusal> {
        let mut claims = issuer.claims();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(claim)),
            value => claims[claim] = value,
        }
        check(issuer, &issuer.token(&claims))
    }

    #[test]
    fn tokens_of_both_algorithms_are_verified() {
        for issuer in [Issuer::rsa("k"), Issuer::ec("k")] {
            let token = issuer.token(&issuer.claims());
            let identity = check(&issuer, &token).unwrap();
            assert_eq!((&*identity.subject, &*identity.issuer), ("repo:team/app", "https://ci.example"));
            assert_eq!((identity.issued, identity.expires), (NOW, NOW + 600));
            for end in ["\n", "\r\n"] {
                assert_eq!(check(&issuer, &format!("{token}{end}")), Ok(identity.clone()));
            }
        }
    }

    #[test]
    fn the_algorithm_is_that_of_the_key() {
        let (rsa, ec) = (Issuer::rsa("k"), Issuer::ec("k"));
        for issuer in [&rsa, &ec] {
            for algorithm in ["RS256", "ES256", "RS512", "PS256", "HS256", "none", "None", ""] {
                if algorithm == issuer.algorithm() {
                    continue;
                }
                let header = json!({"alg": algorithm, "kid": "k"});
                let token = issuer.token_with(&header, &issuer.claims());
                assert_eq!(check(issuer, &token), Err(OidcRefusal::Invalid), "{algorithm}");
            }
            // The public key used as the secret of an HMAC, and no signature at all.
            let message =
                format!("{}.{}", encode(r#"{"alg":"HS256","kid":"k"}"#), encode(issuer.claims().to_string()));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &issuer.public()), message.as_bytes());
            assert_eq!(check(issuer, &format!("{message}.{}", encode(tag))), Err(OidcRefusal::Invalid));
            let unsigned =
                format!("{}.{}.", encode(r#"{"alg":"none","kid":"k"}"#), encode(issuer.claims().to_string()));
            assert_eq!(check(issuer, &unsigned), Err(OidcRefusal::Invalid));
        }
        let token = rsa.token(&rsa.claims());
        assert_eq!(check(&ec, &token), Err(OidcRefusal::Invalid), "a key of the same id and another kind");
    }

    #[test]
    fn issuer_and_audience_are_exact() {
        let issuer = Issuer::ec("k");
        for wrong in ["https://ci.example/", "https://CI.example", "https://ci.example.evil", ""] {
            assert_eq!(with(&issuer, "iss", json!(wrong)), Err(OidcRefusal::Invalid), "{wrong}");
        }
        assert_eq!(with(&issuer, "iss", json!(["https://ci.example"])), Err(OidcRefusal::Invalid));
        for wrong in [json!("bulla2"), json!(""), json!([]), json!(["x", "y"]), json!([["bulla"]])] {
            assert_eq!(with(&issuer, "aud", wrong.clone()), Err(OidcRefusal::Invalid), "{wrong}");
        }
        let several = with(&issuer, "aud", json!(["x", "bulla", "other"])).unwrap();
        assert_eq!(several.audiences, ["x", "bulla", "other"]);
        assert_eq!(several.client_ids, ["bulla", "other"]);
        for missing in ["iss", "sub", "aud", "exp", "iat"] {
            assert_eq!(with(&issuer, missing, Value::Null), Err(OidcRefusal::Invalid), "{missing}");
        }
        for (length, is_taken) in [(0, false), (1, true), (255, true), (256, false)] {
            assert_eq!(with(&issuer, "sub", json!("s".repeat(length))).is_ok(), is_taken, "{length}");
        }
    }

    #[test]
    fn times_are_checked_with_a_leeway_of_a_minute() {
        let issuer = Issuer::ec("k");
        for (claim, value, outcome) in [
            ("exp", json!(NOW - 59), Ok(())),
            ("exp", json!(NOW - 60), Err(OidcRefusal::Expired)),
            ("exp", json!(-1), Err(OidcRefusal::Expired)),
            ("exp", json!(1e300), Ok(())),
            ("exp", json!(NOW.to_string()), Err(OidcRefusal::Invalid)),
            ("iat", json!(NOW + 60), Ok(())),
            ("iat", json!(NOW + 61), Err(OidcRefusal::Invalid)),
            ("nbf", json!(NOW + 60), Ok(())),
            ("nbf", json!(f64::from(1_800_000_061) + 0.5), Err(OidcRefusal::Invalid)),
            ("nbf", Value::Null, Ok(())),
        ] {
            assert_eq!(with(&issuer, claim, value.clone()).map(drop), outcome, "{claim} {value}");
        }
    }

    #[test]
    fn a_token_of_another_key_is_unknown_and_an_edited_one_invalid() {
        let (issuer, other) = (Issuer::ec("k"), Issuer::ec("other"));
        assert_eq!(check(&issuer, &other.token(&other.claims())), Err(OidcRefusal::UnknownKey));
        let same_id = Issuer::ec("k");
        assert_eq!(check(&issuer, &same_id.token(&same_id.claims())), Err(OidcRefusal::Invalid));
        let nameless = json!({"alg": "ES256"});
        assert!(check(&issuer, &issuer.token_with(&nameless, &issuer.claims())).is_ok(), "of the only key");

        let token = issuer.token(&issuer.claims());
        for position in 0..token.len() {
            let mut edited = token.clone().into_bytes();
            edited[position] = if edited[position] == b'A' { b'B' } else { b'A' };
            let edited = String::from_utf8(edited).unwrap();
            assert!(check(&issuer, &edited).is_err(), "{position}");
        }
        for malformed in ["", "a", "a.b", "a.b.c", "....", &token[..token.len() - 4], &format!("{token}.a")] {
            assert_eq!(check(&issuer, malformed), Err(OidcRefusal::Invalid), "{malformed}");
        }
    }
}
