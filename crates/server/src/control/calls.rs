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

    /// Whether its answer depends on its audit line, which has its outcome and duration: the line is written before the answer is whole.
    /// Otherwise the call is answered even if no line can be written.
    pub(super) fn needs_line(self) -> bool {
        self != Self::Status
    }
}
