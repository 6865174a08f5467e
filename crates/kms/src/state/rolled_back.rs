//! Tests of stores whose rows open one by one, but together are not the state of the last commit.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

use bulla_wire::kms::{
    CreateAlias, CreateKey, CreateSecret, DeleteAlias, DeleteSecret, DisableKey, GetParametersForImport,
    PutSecretValue, UpdateKeyDescription,
};
use bulla_wire::{Action, MaybeEmpty};

use super::*;
use crate::data::STORE;
use crate::header::{AnyHeader, StoreHeader};
use crate::store::{Change, StoredRow, Unanchored};
use crate::{Kms, OpenError, Options, Role, SystemClock};

struct Bench {
    data: tempfile::TempDir,
    key: String,
}

type Rows = Vec<StoredRow>;

impl Bench {
    /// A store with a key, an alias, a secret and an import token.
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut bench = Self { data, key: String::new() };
        bench.key = bench.run(|kms| call(kms, CreateKey::default()).key_metadata.key_id);
        bench.run(|kms| {
            call(kms, CreateAlias { key_id: bench.key.clone(), alias_name: "alias/a".into() });
            create_secret(kms, "s");
            let external = CreateKey { origin: Some("EXTERNAL".into()), ..CreateKey::default() };
            let parameters = GetParametersForImport {
                key_id: call(kms, external).key_metadata.key_id,
                wrapping_algorithm: "RSAES_OAEP_SHA_256".into(),
                wrapping_key_spec: "RSA_2048".into(),
            };
            call(kms, parameters);
        });
        bench
    }

    fn open(&self, accept_rollback: bool) -> Result<Kms, OpenError> {
        let options = Options::new(self.data.path(), Role::Command);
        Kms::open(&Options { accept_rollback, ..options }, SystemClock)
    }

    fn run<T>(&self, run: impl FnOnce(&Kms) -> T) -> T {
        run(&self.open(false).unwrap())
    }

    fn path(&self) -> PathBuf {
        self.data.path().join(STORE)
    }

    fn disable(&self) {
        self.run(|kms| call(kms, DisableKey { key_id: self.key.clone() }));
    }

    fn describe(&self, description: &str) {
        let description = MaybeEmpty(description.into());
        self.run(|kms| call(kms, UpdateKeyDescription { key_id: self.key.clone(), description }));
    }

    fn rows(&self) -> Rows {
        let mut rows = Vec::new();
        let take = |row| {
            rows.push(row);
            ControlFlow::Continue(())
        };
        Store::open(&self.path()).unwrap().scan(&[], take).unwrap();
        rows
    }

    /// Writes older rows, without the engine.
    fn put(&self, rows: impl IntoIterator<Item = StoredRow>) {
        self.edit(rows.into_iter().map(|row| (row.clone(), Change::Put(row.value))));
    }

    fn remove(&self, rows: impl IntoIterator<Item = StoredRow>) {
        self.edit(rows.into_iter().map(|row| (row, Change::Delete)));
    }

    fn edit(&self, edits: impl IntoIterator<Item = (StoredRow, Change)>) {
        let change = |(row, change): (StoredRow, Change)| RowChange {
            table: Box::leak(row.table.into_boxed_str()),
            primary_key: row.primary_key,
            expected: None,
            revision: row.revision,
            change,
        };
        let edits: Vec<_> = edits.into_iter().map(change).collect();
        let store = Store::open(&self.path()).unwrap().into_writable().unwrap();
        store.commit(&[&edits], &mut Unanchored).unwrap();
    }

    #[track_caller]
    fn refusal(&self) -> Rollback {
        match self.open(false).map(drop) {
            Err(OpenError::Store { source: StoreError::RolledBack(rollback), .. }) => rollback,
            other => panic!("{other:?}"),
        }
    }

    /// Checks that the store is refused for this reason, and opens when it is restored.
    #[track_caller]
    fn assert_refused(&self, edit: impl FnOnce(), expected: &Rollback) {
        let before = fs::read(self.path()).unwrap();
        edit();
        assert_eq!(self.refusal(), *expected);
        fs::write(self.path(), before).unwrap();
        self.run(|_| ());
    }
}

