//! The one table of calls.

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// Tells what the server is and how it is. Answered also while the audit trail takes no lines.
    Status,
    /// Checks the store: every record opens, none was put back, removed or added, and what they name is there.
    StoreCheck,
    /// Writes, syncs and seals the audit trail.
    AuditSync,
    /// Sends a backup of the store as the data of the answer.
    Backup,
}

impl Call {
    /// All calls.
    pub const ALL: [Self; 4] = [Self::Status, Self::StoreCheck, Self::AuditSync, Self::Backup];

    /// Its name in requests and in the audit trail.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::StoreCheck => "store-check",
            Self::AuditSync => "audit-sync",
            Self::Backup => "backup",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|call| call.name() == name)
    }

    /// When its line is written, always before the first byte of a result leaves.
    pub(super) fn line(self) -> LineOf {
        match self {
            Self::Status => LineOf::Nothing,
            Self::StoreCheck => LineOf::Outcome,
            Self::AuditSync | Self::Backup => LineOf::Beginning,
        }
    }
}

/// What the line of a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineOf {
    /// The call is answered also if no line can be written.
    Nothing,
    /// Its outcome, which is known before anything is answered.
    Outcome,
    /// Its beginning: the answer leaves bit by bit, or the line is part of what the call does.
    Beginning,
}
