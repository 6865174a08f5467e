//! Sessions of roles: temporary credentials whose token is the session, so that the store remembers none.
//!
//! A token is sealed under the STS key of the store and bound to its access key id. It carries the secret of that access
//! key and the chain of the session by ids, and each link of the chain is compared with the snapshot at every request.

mod sts_key;
mod token;

pub(crate) use self::sts_key::{Epoch, StsKey};
#[allow(unused_imports, reason = "AssumeRole, which makes sessions, follows")]
pub(crate) use self::token::{SealedToken, seal};

/// How ids of temporary access keys begin.
pub(crate) const PREFIX: &str = "STS.";
