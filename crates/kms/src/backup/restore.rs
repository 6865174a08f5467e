//! Restores a backup: creates a store from it beside the existing one, checks it, and then replaces the existing one.
//!
//! At each step, a killed run leaves either the existing store or the restored one, and never none (on file systems with
//! links). The replaced store is kept under another name.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::slice;

use bulla_keys::Anchor;
use bulla_keys::root::RootKeys;
use bulla_wire::Timestamp;

use super::content::Manifest;
use super::error::{BackupError, Later};
use super::other_files::check_no_others;
use super::revived::{InactiveKey, Revival};
use super::since::Since;
use super::successor::{self, Differences, Successor};
use super::verify::Backup;
use super::{BackupFacts, ChangeSince};
use crate::audit::{
    Content, Event, Identity, Line, Members, Progress, ReadError, Resource, Text, Time, TrailFile,
};
use crate::clock::{Clock, unix_seconds};
use crate::data::{STORE, lock};
use crate::header::AnyHeader;
use crate::lock::Lock;
use crate::open_error::OpenError;
use crate::provider::Providers;
use crate::role::Role;
use crate::state::{RowFormat, anchor_copies, check};
use crate::store::{Frozen, Store, StoreError, StoredRow};
use crate::unlock::Unlocked;
use crate::{Options, SystemClock, files};

/// Options for restoring a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RestoreOptions {
    /// Only report what would happen.
    pub dry_run: bool,
    /// Restore it even if the directory contains later changes, or a store that cannot be read.
    pub accept_older: bool,
}

/// The result of a restore, or of a dry run.
#[derive(Debug)]
#[non_exhaustive]
pub struct Restored {
    /// The backup.
    pub backup: BackupFacts,
    /// The epoch of the restored store.
    pub epoch: u64,
    /// Later changes that are lost, and need [`RestoreOptions::accept_older`].
    pub later: Option<Later>,
    /// Whether the audit trail reaches back to the backup, lacks no line and explains all differences; none without a trail.
    pub trail_is_complete: Option<bool>,
    /// The changes after the backup, according to the trail and to lines that were not in it yet.
    pub changes: Vec<ChangeSince>,
    /// Records that differ in the replaced store, if that is later than the backup, without a line about a change: `key/ID`,
    /// `user/NAME` and so on.
    pub differences: Vec<String>,
    /// Access keys that were changed or deleted since, and are inactive until an administrator activates them.
    pub deactivated: Vec<InactiveKey>,
    /// Users whose password or second factor was changed or deleted since. They have no password until an administrator sets
    /// one.
    pub without_password: Vec<String>,
    /// The path of the replaced store.
    pub replaced: Option<PathBuf>,
}

/// The existing content of the directory.
enum Existing {
    Nothing,
    Store { epoch: u64, commit: u64, successor: Option<Successor> },
    Unreadable,
}

impl Existing {
    /// Takes the later state of the store, if it is later than the backup.
    fn take_successor(&mut self) -> Option<Successor> {
        match self {
            Self::Store { successor, .. } => successor.take(),
            Self::Nothing | Self::Unreadable => None,
        }
    }
}

