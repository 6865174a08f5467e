//! Signatures, by which a caller proves that it has the secret of its access key.
//!
//! All supported schemes sign parameters that are decoded and encoded again instead of the raw query, because clients escape
//! differently. Signatures are compared in constant time. For an unknown access key, the engine verifies with a placeholder
//! secret, so that the time does not reveal which access keys exist.

pub mod acs3;
mod acs4;
pub mod authorization;
mod hash;
pub mod v1;

use crate::error::{Error, ErrorCode};
use crate::secret::SecretText;
use crate::timestamp::Timestamp;

/// The signature of a request, with all data needed to verify it.
#[derive(Debug)]
pub enum Signature {
    /// HMAC-SHA1 over the parameters.
    V1(v1::Signed),
    /// ACS3 or ACS4, over method, parameters, headers and body.
    Acs(authorization::Signed),
    /// A known scheme that is refused, by its name.
    Unsupported(String),
    /// No signature, which only few actions accept: [`Product::may_be_unsigned`](crate::Product::may_be_unsigned).
    Unsigned,
}

/// The signer of a request, with the time and the token. All schemes have these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The id of the access key that signed.
    pub access_key_id: String,
    /// A random text that may be used only once.
    pub nonce: String,
    /// When the caller signed the request, by its own clock.
    pub timestamp: Timestamp,
    /// The security token, from the part of the request that the signature covers.
    pub security_token: Option<SecretText>,
}

impl Signature {
    /// Returns the claimed signer, not authenticated yet.
    ///
    /// # Errors
    /// IncompleteSignature for an unsupported scheme, MissingAccessKeyId without a signature.
    pub fn signer(&self) -> Result<&Signer, Error> {
        match self {
            Self::V1(signed) => Ok(signed.signer()),
            Self::Acs(signed) => Ok(signed.signer()),
            Self::Unsupported(_) => Err(ErrorCode::IncompleteSignature.into()),
            Self::Unsigned => Err(Error::with(ErrorCode::Missing, "AccessKeyId")),
        }
    }

    /// Verifies the signature with a secret, in constant time.
    ///
    /// # Errors
    /// SignatureDoesNotMatch with the string to sign, echoed to its sender; otherwise as [`Signature::signer`].
    pub fn verify(&self, secret: &str) -> Result<(), Error> {
        match self {
            Self::V1(signed) => signed.verify(secret),
            Self::Acs(signed) => signed.verify(secret),
            Self::Unsupported(_) => Err(ErrorCode::IncompleteSignature.into()),
            Self::Unsigned => Err(Error::with(ErrorCode::Missing, "AccessKeyId")),
        }
    }
}

/// Returns SignatureDoesNotMatch. Echoes the string to sign unless it is so long that many echoes could exhaust the memory.
fn mismatch(echo: &str) -> Error {
    Error::with(ErrorCode::SignatureDoesNotMatch, if echo.len() <= MAX_ECHO { echo } else { "(too long)" })
}

/// Maximum length of an echo. Only requests with a large parameter value have a longer string to sign.
const MAX_ECHO: usize = 64 * 1024;

/// Parses the time of a request, or returns IllegalTimestamp.
fn timestamp(text: &str) -> Result<Timestamp, Error> {
    Timestamp::parse(text).ok_or_else(|| ErrorCode::IllegalTimestamp.into())
}
