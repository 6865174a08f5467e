//! The settings of an audit trail.

use std::path::PathBuf;

use crate::audit::Limits;

/// The settings of an audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditOptions {
    /// The directory of its files.
    pub directory: PathBuf,
    /// The limits on files.
    pub limits: Limits,
    /// Whether every line is synced before its request is answered. Otherwise a power cut may lose the lines of the last
    /// second about requests that changed nothing.
    pub sync_always: bool,
    /// Whether lines contain the values of encryption contexts, besides the names.
    pub context_values: bool,
    /// The name of this process, among those that share the store.
    pub node: String,
}

impl AuditOptions {
    /// Returns the defaults: the default limits, a sync each second, and no values.
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
