//! Whether a running engine is ready for clients, and why not: for health checks of the server.

use std::fmt;

use crate::Kms;
use crate::store::LostFile;

/// A reason why an engine is not ready for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unready {
    /// The store or its lock was moved or replaced, so every change is refused.
    Store(LostFile),
    /// The thread that writes changes has ended, or the lease of the snapshot has expired. Only a restart helps.
    Committer,
    /// No line can be written to the audit trail, for this reason, so every request is refused.
    Audit(String),
}

impl Kms {
    /// Whether the last check, by [`Kms::check_store`] or a commit, found the store unchanged in its place, and changes can
    /// be written.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.unready().is_empty()
    }

    /// Returns every reason why the engine is not ready.
    #[must_use]
    pub fn unready(&self) -> Vec<Unready> {
        let store = self.watch.lost().map(Unready::Store);
        let committer = (!self.state.is_running()).then_some(Unready::Committer);
        let audit = self.audit_fault().map(Unready::Audit);
        [store, committer, audit].into_iter().flatten().collect()
    }
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(lost) => write!(f, "the store is lost, and writes are refused: {lost}"),
            Self::Committer => f.write_str("writes are refused until a restart"),
            Self::Audit(why) => {
                write!(
                    f,
                    "every request is refused, because no line can be written to the audit trail: {why}"
                )
            }
        }
    }
}
