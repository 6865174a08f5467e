//! Tests of a power cut at every step of the store and its trail together: no durable change lacks its line, and no store is refused.

use std::collections::HashSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use bulla_wire::Error;

use super::writer::Writer;
use super::{AuditOptions, Prepared};
use crate::audit::{
    Content, Event, GapReason, Hash, Identity, Limits, Line, Members, Memory, Opening, Record, Time, Trail,
    TrailFile,
};
use crate::clock::{Clock, EngineClock};
use crate::data::{Data, STORE};
use crate::state::power_cuts::{Recording, record, steps};
use crate::state::{Changes, OnRollback, Sample, State, Write};
use crate::store::Store;
use crate::watch::Watch;
use crate::{Kms, Options, Role, SystemClock};

const NODE: &str = "node";
/// Small, so that there are several files.
const LIMITS: Limits = Limits { file: 3000, total: 1 << 20 };

/// A store and its trail in memory, driven step by step by one thread.
struct Machine {
    data: tempfile::TempDir,
    state: State,
    store: Arc<Store>,
    identity: Identity,
    memory: Memory,
    writer: Writer<Memory>,
    /// The content of the file of the store before the first recorded step.
    before: Vec<u8>,
}

impl Machine {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        drop(Kms::open(&Options::new(data.path(), Role::Command), SystemClock).unwrap());
        let options = Options::new(data.path(), Role::Command);
        let opened = Data::open(&options, &EngineClock::new(SystemClock)).unwrap();
        let store = Arc::new(opened.store);
        let watch = Arc::new(Watch::new(opened.lock, Arc::clone(&store)));
        let roots = Arc::new(opened.roots);
        let prepared = Prepared::new();
        let follower = Some(prepared.follower());
        let shared = Arc::clone(&store);
        let state =
            State::start(shared, watch, Arc::clone(&roots), opened.format, OnRollback::Refuse, follower)
                .unwrap();
        let identity = Identity { store: roots.store(), node: NODE.into(), epoch: 1 };
        let opening = Opening {
            identity: identity.clone(),
            roots,
            limits: LIMITS,
            noted: None,
            unwritten: None,
            now: now(),
        };
        let memory = Memory::default();
        let trail = Trail::open_in(memory.clone(), opening).unwrap();
        let door = state.outbox_door();
        let clock = Arc::new(SystemClock);
        let writer = Writer::new(trail, identity.clone(), prepared.waiting, door, clock, false);
        let before = record(&store, &data.path().join(STORE));
        Self { data, state, store, identity, memory, writer, before }
    }

    /// Makes a change with its line.
    fn change(&self, name: &str) {
        let event = Event { event: name.to_owned().into(), ..Event::default() };
        let line = Members::new(&self.identity, &Line { time: now(), content: Content::Event(event) });
        let sample = Sample { name: name.into(), colour: 1 };
        let changes = Changes::for_test([(Write::Sample(sample), 0)]).with_line(|| line.as_str().into());
        let decided = |_: &_| Ok::<_, Error>(changes.answering(()));
        let (_, answered) = self.state.stage(0, decided).unwrap();
        pollster::block_on(answered).unwrap().unwrap();
    }

    /// Waits until the store has written what it does without a change.
    fn settle(&self) {
        pollster::block_on(self.state.catch_up()).unwrap_or_else(|_| panic!("the store fails"));
    }
}

/// The state after an operation on either the store or the trail.
struct Moment {
    /// Steps of the store so far.
    steps: usize,
    /// The trail as a power cut or a killed process may leave it.
    trails: [Memory; 3],
}

/// Changes, lines and seals, with a moment after each.
fn life(machine: &mut Machine) -> Vec<Moment> {
    let mut moments = vec![];
    let mut note = |machine: &Machine| {
        let memory = &machine.memory;
        let trails = [memory.after_power_cut(0), memory.after_power_cut(400), memory.after_kill()];
        moments.push(Moment { steps: steps(&machine.store).len(), trails });
    };
    note(machine);
    for round in 0..3 {
        machine.change(&format!("{round}-before"));
        note(machine);
        machine.writer.write_waiting();
        note(machine);
        let mut begun = machine.writer.begin_seal().unwrap();
        note(machine);
        machine.change(&format!("{round}-meanwhile"));
        note(machine);
        machine.writer.write_waiting();
        note(machine);
        begun.sealing.as_mut().unwrap().sync();
        note(machine);
        machine.writer.finish_seal(begun, round == 1).unwrap(); // the outbox is emptied now, or by the next change
        machine.settle();
        note(machine);
    }
    moments
}

/// Opens the remaining files, and returns the changes that the store has.
fn opened(machine: &Machine, image: &[u8], trail: &Memory, what: &str) -> usize {
    let data = tempfile::tempdir().unwrap();
    let root_key = data.path().join("root-key");
    fs::write(data.path().join(STORE), image).unwrap();
    fs::copy(machine.data.path().join("root-key"), &root_key).unwrap();
    fs::set_permissions(&root_key, Permissions::from_mode(0o600)).unwrap();
    let directory = data.path().join("audit");
    fs::DirBuilder::new().mode(0o700).create(&directory).unwrap();
    trail.dump(&directory);
    let mut options = Options::new(data.path(), Role::Command);
    options.audit = Some(AuditOptions { limits: LIMITS, ..AuditOptions::new(&directory, NODE) });
    let kms = Kms::open(&options, SystemClock).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(
        kms.audit_gaps().iter().all(|gap| gap.reason == GapReason::Cut),
        "{what}: {:?}",
        kms.audit_gaps()
    );
    let changes: Vec<_> =
        kms.state.published().rows_after::<Sample>(None).map(|row| row.record.name.clone()).collect();
    drop(kms);
    let recorded = events(&directory);
    for change in &changes {
        let lines = recorded.iter().filter(|event| **event == **change).count();
        assert_eq!(lines, 1, "{what}: {change} in {recorded:?}");
    }
    changes.len()
}

fn events(directory: &Path) -> Vec<String> {
    let mut events = vec![];
    for source in TrailFile::all(&[directory.to_owned()]).unwrap() {
        let take = |line: &[u8]| {
            if let Some(Content::Event(event)) = Record::parse(line).map(|record| record.content) {
                events.push(event.event.into_owned());
            }
            true
        };
        source.for_each(take).unwrap();
    }
    events
}

fn now() -> Time {
    Time::from(SystemClock.now())
}

#[test]
fn there_is_no_durable_change_without_its_line_and_no_store_is_refused() {
    let mut machine = Machine::new();
    let moments = life(&mut machine);
    let recording = Recording::new(machine.before.clone(), steps(&machine.store));
    let mut seen = HashSet::new();
    let mut before = 0;
    for (number, Moment { steps, trails }) in moments.iter().enumerate() {
        for step in before..=*steps {
            for image in recording.images(step) {
                for (variant, trail) in trails.iter().enumerate() {
                    if seen.insert((number, variant, Hash::of(&image))) {
                        let what = format!("moment {number}, step {step}, trail {variant}");
                        opened(&machine, &image, trail, &what);
                    }
                }
            }
        }
        before = *steps;
    }
    assert!(seen.len() > 100, "{}", seen.len());
    let last = moments.last().unwrap();
    let image = recording.images(last.steps).swap_remove(0);
    assert_eq!(opened(&machine, &image, &last.trails[2], "at the end"), 6);
}
