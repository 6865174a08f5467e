//! What a redb file contains, and what it refuses.

use super::*;
use crate::store::Unanchored;

const A_HEADER: &[u8] = &[1, 2, 3];

fn empty(_: &mut Fill<'_>) -> Result<(), StoreError> {
    Ok(())
}

fn put(key: &str, expected: Revision, value: &str) -> RowChange {
    row(key, expected, Change::Put(value.as_bytes().to_vec()))
}

fn row(key: &str, expected: Revision, change: Change) -> RowChange {
    let primary_key = key.as_bytes().to_vec();
    let revision = expected + 1;
    RowChange { table: "t", primary_key, expected: Some(expected), revision, change }
}

fn commit(store: &RedbStore, transactions: &[&[RowChange]]) -> Result<Committed, StoreError> {
    store.commit(transactions, &mut Unanchored)
}

fn rows(store: &RedbStore) -> Vec<(String, Revision, String)> {
    let mut rows = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    store
        .scan(&[], |StoredRow { table, primary_key, revision, value }| {
            assert_eq!(table, "t");
            rows.push((text(&primary_key), revision, text(&value)));
            ControlFlow::Continue(())
        })
        .unwrap();
    rows
}

#[test]
fn rows_last_with_their_revisions() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let store = RedbStore::create(&path, A_HEADER, empty).unwrap();
    let committed = commit(&store, &[&[put("a", 0, "1")], &[put("a", 1, "2"), put("b", 0, "x")]]).unwrap();
    assert_eq!(committed.results, [Ok(()), Ok(())]);
    drop(store);
    let store = RedbStore::open(&path).unwrap();
    assert_eq!(store.header().unwrap(), A_HEADER);
    assert_eq!(rows(&store), [("a".into(), 2, "2".into()), ("b".into(), 1, "x".into())]);
}

#[test]
fn a_conflict_writes_nothing_of_its_transaction_and_all_of_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let store = RedbStore::create(&directory.path().join("store"), A_HEADER, empty).unwrap();
    let committed = commit(
        &store,
        &[
            &[put("a", 0, "1")],
            &[put("c", 0, "1"), put("a", 0, "2")],
            &[put("b", 0, "1")],
            &[put("d", 0, "1")],
            &[row("b", 1, Change::Delete)],
        ],
    )
    .unwrap();
    assert_eq!(committed.results, [Ok(()), Err(Conflict), Ok(()), Ok(()), Ok(())]);
    assert_eq!(rows(&store), [("a".into(), 1, "1".into()), ("d".into(), 1, "1".into())]);
}

/// Its row may still have the expected revision, from a change that the decision does not know.
#[test]
fn a_conflict_is_one_for_all_later_transactions_that_rest_on_what_it_would_have_written() {
    let directory = tempfile::tempdir().unwrap();
    let store = RedbStore::create(&directory.path().join("store"), A_HEADER, empty).unwrap();
    commit(&store, &[&[put("a", 0, "another process"), put("b", 0, "x")]]).unwrap();
    let committed = commit(
        &store,
        &[
            &[put("a", 0, "1"), row("b", 1, Change::Keep)],
            &[put("a", 1, "2"), put("c", 0, "2")],
            &[put("d", 0, "3"), row("a", 1, Change::Keep)],
            &[row("a", 1, Change::Delete)],
            &[put("c", 0, "5")],
            &[put("b", 1, "6")],
        ],
    )
    .unwrap();
    let conflict = Err(Conflict);
    assert_eq!(committed.results, [conflict, conflict, conflict, conflict, conflict, Ok(())]);
    assert_eq!(rows(&store), [("a".into(), 1, "another process".into()), ("b".into(), 2, "6".into())]);
}

#[test]
fn a_decision_holds_only_while_the_rows_it_rests_on_stay() {
    let directory = tempfile::tempdir().unwrap();
    let store = RedbStore::create(&directory.path().join("store"), A_HEADER, empty).unwrap();
    let resting_on_a = |key: &str, expected| [put(key, 0, "1"), row("a", expected, Change::Keep)];
    commit(&store, &[&[put("a", 0, "1")]]).unwrap();
    let committed = commit(
        &store,
        &[&resting_on_a("b", 1), &[put("a", 1, "2")], &resting_on_a("c", 1), &resting_on_a("d", 0)],
    )
    .unwrap();
    assert_eq!(committed.results, [Ok(()), Ok(()), Err(Conflict), Err(Conflict)]);
    let keys: Vec<_> = rows(&store).into_iter().map(|(key, revision, _)| (key, revision)).collect();
    assert_eq!(keys, [("a".into(), 2), ("b".into(), 1)], "kept rows count no revision");
}

#[test]
fn a_row_that_belongs_to_another_one_is_deleted_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let store = RedbStore::create(&directory.path().join("store"), A_HEADER, empty).unwrap();
    commit(&store, &[&[put("a", 0, "1"), put("b", 0, "1")]]).unwrap();
    let delete = || RowChange { expected: None, ..row("a", 0, Change::Delete) };
    let committed = commit(&store, &[&[delete(), put("b", 7, "2")], &[delete()], &[delete()]]).unwrap();
    assert_eq!(committed.results, [Err(Conflict), Ok(()), Ok(())]);
    assert_eq!(rows(&store), [("b".into(), 1, "1".into())]);
}

