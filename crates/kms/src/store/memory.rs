//! A store in memory that several nodes share, for tests: the second engine behind the storage interface.

use std::collections::BTreeMap;
use std::mem;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use bulla_keys::record::Revision;

use super::Wake;
use super::batch::apply_in_order;
use super::error::StoreError;
use super::row::{
    Anchoring, Change, Committed, Conflict, ForeignCommit, ForeignRow, Move, RowChange, StoredRow, Version,
};

/// One process that has the shared store open.
pub(crate) struct Node {
    cluster: Arc<Cluster>,
    number: usize,
    /// Runs once before the next commit of this node.
    pub(crate) before_commit: Mutex<Option<Hook>>,
    /// Runs once before the next read of this node.
    pub(crate) before_get: Mutex<Option<Hook>>,
    /// Runs once before this node is notified of writes of other nodes.
    pub(crate) before_watch: Mutex<Option<Hook>>,
}

pub(crate) type Hook = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub(crate) struct Cluster(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    version: u64,
    rows: BTreeMap<RowKey, (Revision, Vec<u8>)>,
    nodes: Vec<Feed>,
}

type RowKey = (String, Vec<u8>);

/// The writes of other nodes that one node has not read yet.
#[derive(Default)]
struct Feed {
    commits: Vec<ForeignCommit>,
    wake: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl Cluster {
    /// Returns a store with some rows.
    pub(crate) fn with(rows: &[StoredRow]) -> Arc<Self> {
        let rows = rows.iter().cloned();
        let rows = rows.map(|row| ((row.table, row.primary_key), (row.revision, row.value)));
        Arc::new(Self(Mutex::new(Inner { rows: rows.collect(), ..Inner::default() })))
    }

    pub(crate) fn join(self: &Arc<Self>) -> Node {
        let mut inner = self.0.lock().unwrap();
        inner.nodes.push(Feed::default());
        let number = inner.nodes.len() - 1;
        Node {
            cluster: Arc::clone(self),
            number,
            before_commit: Mutex::default(),
            before_get: Mutex::default(),
            before_watch: Mutex::default(),
        }
    }

    /// Removes a row as damage would: no node is notified.
    pub(crate) fn lose(&self, table: &str, primary_key: &[u8]) {
        self.0.lock().unwrap().rows.remove(&(table.into(), primary_key.into())).unwrap();
    }
}

impl Node {
    pub(super) fn get(&self, keys: &[(&str, &[u8])]) -> Result<Vec<Option<StoredRow>>, StoreError> {
        run(&self.before_get);
        let inner = self.cluster.0.lock().unwrap();
        let get = |(table, primary_key): &(&str, &[u8])| {
            let key = ((*table).to_owned(), primary_key.to_vec());
            inner.rows.get(&key).map(|row| stored_row(&key, row))
        };
        Ok(keys.iter().map(get).collect())
    }

    pub(super) fn scan(
        &self,
        without_values: &[&str],
        mut visit: impl FnMut(StoredRow) -> ControlFlow<()>,
    ) -> Result<Version, StoreError> {
        let inner = self.cluster.0.lock().unwrap();
        let _ = inner.rows.iter().try_for_each(|(key, row)| {
            let mut row = stored_row(key, row);
            if without_values.contains(&&*row.table) {
                row.value.clear();
            }
            visit(row)
        });
        Ok(Version(inner.version))
    }

    pub(super) fn commit(
        &self,
        transactions: &[&[RowChange]],
        anchoring: &mut dyn Anchoring,
    ) -> Result<Committed, StoreError> {
        run(&self.before_commit);
        let mut inner = self.cluster.0.lock().unwrap();
        let before = (inner.version, inner.rows.clone());
        let mut moves = Vec::new();
        let mut written = Vec::new();
        let results = apply_in_order(transactions, |changes| {
            Ok::<_, StoreError>(inner.apply(changes, &mut moves).map(|commit| written.push(commit)))
        })?;
        match inner.anchor(anchoring, &moves) {
            Ok(commit) => written.extend(commit),
            Err(error) => {
                (inner.version, inner.rows) = before;
                return Err(error);
            }
        }
        inner.feed(self.number, &written);
        let version = Version(inner.version);
        let others = inner.nodes.iter().enumerate().filter(|(number, _)| *number != self.number);
        let wakes: Vec<_> = others.filter_map(|(_, feed)| feed.wake.clone()).collect();
        drop(inner);
        wakes.iter().for_each(|wake| wake());
        Ok(Committed { results, version })
    }