fn call<A: Action>(kms: &Kms, request: A) -> A::Reply {
    A::reply(pollster::block_on(kms.call(request.into(), &kms.owner())).unwrap()).unwrap()
}

fn create_secret(kms: &Kms, name: &str) {
    let create = CreateSecret {
        secret_name: name.into(),
        version_id: "1".into(),
        secret_data: String::from("x").into(),
        ..CreateSecret::default()
    };
    call(kms, create);
}

fn of_table(rows: &Rows, table: &str) -> Rows {
    rows.iter().filter(|row| row.table == table).cloned().collect()
}

fn row_rolled_back(row: &StoredRow) -> Rollback {
    Rollback::RowRolledBack { table: row.table.clone(), primary_key: row.primary_key.clone() }
}

#[test]
fn a_rolled_back_row_is_refused_and_named() {
    let bench = Bench::new();
    let id: bulla_keys::KeyId = bench.key.parse().unwrap();
    let enabled = bench.rows().into_iter().find(|row| row.primary_key == id.as_bytes()).unwrap();
    bench.disable();
    bench.assert_refused(|| bench.put([enabled.clone()]), &row_rolled_back(&enabled));
    for number in 0..20 {
        bench.describe(&number.to_string());
    }
    bench.assert_refused(|| bench.put([enabled.clone()]), &row_rolled_back(&enabled));
}

#[test]
fn several_rolled_back_rows_are_refused() {
    let bench = Bench::new();
    let before = bench.rows();
    bench.disable();
    bench.run(|kms| {
        let put = PutSecretValue {
            secret_name: "s".into(),
            version_id: "2".into(),
            secret_data: String::from("y").into(),
            secret_data_type: None,
            version_stages: None,
        };
        call(kms, put);
    });
    let rows = [of_table(&before, "key"), of_table(&before, "secret")].concat();
    bench.assert_refused(|| bench.put(rows), &Rollback::RowsRolledBack);
}

/// Includes rows that no snapshot holds, and those whose absence nothing else reveals.
#[test]
fn a_row_that_is_removed_is_refused() {
    let bench = Bench::new();
    let rows = bench.rows();
    let mut tables: Vec<_> = rows.iter().map(|row| &*row.table).filter(|table| *table != "anchor").collect();
    tables.dedup();
    assert_eq!(
        tables,
        ["alias", "import-token", "key", "key-use", "private", "secret", "secret-value", "version"]
    );
    for table in tables {
        let row = of_table(&rows, table).swap_remove(0);
        bench.assert_refused(|| bench.remove([row]), &Rollback::RowsMissing { count: 1 });
    }
    let three = ["alias", "secret", "secret-value"].map(|table| of_table(&rows, table).swap_remove(0));
    bench.assert_refused(|| bench.remove(three), &Rollback::RowsMissing { count: 3 });
}

#[test]
fn a_row_that_is_added_is_refused_and_named() {
    let bench = Bench::new();
    let alias = of_table(&bench.rows(), "alias").swap_remove(0);
    let value = of_table(&bench.rows(), "secret-value").swap_remove(0);
    bench.run(|kms| {
        call(kms, DeleteAlias { alias_name: "alias/a".into() });
        let delete = DeleteSecret {
            secret_name: "s".into(),
            force_delete_without_recovery: Some(true),
            recovery_window_in_days: None,
        };
        call(kms, delete);
    });
    for row in [&alias, &value] {
        let added = Rollback::RowAdded { table: row.table.clone(), primary_key: row.primary_key.clone() };
        bench.assert_refused(|| bench.put([row.clone()]), &added);
    }
    bench.assert_refused(|| bench.put([alias, value]), &Rollback::RowsAdded { count: 2 });
}

