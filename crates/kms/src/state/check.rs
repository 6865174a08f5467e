//! Checks a store without starting an engine: every row opens, all rows together are the state of the last commit, and all
//! records that a record refers to exist. Also checks backups.

use std::collections::HashSet;
use std::fmt::{self, Write as _};
use std::ops::ControlFlow;

use bulla_keys::record::{self, Record};
use bulla_keys::root::RootKeys;
use bulla_keys::{
    Alias, Anchor, Key, KeyId, KeyOrigin, KeyVersion, Secret, SecretValue, SecretValueId, StoreId,
};

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::anchor::{Count, DamagedCopy, PLACES, Visit};
use super::kind::{Id, KeptKind};
use super::load::{OnRollback, Opening};
use super::raise::RowFormat;
use super::records::{AccessKey, AccessKeyOwner, ImportToken};
use super::snapshot::Snapshot;
use crate::people::{Attachments, Group, KeyPolicy, MfaDevice, Role, SecretPolicy, User};
use crate::store::{Rollback, Store, StoreError, StoredRow};

/// The result of a check. In JSON, a fault also has its full text.
#[derive(Debug, Serialize)]
pub struct StoreReport {
    /// The number of records.
    pub records: u64,
    /// Its epoch; 0 in a store of an earlier version, which has none.
    pub epoch: u64,
    /// The number of its last commit; 0 in a store of an earlier version.
    pub commit: u64,
    /// The defects.
    pub faults: Vec<StoreFault>,
}

/// A defect of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFault {
    /// The table of the record; `anchor` for a defect of all records together.
    pub table: String,
    /// The id or name of the record.
    pub name: String,
    /// The defect.
    pub fault: Fault,
}

impl StoreFault {
    /// Returns a defect of all records together.
    pub(crate) fn of_all(rollback: Rollback) -> Self {
        Self { table: Anchor::TABLE.to_owned(), name: String::new(), fault: Fault::RolledBack(rollback) }
    }
}

/// A kind of defect.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The record does not open.
    Damaged,
    /// It refers to another record that does not exist, or that does not refer back.
    Dangling {
        /// The table of the other record.
        table: &'static str,
        /// The id or name of the other record.
        name: String,
    },
    /// No other record refers to it, so it cannot be reached.
    Orphaned,
    /// The store is not in the state of its last commit.
    RolledBack(Rollback),
}

/// Checks one state of a store with this version of rows, even while it is written to. Calls `watch` with the number of
/// records so far; returns none if it breaks.
///
/// # Errors
/// [`StoreError`] if it cannot be read.
pub(crate) fn check(
    store: &Store,
    roots: &RootKeys,
    format: RowFormat,
    watch: impl FnMut(u64) -> ControlFlow<()>,
) -> Result<Option<StoreReport>, StoreError> {
    let copies = store.get(&PLACES)?;
    check_rows(roots, format, &copies, |visit| store.scan(&[], visit).map(drop), watch)
}

