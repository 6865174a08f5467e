//! How a user signs in to the console.

use bulla_wire::SecretText;
use minicbor::{Decode, Encode};

use crate::state::secret_text;

/// A password, as its hash, and what signing in with it requires.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct LoginProfile {
    /// Argon2id of the password, as a PHC string. Guessing it offline is what the hash makes expensive, so it is kept
    /// like a secret all the same.
    #[n(0)]
    #[cbor(with = "secret_text")]
    pub(crate) password_hash: SecretText,
    /// Whether the user has to choose another password at the next sign-in.
    #[n(1)]
    pub(crate) reset_required: bool,
    #[n(2)]
    pub(crate) mfa_required: bool,
    #[n(3)]
    pub(crate) created: i64,
    #[n(4)]
    pub(crate) updated: i64,
}
