//! The audit trail through its public interface: the golden trail, and the reader in docs/audit-format.md.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use bulla_keys::root::RootKey;
use bulla_keys::{StoreId, SystemRandom};
use bulla_kms::audit::{
    CallerIdentity, CallerType, Content, ContextPair, Decision, Effect, Event, Identity, Limits, Line,
    Members, Opening, Outcome, PublicKey, Record, Request, Resource, SessionLink, Strangers, Text, Time,
    Trail, TrailFile, verify,
};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden/trail-v1")
}

fn first_key() -> PublicKey {
    fs::read_to_string(golden().join("first-key")).unwrap().trim().parse().unwrap()
}

#[test]
fn the_golden_trail_verifies() {
    let expected = fs::read_to_string(golden().join("sealed")).unwrap().trim().parse().unwrap();
    let report = verify(&[golden()], Some(first_key()), Some(expected)).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.files, report.first, report.sealed), (2, Some(11), Some(expected)));
    assert_eq!((report.last.unwrap().number, report.unsealed(), report.commit), (30, 1, Some(42)));
    let mut kinds = [0; 6];
    for source in TrailFile::all(&[golden()]).unwrap() {
        let count = |line: &[u8]| {
            let record = Record::parse(line).unwrap();
            assert_eq!((&*record.store, &*record.node), (&*store().to_string(), "kms-1"));
            kinds[kind(&record.content)] += 1;
            true
        };
        source.for_each(count).unwrap();
    }
    assert_eq!(kinds, [11, 2, 2, 1, 2, 2], "requests, events, strangers, gaps, keys, seals");
}

fn kind(content: &Content<'_>) -> usize {
    match content {
        Content::Request(_) => 0,
        Content::Event(_) => 1,
        Content::Strangers(_) => 2,
        Content::Gap(_) => 3,
        Content::Key(_) => 4,
        Content::Seal(_) => 5,
        other => panic!("{other:?}"),
    }
}

/// A server writes, rotates, compresses and deletes while a reader verifies, without false alarms.
#[test]
fn a_trail_that_is_being_written_verifies() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit");
    let identity = Identity { store: store(), node: "kms-1".into(), epoch: 1 };
    let time = Time::from_unix_millis(1_767_225_600_000);
    let opening = Opening {
        identity: identity.clone(),
        roots: Arc::new(RootKey::random(&SystemRandom).keys(store(), 1)),
        limits: Limits { file: 20_000, total: 60_000 },
        noted: None,
        unwritten: None,
        now: time,
    };
    let mut trail = Trail::open(&path, opening).unwrap();
    let first_key = trail.public_key();
    let has_ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let line = Line { time, content: Content::Request(Box::new(decrypt())) };
            let lines = vec![Members::new(&identity, &line); 10];
            for round in 0..MAX_ROUNDS {
                trail.append(&lines).unwrap();
                trail.seal(round, time).unwrap();
                if trail.rotate_if_due(round, time).unwrap() {
                    trail.housekeeping().run().unwrap();
                }
                if has_ended.load(Relaxed) && round > 200 {
                    return;
                }
            }
        });
        let verified: Vec<_> =
            (0..30).map(|_| verify(slice::from_ref(&path), Some(first_key), None)).collect();
        has_ended.store(true, Relaxed);
        for report in verified {
            let report = report.unwrap();
            assert!(report.is_sound(), "{report:?}");
        }
    });
    let report = verify(&[path], Some(first_key), None).unwrap();
    assert!(report.is_sound() && report.first > Some(1) && report.files > 2, "{report:?}");
}

