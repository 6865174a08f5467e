//! The query DescribeBackups: the state of scheduled backups.
//!
//! The answer names no file and contains no message of a failure: those are for operators, who run `bulla status`.

use bulla_wire::{Error, Timestamp};

use crate::backup::BackupState;
use crate::session::Session;

/// Asks for the state of scheduled backups. Needs `kms:DescribeBackups`.
#[derive(Clone, Copy, Debug, Default)]
pub struct DescribeBackups {}

/// The state of scheduled backups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptBackups {
    /// The time of the newest backup that is not known to be damaged.
    pub newest: Option<Timestamp>,
    /// The number of backups whose beginning and end open.
    pub count: usize,
    /// The number of them that passed their last verification and were not changed since.
    pub verified: usize,
    /// The oldest of their last verifications; none without backups.
    pub oldest_verification: Option<Timestamp>,
    /// The number of backups whose last verification failed.
    pub damaged: usize,
    /// Whether the last attempt to make one failed.
    pub has_failed: bool,
}

/// Returns the state; none without a schedule.
pub(super) async fn describe(session: &Session<'_, DescribeBackups>) -> Result<Option<KeptBackups>, Error> {
    Ok(session.backup_state()?.map(KeptBackups::from))
}

impl From<BackupState> for KeptBackups {
    fn from(state: BackupState) -> Self {
        let BackupState { newest, count, verified, oldest_verification, failed, failure } = state;
        Self {
            newest: newest.map(|facts| Timestamp::from_unix(facts.time)),
            count,
            verified,
            oldest_verification: oldest_verification.map(Timestamp::from_unix),
            damaged: failed.len(),
            has_failed: failure.is_some(),
        }
    }
}
