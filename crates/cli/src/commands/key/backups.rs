//! Finds the backups that still hold a key, because deleting a key does not change them.

use std::path::Path;

use bulla_client::CallError;
use bulla_keys::KeyId;
use bulla_kms::{BackupNotes, Options, Role};
use bulla_wire::Timestamp;
use bulla_wire::kms::DescribeKey;

use crate::commands::backup::{find, kept_until};
use crate::commands::serve::BACKUPS;
use crate::failure::Failure;
use crate::kms::KmsConnection;
use crate::messages::note;
use crate::results::print;

/// Names the known backups that hold a key whose deletion is scheduled. Failing to read them does not fail the command.
pub(super) fn report_backups(kms: &KmsConnection, key_id: &str) -> Result<(), Failure> {
    match kms {
        KmsConnection::Embedded(kms) => report_files(kms.data(), key_id, print),
        KmsConnection::Remote(server) => {
            if !server.endpoint().is_cloud() {
                note(format_args!("bulla: backups of the server may hold {key_id} for longer"));
                note(
                    "       its page in the console says until when, as does `bulla backup list --key` on that machine",
                );
            }
            Ok(())
        }
    }
}

/// Names on standard error the backups that hold a key, if the store no longer has it. Returns the original failure.
pub(super) fn report_if_deleted(kms: &KmsConnection, key_id: &str, failure: Failure) -> Failure {
    let KmsConnection::Embedded(embedded) = kms else { return failure };
    let found = kms.call(&DescribeKey { key_id: key_id.to_owned() });
    if matches!(found, Err(CallError::Refused(refusal)) if refusal.code == NOT_FOUND) {
        let _ = report_files(embedded.data(), key_id, note_line); // the original failure is returned
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

const NOT_FOUND: &str = "Forbidden.KeyNotFound";
