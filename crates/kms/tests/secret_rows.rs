//! Rows of secret values that were edited, exchanged or removed. A start refuses what it can detect without opening values;
//! only requests that read a damaged value fail.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::path::Path;

use bulla_kms::{Kms, OpenError, Options, Role, Rollback, StoreError};
use redb::{Database, ReadableTable, TableDefinition};
use support::Bench;

const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// Replaces the rows of values with the result of `edit`.
fn edit_values(store: &Path, edit: impl FnOnce(&mut Rows)) {
    let database = Database::open(store).unwrap();
    let write = database.begin_write().unwrap();
    {
        let mut table = write.open_table(ROWS).unwrap();
        let all = table.iter().unwrap().map(|row| row.unwrap());
        let all = all.map(|(key, value)| (key.value().to_vec(), value.value().to_vec()));
        let mut rows: Rows = all.filter(|(key, _)| key.starts_with(b"secret-value\0")).collect();
        assert_eq!(rows.len(), 2);
        for (key, _) in &rows {
            table.remove(key.as_slice()).unwrap();
        }
        edit(&mut rows);
        for (key, value) in rows {
            table.insert(key.as_slice(), value.as_slice()).unwrap();
        }
    }
    write.commit().unwrap();
}

#[test]
fn a_value_that_was_tampered_with_is_not_read() {
    type Edit = (&'static str, fn(&mut Rows));
    let edits: [Edit; 6] = [
        ("its revision", |rows| rows[0].1[7] ^= 1),
        ("its end", |rows| *rows[0].1.last_mut().unwrap() ^= 1),
        ("cut", |rows| rows[0].1.truncate(5)),
        ("removed", |rows| drop(rows.remove(0))),
        ("exchanged", |rows| {
            let value = rows[0].1.clone();
            rows[0].1 = std::mem::replace(&mut rows[1].1, value);
        }),
        ("copied", |rows| rows[0].1 = rows[1].1.clone()),
    ];
    for (what, edit) in edits {
        let bench = Bench::new();
        for name in ["a", "b"] {
            let secret = [("SecretName", name), ("VersionId", "1"), ("SecretData", name)];
            bench.ok("CreateSecret", &secret);
        }
        let Bench { kms, clock, data } = bench;
        drop(kms);
        edit_values(&data.path().join("store.redb"), edit);
        let options = Options::new(data.path(), Role::Command);
        match Kms::open(&options, clock.clone()).map(drop) {
            Ok(()) => assert_eq!(what, "its end"),
            Err(OpenError::Store { source: StoreError::RolledBack(rollback), .. }) => match rollback {
                Rollback::RowsMissing { count: 1 } => assert_eq!(what, "removed"),
                Rollback::RowDamaged { table, .. } => assert_eq!(table, "secret-value", "{what}"),
                other => panic!("{what}: {other:?}"),
            },
            Err(error) => panic!("{what}: {error}"),
        }
        let kms = Kms::open(&Options { accept_rollback: true, ..options }, clock.clone()).unwrap();
        let bench = Bench { kms, clock, data };
        let mut refused = 0;
        for name in ["a", "b"] {
            bench.ok("DescribeSecret", &[("SecretName", name)]);
            match bench.send("GetSecretValue", &[("SecretName", name)]) {
                Ok(value) => assert_eq!(value["SecretData"], name, "{what}"),
                Err(error) => {
                    assert!(error.starts_with("500 InternalFailure"), "{what}: {error}");
                    refused += 1;
                }
            }
        }
        assert_eq!(refused, if what == "exchanged" { 2 } else { 1 }, "{what}");
        bench.key();
    }
}
