//! The action DescribeKeyBackups: which scheduled backups contain a key.
//!
//! The reply names no file: those are for operators, who run `bulla status`.

use bulla_wire::kms::{DescribeKey, DescribeKeyBackups, DescribeKeyBackupsReply};
use bulla_wire::{Error, Timestamp};

use crate::authorize::Permission;
use crate::backup::HoldingBackup;
use crate::session::Session;

/// Needs the permission to describe the key, and the one to read the state of backups.
pub(super) async fn describe(
    session: &Session<'_, DescribeKeyBackups>,
) -> Result<DescribeKeyBackupsReply, Error> {
    let view = session.with_permission(Permission::of::<DescribeKey>());
    let key = view.ask_key(&session.request.key_id)?;
    Ok(session.backups_of(key)?.as_deref().map(reply).unwrap_or_default())
}

/// Returns the reply about the backups that contain the key, oldest first.
fn reply(holding: &[HoldingBackup]) -> DescribeKeyBackupsReply {
    let newest = holding.last();
    DescribeKeyBackupsReply {
        scheduled: true,
        backups: Some(holding.len() as u64),
        newest: newest.map(|newest| Timestamp::from_unix(newest.time)),
        kept_until: newest.and_then(|newest| newest.kept_until).map(Timestamp::from_unix),
    }
}