/// Checks the rows that `scan` reads each time it is called: those of a store or of a backup. `copies` are the rows of the
/// anchor among them. Calls `watch` like [`check`].
///
/// # Errors
/// The error of `scan`.
pub(crate) fn check_rows<E>(
    roots: &RootKeys,
    format: RowFormat,
    copies: &[Option<StoredRow>],
    scan: impl Fn(&mut Visit<'_>) -> Result<(), E>,
    mut watch: impl FnMut(u64) -> ControlFlow<()>,
) -> Result<Option<StoreReport>, E> {
    let mut checked = Checked::default();
    let mut count = Count::of(copies, roots);
    let opening = Opening { roots, format, on_rollback: OnRollback::Refuse };
    let mut is_broken_off = false;
    scan(&mut |row| {
        if let Some(row) = count.take(row) {
            checked.take(&row, opening);
        }
        let next = if count.rows().is_multiple_of(WATCHED) {
            watch(count.rows())
        } else {
            ControlFlow::Continue(())
        };
        is_broken_off = next.is_break();
        next
    })?;
    if is_broken_off {
        return Ok(None);
    }
    let records = count.rows();
    let anchor = match (count.finish(roots), format) {
        (Ok(found), RowFormat::Current) => match found.verify_by(roots, scan)? {
            Ok(anchor) => Some(anchor),
            Err(rollback) => checked.rolled_back(rollback),
        },
        (Ok(found), RowFormat::Older) if found.newest().is_some() => {
            checked.rolled_back(Rollback::HeaderRolledBack)
        }
        (Ok(_), RowFormat::Older) => None,
        (Err(DamagedCopy { primary_key }), _) => checked.damaged(Anchor::TABLE, &primary_key),
    };
    checked.references();
    let Checked { faults, .. } = checked;
    let (epoch, commit) = anchor.map_or((0, 0), |anchor: Anchor| (anchor.epoch, anchor.commit));
    Ok(Some(StoreReport { records, epoch, commit, faults }))
}

/// The result of the rows so far.
#[derive(Default)]
struct Checked {
    snapshot: Snapshot,
    values: HashSet<[u8; 16]>,
    faults: Vec<StoreFault>,
}

impl Checked {
    fn take(&mut self, row: &StoredRow, opening: Opening<'_>) {
        let opened = if row.table == SecretValue::TABLE {
            self.take_value(row, opening.roots)
        } else {
            opening.open(row).map(|(write, revision)| self.snapshot.apply(write, revision))
        };
        match opened {
            Ok(()) => {}
            Err(StoreError::RolledBack(rollback)) => drop(self.rolled_back(rollback)),
            Err(_) => drop(self.damaged(&row.table, &row.primary_key)),
        }
    }

    fn take_value(&mut self, row: &StoredRow, roots: &RootKeys) -> Result<(), StoreError> {
        let StoredRow { table, primary_key, revision, value } = row;
        let damaged = |_| StoreError::Row { table: table.clone(), primary_key: primary_key.clone() };
        let opened: SecretValue = record::open(roots, primary_key, *revision, value).map_err(damaged)?;
        self.values.insert(*opened.id.as_bytes());
        Ok(())
    }

    fn damaged(&mut self, table: &str, primary_key: &[u8]) -> Option<Anchor> {
        self.fault(table, shown(table, primary_key), Fault::Damaged)
    }

    /// Adds the fault once. A header that was rolled back shows in every row.
    fn rolled_back(&mut self, rollback: Rollback) -> Option<Anchor> {
        let (table, name) = match &rollback {
            Rollback::RowRolledBack { table, primary_key } | Rollback::RowAdded { table, primary_key } => {
                (table.clone(), shown(table, primary_key))
            }
            _ => (Anchor::TABLE.to_owned(), String::new()),
        };
        let fault = Fault::RolledBack(rollback);
        if self.faults.iter().all(|other| other.fault != fault) {
            self.fault(&table, name, fault);
        }
        None
    }

    fn fault(&mut self, table: &str, name: String, fault: Fault) -> Option<Anchor> {
        self.faults.push(StoreFault { table: table.to_owned(), name, fault });
        None
    }

    /// Checks all references between records.
    fn references(&mut self) {
        let mut dangling = Dangling { snapshot: &self.snapshot, faults: vec![] };
        dangling.of_keys();
        dangling.of_secrets(&self.values);
        dangling.of_people();
        let faults = dangling.faults;
        self.faults.extend(faults);
    }
}

/// Checks the references of the records in a snapshot.
struct Dangling<'a> {
    snapshot: &'a Snapshot,
    faults: Vec<StoreFault>,
}

impl<'a> Dangling<'a> {
    fn of_keys(&mut self) {
        let snapshot = self.snapshot;
        for row in rows::<Key>(snapshot) {
            let primary = snapshot.version(row.primary).filter(|version| version.record.key == row.id);
            let waits_for_import = row.origin == KeyOrigin::External && !row.has_imported(i64::MIN);
            self.expect(&**row, primary.is_some() || waits_for_import, KeyVersion::TABLE, row.primary);
        }
        for row in rows::<KeyVersion>(snapshot) {
            self.expect_key(&**row, row.key);
        }
        for row in rows::<Alias>(snapshot) {
            self.expect_key(&**row, row.key);
        }
        for row in rows::<KeyPolicy>(snapshot) {
            self.expect_key(&**row, row.key);
        }
        for facts in rows::<ImportToken>(snapshot) {
            let is_there = snapshot.key(facts.key).is_some();
            self.note(ImportToken::TABLE, facts.id.as_key(), is_there, Key::TABLE, facts.key);
        }
    }

    /// The key of a secret may have been deleted: the secret remains but cannot be read.
    fn of_secrets(&mut self, values: &HashSet<[u8; 16]>) {
        let mut named = HashSet::new();
        for row in rows::<Secret>(self.snapshot) {
            for version in row.versions() {
                let is_there = values.contains(version.value.as_bytes());
                self.expect(&**row, is_there, SecretValue::TABLE, version.value);
                named.insert(*version.value.as_bytes());
            }
        }
        for row in rows::<SecretPolicy>(self.snapshot) {
            let is_there = self.snapshot.secret(&row.secret).is_some();
            self.expect(&**row, is_there, Secret::TABLE, &row.secret);
        }
        for value in values.difference(&named) {
            let name = SecretValueId::from_bytes(*value).to_string();
            let fault = Fault::Orphaned;
            self.faults.push(StoreFault { table: SecretValue::TABLE.into(), name, fault });
        }
    }

