//! Tests of several nodes with one store, and of reads beside commits.

mod engines;

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bulla_keys::StoreId;
use bulla_keys::root::RootKey;

use super::sample::Sample;
use super::*;
use crate::clock::EngineClock;
use crate::data::Data;
use crate::lock::Lock;
use crate::store::{Cluster, Node};
use crate::{Options, Role, SystemClock};

/// A process with the store open.
struct Process {
    state: State,
    store: Arc<Store>,
    _data: tempfile::TempDir,
}

struct Site {
    cluster: Arc<Cluster>,
    roots: Arc<RootKeys>,
}

impl Site {
    fn new() -> Self {
        let roots = RootKey::random(&bulla_keys::SystemRandom);
        let roots = Arc::new(roots.keys(StoreId::random(&bulla_keys::SystemRandom), 1));
        Self { cluster: Cluster::with(&of_empty_store(&roots)), roots }
    }

    fn start(&self) -> Process {
        self.start_as(self.cluster.join())
    }

    fn start_as(&self, node: Node) -> Process {
        let data = tempfile::tempdir().unwrap();
        let lock = Lock::take(&Options::new(data.path(), Role::Server)).unwrap();
        Process::over(Store::Memory(node), &self.roots, lock, data)
    }
}

impl Process {
    fn over(store: Store, roots: &Arc<RootKeys>, lock: Lock, data: tempfile::TempDir) -> Self {
        let store = Arc::new(store);
        let watch = Arc::new(Watch::new(lock, Arc::clone(&store)));
        let format = RowFormat::Current;
        let state =
            State::start(Arc::clone(&store), watch, Arc::clone(roots), format, OnRollback::Refuse, None)
                .unwrap();
        Self { state, store, _data: data }
    }

    fn node(&self) -> &Node {
        node(&self.store)
    }

    fn row(&self, name: &str) -> Option<Row<Sample>> {
        self.state.snapshot().unwrap().get(&name.into()).cloned()
    }

    fn colour(&self, name: &str) -> Option<u8> {
        self.row(name).map(|row| row.record.colour)
    }

    /// Decides on changes once, and submits them.
    fn stage(&self, writes: impl FnOnce(&Snapshot) -> Vec<(Write, Revision)>) -> Answered {
        let decide = |snapshot: &Snapshot| Ok::<_, Error>(Changes::for_test(writes(snapshot)).answering(()));
        self.state.stage(0, decide).unwrap().1
    }

    /// Decides until the changes are committed; returns the number of decisions.
    fn change(&self, writes: impl Fn(&Snapshot) -> Vec<(Write, Revision)>) -> usize {
        for decisions in 1.. {
            match pollster::block_on(self.stage(&writes)).unwrap() {
                Ok(()) => return decisions,
                Err(CommitError::Conflict) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        unreachable!()
    }

    fn put(&self, samples: &[(&str, u8)]) {
        self.change(|snapshot| samples.iter().map(|(name, colour)| put(snapshot, name, *colour)).collect());
    }

    fn delete(&self, name: &str) {
        let revision = |snapshot: &Snapshot| snapshot.get::<Sample>(&name.into()).unwrap().revision;
        self.change(|snapshot| vec![(Write::NoSample(name.into()), revision(snapshot))]);
    }

    /// Reads a sample as if its value was not in the snapshot.
    fn read(&self, row: &Row<Sample>) -> Result<Vec<Sample>, ReadError> {
        let requested = vec![(row.record.name.clone(), Some(row.revision))];
        let is_current = |snapshot: &Snapshot| {
            snapshot.get::<Sample>(&row.record.name).is_some_and(|newer| newer.revision == row.revision)
        };
        pollster::block_on(self.state.read(requested, |snapshot, _| is_current(snapshot)))
    }
}

fn node(store: &Store) -> &Node {
    match store {
        Store::Memory(node) => node,
        Store::Redb(_) => unreachable!(),
    }
}

fn put(snapshot: &Snapshot, name: &str, colour: u8) -> (Write, Revision) {
    let expected = snapshot.get::<Sample>(&name.into()).map_or(0, |row| row.revision);
    (Write::Sample(Sample { name: name.into(), colour }), expected)
}

pub(super) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_micros(100));
    }
}

