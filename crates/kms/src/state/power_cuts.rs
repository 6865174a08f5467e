//! Tests of the state of a store after a killed process or a power cut, at every step of its commits.

use std::collections::HashSet;
use std::fs::{self, Permissions};
use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::task::{Context, Waker};

use bulla_keys::{Random, SystemRandom};
use bulla_wire::Request;
use bulla_wire::kms::{
    CreateAlias, CreateKey, CreateSecret, DeleteAlias, DeleteSecret, PutSecretValue, UpdateAlias,
};

use super::*;
use crate::clock::EngineClock;
use crate::data::{Data, STORE};
use crate::store::Step;
use crate::{Kms, Options, Role, SystemClock};

/// The file of a store, and the operations on it since.
pub(crate) struct Recording {
    before: Vec<u8>,
    steps: Vec<Step>,
}

/// Begins to record the operations on the file of a store. Returns its content.
pub(crate) fn record(store: &Store, path: &Path) -> Vec<u8> {
    let Store::Redb(redb) = store else { unreachable!() };
    *redb.file().steps.lock().unwrap() = Some(vec![]);
    fs::read(path).unwrap()
}

pub(crate) fn steps(store: &Store) -> Vec<Step> {
    let Store::Redb(redb) = store else { unreachable!() };
    redb.file().steps.lock().unwrap().clone().unwrap()
}

impl Recording {
    pub(crate) fn new(before: Vec<u8>, steps: Vec<Step>) -> Self {
        Self { before, steps }
    }

    /// Returns the possible contents of the file if the process ends after `count` steps: all of them after a kill; after a
    /// power cut those that were synced, and any subset of the others.
    pub(crate) fn images(&self, count: usize) -> Vec<Vec<u8>> {
        let steps = &self.steps[..count];
        let synced = steps.iter().rposition(|step| matches!(step, Step::Sync)).unwrap_or(0);
        let image = |is_kept: &dyn Fn(usize) -> bool| {
            let mut image = self.before.clone();
            steps
                .iter()
                .enumerate()
                .filter(|(at, _)| is_kept(*at))
                .for_each(|(_, step)| apply(&mut image, step));
            image
        };
        let mut images = vec![image(&|_| true), image(&|at| at < synced)];
        for _ in 0..4 {
            let mut chances = vec![0_u8; count];
            SystemRandom.fill(&mut chances);
            images.push(image(&|at| at < synced || chances[at].is_multiple_of(2)));
        }
        images
    }

    /// Opens each store that a crash at any step may leave. Calls `check` with it and the number of steps.
    fn open_all(&self, root_key: &Path, check: impl Fn(&Kms, usize)) -> usize {
        let mut opened = HashSet::new();
        for count in 0..=self.steps.len() {
            for image in self.images(count) {
                let data = tempfile::tempdir().unwrap();
                fs::write(data.path().join(STORE), &image).unwrap();
                let copy = data.path().join("root-key");
                fs::copy(root_key, &copy).unwrap();
                fs::set_permissions(&copy, Permissions::from_mode(0o600)).unwrap();
                if opened.insert(image) {
                    let kms = Kms::open(&Options::new(data.path(), Role::Command), SystemClock);
                    check(&kms.unwrap_or_else(|error| panic!("after step {count}: {error}")), count);
                }
            }
        }
        opened.len()
    }
}

fn apply(image: &mut Vec<u8>, step: &Step) {
    match step {
        Step::SetLen(len) => image.resize(usize::try_from(*len).unwrap(), 0),
        Step::Write(offset, data) => {
            let offset = usize::try_from(*offset).unwrap();
            image.resize(image.len().max(offset + data.len()), 0);
            image[offset..][..data.len()].copy_from_slice(data);
        }
        Step::Sync => {}
    }
}

/// Starts all calls before awaiting any, so that they share commits.
fn call_all(kms: &Kms, requests: Vec<Request>) {
    let origin = kms.owner();
    let mut calls: Vec<_> =
        requests.into_iter().map(|request| Box::pin(kms.call(request, &origin))).collect();
    let mut context = Context::from_waker(Waker::noop());
    let started: Vec<_> = calls.iter_mut().map(|call| call.as_mut().poll(&mut context)).collect();
    for (call, polled) in calls.into_iter().zip(started) {
        match polled {
            std::task::Poll::Ready(reply) => reply.unwrap(),
            std::task::Poll::Pending => pollster::block_on(call).unwrap(),
        };
    }
}

