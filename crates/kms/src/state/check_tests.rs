//! Tests of checking a store that no engine has open.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bulla_keys::{KeyId, SecretValue, SystemRandom};

use super::*;
use crate::people::{Group, NameKey, User};
use crate::store::{Change, Unanchored};
use crate::{Kms, OpenError, Options, Role, SystemClock, check_store};

/// A copy of a golden store.
fn golden(version: u32) -> (tempfile::TempDir, Options) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden");
    let data = tempfile::tempdir().unwrap();
    for file in [crate::data::STORE, "root-key"] {
        let copy = data.path().join(file);
        fs::copy(golden.join(format!("store-v{version}")).join(file), &copy).unwrap();
        fs::set_permissions(&copy, Permissions::from_mode(0o600)).unwrap();
    }
    let options = Options::new(data.path(), Role::Command);
    (data, options)
}

/// The newest golden store after some writes of the engine.
fn written(writes: impl FnOnce(&Snapshot) -> Vec<(Write, Revision)>) -> (tempfile::TempDir, Options) {
    let (data, options) = golden(6);
    let kms = Kms::open(&options, SystemClock).unwrap();
    let changes = Changes::for_test(writes(&kms.state.snapshot().unwrap())).answering(());
    let (_, answered) = kms.state.stage(kms.now(), |_| Ok::<_, Error>(changes)).unwrap();
    pollster::block_on(answered).unwrap().unwrap();
    (data, options)
}

fn faults(options: &Options) -> Vec<String> {
    check_store(options).unwrap().faults.iter().map(ToString::to_string).collect()
}

#[test]
fn golden_stores_have_no_fault_and_stay_as_they_are() {
    for version in 1..=6 {
        let (data, options) = golden(version);
        let store = data.path().join(crate::data::STORE);
        let before = fs::read(&store).unwrap();
        let report = check_store(&options).unwrap();
        assert_eq!(report.faults, [], "version {version}");
        let anchored = if version < 6 { (0, 0) } else { (1, 42) };
        assert_eq!((report.epoch, report.commit), anchored);
        assert!(report.records > 4);
        assert!(fs::read(&store).unwrap() == before);
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 3, "and the lock");
    }
}

/// Writes that the engine would never make: each leaves a dangling reference.
#[test]
fn a_missing_record_that_another_one_names_is_reported() {
    type Writes = fn(&Snapshot) -> Vec<(Write, Revision)>;
    let cases: [(Writes, &[&str]); 5] = [
        (
            |snapshot| {
                let row = snapshot.alias("alias/Aliyun_SM4").unwrap();
                let mut alias = (*row.record).clone();
                alias.key = KeyId::from_bytes([1; 16]);
                vec![(Write::Alias(alias), row.revision)]
            },
            &["alias alias/Aliyun_SM4: names key 01010101-0101-0101-0101-010101010101, which is missing"],
        ),
        (
            |snapshot| {
                let row = snapshot.get::<Group>(&NameKey::of("ops")).unwrap();
                vec![(Write::NoGroup(NameKey::of("ops")), row.revision)]
            },
            &["user alice: names group "],
        ),
        (
            |snapshot| {
                let row = snapshot.get::<User>(&NameKey::of("alice")).unwrap();
                vec![(Write::NoUser(NameKey::of("alice")), row.revision)]
            },
            &["access-key BULLAgolden: names user ", "mfa-device phone: names user "],
        ),
        (
            |snapshot| {
                let row = snapshot.secret(&"db/password".parse().unwrap()).unwrap();
                let value = row.record.versions().next().unwrap().value;
                vec![(Write::NoSecretValue(value), 0)]
            },
            &["secret db/password: names secret-value "],
        ),
        (
            |_| {
                let id = bulla_keys::SecretValueId::random(&SystemRandom);
                vec![(Write::SecretValue(SecretValue { id, blob: vec![1].into() }), 0)]
            },
            &["secret-value "],
        ),
    ];
    for (writes, expected) in cases {
        let (_data, options) = written(writes);
        let found = faults(&options);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (fault, expected) in found.iter().zip(expected) {
            assert!(fault.starts_with(expected), "{fault}");
        }
    }
}

#[test]
fn every_damaged_row_is_reported_with_the_rollback() {
    let (data, options) = golden(6);
    let path = data.path().join(crate::data::STORE);
    let mut rows = vec![];
    Store::open(&path)
        .unwrap()
        .scan(&[], |row| {
            rows.push(row);
            ControlFlow::Continue(())
        })
        .unwrap();
    let store = Store::open(&path).unwrap().into_writable().unwrap();
    let damaged = |table: &'static str| {
        let row = rows.iter().find(|row| row.table == table).unwrap();
        let mut value = row.value.clone();
        *value.last_mut().unwrap() ^= 1;
        RowChange {
            table,
            primary_key: row.primary_key.clone(),
            expected: None,
            revision: row.revision,
            change: Change::Put(value),
        }
    };
    let edits = ["key", "secret-value", "user", "anchor"].map(damaged);
    store.commit(&[&edits], &mut Unanchored).unwrap();
    drop(store);
    let report = check_store(&options).unwrap();
    let of_damage: Vec<_> = report
        .faults
        .iter()
        .filter(|fault| fault.fault == Fault::Damaged)
        .map(|fault| (&*fault.table, fault.name.len()))
        .collect();
    assert_eq!(of_damage, [("key", 36), ("secret-value", 36), ("user", 5), ("anchor", 1)]);
    assert!(report.faults.len() > 4, "what named them dangles");

    let (data, options) = golden(6);
    let store = Store::open(&data.path().join(crate::data::STORE)).unwrap().into_writable().unwrap();
    let use_of_key = RowChange { change: Change::Delete, ..damaged("access-key-use") };
    store.commit(&[&[use_of_key]], &mut Unanchored).unwrap();
    drop(store);
    let report = check_store(&options).unwrap();
    let [fault] = &*report.faults else { panic!("{report:?}") };
    assert_eq!(fault.fault, Fault::RolledBack(Rollback::RowsMissing { count: 1 }));
    assert_eq!(fault.to_string(), "a record was removed from the store");
}

#[test]
fn a_store_that_a_server_has_or_that_is_not_there_is_not_checked() {
    let (data, options) = golden(6);
    let server = Options::new(data.path(), Role::Server);
    let kms = Kms::open(&server, SystemClock).unwrap();
    let refused = check_store(&options).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { by: Role::Server, .. }), "{refused}");
    drop(kms);
    check_store(&options).unwrap();

    let empty = tempfile::tempdir().unwrap();
    let below = empty.path().join("none");
    for data in [empty.path(), &below] {
        let refused = check_store(&Options::new(data, Role::Command)).unwrap_err();
        assert!(matches!(refused, OpenError::Directory { .. }), "{refused}");
    }
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0, "nothing was made");
}
