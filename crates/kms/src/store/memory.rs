//! A store in memory that several nodes share, for tests: what the border is for beside redb.

use std::collections::BTreeMap;
use std::mem;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use bulla_keys::record::Revision;

use super::Wake;
use super::batch::apply_in_order;
use super::error::StoreError;
use super::row::{Change, Committed, Conflict, ForeignCommit, ForeignRow, RowChange, StoredRow, Version};

/// One process with the shared store open.
pub(crate) struct Node {
    cluster: Arc<Cluster>,
    number: usize,
    /// Runs once before the next commit of this node.
    pub(crate) before_commit: Mutex<Option<Hook>>,
    /// Runs once before the next read of this node.
    pub(crate) before_get: Mutex<Option<Hook>>,
    /// Runs once before this node is woken by what others write.
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

/// What one node has to hear of the others.
#[derive(Default)]
struct Feed {
    commits: Vec<ForeignCommit>,
    wake: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl Cluster {
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

    /// Takes a row away as damage does: no node hears of it.
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
        skipped: &[&str],
        mut visit: impl FnMut(StoredRow) -> ControlFlow<()>,
    ) -> Result<Version, StoreError> {
        let inner = self.cluster.0.lock().unwrap();
        let mut rows = inner.rows.iter().filter(|((table, _), _)| !skipped.contains(&table.as_str()));
        let _ = rows.try_for_each(|(key, row)| visit(stored_row(key, row)));
        Ok(Version(inner.version))
    }

    pub(super) fn commit(&self, transactions: &[&[RowChange]]) -> Result<Committed, StoreError> {
        run(&self.before_commit);
        let mut inner = self.cluster.0.lock().unwrap();
        let apply = |changes: &[RowChange]| Ok::<_, StoreError>(inner.apply(self.number, changes));
        let results = apply_in_order(transactions, apply)?;
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
    fn apply(&mut self, node: usize, changes: &[RowChange]) -> Result<(), Conflict> {
        let key = |row: &RowChange| (row.table.to_owned(), row.primary_key.clone());
        let revision = |row: &RowChange| self.rows.get(&key(row)).map_or(0, |(revision, _)| *revision);
        let is_as_expected = |row: &RowChange| row.expected.is_none_or(|expected| revision(row) == expected);
        if !changes.iter().all(is_as_expected) {
            return Err(Conflict);
        }
        self.version += 1;
        let mut rows = Vec::new();
        for row in changes {
            let key = key(row);
            match &row.change {
                Change::Put(value) => {
                    self.rows.insert(key.clone(), (row.revision, value.clone()));
                    rows.push(ForeignRow::Put(stored_row(&key, &self.rows[&key])));
                }
                Change::Delete => {
                    self.rows.remove(&key);
                    rows.push(ForeignRow::Deleted { table: key.0, primary_key: key.1 });
                }
                Change::Keep => {}
            }
        }
        let commit = ForeignCommit { version: Version(self.version), rows };
        for (_, feed) in self.nodes.iter_mut().enumerate().filter(|(number, _)| *number != node) {
            feed.commits.push(commit.clone());
        }
        Ok(())
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