    fn of_people(&mut self) {
        let snapshot = self.snapshot;
        for user in rows::<User>(snapshot) {
            for membership in user.groups() {
                let is_there = snapshot.group_by_id(membership.group).is_some();
                self.expect(&**user, is_there, Group::TABLE, membership.group);
            }
            for id in user.access_keys() {
                let owner = snapshot.access_key(id).map(|key| key.owner);
                self.expect(&**user, owner == Some(AccessKeyOwner::User(user.id)), AccessKey::TABLE, id);
            }
            if let Some(binding) = &user.mfa {
                let is_there = snapshot.mfa_device_of(user).is_ok();
                self.expect(&**user, is_there, MfaDevice::TABLE, binding.device.as_str());
            }
            self.expect_policies(&**user, &user.policies);
        }
        for group in rows::<Group>(snapshot) {
            self.expect_policies(&**group, &group.policies);
        }
        for role in rows::<Role>(snapshot) {
            self.expect_policies(&**role, &role.policies);
        }
        for key in rows::<AccessKey>(snapshot) {
            if let AccessKeyOwner::User(id) = key.owner {
                let owner =
                    snapshot.user_by_id(id).filter(|user| user.record.access_keys().contains(&key.id));
                self.expect(&**key, owner.is_some(), User::TABLE, id);
            }
        }
        for device in rows::<MfaDevice>(snapshot) {
            if let Some(user) = device.user {
                let owner = snapshot.user_by_id(user.0);
                let binding = owner.and_then(|owner| owner.record.mfa.as_ref());
                let is_bound = binding.is_some_and(|binding| binding.device == device.name.key);
                self.expect(&**device, is_bound, User::TABLE, user.0);
            }
        }
    }

    fn expect_key<R: Record>(&mut self, record: &R, key: KeyId) {
        self.expect(record, self.snapshot.key(key).is_some(), Key::TABLE, key);
    }

    fn expect_policies<R: Record>(&mut self, record: &R, policies: &Attachments) {
        for attachment in policies.iter() {
            let is_there = self.snapshot.policy(&attachment.policy).is_some();
            self.expect(record, is_there, "policy", attachment.policy.name().as_str());
        }
    }

    fn expect<R: Record>(
        &mut self,
        record: &R,
        is_there: bool,
        other: &'static str,
        name: impl fmt::Display,
    ) {
        self.note(R::TABLE, record.primary_key(), is_there, other, name);
    }

    fn note(
        &mut self,
        table: &str,
        primary_key: &[u8],
        is_there: bool,
        other: &'static str,
        name: impl fmt::Display,
    ) {
        if !is_there {
            let fault = Fault::Dangling { table: other, name: name.to_string() };
            self.faults.push(StoreFault { table: table.into(), name: shown(table, primary_key), fault });
        }
    }
}

impl Serialize for StoreFault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("StoreFault", 4)?;
        members.serialize_field("table", &self.table)?;
        members.serialize_field("name", &self.name)?;
        members.serialize_field("fault", &self.fault.to_string())?;
        members.serialize_field("text", &self.to_string())?;
        members.end()
    }
}

fn rows<R: KeptKind>(snapshot: &Snapshot) -> impl Iterator<Item = &R::Kept> {
    snapshot.rows_after::<R>(None).map(|row| &row.record)
}

/// Returns a readable name of a record: its id or name, otherwise the bytes of its key.
fn shown(table: &str, primary_key: &[u8]) -> String {
    let is_id = [Key::TABLE, KeyVersion::TABLE, SecretValue::TABLE, KeyPolicy::TABLE].contains(&table);
    if let (true, Ok(id)) = (is_id, primary_key.try_into()) {
        return StoreId::from_bytes(id).to_string();
    }
    match str::from_utf8(primary_key) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        Ok(_) | Err(_) => primary_key.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to memory does not fail");
            text
        }),
    }
}

impl fmt::Display for StoreFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, name, fault } = self;
        match fault {
            Fault::RolledBack(rollback) => rollback.fmt(f),
            fault => write!(f, "{table} {name}: {fault}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => f.write_str("was damaged, edited or moved"),
            Self::Dangling { table, name } => {
                write!(f, "names {table} {name}, which is missing or is not its own")
            }
            Self::Orphaned => f.write_str("is named by no other record"),
            Self::RolledBack(rollback) => rollback.fmt(f),
        }
    }
}

/// The number of records between two calls of `watch`.
const WATCHED: u64 = 256;
