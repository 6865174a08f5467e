//! Opens and verifies a backup: unwraps its root key, reads its manifest, and checks that its records are complete and
//! consistent.

use std::cell::Cell;
use std::collections::HashSet;
use std::fs::File;
use std::ops::ControlFlow;
use std::sync::Arc;

use bulla_keys::Anchor;
use bulla_keys::record::{self, Record};
use bulla_keys::root::RootKeys;

use super::BackupFacts;
use super::container::Container;
use super::content::Manifest;
use super::error::BackupError;
use crate::header::{AnyHeader, HeaderError};
use crate::home::Home;
use crate::provider::Providers;
use crate::state::{OutboxLine, RowFormat, StoreReport, Visit, check_rows};
use crate::store::{StoreError, StoredRow};
use crate::unlock::{UnlockError, Unlocked};

/// A backup whose manifest was read.
pub(super) struct Backup {
    container: Container,
    pub(super) roots: Arc<RootKeys>,
    pub(super) manifest: Manifest,
    copies: Vec<Option<StoredRow>>,
}

impl Backup {
    /// Opens a backup with the wrapped root key in its head.
    pub(super) fn unlock(file: File, providers: &Providers) -> Result<(Self, Home), BackupError> {
        let container = Container::open(file)?;
        let header = match AnyHeader::decode(&container.head.header) {
            Ok(AnyHeader::Current(header)) if header.is_current() => header,
            Ok(_) => return Err(BackupError::OlderStore),
            Err(HeaderError::Newer) => return Err(StoreError::Newer.into()),
            Err(HeaderError::Malformed) => return Err(BackupError::HeadDamaged),
        };
        let unlocked = Unlocked::new(header, providers).map_err(|error| match error {
            UnlockError::Provider(error) => BackupError::RootKey(error),
            UnlockError::Damaged => BackupError::HeadDamaged,
        })?;
        let (roots, home) = unlocked.into_parts();
        Ok((Self::new(container, Arc::new(roots))?, home))
    }

    /// Opens a backup that was just made, with the root keys of its store.
    pub(super) fn open(file: File, roots: Arc<RootKeys>) -> Result<Self, BackupError> {
        let container = Container::open(file)?;
        match AnyHeader::decode(&container.head.header) {
            Ok(AnyHeader::Current(header)) if header.home(&roots).is_some() => {}
            _ => return Err(BackupError::HeadDamaged),
        }
        Self::new(container, roots)
    }

    fn new(container: Container, roots: Arc<RootKeys>) -> Result<Self, BackupError> {
        container.check_end(&roots)?;
        let mut content = container.content(&roots);
        let manifest = content.manifest()?;
        let mut copies = Vec::new();
        for _ in Anchor::COPIES {
            copies.push(content.row()?);
        }
        if manifest.store != roots.store() {
            return Err(content.malformed());
        }
        Ok(Self { container, roots, manifest, copies })
    }

    /// The header of the store, unchanged.
    pub(super) fn header(&self) -> &[u8] {
        &self.container.head.header
    }

    /// Opens every row, compares all of them with the anchor, and checks that everything they refer to exists.
    pub(super) fn verify(&self) -> Result<BackupFacts, BackupError> {
        self.verify_unless(&|| false)
    }

    /// Does the same, unless it is stopped.
    pub(super) fn verify_unless(&self, is_stopping: &dyn Fn() -> bool) -> Result<BackupFacts, BackupError> {
        let found = Cell::new(0);
        let scan = |visit: &mut Visit<'_>| {
            found.set(self.scan(visit)?);
            Ok::<_, BackupError>(())
        };
        let watch = |_| if is_stopping() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let report = check_rows(&self.roots, RowFormat::Current, &self.copies, scan, watch)?;
        let report = report.ok_or(BackupError::Stopped)?;
        let expected = self.manifest.rows;
        if found.get() != expected {
            return Err(BackupError::RecordsMissing { found: found.get(), expected });
        }
        let StoreReport { faults, epoch, commit, .. } = report;
        if !faults.is_empty() {
            return Err(BackupError::Faults(faults));
        }
        if (epoch, commit) != (self.manifest.epoch, self.manifest.commit) {
            return Err(BackupError::Faults(vec![]));
        }
        Ok(self.facts())
    }

    /// The facts about the backup.
    pub(super) fn facts(&self) -> BackupFacts {
        BackupFacts::new(&self.container.head, &self.manifest, self.container.len)
    }

    /// The anchor of the state.
    pub(super) fn anchor(&self) -> Result<Anchor, BackupError> {
        let copy = self.copies.iter().flatten().next().ok_or(BackupError::OlderStore)?;
        let StoredRow { primary_key, revision, value, .. } = copy;
        Anchor::open(&self.roots, primary_key, *revision, value).map_err(|_| BackupError::Faults(vec![]))
    }

    /// Passes all rows to `take` until it fails.
    pub(super) fn each_row(
        &self,
        mut take: impl FnMut(StoredRow) -> Result<(), BackupError>,
    ) -> Result<(), BackupError> {
        let mut taken = Ok(());
        self.scan(&mut |row| {
            taken = take(row);
            if taken.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        taken
    }

    /// Returns the members of the lines that waited in the store for the audit trail.
    pub(super) fn waiting_lines(&self) -> Result<HashSet<Box<str>>, BackupError> {
        let mut lines = HashSet::new();
        self.each_row(|StoredRow { table, primary_key, revision, value }| {
            if table == OutboxLine::TABLE {
                let line: Result<OutboxLine, _> = record::open(&self.roots, &primary_key, revision, &value);
                lines.insert(line.map_err(|_| StoreError::Row { table, primary_key })?.members);
            }
            Ok(())
        })?;
        Ok(lines)
    }

    /// Passes all rows to `visit` until it breaks. Returns the number of rows.
    pub(super) fn scan(&self, visit: &mut Visit<'_>) -> Result<u64, BackupError> {
        let mut content = self.container.content(&self.roots);
        content.manifest()?;
        let mut rows = 0;
        while let Some(row) = content.row()? {
            rows += 1;
            if visit(row) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(rows)
    }
}
