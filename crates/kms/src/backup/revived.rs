//! Converts the rows of a backup into those of a restored store.
//!
//! Rows are unchanged, except those that would admit a caller who was locked out since: access keys that were changed or
//! deleted are inactive, passwords that were changed or deleted are removed, session tokens end with their key, codes of MFA
//! devices count as used, and requests that were signed before the restore are refused.

use std::collections::{HashMap, HashSet};

use bulla_keys::record::{self, Record, next_revision};
use bulla_keys::root::RootKeys;
use bulla_keys::{Anchor, RowHasher, RowSet, SystemRandom};

use super::error::BackupError;
use super::since::Since;
use crate::mark::raised_mark;
use crate::mfa::step;
use crate::people::{MfaDevice, PrincipalId, User};
use crate::sessions::StsKey;
use crate::state::{AccessKey, AccessKeyOwner, OutboxLine, OutboxNumber, Private, anchor_rows};
use crate::store::{StoreError, StoredRow};

/// Converts the rows of a backup one by one, and hashes the results for the anchor.
pub(super) struct Revival<'a> {
    roots: &'a RootKeys,
    hasher: &'a RowHasher,
    /// The anchor of the backup.
    anchor: Anchor,
    /// Access keys that must be inactive.
    distrusted: &'a HashSet<String>,
    /// Users who must not sign in to the console, in lower case.
    locked_out: HashSet<String>,
    /// The lines that must not be written again: those that the trail has, and those that are in the outbox by now.
    known_lines: HashSet<Box<str>>,
    /// Seconds since 1970.
    now: i64,
    rows: RowSet,
    last_line: u64,
    deactivated: Vec<(String, AccessKeyOwner)>,
    without_password: Vec<String>,
    names: HashMap<PrincipalId, String>,
}

/// An access key that is inactive after a restore, because it was changed or deleted after the backup.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct InactiveKey {
    /// Its id.
    pub id: String,
    /// The user who owns it; none if it is root's.
    pub user: Option<String>,
}

impl<'a> Revival<'a> {
    pub(super) fn new(
        roots: &'a RootKeys,
        anchor: Anchor,
        since: &'a Since,
        known_lines: HashSet<Box<str>>,
        now: i64,
    ) -> Result<Self, BackupError> {
        let hasher = roots.row_hasher(anchor.generation).ok_or(BackupError::HeadDamaged)?;
        Ok(Self {
            roots,
            hasher,
            anchor,
            distrusted: &since.access_keys,
            locked_out: since.changed_logins(),
            known_lines,
            now,
            rows: RowSet::default(),
            last_line: 0,
            deactivated: vec![],
            without_password: vec![],
            names: HashMap::new(),
        })
    }

    /// Returns the row of the restored store; none if the row is dropped.
    pub(super) fn row(&mut self, row: StoredRow) -> Result<Option<StoredRow>, BackupError> {
        let revived = match &*row.table {
            Anchor::TABLE | StsKey::TABLE => None,
            AccessKey::TABLE => Some(self.access_key(row)?),
            User::TABLE => Some(self.user(row)?),
            MfaDevice::TABLE => Some(self.device(row)?),
            Private::TABLE => Some(self.private(row)?),
            OutboxLine::TABLE => self.outbox_line(row)?,
            _ => Some(row),
        };
        Ok(revived.inspect(|row| self.count(row)))
    }

    /// Returns the access keys that were active in the backup and are inactive now. Called after the last row.
    pub(super) fn deactivated(&self) -> Vec<InactiveKey> {
        let key = |(id, owner): &(String, AccessKeyOwner)| InactiveKey {
            id: id.clone(),
            user: match owner {
                AccessKeyOwner::Root => None,
                AccessKeyOwner::User(user) => Some(self.names.get(user).cloned().unwrap_or_default()),
            },
        };
        self.deactivated.iter().map(key).collect()
    }

