//! `bulla backup restore`: replaces a store by a backup.

use std::path::Path;

use bulla_kms::{
    BackupError, BackupFacts, ChangeKind, ChangeSince, InactiveKey, OpenError, Options, RestoreOptions,
    Restored, Role, restore_backup,
};
use bulla_wire::Timestamp;
use serde_json::{Value, json};

use super::failure;
use crate::args::RestoreBackup;
use crate::embedded::report_wait;
use crate::failure::Failure;
use crate::messages::note;
use crate::results::{print, print_json};

pub(super) fn run(restore: RestoreBackup) -> Result<(), Failure> {
    let RestoreBackup { file, data, root_key, audit, dry_run, accept_older, json } = restore;
    let audit = super::trail(&data, audit);
    let trail = audit.as_ref().map(|audit| audit.directory.clone());
    let keeps_key_elsewhere = root_key.is_some();
    let options = Options { root_key, audit, on_wait: report_wait, ..Options::new(data, Role::Command) };
    let restored = restore_backup(&options, &file, RestoreOptions { dry_run, accept_older })
        .map_err(|error| restore_failure(&file, trail.as_deref(), &error))?;
    if json {
        return print_json(&as_value(&restored, dry_run));
    }
    print_report(&restored, dry_run)?;
    if keeps_key_elsewhere && !dry_run {
        note("The store needs the root key that --root-key named: pass it to bulla serve, too.");
    }
    Ok(())
}

fn restore_failure(file: &Path, audit: Option<&Path>, error: &BackupError) -> Failure {
    let failure = failure(file, error);
    match error {
        BackupError::Open(OpenError::InUse { .. }) => {
            failure.advising("stop the server first; it would keep serving the replaced store")
        }
        BackupError::Open(OpenError::Directory { path, .. }) if audit.is_some_and(|audit| path.starts_with(audit)) => {
            failure.advising("check it with `bulla audit verify`; to restore without it, name an empty directory with --audit")
        }
        _ => failure,
    }
}

fn print_report(restored: &Restored, dry_run: bool) -> Result<(), Failure> {
    let Restored { backup, epoch, changes, deactivated, .. } = restored;
    let BackupFacts { records, commit, .. } = backup;
    let time = Timestamp::from_unix(backup.time);
    let would = if dry_run { "would be restored" } else { "restored" };
    print(format_args!(
        "{records} records {would} as of {time}, commit {commit}; epoch {epoch} from now on"
    ))?;
    if let Some(later) = restored.later {
        print(format_args!("{later}"))?;
    }
    if let Some(replaced) = &restored.replaced {
        print(format_args!("the replaced store is kept as {}", replaced.display()))?;
    }
    print("all sessions end: temporary credentials and sign-ins to the console")?;
    match restored.trail_is_complete {
        None => print(
            "without an audit trail, changes since then are unknown: check users, access keys and policies",
        )?,
        Some(false) => {
            print("the audit trail lacks lines since the backup: there may be more changes than these")?
        }
        Some(true) if changes.is_empty() => print("the audit trail has no change since then")?,
        Some(true) => {}
    }
    for (kind, title) in TITLES {
        print_changes(title, changes.iter().filter(|change| change.kind == *kind))?;
    }
    print_differences(&restored.differences)?;
    print_inactive(deactivated)?;
    print_without_password(&restored.without_password)
}

fn print_without_password(users: &[String]) -> Result<(), Failure> {
    if users.is_empty() {
        return Ok(());
    }
    print(
        "without a password until an administrator sets one, because it or the MFA device was changed or deleted since:",
    )?;
    users.iter().try_for_each(|user| print(format_args!("  {user}")))
}

fn print_differences(differences: &[String]) -> Result<(), Failure> {
    if differences.is_empty() {
        return Ok(());
    }
    print("different in the replaced store, although no audit trail has a change:")?;
    differences.iter().try_for_each(|name| print(format_args!("  {name}")))
}

fn print_changes<'c>(title: &str, changes: impl Iterator<Item = &'c ChangeSince>) -> Result<(), Failure> {
    let changes: Vec<_> = changes.collect();
    if changes.is_empty() {
        return Ok(());
    }
    print(format_args!("{title}:"))?;
    for ChangeSince { time, action, resources, caller, may_be_in_backup, .. } in changes {
        let by = caller.as_deref().map(|caller| format!(" by {caller}")).unwrap_or_default();
        let unsure = if *may_be_in_backup { " (perhaps just before the backup, and kept)" } else { "" };
        print(format_args!("  {time}  {action}  {}{by}{unsure}", resources.join(" ")))?;
    }
    Ok(())
}

fn print_inactive(deactivated: &[InactiveKey]) -> Result<(), Failure> {
    if deactivated.is_empty() {
        return Ok(());
    }
    print("inactive until an administrator confirms them, because they were changed or deleted since:")?;
    for InactiveKey { id, user, .. } in deactivated {
        match user {
            Some(user) => print(format_args!("  bulla access-key enable {id} --user {user}"))?,
            None => print(format_args!("  bulla access-key enable {id}"))?,
        }
    }
    Ok(())
}

fn as_value(restored: &Restored, dry_run: bool) -> Value {
    let change = |change: &ChangeSince| {
        json!({
            "time": change.time.to_string(),
            "kind": name(change.kind),
            "action": change.action,
            "resources": change.resources,
            "caller": change.caller,
            "may_be_in_backup": change.may_be_in_backup,
        })
    };
    let key = |key: &InactiveKey| json!({ "id": key.id, "user": key.user });
    json!({
        "dry_run": dry_run,
        "time": Timestamp::from_unix(restored.backup.time).to_string(),
        "store": restored.backup.store,
        "backup": restored.backup.id,
        "records": restored.backup.records,
        "commit": restored.backup.commit,
        "epoch": restored.epoch,
        "later": restored.later.map(|later| later.to_string()),
        "replaced": restored.replaced.as_ref().map(|path| path.to_string_lossy()),
        "trail_is_complete": restored.trail_is_complete,
        "differences": restored.differences,
        "changes": restored.changes.iter().map(change).collect::<Vec<_>>(),
        "without_password": restored.without_password,
        "inactive": restored.deactivated.iter().map(key).collect::<Vec<_>>(),
    })
}

fn name(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Disabled => "disabled",
        ChangeKind::Enabled => "enabled",
        ChangeKind::Deleted => "deleted",
        ChangeKind::Detached => "detached",
        ChangeKind::Rekeyed => "rekeyed",
        ChangeKind::Created => "created",
        _ => "other",
    }
}

const TITLES: &[(ChangeKind, &str)] = &[
    (ChangeKind::Created, "lost, because it was created since"),
    (ChangeKind::Disabled, "as before, although it was disabled or changed since"),
    (
        ChangeKind::Enabled,
        "disabled or scheduled for deletion again, although it was enabled or its deletion was cancelled since",
    ),
    (ChangeKind::Deleted, "restored, although it was deleted since"),
    (ChangeKind::Detached, "allowed again, although rights were removed or changed since"),
    (ChangeKind::Rekeyed, "back to the material, value or target at the time of the backup"),
];
