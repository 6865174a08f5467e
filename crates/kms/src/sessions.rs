//! Sessions of roles: AssumeRole creates temporary credentials, and every request with them is checked here. The token
//! contains the whole session, so the store has no record of it.
//!
//! A token is sealed under the STS key of the store and bound to its access key id. It contains the secret of that access key
//! and the chain of the session by ids. Every request compares each link of the chain with the snapshot, so deleting or
//! changing a link ends the session.

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

/// The prefix of ids of temporary access keys.
pub(crate) const PREFIX: &str = "STS.";

/// Returns the id of a new temporary access key: 100 random bits.
pub(crate) fn random_access_key_id() -> Box<str> {
    format!("{PREFIX}{}", &*random_letters::<20>()).into()
}