    /// Returns the users whose password in the backup was removed. Called after the last row.
    pub(super) fn without_password(&self) -> Vec<String> {
        self.without_password.clone()
    }

    /// Returns the row of a line that waited in the replaced store; none if it is known. Called after the last row.
    pub(super) fn waiting_line(&mut self, members: &str) -> Option<StoredRow> {
        self.known_lines.insert(members.into()).then(|| self.line(members.into()))
    }

    /// Returns the row of a line for the audit trail.
    pub(super) fn line(&mut self, members: Box<str>) -> StoredRow {
        self.last_line += 1;
        let number = OutboxNumber::from(self.last_line.to_be_bytes());
        let row = self.resealed(0, &OutboxLine { number, members });
        self.count(&row);
        row
    }

    /// Returns the rows of the anchor, with a later epoch.
    pub(super) fn anchor(&self, epoch: u64) -> Result<Vec<StoredRow>, BackupError> {
        let anchor = self.anchor.restored(epoch, self.rows);
        anchor_rows(&anchor, self.roots).ok_or(BackupError::HeadDamaged)
    }

    fn count(&mut self, row: &StoredRow) {
        self.rows.add(self.hasher.row(&row.table, &row.primary_key, row.revision));
    }

    fn outbox_line(&mut self, row: StoredRow) -> Result<Option<StoredRow>, BackupError> {
        let OutboxLine { number, members } = self.open(&row)?;
        if !self.known_lines.insert(members) {
            return Ok(None);
        }
        self.last_line = self.last_line.max(u64::from_be_bytes(*number));
        Ok(Some(row))
    }

    fn access_key(&mut self, row: StoredRow) -> Result<StoredRow, BackupError> {
        let key: AccessKey = self.open(&row)?;
        if !key.active || !self.distrusted.contains(&*key.id) {
            return Ok(row);
        }
        self.deactivated.push((key.id.to_string(), key.owner));
        Ok(self.resealed(row.revision, &AccessKey { active: false, ..key }))
    }

    fn user(&mut self, row: StoredRow) -> Result<StoredRow, BackupError> {
        let user: User = self.open(&row)?;
        let name = user.name.as_str().to_owned();
        self.names.insert(user.id, name.clone());
        if user.login_profile.is_none() || !self.locked_out.contains(&name.to_lowercase()) {
            return Ok(row);
        }
        self.without_password.push(name);
        let mut locked_out = user;
        locked_out.login_profile = None;
        Ok(self.resealed(row.revision, &locked_out))
    }

    /// A code that was used after the backup was made must not work again.
    fn device(&self, row: StoredRow) -> Result<StoredRow, BackupError> {
        let device: MfaDevice = self.open(&row)?;
        let spent = device.spent.max(step(self.now) + 1); // codes of the next step are accepted too
        Ok(self.resealed(row.revision, &MfaDevice { spent, ..device }))
    }

    /// The nonces are lost, so requests that were signed up to now must be refused.
    fn private(&self, row: StoredRow) -> Result<StoredRow, BackupError> {
        let private: Private = self.open(&row)?;
        Ok(match raised_mark(&private.name, &private.value, self.now) {
            Some(mark) => {
                let raised = Private { name: private.name.clone(), value: mark.into() };
                self.resealed(row.revision, &raised)
            }
            None => row,
        })
    }

    fn open<R: Record>(&self, row: &StoredRow) -> Result<R, BackupError> {
        let StoredRow { table, primary_key, revision, value } = row;
        record::open(self.roots, primary_key, *revision, value)
            .map_err(|_| StoreError::Row { table: table.clone(), primary_key: primary_key.clone() }.into())
    }

    fn resealed<R: Record>(&self, replaced: u64, record: &R) -> StoredRow {
        let revision = next_revision(replaced, &SystemRandom);
        StoredRow {
            table: R::TABLE.into(),
            primary_key: record.primary_key().into(),
            revision,
            value: record::seal(self.roots, revision, record, &SystemRandom),
        }
    }
}