/// The changes to a store, one after the other: keys, aliases, and secrets whose values are in no snapshot.
fn changes(key: &str) -> Vec<Vec<Request>> {
    let alias = |number: usize| format!("alias/{number}");
    let create = |number| CreateAlias { key_id: key.into(), alias_name: alias(number) }.into();
    let put = |version: &str| PutSecretValue {
        secret_name: "s".into(),
        version_id: version.into(),
        secret_data: String::from("y").repeat(5000).into(),
        secret_data_type: None,
        version_stages: None,
    };
    let secret = CreateSecret {
        secret_name: "s".into(),
        version_id: "1".into(),
        secret_data: String::from("x").into(),
        ..CreateSecret::default()
    };
    let delete = DeleteSecret {
        secret_name: "s".into(),
        force_delete_without_recovery: Some(true),
        recovery_window_in_days: None,
    };
    vec![
        (0..8).map(create).collect(),
        vec![secret.into()],
        vec![put("2").into(), put("3").into(), CreateKey::default().into()],
        vec![
            UpdateAlias { alias_name: alias(1), key_id: key.into() }.into(),
            DeleteAlias { alias_name: alias(2) }.into(),
        ],
        vec![delete.into()],
    ]
}

#[test]
fn what_is_left_at_any_step_of_a_commit_opens_with_all_that_was_answered() {
    let data = tempfile::tempdir().unwrap();
    let kms = Kms::open(&Options::new(data.path(), Role::Command), SystemClock).unwrap();
    let created = pollster::block_on(kms.call(CreateKey::default().into(), &kms.owner())).unwrap();
    let key = <CreateKey as bulla_wire::Action>::reply(created).unwrap().key_metadata.key_id;
    let before = record(&kms.state.store, &data.path().join(STORE));
    let mut answered = vec![(0, kms.commit_number())];
    for requests in changes(&key) {
        call_all(&kms, requests);
        answered.push((steps(&kms.state.store).len(), kms.commit_number()));
    }
    let recording = Recording { before, steps: steps(&kms.state.store) };
    let last = kms.commit_number();
    drop(kms);
    let opened = recording.open_all(&data.path().join("root-key"), |kms, count| {
        let durable = answered.iter().rev().find(|(steps, _)| *steps <= count).unwrap().1;
        assert!((durable..=last).contains(&kms.commit_number()), "after step {count}");
    });
    assert!(opened > 60, "{opened} stores were opened");
}

/// It has the earlier version, without an anchor, or this one, with an anchor.
#[test]
fn what_is_left_at_any_step_of_raising_a_store_opens() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden");
    for version in [3, 5] {
        let golden = golden.join(format!("store-v{version}"));
        let data = tempfile::tempdir().unwrap();
        for file in [STORE, "root-key"] {
            let copy = data.path().join(file);
            fs::copy(golden.join(file), &copy).unwrap();
            fs::set_permissions(&copy, Permissions::from_mode(0o600)).unwrap();
        }
        let options = Options::new(data.path(), Role::Command);
        let opened = Data::open(&options, &EngineClock::new(SystemClock)).unwrap();
        let before = record(&opened.store, &data.path().join(STORE));
        let store = Arc::new(opened.store);
        let watch = Arc::new(Watch::new(opened.lock, Arc::clone(&store)));
        let roots = Arc::new(opened.roots);
        let state =
            State::start(Arc::clone(&store), watch, roots, opened.format, OnRollback::Refuse, None).unwrap();
        assert_eq!(state.anchor(), None);
        state.write_header(&opened.header.unwrap()).unwrap().unwrap();
        let anchor = state.anchor().unwrap();
        assert_eq!(anchor.commit, 1);
        let recording = Recording { before, steps: steps(&store) };
        drop(state);
        let opened = recording.open_all(&data.path().join("root-key"), |kms, _| {
            assert_eq!(kms.state.anchor().unwrap().rows.rows(), anchor.rows.rows());
            assert_eq!(kms.commit_number(), 1);
        });
        assert!(opened > 5, "{opened} stores were opened");
    }
}
