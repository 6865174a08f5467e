//! The calls that a server accepts over its control socket, with their names in the protocol.

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// Returns the status of the server. Answered even while the audit trail takes no lines.
    Status,
    /// Checks the store: every record opens, none was rolled back, removed or added, and all references resolve.
    StoreCheck,
    /// Writes, syncs and seals the audit trail.
    AuditSync,
    /// Sends a backup of the store as the data of the answer.
    Backup,
}

impl Call {
    /// All calls.
    pub const ALL: [Self; 4] = [Self::Status, Self::StoreCheck, Self::AuditSync, Self::Backup];

    /// Returns its name in requests and in the audit trail.
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

    /// Returns which audit line must be written before the first byte of a result is sent.
    pub(super) fn line(self) -> LineOf {
        match self {
            Self::Status => LineOf::Nothing,
            Self::StoreCheck => LineOf::Outcome,
            Self::AuditSync | Self::Backup => LineOf::Beginning,
        }
    }
}

/// The audit line that a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineOf {
    /// None: the call is answered even if no line can be written.
    Nothing,
    /// Its outcome, which is known before any byte of the answer is sent.
    Outcome,
    /// Its beginning: the answer is sent in parts, or the line is part of the work.
    Beginning,
}
