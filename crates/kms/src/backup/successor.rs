//! The store that a restore replaces, if it is later than the backup: finds the records that differ.
//!
//! The audit trail may lack changes: it may have been off for a while, its lines may still be in the store, or an attacker
//! may have removed some. The store itself lacks none, so a restore compares its records with those of the backup. An access
//! key whose record differs was changed or deleted since, regardless of the trail.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;

use aws_lc_rs::digest::{SHA256, digest};
use bulla_keys::record::{self, Record, Revision};
use bulla_keys::root::RootKeys;
use bulla_keys::{Alias, Key, Secret};

use super::error::BackupError;
use super::since::Since;
use super::verify::Backup;
use crate::people::{
    BindingMark, Group, KeyPolicy, ManagedPolicy, PasswordMark, PrincipalId, Role, SecretPolicy, User,
};
use crate::state::{AccessKey, OutboxLine};
use crate::store::{Frozen, StoreError, StoredRow};

/// A state of the store that is later than a backup.
#[derive(Default)]
pub(super) struct Successor {
    records: HashMap<RecordKey, Compared>,
    logins: HashMap<PrincipalId, Login>,
    /// Lines that the audit trail may not have yet, in order.
    lines: BTreeMap<Box<[u8]>, Waiting>,
    /// Whether a line does not open.
    lacks_lines: bool,
}

/// Table and primary key.
type RecordKey = (Box<str>, Box<[u8]>);

struct Waiting {
    revision: Revision,
    members: Box<str>,
}

/// A record to compare.
struct Compared {
    version: RecordVersion,
    /// Its names in the trail, and those of what it belongs to: a line about any of them may explain the change.
    names: Vec<String>,
}

/// The password and second factor with which a user signs in to the console.
#[derive(PartialEq)]
struct Login {
    password: PasswordMark,
    mfa: Option<BindingMark>,
}

/// The version of a record. Records with the same version are equal.
#[derive(PartialEq)]
enum RecordVersion {
    /// Two diverged histories may have different content under one revision.
    Row(Revision, [u8; 32]),
    /// A sign-in changes the row of its user without a relevant difference.
    User(Box<User>),
}

impl Successor {
    /// Reads the records to compare. A record that does not open counts as missing.
    pub(super) fn read(state: &Frozen, roots: &RootKeys) -> Result<Self, StoreError> {
        let mut successor = Self::default();
        state.scan(|row| {
            successor.take(row, roots);
            ControlFlow::Continue(())
        })?;
        Ok(successor)
    }

    fn take(&mut self, row: StoredRow, roots: &RootKeys) {
        if &*row.table == OutboxLine::TABLE {
            match open::<OutboxLine>(&row, roots) {
                Some(OutboxLine { members, .. }) => {
                    let waiting = Waiting { revision: row.revision, members };
                    self.lines.insert(row.primary_key.as_slice().into(), waiting);
                }
                None => self.lacks_lines = true,
            }
        } else if let Some(compared) = Compared::of(&row, roots) {
            if let RecordVersion::User(user) = &compared.version {
                self.logins.extend(Login::of(user).map(|login| (user.id, login)));
            }
            self.records.insert(record_key(&row), compared);
        }
    }

    /// Whether the record of a backup is equal here.
    pub(super) fn has(&self, row: &StoredRow, roots: &RootKeys) -> bool {
        let here = self.records.get(&record_key(row));
        here.is_some_and(|here| Compared::of(row, roots).is_some_and(|row| row.version == here.version))
    }

