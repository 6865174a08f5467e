//! The outcome of a request whose snapshot is older than the rows that it has to read. The dispatcher (`actions.rs`) then
//! begins the request again with a newer snapshot.

use std::error::Error as StdError;
use std::fmt;

use bulla_wire::Error;

/// The outcome of a request whose snapshot is older than what it needs. The dispatcher begins the request again with a newer
/// snapshot instead of answering. It is part of the result, not a flag beside it, so it disappears with a decision that the
/// committer discards.
#[derive(Debug)]
pub(crate) struct StaleSnapshot;

impl StaleSnapshot {
    /// Whether a request ended with this outcome.
    pub(crate) fn is_outcome<T>(outcome: &Result<T, Error>) -> bool {
        let cause = outcome.as_ref().err().and_then(StdError::source);
        cause.is_some_and(|cause| cause.is::<Self>())
    }
}

impl fmt::Display for StaleSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the snapshot of the request is stale")
    }
}

impl StdError for StaleSnapshot {}

impl From<StaleSnapshot> for Error {
    fn from(stale: StaleSnapshot) -> Self {
        Self::internal(stale)
    }
}
