//! `bulla audit` while a server writes the trail.

use std::fs;
use std::sync::Arc;

use bulla_keys::root::RootKey;
use bulla_keys::{StoreId, SystemRandom};
use bulla_kms::audit::{Content, Event, Identity, Limits, Line, Members, Opening, Time, Trail};
use rustix::process::Signal;

use crate::harness::{World, wait_for};

/// Further lines are printed once each and in order, across files, also while files are compressed.
#[test]
fn tail_follows_the_trail_from_one_file_to_the_next() {
    let world = World::new();
    let store = StoreId::random(&SystemRandom);
    let identity = Identity { store, node: "test".into(), epoch: 1 };
    let time = Time::from_unix_millis(1_767_225_600_000);
    let opening = Opening {
        identity: identity.clone(),
        roots: Arc::new(RootKey::random(&SystemRandom).keys(store, 1)),
        limits: Limits { file: 2000, ..Limits::default() },
        noted: None,
        unwritten: None,
        now: time,
    };
    let mut trail = Trail::open(&world.path("data/audit"), opening).unwrap();
    let event = |number: usize| {
        let content = Content::Event(Event { event: format!("event-{number}").into(), ..Event::default() });
        Members::new(&identity, &Line { time, content })
    };
    trail.append(&(0..5).map(event).collect::<Vec<_>>()).unwrap();
    let tail = world.sh("exec bulla audit tail -f -n 2 --data data > printed").start();
    let printed = || fs::read_to_string(world.path("printed")).unwrap_or_default();
    wait_for("the last lines", || printed().contains("event-4"));
    for number in 5..60 {
        trail.append(&[event(number)]).unwrap();
        if trail.rotate_if_due(1, time).unwrap() {
            trail.housekeeping().run().unwrap();
        }
    }
    wait_for("the newest line", || printed().contains("event-59"));
    tail.signal(Signal::TERM);
    tail.finish();
    let text = printed();
    let events: Vec<&str> = text.lines().map(|line| line.split("  ").nth(3).unwrap()).collect();
    let expected: Vec<String> = (3..60).map(|number| format!("event-{number}")).collect();
    assert_eq!(events, expected);
}