#[test]
fn a_rolled_back_anchor_is_refused() {
    let bench = Bench::new();
    let anchor = of_table(&bench.rows(), "anchor");
    assert_eq!(anchor.len(), 2);
    bench.run(|kms| create_secret(kms, "t"));
    for copy in &anchor {
        bench.assert_refused(|| bench.put([copy.clone()]), &Rollback::AnchorRolledBack);
    }
    bench.assert_refused(|| bench.put(anchor), &Rollback::RowsAdded { count: 2 });

    let anchor = of_table(&bench.rows(), "anchor");
    bench.disable();
    bench.assert_refused(|| bench.put(anchor.clone()), &Rollback::AnchorRolledBack);
    bench.describe("a change more");
    bench.assert_refused(|| bench.put(anchor), &Rollback::AnchorRolledBack);
}

/// It would be accepted only together with every other row that has changed since.
#[test]
fn a_row_that_is_rolled_back_with_the_anchor_of_its_time_is_refused() {
    let bench = Bench::new();
    let before = bench.rows();
    bench.disable();
    bench.run(|kms| create_secret(kms, "t"));
    let rows = [of_table(&before, "key"), of_table(&before, "anchor")].concat();
    bench.assert_refused(|| bench.put(rows), &Rollback::RowsAdded { count: 2 });
}

#[test]
fn an_anchor_that_is_removed_is_refused() {
    let bench = Bench::new();
    let anchor = of_table(&bench.rows(), "anchor");
    for copies in [&anchor[..1], &anchor[1..], &anchor] {
        bench.assert_refused(|| bench.remove(copies.to_vec()), &Rollback::AnchorMissing);
    }
}