#[test]
fn what_a_node_writes_reaches_the_others_whole_and_in_order() {
    let site = Site::new();
    let one = site.start();
    let other = site.start();
    thread::scope(|scope| {
        scope.spawn(|| (1..=200).for_each(|colour| one.put(&[("x", colour), ("y", colour)])));
        let mut last = None;
        wait_until("the last write arrives", || {
            let snapshot = other.state.snapshot().unwrap();
            let colour = |name: &str| snapshot.get::<Sample>(&name.into()).map(|row| row.record.colour);
            assert_eq!(colour("x"), colour("y"), "a transaction is seen whole");
            assert!(last <= colour("x"), "in order");
            last = colour("x");
            last == Some(200)
        });
    });
    one.delete("x");
    wait_until("the deletion arrives", || other.row("x").is_none());
    assert_eq!(site.start().colour("y"), Some(200), "a third one reads it at its start");
}

#[test]
fn what_others_wrote_before_a_commit_is_seen_when_it_is_answered() {
    let site = Site::new();
    let one = site.start();
    let other = site.start();
    for colour in 1..=100 {
        one.put(&[("x", colour)]);
        other.put(&[("y", colour)]);
        assert_eq!((other.colour("x"), other.colour("y")), (Some(colour), Some(colour)));
    }
}

#[test]
fn a_decision_that_another_node_overtook_is_made_again() {
    let site = Site::new();
    let one = Arc::new(site.start());
    let other = site.start();
    one.put(&[("x", 1)]);
    other.put(&[("y", 0)]);
    let overtaking = Arc::clone(&one);
    *other.node().before_commit.lock().unwrap() = Some(Box::new(move || overtaking.put(&[("x", 7)])));
    let twice = |snapshot: &Snapshot| {
        let colour = snapshot.get::<Sample>(&"x".into()).unwrap().record.colour;
        vec![put(snapshot, "x", colour * 2)]
    };
    assert_eq!(other.change(twice), 2);
    assert_eq!(other.colour("x"), Some(14));
    wait_until("it arrives", || one.colour("x") == Some(14));
}

type Decide = fn(&Snapshot) -> Vec<(Write, Revision)>;

/// The other node's write gives the row the revision that the first change would have given it.
#[test]
fn a_decision_that_rests_on_an_overtaken_one_is_made_again() {
    let second: [Decide; 3] = [
        |snapshot| vec![put(snapshot, "x", 3)],
        |snapshot| vec![put(snapshot, "z", 3), (Write::SameSample("x".into()), put(snapshot, "x", 0).1)],
        |snapshot| vec![(Write::NoSample("x".into()), put(snapshot, "x", 0).1)],
    ];
    for second in second {
        let site = Site::new();
        let one = Arc::new(site.start());
        let other = site.start();
        one.put(&[("x", 1)]);
        wait_until("it arrives", || other.row("x").is_some());
        let (staged, are_staged) = mpsc::channel();
        let overtaking = Arc::clone(&one);
        *other.node().before_commit.lock().unwrap() = Some(Box::new(move || {
            are_staged.recv_timeout(Duration::from_secs(60)).expect("the changes are staged");
            overtaking.put(&[("x", 7)]);
        }));
        let independent = other.stage(|snapshot| vec![put(snapshot, "y", 1)]);
        let overtaken = other.stage(|snapshot| vec![put(snapshot, "x", 2)]);
        let resting_on_it = other.stage(second);
        staged.send(()).unwrap();
        pollster::block_on(independent).unwrap().unwrap();
        for answered in [overtaken, resting_on_it] {
            let outcome = pollster::block_on(answered).unwrap();
            assert!(matches!(outcome, Err(CommitError::Conflict)), "{outcome:?}");
        }
        assert_eq!((one.colour("x"), other.colour("x")), (Some(7), Some(7)));
        assert_eq!((other.colour("y"), other.colour("z")), (Some(1), None));
    }
}