/// Restores a backup into the data directory of `options`: an empty or missing one, or one that contains a state of the same
/// store. The whole backup is verified first. All sessions end, because the epoch rises. The audit trail in the directory of
/// `options.audit`, if there is one, determines which access keys become inactive.
///
/// # Errors
/// [`BackupError`]; the directory is unchanged.
pub fn restore_backup(
    options: &Options,
    file: &Path,
    restore: RestoreOptions,
) -> Result<Restored, BackupError> {
    let providers = Providers::configured(options);
    let (backup, _) = Backup::unlock(files::open_regular(file).map_err(BackupError::Read)?, &providers)?;
    let facts = backup.verify()?;
    let directory = DataDirectory::open(options, restore.dry_run)?;
    let mut existing = directory.existing(&providers, &backup.manifest)?;
    let since = trail(options, &facts)?;
    let later = later(&existing, since.as_ref(), &facts);
    if let Some(later) = later.filter(|_| !restore.accept_older && !restore.dry_run) {
        return Err(BackupError::Later(later));
    }
    let epoch = next_epoch(&existing, since.as_ref(), &facts)?;
    let has_trail = since.is_some();
    let mut since = since.unwrap_or_default();
    let compared = existing.take_successor().map(|successor| successor.compare(&backup, &mut since));
    let Differences { unexplained: differences, lacks_lines } = compared.transpose()?.unwrap_or_default();
    let is_complete = since.is_complete() && differences.is_empty() && !lacks_lines;
    let trail_is_complete = has_trail.then_some(is_complete);
    since.forget_creations(|| successor::names(&backup))?;
    let plan = Plan { backup: &backup, facts: &facts, since: &since, epoch, options };
    let (LockedOut { access_keys: deactivated, users: without_password }, replaced) =
        if restore.dry_run { (plan.rehearse()?, None) } else { directory.replace(&plan, &existing)? };
    let Since { changes, .. } = since;
    Ok(Restored {
        backup: facts,
        epoch,
        later,
        trail_is_complete,
        changes,
        differences,
        deactivated,
        without_password,
        replaced,
    })
}

fn trail(options: &Options, facts: &BackupFacts) -> Result<Option<Since>, BackupError> {
    let Some(audit) = &options.audit else { return Ok(None) };
    Since::read(&audit.directory, facts).map_err(trail_unread)
}

/// Returns those of the waiting lines of a backup and of the replaced store that the trail has. Its seals do not show that: a
/// trail that was begun later has later ones, and a seal may name a commit whose line follows it. The backup may be of a
/// moment at which the store took no writes, and the trail did for a long time, so a line may be in any file.
fn written_lines(
    options: &Options,
    backup: &Backup,
    since: &Since,
) -> Result<HashSet<Box<str>>, BackupError> {
    let Some(audit) = options.audit.as_ref().filter(|audit| audit.directory.is_dir()) else {
        return Ok(HashSet::new());
    };
    let mut lines = backup.waiting_lines()?;
    lines.extend(since.waiting.iter().cloned());
    let mut missing = lines.clone();
    let files = TrailFile::all(slice::from_ref(&audit.directory)).map_err(trail_unread)?;
    for file in files.iter().rev() {
        if missing.is_empty() {
            break;
        }
        file.remove_from(&mut missing).map_err(trail_unread)?;
    }
    lines.retain(|line| !missing.contains(line));
    Ok(lines)
}

fn trail_unread(ReadError { path, source }: ReadError) -> BackupError {
    BackupError::Open(OpenError::Directory { path, source })
}

fn later(existing: &Existing, since: Option<&Since>, facts: &BackupFacts) -> Option<Later> {
    let is_later = |state: (u64, u64)| state > (facts.epoch, facts.commit);
    match *existing {
        Existing::Store { epoch, commit, .. } if is_later((epoch, commit)) => {
            return Some(Later::Store { epoch, commit });
        }
        Existing::Unreadable => return Some(Later::Unreadable),
        Existing::Store { .. } | Existing::Nothing => {}
    }
    let newest = since.and_then(|since| since.newest).filter(|newest| is_later(*newest));
    newest.map(|(epoch, commit)| Later::Trail { epoch, commit })
}

/// Returns an epoch later than all known ones. Seals are not verified here, so a forged one could name any number, and a
/// store with that epoch could never be restored again.
fn next_epoch(existing: &Existing, since: Option<&Since>, facts: &BackupFacts) -> Result<u64, BackupError> {
    let of_store = match existing {
        Existing::Store { epoch, .. } => *epoch,
        Existing::Nothing | Existing::Unreadable => 0,
    };
    let of_trail = since.and_then(|since| since.newest).map_or(0, |(epoch, _)| epoch);
    let newest = facts.epoch.max(of_store).max(of_trail);
    if newest > Progress::MAX_EPOCH {
        Err(BackupError::ForgedEpoch { epoch: newest })
    } else {
        Ok(newest + 1)
    }
}