    pub(super) fn watch(&self, wake: Wake) {
        run(&self.before_watch);
        self.cluster.0.lock().unwrap().nodes[self.number].wake = Some(wake.into());
    }

    pub(super) fn foreign(&self) -> Vec<ForeignCommit> {
        mem::take(&mut self.cluster.0.lock().unwrap().nodes[self.number].commits)
    }
}

impl Inner {
    fn apply<'a>(
        &mut self,
        changes: &'a [RowChange],
        moves: &mut Vec<Move<'a>>,
    ) -> Result<ForeignCommit, Conflict> {
        let key = |row: &RowChange| (row.table.to_owned(), row.primary_key.clone());
        let revision = |row: &RowChange| self.rows.get(&key(row)).map_or(0, |(revision, _)| *revision);
        let is_as_expected = |row: &RowChange| row.expected.is_none_or(|expected| revision(row) == expected);
        if !changes.iter().all(is_as_expected) {
            return Err(Conflict);
        }
        let mut rows = Vec::new();
        for row in changes {
            let key = key(row);
            let (replaced, to) = match &row.change {
                Change::Put(value) => {
                    let replaced = self.rows.insert(key.clone(), (row.revision, value.clone()));
                    rows.push(ForeignRow::Put(stored_row(&key, &self.rows[&key])));
                    (replaced, row.revision)
                }
                Change::Delete => {
                    let replaced = self.rows.remove(&key);
                    rows.push(ForeignRow::Deleted { table: key.0, primary_key: key.1 });
                    (replaced, 0)
                }
                Change::Keep => continue,
            };
            let from = replaced.map_or(0, |(revision, _)| revision);
            moves.push(Move { table: row.table, primary_key: &row.primary_key, from, to });
        }
        Ok(self.next_commit(rows))
    }

    /// Writes the next anchor.
    fn anchor(
        &mut self,
        anchoring: &mut dyn Anchoring,
        moves: &[Move<'_>],
    ) -> Result<Option<ForeignCommit>, StoreError> {
        let places = anchoring.places().iter();
        let keys = places.map(|(table, primary_key)| ((*table).to_owned(), primary_key.to_vec()));
        let found: Vec<_> = keys.map(|key| self.rows.get(&key).map(|row| stored_row(&key, row))).collect();
        let anchor = anchoring.anchor(&found, moves)?;
        for StoredRow { table, primary_key, revision, value } in anchor.iter().cloned() {
            self.rows.insert((table, primary_key), (revision, value));
        }
        let rows: Vec<_> = anchor.into_iter().map(ForeignRow::Put).collect();
        Ok((!rows.is_empty()).then(|| self.next_commit(rows)))
    }

    fn next_commit(&mut self, rows: Vec<ForeignRow>) -> ForeignCommit {
        self.version += 1;
        ForeignCommit { version: Version(self.version), rows }
    }

    /// Notifies all other nodes of commits.
    fn feed(&mut self, node: usize, commits: &[ForeignCommit]) {
        for (_, feed) in self.nodes.iter_mut().enumerate().filter(|(number, _)| *number != node) {
            feed.commits.extend_from_slice(commits);
        }
    }
}

fn run(hook: &Mutex<Option<Hook>>) {
    let hook = hook.lock().unwrap().take();
    if let Some(hook) = hook {
        hook();
    }
}

fn stored_row((table, primary_key): &RowKey, (revision, value): &(Revision, Vec<u8>)) -> StoredRow {
    StoredRow {
        table: table.clone(),
        primary_key: primary_key.clone(),
        revision: *revision,
        value: value.clone(),
    }
}
