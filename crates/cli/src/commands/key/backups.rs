//! Which backups still hold a key: its deletion does not change them.

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

/// Names the backups that still hold a key whose deletion is scheduled, as far as they are known here. That they cannot be read
/// is no failure of the deletion.
pub(super) fn tell_of_backups(kms: &KmsConnection, key_id: &str) -> Result<(), Failure> {
    match kms {
        KmsConnection::Embedded(kms) => tell_of_files(kms.data(), key_id, print),
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

/// Names the backups that hold a key on standard error, if the store does not have the key any more. Returns the failure that
/// led to this.
pub(super) fn tell_if_deleted(kms: &KmsConnection, key_id: &str, failure: Failure) -> Failure {
    let KmsConnection::Embedded(embedded) = kms else { return failure };
    let found = kms.call(&DescribeKey { key_id: key_id.to_owned() });
    if matches!(found, Err(CallError::Refused(refusal)) if refusal.code == NOT_FOUND) {
        let _ = tell_of_files(embedded.data(), key_id, said); // the failure is what counts
    }
    failure
}

fn said(line: String) -> Result<(), Failure> {
    note(line);
    Ok(())
}

/// Of those that a server makes in the data directory of the store, unless its configuration names another directory.
fn tell_of_files(
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