/// The access keys and users that were valid in the backup and are not in the restored store.
#[derive(Default)]
struct LockedOut {
    access_keys: Vec<InactiveKey>,
    /// Users without a password.
    users: Vec<String>,
}

/// What the restored store is created from.
struct Plan<'a> {
    backup: &'a Backup,
    facts: &'a BackupFacts,
    since: &'a Since,
    epoch: u64,
    options: &'a Options,
}

impl Plan<'_> {
    /// Creates the store at `path`. Returns who is locked out.
    fn write(&self, path: &Path) -> Result<LockedOut, BackupError> {
        let mut locked_out = LockedOut::default();
        let store = Store::create_with(path, self.backup.header(), |put| {
            locked_out = self.fill(|row| Ok(put(row)?))?;
            Ok::<_, BackupError>(())
        })?;
        let whole = |_| ControlFlow::Continue(());
        let report = check(&store, &self.backup.roots, RowFormat::Current, whole)?;
        let report = report.expect("nothing breaks it off");
        if report.faults.is_empty() { Ok(locked_out) } else { Err(BackupError::Faults(report.faults)) }
    }

    /// Returns who would be locked out.
    fn rehearse(&self) -> Result<LockedOut, BackupError> {
        self.fill(|_| Ok(()))
    }

    fn fill(
        &self,
        mut put: impl FnMut(&StoredRow) -> Result<(), BackupError>,
    ) -> Result<LockedOut, BackupError> {
        let now = SystemClock.now();
        let written = written_lines(self.options, self.backup, self.since)?;
        let roots = &self.backup.roots;
        let anchor = self.backup.anchor()?;
        let mut revival = Revival::new(roots, anchor, self.since, written, unix_seconds(now))?;
        self.backup.each_row(|row| match revival.row(row)? {
            Some(row) => put(&row),
            None => Ok(()),
        })?;
        for members in &self.since.waiting {
            revival.waiting_line(members).iter().try_for_each(&mut put)?;
        }
        let locked_out = LockedOut { access_keys: revival.deactivated(), users: revival.without_password() };
        put(&revival.line(self.event(now.into(), &locked_out)))?;
        revival.anchor(self.epoch)?.iter().try_for_each(put)?;
        Ok(locked_out)
    }

    /// Returns the line about the restore, which the trail gets at the next start.
    fn event(&self, time: Time, locked_out: &LockedOut) -> Box<str> {
        let BackupFacts { id, time: made, epoch, commit, node, .. } = self.facts;
        let made = Timestamp::from_unix(*made);
        let resource = |kind: &'static str, name: String| Resource {
            kind: kind.into(),
            name: Text::new(name),
            ..Resource::default()
        };
        let backup = resource("backup", id.clone());
        let access_keys = locked_out.access_keys.iter().map(|key| resource("access-key", key.id.clone()));
        let users = locked_out.users.iter().map(|user| resource("user", user.clone()));
        let event = Event {
            event: "store-restored".into(),
            resources: [backup].into_iter().chain(access_keys).chain(users).collect(),
            detail: Some(Text::new(format!("from a backup of {made}, epoch {epoch}, commit {commit}"))),
        };
        let node = self.options.audit.as_ref().map_or_else(|| node.clone(), |audit| audit.node.clone());
        let identity = Identity { store: self.backup.manifest.store, node, epoch: self.epoch };
        Members::new(&identity, &Line { time, content: Content::Event(event) }).as_str().into()
    }
}

/// A locked data directory.
struct DataDirectory {
    _lock: Option<Lock>,
    data: PathBuf,
    store: PathBuf,
}