/// Otherwise it would get a new anchor for any rows.
#[test]
fn a_header_that_is_rolled_back_to_an_earlier_version_is_refused() {
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden/store-v5");
    let bench = Bench { data: tempfile::tempdir().unwrap(), key: String::new() };
    for file in [STORE, "root-key"] {
        use std::os::unix::fs::PermissionsExt;
        let copy = bench.data.path().join(file);
        fs::copy(golden.join(file), &copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let header = |bench: &Bench| Store::open(&bench.path()).unwrap().header().unwrap();
    let old = header(&bench);
    let rows = bench.rows();
    bench.run(|kms| assert_eq!(kms.commit_number(), 1, "raised"));
    let AnyHeader::Current(raised) = AnyHeader::decode(&header(&bench)).unwrap() else { panic!() };
    assert!(raised.is_current() && StoreHeader::VERSION == 6);
    let rolled_back = || {
        let current = header(&bench);
        let store = Store::open(&bench.path()).unwrap().into_writable().unwrap();
        store.write_header(&current, &old, &[], &mut Unanchored).unwrap().unwrap();
    };
    bench.assert_refused(rolled_back, &Rollback::HeaderRolledBack);

    bench.run(|kms| call(kms, DeleteAlias { alias_name: "alias/Aliyun_SM4".into() }));
    let alias = "alias/Aliyun_SM4".as_bytes();
    let alias = rows.into_iter().find(|row| row.primary_key == alias).unwrap();
    let anchor = || of_table(&bench.rows(), "anchor");
    let with_an_old_row = || {
        rolled_back();
        bench.remove(anchor());
        bench.put([alias.clone()]);
    };
    let before = fs::read(bench.path()).unwrap();
    with_an_old_row();
    bench.run(|_| ()); // no row reveals it: this is the store before it was raised
    fs::write(bench.path(), before).unwrap();
    bench.run(|kms| create_secret(kms, "new"));
    bench.assert_refused(with_an_old_row, &Rollback::HeaderRolledBack);
}

/// No state of the store itself reveals it; a copy of its commit number elsewhere does.
#[test]
fn a_store_that_is_rolled_back_as_a_whole_opens_with_its_earlier_number() {
    let bench = Bench::new();
    let earlier = (fs::read(bench.path()).unwrap(), bench.run(Kms::commit_number));
    bench.disable();
    assert_eq!(bench.run(Kms::commit_number), earlier.1 + 1);
    fs::write(bench.path(), earlier.0).unwrap();
    assert_eq!(bench.run(Kms::commit_number), earlier.1);
}

#[test]
fn a_rollback_that_is_accepted_is_one_no_more() {
    let bench = Bench::new();
    let rows = bench.rows();
    let commits = bench.run(Kms::commit_number);
    bench.disable();
    bench.put(of_table(&rows, "key"));
    let aliases = of_table(&rows, "alias");
    let count = aliases.len() as u64;
    bench.remove(aliases);
    bench.refusal();
    let kms = bench.open(true).unwrap();
    assert_eq!((kms.commit_number(), kms.epoch()), (commits + 2, 2), "it is a commit of its own");
    assert_eq!(kms.accepted_rollback(), Some(&Rollback::RowsMissing { count }));
    call(&kms, CreateAlias { key_id: bench.key.clone(), alias_name: "alias/a".into() });
    drop(kms);
    assert_eq!(bench.run(Kms::commit_number), commits + 3);

    bench.remove(of_table(&rows, "anchor"));
    bench.refusal();
    drop(bench.open(true).unwrap());
    assert_eq!(bench.run(Kms::commit_number), 1, "it has no other");
    assert_eq!(bench.run(Kms::epoch), 2);
}

/// A store in the right state is not written to.
#[test]
fn accepting_a_rollback_that_is_none_changes_nothing() {
    let bench = Bench::new();
    let commits = bench.run(Kms::commit_number);
    assert_eq!(bench.open(true).unwrap().accepted_rollback(), None);
    assert_eq!(bench.run(Kms::commit_number), commits);
}

#[test]
fn commits_are_counted_and_published_when_they_are_answered() {
    let data = tempfile::tempdir().unwrap();
    let options = Options::new(data.path(), Role::Command);
    let kms = Kms::open(&options, SystemClock).unwrap();
    // A new store records in a commit of its own since when uses are counted, and does not wait for it.
    pollster::block_on(kms.state.catch_up()).unwrap_or_else(|_| panic!("the store fails"));
    assert_eq!((kms.epoch(), kms.commit_number()), (1, 2));
    let key = call(&kms, CreateKey::default()).key_metadata.key_id;
    assert_eq!(kms.commit_number(), 3);
    call(&kms, DisableKey { key_id: key.clone() });
    assert_eq!(kms.commit_number(), 4);
    call(&kms, DisableKey { key_id: key });
    assert_eq!(kms.commit_number(), 4, "nothing has changed");
    drop(kms);
    let kms = Kms::open(&options, SystemClock).unwrap();
    assert_eq!(kms.commit_number(), 4, "a start is no commit");
    let rows = |snapshot: &Snapshot| snapshot.anchor.unwrap().rows.rows();
    assert_eq!(rows(&kms.state.published()), 3, "a key, its version, and since when uses are counted");
}

/// While the engine runs, it compares the file as well; this is for changes below that check.
#[test]
fn a_commit_does_not_follow_a_rolled_back_anchor() {
    let bench = Bench::new();
    let kms = bench.open(false).unwrap();
    let earlier: Vec<_> = kms.state.store.get(&Anchor::COPIES.map(|copy| (Anchor::TABLE, copy))).unwrap();
    call(&kms, DisableKey { key_id: bench.key.clone() });
    let rolled_back: Vec<_> = earlier
        .into_iter()
        .flatten()
        .map(|row| RowChange {
            table: Anchor::TABLE,
            primary_key: row.primary_key,
            expected: None,
            revision: row.revision,
            change: Change::Put(row.value),
        })
        .collect();
    kms.state.store.commit(&[&rolled_back], &mut Unanchored).unwrap();
    let create = CreateKey::default();
    let refused = pollster::block_on(kms.call(create.into(), &kms.owner())).unwrap_err().into_cause();
    let refused = refused.unwrap();
    let refused = refused.downcast_ref::<Arc<StoreError>>().unwrap();
    assert!(matches!(**refused, StoreError::RolledBack(Rollback::AnchorRolledBack)), "{refused}");
    drop(kms);
    assert_eq!(bench.refusal(), Rollback::AnchorRolledBack);
}
