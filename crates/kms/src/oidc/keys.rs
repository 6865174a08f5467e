//! The key set of a provider (RFC 7517): public keys for RS256 and ES256. Other keys in a set are skipped.
//!
//! The algorithm is a property of the key, determined when the set is parsed. A token cannot choose another one.

use std::error::Error;
use std::fmt;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// Keys that verify tokens.
pub(crate) struct KeySet(Vec<VerifyingKey>);

/// A public key, with its only algorithm.
pub(crate) struct VerifyingKey {
    id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// Why a key set is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySetError {
    /// It is not a JSON Web Key Set.
    Malformed,
    /// It has no key for RS256 or ES256.
    Empty,
}

impl KeySet {
    pub(crate) fn parse(json: &[u8]) -> Result<Self, KeySetError> {
        #[derive(Deserialize)]
        struct Typed {
            keys: Vec<Value>,
        }
        let Typed { keys } = serde_json::from_slice(json).map_err(|_| KeySetError::Malformed)?;
        let keys: Vec<_> = keys.into_iter().filter_map(VerifyingKey::from_json).collect();
        if keys.is_empty() { Err(KeySetError::Empty) } else { Ok(Self(keys)) }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the keys that may have signed a token which names `id`. A token without an id is accepted only if there is a
    /// single key.
    pub(super) fn candidates(&self, id: Option<&str>) -> impl Iterator<Item = &VerifyingKey> {
        let is_only = self.0.len() == 1;
        let is_candidate = move |key: &&VerifyingKey| match id {
            Some(id) => key.id.as_deref() == Some(id),
            None => is_only,
        };
        self.0.iter().filter(is_candidate).take(MAX_CANDIDATES)
    }
}

impl VerifyingKey {
    /// Returns none for a key with another use, or one that is malformed.
    fn from_json(json: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(json).ok()?;
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => Algorithm::RS256,
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
            _ => return None,
        };
        let common = &jwk.common;
        let is_for_signatures = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature))
            && common.key_operations.as_ref().is_none_or(|uses| uses.contains(&KeyOperations::Verify))
            && common.key_algorithm.is_none_or(|named| named == KeyAlgorithm::from(algorithm));
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        is_for_signatures.then_some(Self { id: jwk.common.key_id, algorithm, key })
    }
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a JSON Web Key Set",
            Self::Empty => "no key for RS256 or ES256 in the set",
        })
    }
}

impl Error for KeySetError {}

/// Maximum keys with the same id to try.
const MAX_CANDIDATES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const N: &str = "sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri23bOdgWp4Dy1WlUzewbgBHod5pcM9H95GQRV3JDXboIRROSBigeC5yjU1hGzHHyXss8UDprecbAYxknTcQkhslANGRUZmdTOQ5qTRsLAt6BTYuyvVRdhS8exSZEy_c4gs_7svlJJQ4H9_NxsiIoLwAEk7-Q3UXERGYw_75IDrGA84-lA_-Ct4eTlXHBIY2EaV7t7LjJaynVJCpkv4LKjTTAumiGUIuQhrNhZLuF_RJLqHpM2kgWFLU7-VTdL1VbC2tejvcI2BlMkEpk1BzBZI0KQB0GaDWFLN-aEAw3vRw";

    fn count(keys: &str) -> Result<usize, KeySetError> {
        KeySet::parse(format!("{{\"keys\":[{keys}]}}").as_bytes()).map(|set| set.len())
    }

    #[test]
    fn keys_for_other_purposes_are_skipped() {
        let rsa = |more: &str| format!("{{\"kty\":\"RSA\",\"n\":\"{N}\",\"e\":\"AQAB\"{more}}}");
        assert_eq!(count(&rsa("")), Ok(1));
        assert_eq!(count(&rsa(r#","kid":"a","use":"sig","alg":"RS256","x5c":["a"]"#)), Ok(1));
        for other in [
            rsa(r#","use":"enc""#),
            rsa(r#","alg":"RS512""#),
            rsa(r#","alg":"HS256""#),
            rsa(r#","alg":"none""#),
            rsa(r#","key_ops":["encrypt"]"#),
            r#"{"kty":"oct","k":"c2VjcmV0"}"#.into(),
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#.into(),
            r#"{"kty":"new","anything":1}"#.into(),
            r#"{"kty":"RSA","n":"***","e":"AQAB"}"#.into(),
            "7".into(),
        ] {
            assert_eq!(count(&other), Err(KeySetError::Empty), "{other}");
            assert_eq!(count(&format!("{other},{}", rsa(""))), Ok(1), "{other}");
        }
    }

    #[test]
    fn what_is_no_key_set_is_refused() {
        for json in ["", "[]", "{}", r#"{"keys":7}"#, r#"{"keys":[]} x"#] {
            assert_eq!(KeySet::parse(json.as_bytes()).map(|_| ()), Err(KeySetError::Malformed), "{json}");
        }
        assert_eq!(count(""), Err(KeySetError::Empty));
    }
}