impl DataDirectory {
    /// Creates the directory if it is missing, unless nothing may change.
    fn open(options: &Options, is_dry: bool) -> Result<Self, BackupError> {
        let data = options.data.clone();
        let failed = |source| BackupError::Open(OpenError::Directory { path: options.data.clone(), source });
        let store = data.join(STORE);
        if is_dry && !files::exists(&data).map_err(failed)? {
            return Ok(Self { _lock: None, data, store });
        }
        if !is_dry {
            files::create_private_dir(&data).map_err(failed)?;
        }
        if !files::exists(&store).map_err(failed)? {
            check_no_others(&data)?;
        }
        let lock = Some(lock(options).map_err(BackupError::Open)?);
        Ok(Self { _lock: lock, data, store })
    }

    fn existing(&self, providers: &Providers, backup: &Manifest) -> Result<Existing, BackupError> {
        match files::exists(&self.store) {
            Ok(true) => {}
            Ok(false) => return Ok(Existing::Nothing),
            Err(error) => return Err(StoreError::from(error).into()),
        }
        let read = Store::open(&self.store).and_then(|store| Ok((store.header()?, store)));
        let (header, store) = match read {
            Ok(read) => read,
            // The lock file was removed while a server runs.
            Err(StoreError::InUse) => {
                let path = self.data.clone();
                return Err(BackupError::Open(OpenError::InUse { path, by: Role::Server }));
            }
            Err(_) => return Ok(Existing::Unreadable),
        };
        let header = match AnyHeader::decode(&header) {
            Ok(AnyHeader::Current(header)) => header,
            Ok(AnyHeader::Old(_)) | Err(_) => return Ok(Existing::Unreadable),
        };
        if header.store != backup.store {
            let found = header.store.to_string();
            return Err(BackupError::OtherStore { found, expected: backup.store.to_string() });
        }
        let Ok(unlocked) = Unlocked::new(header, providers) else { return Ok(Existing::Unreadable) };
        let (roots, _) = unlocked.into_parts();
        let read = store.freeze().and_then(|state| read_state(&state, &roots, backup));
        Ok(read.ok().flatten().unwrap_or(Existing::Unreadable))
    }

    /// Creates the store beside the existing one, and replaces it.
    fn replace(
        &self,
        plan: &Plan<'_>,
        existing: &Existing,
    ) -> Result<(LockedOut, Option<PathBuf>), BackupError> {
        let unfinished = self.data.join(UNFINISHED);
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(BackupError::Write(error)),
            _ => {} // a killed run may have left it
        }
        let written = plan.write(&unfinished);
        if written.is_err() {
            let _ = fs::remove_file(&unfinished); // report the first error
        }
        let locked_out = written?;
        let kept = match existing {
            Existing::Nothing => None,
            Existing::Store { .. } | Existing::Unreadable => Some(self.keep().map_err(BackupError::Write)?),
        };
        fs::rename(&unfinished, &self.store)
            .and_then(|()| files::sync_dir(&self.data))
            .map_err(BackupError::Write)?;
        Ok((locked_out, kept))
    }

    /// Gives the existing store a second name.
    fn keep(&self) -> io::Result<PathBuf> {
        let now = Timestamp::from_unix(unix_seconds(SystemClock.now())).to_string().replace([':', '-'], "");
        for number in 1.. {
            let kept = self.data.join(format!("{STORE}.before-{now}-{number}"));
            if files::exists(&kept)? {
                continue;
            }
            match fs::hard_link(&self.store, &kept) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(_) => fs::rename(&self.store, &kept)?, // for a file system without links
                Ok(()) => {}
            }
            files::sync_dir(&self.data)?;
            return Ok(kept);
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

/// Reads the state of a store, and its differences if it is later than the backup; none if it has no anchor.
fn read_state(state: &Frozen, roots: &RootKeys, backup: &Manifest) -> Result<Option<Existing>, StoreError> {
    let Some((_, Anchor { epoch, commit, .. })) = anchor_copies(state, roots)? else { return Ok(None) };
    let is_earlier = (epoch, commit) < (backup.epoch, backup.commit);
    let successor = if is_earlier { None } else { Some(Successor::read(state, roots)?) };
    Ok(Some(Existing::Store { epoch, commit, successor }))
}

const UNFINISHED: &str = "store.redb.restoring";
