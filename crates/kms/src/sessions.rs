//! Sessions of roles: temporary credentials whose token is the session, so that the store remembers none.
//!
//! A token is sealed under the STS key of the store and bound to its access key id. It carries the secret of that access
//! key and the chain of the session by ids, and each link of the chain is compared with the snapshot at every request.

mod beginning;
mod chain;
mod sts_key;
#[cfg(test)]
pub(crate) mod tests;
mod token;

pub(crate) use self::beginning::{Chain, ChainRefusal, NewSession};
pub(crate) use self::sts_key::{Epoch, StsKey, sts_epoch};
pub(crate) use self::token::{SealedToken, seal};
use crate::state::random_letters;

/// How ids of temporary access keys begin.
pub(crate) const PREFIX: &str = "STS.";

/// The id of a new temporary access key: 100 bits.
pub(crate) fn random_access_key_id() -> Box<str> {
    format!("{PREFIX}{}", &*random_letters::<20>()).into()
}
