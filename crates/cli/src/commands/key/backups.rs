//! Finds the backups that still hold a key, because deleting a key does not change them.

use std::path::Path;

use bulla_client::CallError;
use bulla_keys::KeyId;
use bulla_kms::{BackupNotes, Options, Role};
use bulla_wire::Timestamp;
use bulla_wire::kms::{DescribeKey, DescribeKeyBackups, DescribeKeyBackupsReply};

use super::own_actions::call_if_known;
use crate::commands::backup::{find, kept_until};
use crate::commands::serve::BACKUPS;
use crate::failure::Failure;
use crate::kms::KmsConnection;
use crate::messages::note;
use crate::results::print;

/// Reports the known backups that hold a key whose deletion is scheduled: the files of the embedded KMS, or what the server
/// reports about its own. Failing to read them does not fail the command.
pub(super) fn report_backups(kms: &KmsConnection, key_id: &str) -> Result<(), Failure> {
    match kms {
        KmsConnection::Embedded(kms) => report_files(kms.data(), key_id, print),
        KmsConnection::Remote(_) if kms.is_cloud() => Ok(()),
        KmsConnection::Remote(_) => report_scheduled(kms, key_id),
    }
}

/// Prints what the server reports about the backups of its schedule. If it reports nothing, names the command that does.
fn report_scheduled(kms: &KmsConnection, key_id: &str) -> Result<(), Failure> {
    match call_if_known(kms, &DescribeKeyBackups { key_id: key_id.to_owned() }) {
        Ok(Ok(DescribeKeyBackupsReply { backups: Some(count), newest, kept_until, .. })) => {
            print(scheduled(count, newest, kept_until))
        }
        // The deletion is scheduled, so a failure of this call is not one of the command.
        Ok(_) | Err(_) => {
            note(format_args!("bulla: backups of the server may hold {key_id} for longer"));
            note(LOOK_THERE);
            Ok(())
        }
    }
}

/// Returns the line about the backups of a schedule.
fn scheduled(count: u64, newest: Option<Timestamp>, kept_until: Option<Timestamp>) -> String {
    let Some(newest) = newest else { return "no backup of the server's schedule holds it".to_owned() };
    let until = kept_until.map(|until| format!(", which is kept at least until {until}")).unwrap_or_default();
    format!("backups of the server that still hold it: {count}, newest {newest}{until}")
}

/// Reports on standard error the backups that hold a key, if the KMS no longer has it. Returns the original failure.
pub(super) fn report_if_deleted(kms: &KmsConnection, key_id: &str, failure: Failure) -> Failure {
    if kms.is_cloud() || key_id.parse::<KeyId>().is_err() {
        return failure;
    }
    let found = kms.call(&DescribeKey { key_id: key_id.to_owned() });
    if !matches!(found, Err(CallError::Refused(refusal)) if refusal.code == NOT_FOUND) {
        return failure;
    }
    match kms {
        KmsConnection::Embedded(embedded) => {
            let _ = report_files(embedded.data(), key_id, note_line); // the original failure is returned
        }
        // A server that no longer has the key does not know which backups hold it.
        KmsConnection::Remote(_) => {
            note(format_args!("bulla: if {key_id} was deleted, backups of the server may still hold it"));
            note(LOOK_THERE);
        }
    }
    failure
}

fn note_line(line: String) -> Result<(), Failure> {
    note(line);
    Ok(())
}

/// Names the backups that a server makes in the default directory below the data directory. Those in a directory that
/// its configuration names are not read.
fn report_files(
    data: &Path,
    key_id: &str,
    say: impl Fn(String) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let directory = data.join(BACKUPS);
    let Ok(key) = key_id.parse::<KeyId>() else { return Ok(()) };
    if !directory.is_dir() {
        return Ok(());
    }
    let found = match find(&Options::new(data, Role::Command), &directory, Some(key)) {
        Ok(found) => found,
        Err(failure) => {
            failure.print();
            return Ok(());
        }
    };
    let notes = BackupNotes::read(&directory);
    for (path, facts) in &found.backups {
        let time = Timestamp::from_unix(facts.time);
        let until = match kept_until(path, facts, &notes) {
            Some(until) => format!("and is kept at least until {until}"),
            None => "until it is deleted".to_owned(),
        };
        say(format!("the backup of {time} still holds it {until}: {}", path.display()))?;
    }
    if !found.failures.is_empty() {
        found.failures.iter().for_each(Failure::print);
        let count = found.failures.len();
        note(format_args!("bulla: {}: {count} of the backups cannot be read", directory.display()));
        note("       they may hold the key too");
    }
    Ok(())
}

const LOOK_THERE: &str =
    "       `bulla backup list --key KEY` on that machine says which, and until when they are kept";
const NOT_FOUND: &str = "Forbidden.KeyNotFound";
