//! The directory of scheduled backups: the names of their files, and which files are backups of a store.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bulla_keys::root::RootKeys;
use bulla_wire::Timestamp;

use super::BackupFacts;
use super::notes;
use super::output::is_hidden_name;
use super::verify::Backup;
use crate::files;

/// An existing scheduled backup.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) path: PathBuf,
    pub(super) facts: BackupFacts,
}

/// Returns the backups of a store in a directory, oldest first: those whose beginning and end open.
pub(super) fn read_backups(directory: &Path, roots: &Arc<RootKeys>) -> Vec<Known> {
    let Ok(entries) = fs::read_dir(directory) else { return vec![] };
    let open = |path: PathBuf| {
        let name = ScheduledName::of_path(&path)?;
        let facts = Backup::open(files::open_regular(&path).ok()?, Arc::clone(roots)).ok()?.facts();
        name.is_of(&facts).then_some(Known { facts, path })
    };
    let mut backups: Vec<_> = entries.filter_map(|entry| open(entry.ok()?.path())).collect();
    backups.sort_by_key(|Known { facts, path }| (facts.epoch, facts.commit, facts.time, path.clone()));
    backups
}

/// Removes what killed runs have left on file systems without unnamed files. No other process writes to the directory of a
/// server.
pub(super) fn remove_hidden(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(is_left) {
            let _ = fs::remove_file(entry.path()); // the next attempt removes it
        }
    }
}

fn is_left(name: &str) -> bool {
    let of_notes = || name.strip_prefix(notes::FILE).is_some_and(|rest| rest.ends_with(".new"));
    name.starts_with(HIDDEN_PREFIX) && is_hidden_name(name) || of_notes()
}

/// Returns the name of a backup that begins now, at this commit.
pub(super) fn file_name(now: i64, commit: u64) -> String {
    let time = Timestamp::from_unix(now).to_string().replace([':', '-'], "");
    format!("{PREFIX}{time}-{commit}{SUFFIX}")
}

/// The facts in the name of a scheduled backup.
pub(super) struct ScheduledName {
    /// When it began, in seconds since 1970.
    begun: i64,
    /// The commit of the store at that time.
    commit: u64,
}

impl ScheduledName {
    /// Parses the name of the file at a path.
    pub(super) fn of_path(path: &Path) -> Option<Self> {
        Self::parse(path.file_name()?.to_str()?)
    }

    /// Parses a name; none if it is not exactly as [`file_name`] writes it.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (time, commit) = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.split_once('-')?;
        let [year, month, day, minute, second] =
            [time.get(..4)?, time.get(4..6)?, time.get(6..11)?, time.get(11..13)?, time.get(13..)?];
        let begun = Timestamp::parse(&format!("{year}-{month}-{day}:{minute}:{second}"))?.unix();
        let commit = commit.parse().ok()?;
        (file_name(begun, commit) == name).then_some(Self { begun, commit })
    }

    /// Whether the schedule can have given a backup with these facts this name: commits may happen between choosing the name
    /// and reading the state.
    pub(super) fn is_of(&self, facts: &BackupFacts) -> bool {
        let later = facts.time.saturating_sub(self.begun);
        (0..=BEGIN_TIMEOUT).contains(&later) && facts.commit >= self.commit
    }
}

const PREFIX: &str = "bulla-";
const SUFFIX: &str = ".backup";
const HIDDEN_PREFIX: &str = ".bulla-";
/// Maximum seconds between choosing the name and reading the state.
const BEGIN_TIMEOUT: i64 = 3600;
