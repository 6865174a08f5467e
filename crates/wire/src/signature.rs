//! How a caller proves that it knows the secret of its access key.
//!
//! All schemes that bulla verifies sign the decoded and re-encoded parameters, never the raw query: clients
//! differ in how they escape. Verifying costs the same for a wrong and for an unknown secret.

pub mod acs3;
mod acs4;
pub mod authorization;
mod hash;
pub mod v1;

use crate::error::{Error, ErrorCode};
use crate::secret::SecretText;
use crate::timestamp::Timestamp;

/// A signature taken from a request, with everything that is needed to check it.
#[derive(Debug)]
pub enum Signature {
    /// HMAC-SHA1 over the parameters.
    V1(v1::Signed),
    /// ACS3 or ACS4, over method, parameters, headers and body.
    Acs(authorization::Signed),
    /// A scheme that is recognized and refused, by its name.
    Unsupported(String),
    /// No signature, which few actions take: [`Product::may_be_unsigned`](crate::Product::may_be_unsigned).
    Unsigned,
}

/// Who signed, when, and with which token: the same for every scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The access key whose secret signed.
    pub access_key_id: String,
    /// A random text that may be used once.
    pub nonce: String,
    /// When the request was signed, by the clock of the caller.
    pub timestamp: Timestamp,
    /// The security token that came with it, from the place that the signature covers.
    pub security_token: Option<SecretText>,
}

impl Signature {
    /// Who claims to have signed.
    ///
    /// # Errors
    /// IncompleteSignature for a scheme that is not supported, MissingAccessKeyId for no signature.
    pub fn signer(&self) -> Result<&Signer, Error> {
        match self {
            Self::V1(signed) => Ok(signed.signer()),
            Self::Acs(signed) => Ok(signed.signer()),
            Self::Unsupported(_) => Err(ErrorCode::IncompleteSignature.into()),
            Self::Unsigned => Err(Error::with(ErrorCode::Missing, "AccessKeyId")),
        }
    }

    /// Checks the signature against a secret, in constant time.
    ///
    /// # Errors
    /// SignatureDoesNotMatch, echoing the string to sign to its sender; else as [`Signature::signer`].
    pub fn verify(&self, secret: &str) -> Result<(), Error> {
        match self {
            Self::V1(signed) => signed.verify(secret),
            Self::Acs(signed) => signed.verify(secret),
            Self::Unsupported(_) => Err(ErrorCode::IncompleteSignature.into()),
            Self::Unsigned => Err(Error::with(ErrorCode::Missing, "AccessKeyId")),
        }
    }
}

/// SignatureDoesNotMatch, with the echo unless it is so long that many of them would fill the memory.
fn mismatch(echo: &str) -> Error {
    Error::with(ErrorCode::SignatureDoesNotMatch, if echo.len() <= MAX_ECHO { echo } else { "(too long)" })
}

/// Longer than the string to sign of any request but those with a large value in their parameters.
const MAX_ECHO: usize = 64 * 1024;

/// The time a request names, or IllegalTimestamp.
fn timestamp(text: &str) -> Result<Timestamp, Error> {
    Timestamp::parse(text).ok_or_else(|| ErrorCode::IllegalTimestamp.into())
}
