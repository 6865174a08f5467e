//! `bulla backup list`: the backups in a directory, their last verification by a server, and the ones that hold a key.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use bulla_keys::KeyId;
use bulla_kms::{
    BackupError, BackupFacts, BackupNotes, OpenError, Options, Role, backup_holds_key, key_of_alias,
    read_backup,
};
use bulla_wire::Timestamp;
use serde_json::{Value, json};

use super::{as_value, failure, options};
use crate::args::{KmsFlags, ListBackups};
use crate::commands::key::resolve;
use crate::commands::serve::BACKUPS;
use crate::failure::{Exit, Failure};
use crate::kms::KmsConnection;
use crate::location::KmsLocation;
use crate::names::KeyName;
use crate::results::{Table, print, print_json};

/// The backups found in a directory.
pub(crate) struct Found {
    /// The selected backups, oldest first.
    pub(crate) backups: Vec<(PathBuf, BackupFacts)>,
    /// Why others cannot be read.
    pub(crate) failures: Vec<Failure>,
}

pub(super) fn run(flags: &KmsFlags, list: ListBackups) -> Result<(), Failure> {
    let ListBackups { data, root_key, directory, key, json } = list;
    let options = options(flags, data, root_key)?;
    let directory = directory.unwrap_or_else(|| options.data.join(BACKUPS));
    let key = key.map(|name| key_id(flags, &options, &name)).transpose()?;
    let Found { backups, failures } = find(&options, &directory, key)?;
    let notes = BackupNotes::read(&directory);
    if json {
        let entries = backups.iter().map(|(path, facts)| as_entry(path, facts, &notes));
        print_json(&entries.collect::<Vec<_>>())?;
    } else {
        print_table(&backups, &notes, key.is_some())?;
    }
    match failures.len() {
        0 => Ok(()),
        count => {
            failures.iter().for_each(Failure::print);
            let what = format!("{}: {count} of the backups cannot be read", directory.display());
            Err(Failure::new(Exit::SomeFailed, what, "they may hold anything; use other copies of them"))
        }
    }
}

/// Returns the id of a key. An alias is resolved by the store, or by the server that has it open and that `--kms`
/// names.
fn key_id(flags: &KmsFlags, options: &Options, name: &KeyName) -> Result<KeyId, Failure> {
    let Some(alias) = name.alias() else {
        let what = format!("--key {name}: not the id of a key in a store");
        let id = name.id().and_then(|id| id.parse().ok());
        return id.ok_or_else(|| Failure::new(Exit::Usage, what, BY_ID));
    };
    let found = match key_of_alias(options, alias) {
        Err(OpenError::InUse { by: Role::Server, .. }) if names_server(flags) => served(flags, name),
        found => found.map_err(|error| error.to_string()),
    };
    let id = found.and_then(|id| id.ok_or_else(|| "no key of the store has this alias".to_owned()));
    id.map_err(|why| Failure::new(Exit::Kms, format!("--key {name}: {why}"), BY_ID))
}

fn names_server(flags: &KmsFlags) -> bool {
    matches!(KmsLocation::of(flags), Ok(KmsLocation::Remote(_)))
}

fn served(flags: &KmsFlags, name: &KeyName) -> Result<Option<KeyId>, String> {
    let kms = KmsConnection::connect(flags).map_err(Failure::into_what)?;
    let id = resolve(&kms, name).map_err(Failure::into_what)?;
    id.parse().map(Some).map_err(|_| format!("{id} is not the id of a key in a store"))
}

/// Lists the backups in a directory; with `key`, only those that hold it.
pub(crate) fn find(options: &Options, directory: &Path, key: Option<KeyId>) -> Result<Found, Failure> {
    let mut found = Found { backups: Vec::new(), failures: Vec::new() };
    for path in paths(directory)? {
        let read = read_backup(options, &path).and_then(|facts| Ok((holds(options, &path, key)?, facts)));
        match read {
            Ok((true, facts)) => found.backups.push((path, facts)),
            Ok((false, _)) => {}
            Err(error) => found.failures.push(failure(&path, &error)),
        }
    }
    found.backups.sort_by_key(|(_, facts)| (facts.epoch, facts.commit));
    Ok(found)
}

fn holds(options: &Options, path: &Path, key: Option<KeyId>) -> Result<bool, BackupError> {
    key.map_or(Ok(true), |key| backup_holds_key(options, path, key))
}

/// Returns the files that are named like backups.
fn paths(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error| {
        Failure::io(directory, &error)
            .advising("name the directory of the backups with --directory, or --data")
    };
    let entries = fs::read_dir(directory).map_err(failed)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    let mut paths = paths.map_err(failed)?;
    paths.retain(|path| path.extension() == Some(OsStr::new("backup")));
    paths.sort();
    Ok(paths)
}

fn print_table(
    found: &[(PathBuf, BackupFacts)],
    notes: &BackupNotes,
    is_of_key: bool,
) -> Result<(), Failure> {
    if found.is_empty() {
        return print(if is_of_key { "no backup here holds the key" } else { "no backups" });
    }
    let mut table =
        Table::new(["TIME", "EPOCH", "COMMIT", "RECORDS", "BYTES", "VERIFIED", "KEPT UNTIL", "FILE"]);
    for (path, facts) in found {
        table.push([
            Timestamp::from_unix(facts.time).to_string(),
            facts.epoch.to_string(),
            facts.commit.to_string(),
            facts.records.to_string(),
            facts.bytes.to_string(),
            verified(path, notes),
            kept_until(path, facts, notes).unwrap_or_else(|| "-".to_owned()),
            path.display().to_string(),
        ]);
    }
    table.print()
}

/// Returns the outcome of the last verification from the server's notes.
fn verified(path: &Path, notes: &BackupNotes) -> String {
    let Some(last) = notes.verification(path) else { return "-".to_owned() };
    let time = Timestamp::from_unix(last.time);
    if last.has_passed() { time.to_string() } else { format!("failed {time}") }
}

/// Returns until when the server keeps a backup at least, if its notes say so.
pub(crate) fn kept_until(path: &Path, facts: &BackupFacts, notes: &BackupNotes) -> Option<String> {
    notes.kept_until(path, facts.time).map(|until| Timestamp::from_unix(until).to_string())
}

fn as_entry(path: &Path, facts: &BackupFacts, notes: &BackupNotes) -> Value {
    let mut entry = as_value(facts, "not verified now");
    if let Some(members) = entry.as_object_mut() {
        members.shift_remove("verified"); // this command does not verify
        if let Some(last) = notes.verification(path) {
            members.insert("verified_at".into(), json!(Timestamp::from_unix(last.time).to_string()));
            members.extend(last.failure.as_ref().map(|failure| ("failure".into(), json!(failure))));
        }
        members.extend(kept_until(path, facts, notes).map(|until| ("kept_until".into(), json!(until))));
        members.insert("file".into(), json!(path.to_string_lossy()));
    }
    entry
}

const BY_ID: &str = "name the key by its id, which `bulla key show` prints, or name the server that has the store open with --kms";
