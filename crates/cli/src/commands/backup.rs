//! `bulla backup`: backups of a store on this machine.

mod list;
mod restore;
mod server;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bulla_kms::{
    AuditOptions, BackupError, BackupFacts, BackupOutput, OpenError, Options, Role, create_backup,
    trail_directory, verify_backup,
};
use bulla_wire::Timestamp;
use serde_json::{Value, json};

pub(crate) use self::list::{find, kept_until};
use crate::args::{Backup, CreateBackup, KmsFlags, VerifyBackup};
use crate::commands::serve::node;
use crate::control::connect;
use crate::embedded::report_wait;
use crate::failure::{Exit, Failure};
use crate::location::KmsLocation;
use crate::messages::note;
use crate::results::{print, print_field, print_json};

pub(crate) fn run(flags: &KmsFlags, command: Backup) -> Result<(), Failure> {
    match command {
        Backup::Create(create) => run_create(flags, create),
        Backup::Verify(verify) => run_verify(flags, verify),
        Backup::List(list) => list::run(flags, list),
        Backup::Restore(restore) => restore::run(restore),
    }
}

fn run_create(flags: &KmsFlags, create: CreateBackup) -> Result<(), Failure> {
    let CreateBackup { output: file, data, root_key, force, no_verify, audit, json } = create;
    let mut options = options(flags, data, root_key)?;
    let output = BackupOutput { force, verify: !no_verify };
    let facts = match connect(&options.data)? {
        Some(server) => server::receive(server, options, &file, output)?,
        None => {
            options.audit = trail(&options.data, audit);
            create_offline(&options, &file, output)?
        }
    };
    let verified = if no_verify { "not verified" } else { "verified" };
    report(&facts, verified, json)
}

/// Backs up a store that no server has open.
fn create_offline(options: &Options, file: &Path, output: BackupOutput) -> Result<BackupFacts, Failure> {
    let created = create_backup(options, file, output).map_err(|error| failure(file, &error))?;
    if let Some(error) = created.unnoted {
        note(format_args!("bulla: the audit trail has no line of this backup: {error}"));
        note("       the backup is complete; check that the directory of the trail can be written");
    }
    Ok(created.facts)
}

fn run_verify(flags: &KmsFlags, verify: VerifyBackup) -> Result<(), Failure> {
    let VerifyBackup { file, data, root_key, json } = verify;
    let options = match root_key {
        // A root key alone is enough to open a backup; the data directory is not used.
        Some(root_key) => Options { root_key: Some(root_key), ..Options::new("", Role::Command) },
        None => options(flags, data, None)?,
    };
    let facts = verify_backup(&options, &file).map_err(|error| failure(&file, &error))?;
    report(&facts, "verified", json)
}

fn options(flags: &KmsFlags, data: Option<PathBuf>, root_key: Option<PathBuf>) -> Result<Options, Failure> {
    let data = match (data, &root_key, KmsLocation::of(flags)?) {
        (Some(data), ..) | (None, _, KmsLocation::Embedded(data)) => data,
        (None, _, KmsLocation::Remote(server)) => {
            let what =
                format!("`backup` is for a store on this machine, but --kms or BULLA_KMS names {server}");
            return Err(Failure::new(Exit::Usage, what, "name its directory with --data"));
        }
    };
    Ok(Options { root_key, on_wait: report_wait, ..Options::new(data, Role::Command) })
}

/// Returns the location of the store's audit trail, if it has one.
fn trail(data: &Path, named: Option<PathBuf>) -> Option<AuditOptions> {
    let directory = named.unwrap_or_else(|| trail_directory(data));
    directory.is_dir().then(|| AuditOptions::continuing(directory, node()))
}

fn report(facts: &BackupFacts, verified: &str, json: bool) -> Result<(), Failure> {
    if json {
        return print_json(&as_value(facts, verified));
    }
    let BackupFacts { id, store, epoch, commit, records, bytes, node, .. } = facts;
    print(format_args!("{records} records, {verified}; epoch {epoch}, commit {commit}"))?;
    print_field("time", Timestamp::from_unix(facts.time))?;
    print_field("store", store)?;
    print_field("backup", id)?;
    print_field("made by", format_args!("bulla {} on {node}", facts.version))?;
    print_field("size", format_args!("{bytes} bytes"))
}

fn as_value(facts: &BackupFacts, verified: &str) -> Value {
    json!({
        "verified": verified == "verified",
        "time": Timestamp::from_unix(facts.time).to_string(),
        "store": facts.store,
        "backup": facts.id,
        "epoch": facts.epoch,
        "commit": facts.commit,
        "records": facts.records,
        "version": facts.version,
        "node": facts.node,
        "bytes": facts.bytes,
    })
}

fn failure(file: &Path, error: &BackupError) -> Failure {
    let exit = match error {
        BackupError::Exists | BackupError::NotReplaced => Exit::OutputExists,
        BackupError::Open(_) | BackupError::Store(_) | BackupError::RootKey(_) | BackupError::OlderStore => {
            Exit::Kms
        }
        error if error.is_damage() => Exit::Damaged,
        _ => Exit::Other,
    };
    let hint = match error {
        BackupError::Open(OpenError::InUse { by: Role::Server, .. }) => {
            "the server has no control socket, its log says why: let it make its backups by [backup], or stop it first".into()
        }
        BackupError::Open(OpenError::Directory { source, .. }) if source.kind() == ErrorKind::NotFound => {
            "name the data directory of the store with --data".into()
        }
        BackupError::Open(OpenError::Provider(error)) => error.hint(Role::Server), // the root key can be named, as for a server
        error => error.hint(),
    };
    let failure = Failure::new(exit, error.to_string(), hint);
    match error {
        BackupError::Open(_) | BackupError::Store(_) | BackupError::OlderStore => failure,
        _ => failure.about(file),
    }
}