/// Between the seal that announces a file and that file, a server waits for its disk.
#[test]
fn a_file_that_is_being_begun_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit");
    let time = Time::from_unix_millis(1_767_225_600_000);
    let opening = Opening {
        identity: Identity { store: store(), node: "kms-1".into(), epoch: 1 },
        roots: Arc::new(RootKey::random(&SystemRandom).keys(store(), 1)),
        limits: Limits { file: 1, total: 60_000 },
        noted: None,
        unwritten: None,
        now: time,
    };
    let mut trail = Trail::open(&path, opening).unwrap();
    let is_sound = || verify(slice::from_ref(&path), None, None).unwrap().is_sound();
    assert!(trail.rotate_if_due(1, time).unwrap());
    assert!(is_sound());
    let file = path.join(format!("audit-{:020}.jsonl", trail.file()));
    let (aside, key) = (directory.path().join("aside"), path.join("seal-key.next"));
    fs::rename(&file, &aside).unwrap();
    assert!(!is_sound(), "it was removed");
    fs::write(&key, "").unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(200));
            fs::rename(&aside, &file).unwrap();
            fs::remove_file(&key).unwrap();
        });
        assert!(is_sound(), "it was being begun");
    });
}

/// A user decrypts.
fn decrypt<'a>() -> Request<'a> {
    Request {
        request_id: "5b3c0a3e-6a0f-4a0e-9d53-0b9d1a0a9b11".into(),
        caller: Some(CallerIdentity {
            kind: CallerType::RamUser,
            name: Some("alice".into()),
            id: Some("205000000000000001".into()),
            arn: Some("acs:ram::4242:user/alice".into()),
            session: vec![],
        }),
        access_key_id: Some("BULLAgolden0000000000000".into()),
        source: Some("192.0.2.7".parse().unwrap()),
        user_agent: Some(Text::new("=AlibabaCloud (linux; amd64) \u{202e}\u{7}")),
        product: Some("Kms".into()),
        action: Some("Decrypt".into()),
        resources: vec![Resource {
            kind: "key".into(),
            name: Text::new("11111111-2222-4333-8444-555555555555"),
            version: Some(Text::new("66666666-7777-4888-8999-aaaaaaaaaaaa")),
            ..Resource::default()
        }],
        context: vec![ContextPair { name: Text::new("file"), value: Some(Text::new("sales.csv")) }],
        decision: Some(Decision {
            effect: Effect::Allow,
            policy: Some(Text::new("acs:ram::4242:policy/readers")), // servers write custom/readers
            statement: Some(0),
        }),
        outcome: Outcome { status: 200, code: None },
        microseconds: 74,
    }
}

/// A session of a role is denied a secret.
fn denied<'a>() -> Request<'a> {
    let link = |kind: &'a str, name: &'a str, id: &'a str, session: Option<&'a str>| SessionLink {
        kind: kind.into(),
        name: Some(name.into()),
        id: Some(Text::new(id)),
        session_name: session.map(Text::new),
    };
    Request {
        request_id: "0f0c8a52-52a1-4f0a-8b2b-8a3c1f2d4e5f".into(),
        caller: Some(CallerIdentity {
            kind: CallerType::AssumedRole,
            name: Some("deploy".into()),
            id: Some("305000000000000002".into()),
            arn: Some("acs:ram::4242:assumed-role/deploy/ci".into()),
            session: vec![
                link("oidc", "github", "repo:example/shop", None),
                link("role", "deploy", "305000000000000002", Some("ci")),
            ],
        }),
        access_key_id: Some("STS.golden".into()),
        action: Some("GetSecretValue".into()),
        resources: vec![Resource {
            kind: "secret".into(),
            name: Text::new("db/密码"),
            ..Resource::default()
        }],
        context: vec![],
        decision: Some(Decision { effect: Effect::Deny, policy: None, statement: None }),
        outcome: Outcome { status: 403, code: Some("Forbidden.NoPermission".into()) },
        microseconds: 41,
        ..decrypt()
    }
}