#[test]
fn a_scan_hands_out_every_row_and_leaves_values_of_tables_out() {
    let directory = tempfile::tempdir().unwrap();
    let store = RedbStore::create(&directory.path().join("store"), A_HEADER, empty).unwrap();
    let tables = ["a", "secret", "secret-value", "secret-value-x", "z"];
    let rows = tables.map(|table| RowChange { table, ..put("\u{1}", 0, "1") });
    commit(&store, &[&rows]).unwrap();
    let valued = |without_values: &[&str]| {
        let mut found = Vec::new();
        let mut valued = Vec::new();
        let visit = |row: StoredRow| {
            assert_eq!((&*row.primary_key, row.revision), (&b"\x01"[..], 1));
            valued.extend((row.value == b"1").then(|| row.table.clone()));
            assert!(row.value == b"1" || row.value.is_empty());
            found.push(row.table);
            ControlFlow::Continue(())
        };
        store.scan(without_values, visit).unwrap();
        assert_eq!(found, tables);
        valued
    };
    assert_eq!(valued(&[]), tables);
    assert_eq!(valued(&["secret-value"]), ["a", "secret", "secret-value-x", "z"]);
    assert_eq!(valued(&["z", "secret", "a"]), ["secret-value", "secret-value-x"]);
    assert_eq!(valued(&tables), [""; 0]);
}

/// The changes of rows in a commit, as passed to the anchor.
#[derive(Default)]
struct Heard {
    moves: Vec<(String, Revision, Revision)>,
    found: Vec<Option<Revision>>,
    refuses: bool,
}

impl Anchoring for Heard {
    fn places(&self) -> &[(&'static str, &'static [u8])] {
        &[("t", b"anchor")]
    }

    fn anchor(
        &mut self,
        found: &[Option<StoredRow>],
        moves: &[Move<'_>],
    ) -> Result<Vec<StoredRow>, StoreError> {
        if self.refuses {
            return Err(StoreError::Damaged);
        }
        self.found.extend(found.iter().map(|row| row.as_ref().map(|row| row.revision)));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        self.moves.extend(moves.iter().map(|row| (text(row.primary_key), row.from, row.to)));
        let revision = found[0].as_ref().map_or(0, |row| row.revision) + 1;
        let value = b"!".to_vec();
        Ok(vec![StoredRow { table: "t".into(), primary_key: b"anchor".to_vec(), revision, value }])
    }
}

#[test]
fn the_anchor_follows_what_succeeds_and_is_written_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = RedbStore::create(&directory.path().join("store"), A_HEADER, empty).unwrap();
    let mut heard = Heard::default();
    let delete = |key, expected| RowChange { expected, ..row(key, 0, Change::Delete) };
    store.commit(&[&[put("a", 0, "1"), put("b", 0, "1")], &[put("a", 7, "2")]], &mut heard).unwrap();
    store
        .commit(
            &[
                &[put("a", 1, "2"), row("b", 1, Change::Keep)],
                &[put("a", 2, "3"), delete("b", None), delete("none", None)],
            ],
            &mut heard,
        )
        .unwrap();
    let moves: Vec<_> = heard.moves.iter().map(|(key, from, to)| (&**key, *from, *to)).collect();
    let second = [("a", 1, 2), ("a", 2, 3), ("b", 1, 0), ("none", 0, 0)];
    assert_eq!(moves, [&[("a", 0, 1), ("b", 0, 1)][..], &second].concat());
    assert_eq!(heard.found, [None, Some(1)]);
    assert_eq!(store.write_header(A_HEADER, &[4], &[put("c", 0, "1")], &mut heard).unwrap(), Ok(()));
    assert_eq!((heard.moves.last().unwrap(), heard.found[2]), (&("c".into(), 0, 1), Some(2)));

    let before = rows(&store);
    heard.refuses = true;
    store.commit(&[&[put("d", 0, "1")]], &mut heard).unwrap_err();
    store.write_header(&[4], &[5], &[put("d", 0, "1")], &mut heard).unwrap_err();
    assert_eq!((rows(&store), store.header().unwrap()), (before, vec![4]), "nothing was written");
}

#[test]
fn a_header_is_replaced_if_it_is_the_expected_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let store = RedbStore::create(&path, A_HEADER, empty).unwrap();
    commit(&store, &[&[put("a", 0, "1")]]).unwrap();
    assert_eq!(store.write_header(&[1, 2], &[4], &[], &mut Unanchored).unwrap(), Err(Conflict));
    assert_eq!(store.header().unwrap(), A_HEADER);
    assert_eq!(store.write_header(A_HEADER, &[4], &[], &mut Unanchored).unwrap(), Ok(()));
    drop(store);
    let store = RedbStore::open(&path).unwrap();
    assert_eq!(store.header().unwrap(), [4]);
    assert_eq!(rows(&store).len(), 1, "rows stay");
}

#[test]
fn a_store_that_is_opened_for_reading_is_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    drop(RedbStore::create(&path, A_HEADER, empty).unwrap());
    let content = std::fs::read(&path).unwrap();
    let store = RedbStore::open(&path).unwrap();
    assert_eq!(store.header().unwrap(), A_HEADER);
    assert!(matches!(store.write_header(A_HEADER, &[4], &[], &mut Unanchored), Err(StoreError::ReadOnly)));
    assert!(matches!(commit(&store, &[&[put("a", 0, "1")]]), Err(StoreError::ReadOnly)));
    drop(store);
    assert_eq!(std::fs::read(&path).unwrap(), content);

    let store = RedbStore::open(&path).unwrap().into_writable().unwrap();
    assert_eq!(commit(&store, &[&[put("a", 0, "1")]]).unwrap().results, [Ok(())]);
}

#[test]
fn other_files_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    assert!(RedbStore::open(&path).is_err(), "missing");
    for content in [vec![], b"hello".to_vec(), vec![0; 1 << 16]] {
        std::fs::write(&path, &content).unwrap();
        let opened = RedbStore::open(&path).and_then(|store| store.header());
        assert!(opened.is_err(), "{} bytes", content.len());
    }
}
