//! Backups of a store. A backup is one file, which gets its name when it is complete and, unless the caller disables that,
//! verified. The root key of the store opens it.
//!
//! A backup holds the header of the store in plaintext, so that the providers of the store open it too; everything else is
//! sealed (docs/backup-format.md). It is one consistent state of the store, read while commits continue. The submodules
//! write, verify, restore and schedule backups, and delete old ones.

mod container;
mod content;
mod create;
mod directory;
mod error;
mod holding;
mod incoming;
mod notes;
mod other_files;
mod output;
mod restore;
#[cfg(test)]
mod restore_tests;
mod retention;
mod reverify;
#[cfg(test)]
mod reverify_tests;
mod revived;
mod schedule;
#[cfg(test)]
mod schedule_tests;
mod since;
#[cfg(test)]
mod since_tests;
mod successor;
#[cfg(test)]
mod tests;
mod verify;

use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use bulla_keys::record::Record;
use bulla_keys::root::RootKeys;
use bulla_keys::{Anchor, Key, KeyId};
use serde::{Deserialize, Serialize};

use self::container::Head;
use self::content::Manifest;
pub use self::error::{BackupError, Later};
pub use self::holding::HoldingBackup;
pub use self::incoming::{IncomingBackup, SentBackup};
pub use self::notes::{BackupNotes, BackupVerification};
use self::output::{Pending, Replace};
pub use self::restore::{RestoreOptions, Restored, restore_backup};
pub use self::reverify::ReverifiedBackup;
pub use self::revived::InactiveKey;
pub(crate) use self::schedule::Backups;
pub use self::schedule::{BackupSchedule, BackupState, FailedBackup, ScheduledBackup};
pub use self::since::{ChangeKind, ChangeSince};
use self::verify::Backup;
use crate::audit::{Event, Resource, Text};
use crate::auditor::{Closed, behind_trail, trail_directory};
use crate::clock::{Clock, unix_seconds};
use crate::data::Inspected;
use crate::open_error::OpenError;
use crate::provider::Providers;
use crate::state::{SealNote, anchor_copies};
use crate::store::{Frozen, StoreError};
use crate::{Kms, Options, SystemClock, files};

/// The facts about a backup that are stored in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BackupFacts {
    /// Its id, in hex.
    pub id: String,
    /// The id of the store.
    pub store: String,
    /// The believed time at which the state was read, in seconds since 1970.
    pub time: i64,
    /// The name of the machine that made it.
    pub node: String,
    /// The epoch of the store.
    pub epoch: u64,
    /// The commit of the store.
    pub commit: u64,
    /// The number of records.
    pub records: u64,
    /// The version of bulla that made it.
    pub version: String,
    /// The length of the file.
    pub bytes: u64,
}

/// Options for writing a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupOutput {
    /// Whether to replace an existing backup, once the new one is complete. No other file is replaced.
    pub force: bool,
    /// Whether to read the file back, open every record and check that what it names exists, before the file gets its name.
    pub verify: bool,
}

impl Default for BackupOutput {
    fn default() -> Self {
        Self { force: false, verify: true }
    }
}

impl BackupFacts {
    fn new(head: &Head, manifest: &Manifest, bytes: u64) -> Self {
        let Manifest { time, store, node, epoch, commit, rows, version } = manifest.clone();
        let records = rows.saturating_sub(Anchor::COPIES.len() as u64);
        let store = store.to_string();
        Self { id: head.id(), store, time, node, epoch, commit, records, version, bytes }
    }
}

impl Kms {
    /// Writes a backup of the newest state to `out`, while requests are answered and changes committed. Blocks until
    /// everything is written.
    ///
    /// # Errors
    /// [`BackupError`]; `out` then has an incomplete backup, which does not verify.
    pub fn backup(&self, out: &mut dyn Write) -> Result<BackupFacts, BackupError> {
        let (state, roots) = self.state.frozen()?;
        let (head, manifest, len) = create::write(&state, &roots, self.now(), &|| false, out)?;
        Ok(BackupFacts::new(&head, &manifest, len))
    }

    /// Writes a backup to a file. The file gets its name when it is complete, durable and (unless `output` says otherwise)
    /// verified. Blocks until then. Verification takes as much memory as opening the store.
    ///
    /// # Errors
    /// [`BackupError`]; the file does not exist, or is unchanged.
    pub fn backup_to(&self, path: &Path, output: BackupOutput) -> Result<BackupFacts, BackupError> {
        self.backup_unless(&|| false, path, output)
    }

    /// Like [`Kms::backup_to`], but stops when the condition holds.
    fn backup_unless(
        &self,
        is_stopping: &dyn Fn() -> bool,
        path: &Path,
        output: BackupOutput,
    ) -> Result<BackupFacts, BackupError> {
        let (state, roots) = self.state.frozen()?;
        let note = |facts: &BackupFacts| {
            self.auditor.note_event(self.clock.raw(), created(facts, path));
            Ok(())
        };
        let source = Original { state, roots: &roots, time: self.now(), is_stopping };
        write_file(source, path, output, note)
    }
}

/// A backup that [`create_backup`] made.
#[derive(Debug)]
pub struct CreatedBackup {
    /// The facts that are stored in it.
    pub facts: BackupFacts,
    /// Why the audit trail has no line about it, if that is so.
    pub unnoted: Option<OpenError>,
}

