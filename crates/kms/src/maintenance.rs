//! Changes that the engine makes without a request: scheduled rotations and deletions, the first access key, private state,
//! the last use of access keys, uses of keys, and what users change about themselves by signing in to the console.
//!
//! The server runs the scheduled part once a second. [`Maintenance`] is the proof that takes the place of an authorized
//! request.

mod access_key;
mod due;
mod key_uses;
mod mfa;
mod private;
mod sign_in;
mod sts_key;
mod uses;

use bulla_keys::record::Revision;

pub use self::access_key::FirstAccessKey;
pub use self::due::MaintenanceReport;
pub(crate) use self::uses::LastWrite;
use crate::state::{Changes, Write};

/// The proof that a change is not made for a request. Only this module and its submodules can create one.
pub(crate) struct Maintenance {
    _private: (),
}

impl Maintenance {
    /// Returns changes that the engine makes without a request.
    fn changes(&self, writes: impl IntoIterator<Item = (Write, Revision)>) -> Changes {
        Changes::maintained(self, writes)
    }
}

const MAINTENANCE: Maintenance = Maintenance { _private: () };