#[test]
fn what_another_node_writes_during_a_start_arrives() {
    let site = Site::new();
    let one = Arc::new(site.start());
    one.put(&[("x", 1)]);
    let node = site.cluster.join();
    let writing = Arc::clone(&one);
    *node.before_watch.lock().unwrap() = Some(Box::new(move || writing.put(&[("x", 2)])));
    let starting = site.start_as(node);
    wait_until("it arrives", || starting.colour("x") == Some(2));
}

#[test]
fn nodes_that_count_together_lose_nothing() {
    let site = Site::new();
    let nodes = [site.start(), site.start(), site.start()];
    nodes[0].put(&[("x", 0)]);
    let count = |snapshot: &Snapshot| {
        let row = snapshot.get::<Sample>(&"x".into());
        row.map(|row| put(snapshot, "x", row.record.colour + 1)).into_iter().collect()
    };
    thread::scope(|scope| {
        for node in &nodes {
            wait_until("the first value arrives", || node.row("x").is_some());
            for _ in 0..4 {
                scope.spawn(move || {
                    (0..20).for_each(|_| {
                        node.change(count);
                    })
                });
            }
        }
    });
    for node in &nodes {
        wait_until("all arrive", || node.colour("x") == Some(240));
    }
}

/// A start compares it with all rows.
#[test]
fn the_anchor_is_right_after_concurrent_writes_of_nodes() {
    let site = Site::new();
    let nodes = [site.start(), site.start(), site.start()];
    nodes[0].put(&[("shared", 0)]);
    thread::scope(|scope| {
        for (number, node) in nodes.iter().enumerate() {
            wait_until("the first value arrives", || node.row("shared").is_some());
            scope.spawn(move || {
                let own = format!("own-{number}");
                let mut last = 0;
                for colour in 0..30 {
                    node.put(&[("shared", colour), (&own, colour)]);
                    if colour % 3 == 0 {
                        node.delete(&own);
                    }
                    let commit = node.state.anchor().unwrap().commit;
                    assert!(commit > last, "numbers only grow");
                    last = commit;
                }
            });
            scope.spawn(|| drop(site.start()));
        }
    });
    let starting = site.start();
    let anchor = starting.state.anchor().unwrap();
    assert_eq!(anchor.rows.rows(), 4);
    assert_eq!(anchor.commit, 2 + 3 * 40, "each change was one commit");
    for node in &nodes {
        wait_until("the anchor arrives", || node.state.anchor() == Some(anchor));
    }
}

/// The other node writes in between, so the anchor of the commit follows that node's.
#[test]
fn the_anchor_of_a_commit_follows_the_one_that_it_finds() {
    let site = Site::new();
    let one = Arc::new(site.start());
    let other = site.start();
    one.put(&[("x", 1)]);
    wait_until("it arrives", || other.row("x").is_some());
    let overtaking = Arc::clone(&one);
    *other.node().before_commit.lock().unwrap() = Some(Box::new(move || overtaking.put(&[("x", 7)])));
    assert_eq!(other.change(|snapshot| vec![put(snapshot, "y", 1)]), 1, "it does not rest on the other one");
    let anchor = other.state.anchor().unwrap();
    assert_eq!((anchor.commit, anchor.rows.rows()), (4, 2));
    assert_eq!(site.start().state.anchor(), Some(anchor));
    wait_until("it arrives", || one.state.anchor() == Some(anchor));
}

