//! The queries DescribeBackups and DescribeKeyBackups: the state of scheduled backups, and those that contain a key.
//!
//! The answers name no file and contain no message of a failure: those are for operators, who run `bulla status`.

use bulla_wire::{Error, Timestamp};

use crate::backup::{BackupState, HoldingBackup};
use crate::session::Session;

/// Asks for the state of scheduled backups. Needs `kms:DescribeBackups`.
#[derive(Clone, Copy, Debug, Default)]
pub struct DescribeBackups {}

/// Asks which scheduled backups contain a key. Needs the permission to describe the key, and `kms:DescribeBackups`.
#[derive(Clone, Debug, Default)]
pub struct DescribeKeyBackups {
    /// The key's id, ARN or alias.
    pub key_id: String,
}

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

/// The scheduled backups that contain a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyBackups {
    /// Their number.
    pub count: usize,
    /// The time of the newest one.
    pub newest: Option<Timestamp>,
    /// How long the newest one is kept at least, if the schedule has a time.
    pub kept_until: Option<Timestamp>,
}

/// Returns the state; none without a schedule.
pub(super) async fn describe(session: &Session<'_, DescribeBackups>) -> Result<Option<KeptBackups>, Error> {
    Ok(session.backup_state()?.map(KeptBackups::from))
}

/// Returns the backups of the key; none without a schedule.
pub(super) async fn of_key(session: &Session<'_, DescribeKeyBackups>) -> Result<Option<KeyBackups>, Error> {
    let key = session.key(&session.request.key_id)?;
    Ok(session.backups_of(&key)?.map(|holding| KeyBackups::from(&*holding)))
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

impl From<&[HoldingBackup]> for KeyBackups {
    fn from(holding: &[HoldingBackup]) -> Self {
        let newest = holding.last();
        Self {
            count: holding.len(),
            newest: newest.map(|newest| Timestamp::from_unix(newest.time)),
            kept_until: newest.and_then(|newest| newest.kept_until).map(Timestamp::from_unix),
        }
    }
}
