//! How an audit trail is written.

use std::path::PathBuf;

use crate::audit::Limits;

/// How an audit trail is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditOptions {
    /// The directory of its files.
    pub directory: PathBuf,
    /// When a file ends, and how much is kept of all files.
    pub limits: Limits,
    /// Whether every line is synced before its request is answered. Otherwise a power cut may lose the lines of the last second
    /// of requests that changed nothing.
    pub sync_always: bool,
    /// Whether lines hold the values of encryption contexts beside the names.
    pub context_values: bool,
    /// The name of this process among those that share the store.
    pub node: String,
}

impl AuditOptions {
    /// The usual limits; synced once a second; without values.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>, node: impl Into<String>) -> Self {
        Self {
            directory: directory.into(),
            limits: Limits::default(),
            sync_always: false,
            context_values: false,
            node: node.into(),
        }
    }
}