/// Root creates a key, and a request has no valid signature.
fn others<'a>() -> [Request<'a>; 2] {
    let created = Request {
        request_id: "6d0b3f0e-38f6-4b55-9c52-6dfcbd7a1b02".into(),
        caller: Some(CallerIdentity {
            kind: CallerType::RootAccount,
            name: None,
            id: Some("4242".into()),
            arn: Some("acs:ram::4242:root".into()),
            session: vec![],
        }),
        access_key_id: Some("BULLAroot000000000000000".into()),
        source: Some("2001:db8::7".parse().unwrap()),
        action: Some("CreateKey".into()),
        context: vec![],
        decision: None,
        ..decrypt()
    };
    let stranger = Request {
        request_id: "9c1f7f66-18a5-4d7a-bd0e-4d5a6b7c8d9e".into(),
        source: Some("203.0.113.9".parse().unwrap()),
        user_agent: Some(Text::new("x".repeat(300))),
        outcome: Outcome { status: 400, code: Some("SignatureDoesNotMatch".into()) },
        microseconds: 9,
        ..Request::default()
    };
    [created, stranger]
}

fn events<'a>() -> [Content<'a>; 2] {
    let event = Event {
        event: "key-deleted".into(),
        resources: vec![Resource {
            kind: "key".into(),
            name: Text::new("11111111-2222-4333-8444-555555555555"),
            ..Resource::default()
        }],
        detail: Some(Text::new("its waiting period is over")),
    };
    let strangers = Strangers { source: Some("203.0.113.9".parse().unwrap()), requests: 1234 };
    [Content::Event(event), Content::Strangers(strangers)]
}

fn store() -> StoreId {
    StoreId::from_bytes(*b"\x7f\x0c\x33\x5a\x2d\x41\x4b\x0e\x9a\x6c\x55\x1e\x8d\x20\x74\x01")
}

/// `cargo test -p bulla-kms --test audit_trail -- --ignored`
#[test]
#[ignore = "makes testdata/golden/trail-v1, once"]
fn make_the_golden_trail() {
    let golden = golden();
    assert!(!golden.exists(), "{} is there; golden files are never made again", golden.display());
    let identity = Identity { store: store(), node: "kms-1".into(), epoch: 1 };
    let roots = Arc::new(RootKey::random(&SystemRandom).keys(store(), 1));
    let mut time = 1_767_225_600_000; // 2026-01-01
    let mut next = || {
        time += 1250;
        Time::from_unix_millis(time)
    };
    let opening = Opening {
        identity: identity.clone(),
        roots,
        limits: Limits { file: 5000, total: 8000 },
        noted: None,
        unwritten: None,
        now: next(),
    };
    let mut trail = Trail::open(&golden, opening).unwrap();
    fs::write(golden.join("first-key"), format!("{}\n", trail.public_key())).unwrap();
    for round in 0..3 {
        let requests = [decrypt(), denied()].into_iter().chain(others());
        let contents = requests.map(|request| Content::Request(Box::new(request))).chain(events());
        for content in contents {
            let line = Line { time: next(), content };
            trail.append(&[Members::new(&identity, &line)]).unwrap();
        }
        if round < 2 {
            let mut again = || {
                Members::new(
                    &identity,
                    &Line { time: next(), content: Content::Request(Box::new(decrypt())) },
                )
            };
            let lines = [again(), again()];
            trail.append(&lines).unwrap();
            assert!(trail.rotate_if_due(41 + round, next()).unwrap());
        }
    }
    trail.resume(3, next()).unwrap();
    trail.seal(42, next()).unwrap().unwrap();
    fs::write(golden.join("sealed"), format!("{}\n", trail.sealed())).unwrap();
    trail
        .append(&[Members::new(
            &identity,
            &Line { time: next(), content: Content::Request(Box::new(decrypt())) },
        )])
        .unwrap();
    trail.housekeeping().run().unwrap();
    fs::remove_file(golden.join("seal-key")).unwrap();
}

/// Some disks sync so fast that files are deleted before a reader has listed them.
const MAX_ROUNDS: u64 = 3_000;