#[test]
fn a_start_refuses_a_store_that_has_lost_a_row() {
    let site = Site::new();
    site.start().put(&[("x", 1), ("y", 2)]);
    site.cluster.lose("sample", b"x");
    let data = tempfile::tempdir().unwrap();
    let lock = Lock::take(&Options::new(data.path(), Role::Server)).unwrap();
    let store = Arc::new(Store::Memory(site.cluster.join()));
    let watch = Arc::new(Watch::new(lock, Arc::clone(&store)));
    let refused =
        State::start(store, watch, site.roots, RowFormat::Current, OnRollback::Refuse, None).map(drop);
    let refused = refused.unwrap_err();
    assert!(matches!(refused, StoreError::RolledBack(Rollback::RowsMissing { count: 1 })), "{refused}");
}

#[test]
fn a_row_that_changed_before_it_was_read_begins_the_request_again() {
    let site = Site::new();
    let one = Arc::new(site.start());
    let other = site.start();
    one.put(&[("x", 1)]);
    wait_until("it arrives", || other.row("x").is_some());
    let changes: [fn(&Process); 2] = [|one| one.put(&[("x", 2)]), |one| one.delete("x")];
    for change in changes {
        let row = other.row("x").unwrap();
        let changing = Arc::clone(&one);
        *other.node().before_get.lock().unwrap() = Some(Box::new(move || change(&changing)));
        let stale = other.read(&row);
        assert!(matches!(stale, Err(ReadError::Stale)), "{stale:?}");
        match other.row("x") {
            Some(newer) => assert_eq!(other.read(&newer).unwrap(), [(*newer.record).clone()]),
            None => assert!(one.row("x").is_none()),
        }
    }
    // A row that is removed and created again is another row.
    one.put(&[("x", 2)]);
    wait_until("it arrives", || other.row("x").is_some());
    let row = other.row("x").unwrap();
    let changing = Arc::clone(&one);
    *other.node().before_get.lock().unwrap() = Some(Box::new(move || {
        changing.delete("x");
        changing.put(&[("x", 2)]);
    }));
    let stale = other.read(&row);
    assert!(matches!(stale, Err(ReadError::Stale)), "{stale:?}");
}

#[test]
fn a_row_that_the_store_has_lost_is_an_error_of_the_store() {
    let site = Site::new();
    let node = site.start();
    node.put(&[("x", 1), ("y", 2)]);
    let lost = node.row("x").unwrap();
    let other = node.row("y").unwrap();
    site.cluster.lose("sample", b"x");
    let error = node.read(&lost).unwrap_err();
    assert!(
        matches!(&error, ReadError::Store(error) if matches!(**error, StoreError::Missing { .. })),
        "{error:?}"
    );
    assert_eq!(node.read(&other).unwrap().len(), 1);
}

#[test]
fn a_read_does_not_wait_for_a_commit() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options::new(directory.path(), Role::Server);
    let Data { lock, store, roots, .. } = Data::open(&options, &EngineClock::new(SystemClock)).unwrap();
    let process = Process::over(store, &Arc::new(roots), lock, directory);
    process.put(&[("x", 1)]);
    let row = process.row("x").unwrap();
    let (syncing, has_begun) = mpsc::channel();
    let (read, is_read) = mpsc::channel::<()>();
    let Store::Redb(redb) = &*process.store else { unreachable!() };
    *redb.file().before_sync.lock().unwrap() = Some(Box::new(move |_| {
        syncing.send(()).unwrap();
        is_read.recv_timeout(Duration::from_secs(60)).expect("the read waits for the commit");
    }));
    let change =
        |snapshot: &Snapshot| Ok::<_, Error>(Changes::for_test([put(snapshot, "x", 2)]).answering(()));
    let (_, answered) = process.state.stage(0, change).unwrap();
    has_begun.recv().unwrap();
    assert_eq!(process.read(&row).unwrap()[0].colour, 1, "what is being written does not count yet");
    read.send(()).unwrap();
    pollster::block_on(answered).unwrap().unwrap();
    assert_eq!(process.read(&process.row("x").unwrap()).unwrap()[0].colour, 2);
}