/// Writes a backup of a store that no server has open. The store is unchanged. The audit trail of `options` gets a line,
/// unless its disk is full or read-only: backups are needed most when a disk fails. Waits for a command that has the store
/// open, as [`Kms::open`] does.
///
/// # Errors
/// Like [`Kms::backup_to`].
pub fn create_backup(
    options: &Options,
    path: &Path,
    output: BackupOutput,
) -> Result<CreatedBackup, BackupError> {
    let Inspected { store, roots, .. } = &Inspected::open(options).map_err(BackupError::Open)?;
    let now = SystemClock.now();
    let state = store.freeze()?;
    let (_, anchor) = anchor_copies(&state, roots)?.ok_or(BackupError::OlderStore)?;
    check_not_behind(options, anchor)?;
    let mut unnoted = None;
    let note = |facts: &BackupFacts| {
        let Some(audit) = &options.audit else { return Ok(()) };
        let noted = SealNote::read(store, roots, &audit.node)?;
        let data = &options.data;
        let closed = Closed { data, roots, anchor, noted, time: now, is_rollback_accepted: false };
        match closed.note(audit, vec![created(facts, path)]) {
            Err(OpenError::Audit(error)) if error.is_of_unwritable_disk() => {
                unnoted = Some(OpenError::Audit(error));
                Ok(())
            }
            noted => noted.map_err(BackupError::Open),
        }
    };
    let source = Original { state, roots, time: unix_seconds(now), is_stopping: &|| false };
    let facts = write_file(source, path, output, note)?;
    Ok(CreatedBackup { facts, unnoted })
}

/// Refuses a store that is older than its trail, even if no line can be written. If the trail cannot be read, that decides nothing.
fn check_not_behind(options: &Options, anchor: Anchor) -> Result<(), BackupError> {
    let usual = || trail_directory(&options.data);
    let directory = options.audit.as_ref().map_or_else(usual, |audit| audit.directory.clone());
    match behind_trail(&directory, anchor) {
        Ok(Some(rollback)) => {
            let source = StoreError::RolledBack(rollback);
            Err(BackupError::Open(OpenError::Store { path: options.data.clone(), source }))
        }
        Ok(None) | Err(_) => Ok(()),
    }
}

/// Verifies a backup: every record opens, all records together are the state after one commit, and all that a record names
/// exists. Needs the root key that `options` name, and as much memory as a start of the engine. Opens no store.
///
/// # Errors
/// [`BackupError`].
pub fn verify_backup(options: &Options, path: &Path) -> Result<BackupFacts, BackupError> {
    unlocked(options, path)?.verify()
}

/// Reads the facts that a backup states about itself, from its beginning and its end, without the records between.
///
/// # Errors
/// [`BackupError`].
pub fn read_backup(options: &Options, path: &Path) -> Result<BackupFacts, BackupError> {
    Ok(unlocked(options, path)?.facts())
}

/// Whether a backup contains a key, in any state. Reads the whole file.
///
/// # Errors
/// [`BackupError`].
pub fn backup_holds_key(options: &Options, path: &Path, key: KeyId) -> Result<bool, BackupError> {
    let mut is_there = false;
    unlocked(options, path)?.scan(&mut |row| {
        is_there = row.table == Key::TABLE && row.primary_key == key.as_bytes();
        if is_there { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(is_there)
}

fn unlocked(options: &Options, path: &Path) -> Result<Backup, BackupError> {
    let file = files::open_regular(path).map_err(BackupError::Read)?;
    Backup::unlock(file, &Providers::configured(options)).map(|(backup, _)| backup)
}

/// The source of a backup.
struct Original<'a> {
    state: Frozen,
    roots: &'a Arc<RootKeys>,
    /// Seconds since 1970.
    time: i64,
    /// Whether to stop early.
    is_stopping: &'a dyn Fn() -> bool,
}

/// Writes a file. Calls `note` when the file is complete, before it gets its name: no backup exists without its line.
fn write_file(
    source: Original<'_>,
    path: &Path,
    output: BackupOutput,
    note: impl FnOnce(&BackupFacts) -> Result<(), BackupError>,
) -> Result<BackupFacts, BackupError> {
    let Original { state, roots, time, is_stopping } = source;
    let (pending, replace) = begin(path, output)?;
    let out = BufWriter::new(pending.file());
    let (head, manifest, len) = create::write(&state, roots, time, is_stopping, out)?;
    drop(state);
    pending.sync()?;
    let facts = if output.verify {
        let file = pending.file().try_clone().map_err(BackupError::Read)?;
        Backup::open(file, Arc::clone(roots))?.verify_unless(is_stopping)?
    } else {
        BackupFacts::new(&head, &manifest, len)
    };
    note(&facts)?;
    pending.publish(replace)?;
    Ok(facts)
}

fn begin(path: &Path, output: BackupOutput) -> Result<(Pending, Replace), BackupError> {
    let replace = if output.force { Replace::Backup } else { Replace::Never };
    replace.check(path)?; // check before the work
    Ok((Pending::create(path)?, replace))
}

/// The audit event of a new backup.
fn created<'f>(facts: &'f BackupFacts, path: &Path) -> Event<'f> {
    let backup = Resource { kind: "backup".into(), name: Text::new(&*facts.id), ..Resource::default() };
    let detail = format!("{}, epoch {}, commit {}", path.display(), facts.epoch, facts.commit);
    Event { event: "backup-created".into(), resources: vec![backup], detail: Some(Text::new(detail)) }
}