    /// Compares all records. Adds the lines to what the trail knows, and returns the names of records that differ although no
    /// line names them.
    pub(super) fn compare(mut self, backup: &Backup, since: &mut Since) -> Result<Differences, BackupError> {
        let mut differing = Vec::new();
        let mut access_keys = Vec::new();
        let mut logins = Vec::new();
        backup.each_row(|row| {
            if &*row.table == OutboxLine::TABLE {
                let is_same = |waiting: &Waiting| waiting.revision == row.revision;
                if self.lines.get(row.primary_key.as_slice()).is_some_and(is_same) {
                    self.lines.remove(row.primary_key.as_slice());
                }
                return Ok(());
            }
            let Some(compared) = Compared::of(&row, &backup.roots) else { return Ok(()) };
            let is_same = self.has(&row, &backup.roots);
            let here = self.records.remove(&record_key(&row));
            if is_same {
                return Ok(());
            }
            match &compared.version {
                RecordVersion::User(user) if Login::of(user).as_ref() != self.logins.get(&user.id) => {
                    logins.push(user.name.as_str().to_lowercase());
                }
                RecordVersion::User(_) => {}
                RecordVersion::Row(..) => access_keys.extend(access_key(&row, &backup.roots)),
            }
            differing.push(compared.names);
            differing.extend(here.map(|here| here.names));
            Ok(())
        })?;
        differing.extend(self.records.into_values().map(|created| created.names));
        for Waiting { members, .. } in self.lines.values() {
            since.take_waiting(members, &backup.facts());
        }
        since.access_keys.extend(access_keys);
        since.logins.extend(logins);
        let unexplained = differing.into_iter().filter(|names| !since.names_any(names));
        let mut unexplained: Vec<_> = unexplained.filter_map(|names| names.into_iter().next()).collect();
        unexplained.sort();
        unexplained.dedup();
        Ok(Differences { unexplained, lacks_lines: self.lacks_lines })
    }
}

/// Returns the names in the trail of all records of a backup, in lower case.
pub(super) fn names(backup: &Backup) -> Result<HashSet<String>, BackupError> {
    let mut names = HashSet::new();
    backup.each_row(|row| {
        let of_row = Compared::of(&row, &backup.roots).and_then(|record| record.names.into_iter().next());
        names.extend(of_row.map(|name| name.to_lowercase()));
        Ok(())
    })?;
    Ok(names)
}

/// The result of a comparison.
#[derive(Debug, Default)]
pub(super) struct Differences {
    /// The names of records that differ although no line names them.
    pub(super) unexplained: Vec<String>,
    pub(super) lacks_lines: bool,
}

impl Compared {
    /// Returns none for a record of another kind, and for one that does not open.
    fn of(row: &StoredRow, roots: &RootKeys) -> Option<Self> {
        let version = || RecordVersion::Row(row.revision, sha256(&row.value));
        let of_row = |names| Self { version: version(), names };
        Some(match &*row.table {
            User::TABLE => {
                let mut user: User = open(row, roots)?;
                user.last_login = None;
                let names = vec![format!("user/{}", user.name.as_str())];
                Self { version: RecordVersion::User(Box::new(user)), names }
            }
            AccessKey::TABLE => of_row(vec![format!("access-key/{}", open::<AccessKey>(row, roots)?.id)]),
            Group::TABLE => of_row(vec![format!("group/{}", open::<Group>(row, roots)?.name.as_str())]),
            Role::TABLE => of_row(vec![format!("role/{}", open::<Role>(row, roots)?.name.as_str())]),
            ManagedPolicy::TABLE => {
                of_row(vec![format!("policy/{}", open::<ManagedPolicy>(row, roots)?.name.as_str())])
            }
            Key::TABLE => of_row(vec![format!("key/{}", open::<Key>(row, roots)?.id)]),
            KeyPolicy::TABLE => of_row(vec![format!("key/{}", open::<KeyPolicy>(row, roots)?.key)]),
            // An alias is deleted with its key.
            Alias::TABLE => {
                let Alias { name, key, .. } = open(row, roots)?;
                of_row(vec![format!("alias/{}", name.as_str()), format!("key/{key}")])
            }
            Secret::TABLE => of_row(vec![format!("secret/{}", open::<Secret>(row, roots)?.name.as_str())]),
            SecretPolicy::TABLE => {
                of_row(vec![format!("secret/{}", open::<SecretPolicy>(row, roots)?.secret.as_str())])
            }
            _ => return None,
        })
    }
}

impl Login {
    fn of(user: &User) -> Option<Self> {
        let password = user.login_profile.as_ref()?.mark();
        Some(Self { password, mfa: user.mfa.as_ref().map(|binding| binding.mark) })
    }
}

fn access_key(row: &StoredRow, roots: &RootKeys) -> Option<String> {
    if row.table != AccessKey::TABLE {
        return None;
    }
    open(row, roots).map(|key: AccessKey| key.id.into_string())
}

fn record_key(row: &StoredRow) -> RecordKey {
    (row.table.as_str().into(), row.primary_key.as_slice().into())
}

fn open<R: Record>(row: &StoredRow, roots: &RootKeys) -> Option<R> {
    record::open(roots, &row.primary_key, row.revision, &row.value).ok()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().expect("the length of SHA-256")
}
