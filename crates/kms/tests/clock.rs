//! A clock that is ahead for a while: which requests are accepted, possibly twice, what is removed, and how the next start
//! behaves.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bulla_kms::{Connection, Kms, OpenError, Options, Role};
use bulla_wire::signature::v1;
use bulla_wire::{Call, ErrorCode, HttpRequest, Parameters, Timestamp};
use serde_json::json;
use support::{Bench, DAY, base64, text};

const JUMPS: [i64; 5] = [3, 20 * 60, 2 * 3600, 400 * DAY, 3650 * DAY];

/// A server with an access key, and one of each kind of thing that is removed: a key and a secret that are scheduled for
/// deletion, material that expires, and an import token.
struct Endings {
    bench: Bench,
    scheduled: String,
    imported: String,
    token: String,
}

impl Endings {
    fn new() -> Self {
        let bench = Bench::with_role(Role::Server);
        let access_key = Some(("testid".to_owned(), "testsecret".to_owned().into()));
        pollster::block_on(bench.kms.ensure_access_key(access_key)).unwrap();
        let scheduled = bench.key();
        bench.ok("ScheduleKeyDeletion", &[("KeyId", &scheduled), ("PendingWindowInDays", "7")]);
        for name in ["kept", "deleted"] {
            let parameters = [("SecretName", name), ("VersionId", "v1"), ("SecretData", "hunter2")];
            bench.ok("CreateSecret", &parameters);
        }
        bench.ok("DeleteSecret", &[("SecretName", "deleted"), ("RecoveryWindowInDays", "7")]);
        let imported = bench.key_with(&[("Origin", "EXTERNAL")]);
        import(&bench, &imported, bench.clock.unix() + 7 * DAY);
        let waiting = bench.key_with(&[("Origin", "EXTERNAL")]);
        let token = text(&parameters(&bench, &waiting)["ImportToken"]);
        bench.run_due();
        Self { bench, scheduled, imported, token: format!("{waiting} {token}") }
    }

    /// Whether a request is accepted that was signed at this time.
    fn sign(&self, signed_at: i64, nonce: &str) -> Result<(), ErrorCode> {
        sign(&self.bench.kms, signed_at, nonce)
    }

    fn now(&self) -> i64 {
        self.bench.clock.unix()
    }

    fn nothing_has_ended(&self, when: &str) {
        let bench = &self.bench;
        assert_eq!(bench.state(&self.scheduled), "PendingDeletion", "{when}");
        bench.ok("Encrypt", &[("KeyId", &self.imported), ("Plaintext", "aGk=")]);
        assert_eq!(bench.ok("GetSecretValue", &[("SecretName", "kept")])["SecretData"], json!("hunter2"));
        assert_eq!(
            bench.code("GetSecretValue", &[("SecretName", "deleted")]),
            "409 Rejected.ResourceInDeleteWindow"
        );
        let (key, token) = self.token.split_once(' ').unwrap();
        let guess = [
            ("KeyId", key),
            ("ImportToken", token),
            ("EncryptedKeyMaterial", "AA=="),
            ("KeyMaterialExpireUnix", "0"),
        ];
        let answer = bench.code("ImportKeyMaterial", &guess);
        assert!(!answer.contains("ExpiredImportToken"), "{when}: {answer}");
    }

    fn restarted(self) -> Self {
        Self { bench: self.bench.restarted(Role::Server, false), ..self }
    }
}

fn sign(kms: &Kms, signed_at: i64, nonce: &str) -> Result<(), ErrorCode> {
    let mut parameters = Parameters::from_query("Action=ListKeys&Version=2016-01-20").unwrap();
    let time = Timestamp::from_unix(signed_at).to_string();
    v1::sign("GET", &mut parameters, "testid", "testsecret", &time, nonce);
    let query = parameters.encode();
    let call = Call::parse(&HttpRequest { method: "GET", path: "/", query: &query, headers: &[], body: b"" });
    let connection = Connection { source: None, tls: true, request_id: "r".into(), user_agent: None };
    kms.authenticate(&call.1.unwrap(), connection).map(drop).map_err(|error| error.code())
}

fn parameters(bench: &Bench, key: &str) -> serde_json::Value {
    let wrapping = [("WrappingKeySpec", "RSA_2048"), ("WrappingAlgorithm", "RSAES_OAEP_SHA_256")];
    bench.ok("GetParametersForImport", &[("KeyId", key), wrapping[0], wrapping[1]])
}

fn import(bench: &Bench, key: &str, expires: i64) {
    let parameters = parameters(bench, key);
    let public = BASE64_STANDARD.decode(text(&parameters["PublicKey"])).unwrap();
    let public = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(&public).unwrap()).unwrap();
    let mut wrapped = vec![0; 256];
    public.encrypt(&OAEP_SHA256_MGF1SHA256, &[7; 32], &mut wrapped, None).unwrap();
    let expires = expires.to_string();
    let (token, wrapped) = (text(&parameters["ImportToken"]), base64(&wrapped));
    let brought = [
        ("KeyId", key),
        ("ImportToken", &token),
        ("EncryptedKeyMaterial", &wrapped),
        ("KeyMaterialExpireUnix", &expires),
    ];
    bench.ok("ImportKeyMaterial", &brought);
}

#[test]
fn clients_get_in_as_soon_as_the_clock_is_right_again() {
    for jump in JUMPS {
        let endings = Endings::new();
        for round in 0..3 {
            let before = endings.now();
            assert_eq!(endings.sign(before, &format!("before {round}")), Ok(()), "jump of {jump}");
            endings.bench.clock.jump(jump);
            endings.bench.run_due();
            let ahead = endings.now();
            assert_eq!(
                endings.sign(ahead, &format!("ahead {round}")),
                Ok(()),
                "the window is where the clock is"
            );
            endings.bench.clock.pass(3);
            endings.bench.run_due();
            endings.bench.clock.jump(-jump);
            assert_eq!(endings.sign(endings.now(), &format!("after {round}")), Ok(()), "jump of {jump}");
            for (signed, nonce) in [(before, "before"), (ahead, "ahead")] {
                let again = endings.sign(signed, &format!("{nonce} {round}"));
                assert!(again.is_err(), "{nonce} is accepted twice after a jump of {jump}");
            }
        }
    }
}

#[test]
fn a_request_of_a_jump_is_not_accepted_when_its_time_comes() {
    for jump in JUMPS {
        for restarts in [false, true] {
            let mut endings = Endings::new();
            endings.bench.clock.jump(jump);
            let ahead = endings.now();
            assert_eq!(endings.sign(ahead, "ahead"), Ok(()));
            endings.bench.clock.pass(3);
            endings.bench.run_due();
            endings.bench.clock.jump(-jump);
            if restarts {
                endings = endings.restarted();
            }
            endings.bench.clock.pass(60);
            assert_eq!(endings.sign(endings.now(), "after"), Ok(()), "a jump of {jump} locks no caller out");
            endings.bench.clock.pass(jump - 60);
            endings.bench.run_due();
            assert!(endings.sign(ahead, "ahead").is_err(), "a jump of {jump}, restarts: {restarts}");
            endings.bench.clock.pass(120);
            assert_eq!(endings.sign(endings.now(), "later"), Ok(()), "nor later");
        }
    }
}

#[test]
fn neither_a_jump_nor_its_return_ends_or_revives_anything() {
    for jump in JUMPS {
        let endings = Endings::new();
        for _ in 0..2 {
            endings.bench.clock.jump(jump);
            let report = endings.bench.run_due();
            assert_eq!((report.changed, report.held, report.clock_step), (0, jump > 3600, jump));
            endings.nothing_has_ended("ahead");
            endings.bench.clock.pass(3);
            endings.bench.clock.jump(-jump);
            let report = endings.bench.run_due();
            assert_eq!((report.changed, report.held, report.clock_step), (0, false, -jump));
            endings.nothing_has_ended("after");
        }
        let bench = &endings.bench;
        bench.clock.pass(7 * DAY - 7);
        assert_eq!(bench.state(&endings.scheduled), "PendingDeletion");
        bench.clock.pass(1);
        assert!(bench.run_due().changed >= 3, "all in time");
        assert_eq!(bench.code("DescribeKey", &[("KeyId", &endings.scheduled)]), "404 Forbidden.KeyNotFound");
        bench.clock.jump(-2 * DAY);
        bench.run_due();
        assert_eq!(bench.state(&endings.imported), "PendingImport", "nothing is revived");
        assert_eq!(bench.kms.now(), bench.clock.unix() + 2 * DAY);
    }
}

/// No request uses the key meanwhile, so the jump must not be what removes it.
#[test]
fn what_is_scheduled_during_a_jump_does_not_end_too_soon() {
    let endings = Endings::new();
    endings.bench.clock.jump(400 * DAY);
    let key = endings.bench.key();
    endings.bench.ok("ScheduleKeyDeletion", &[("KeyId", &key), ("PendingWindowInDays", "7")]);
    endings.bench.ok("DeleteSecret", &[("SecretName", "kept"), ("RecoveryWindowInDays", "7")]);
    let bench = endings.bench.restarted(Role::Server, true);
    bench.clock.pass(7 * DAY - 1);
    bench.run_due();
    assert_eq!(bench.state(&key), "PendingDeletion", "the operator has confirmed the clock");
    assert_eq!(
        bench.code("GetSecretValue", &[("SecretName", "kept")]),
        "409 Rejected.ResourceInDeleteWindow"
    );
    bench.clock.pass(1);
    bench.run_due();
    assert_eq!(bench.code("DescribeKey", &[("KeyId", &key)]), "404 Forbidden.KeyNotFound");
}

#[test]
fn a_plain_start_works_when_the_clock_was_right_again_at_the_stop() {
    for jump in JUMPS {
        let endings = Endings::new();
        endings.bench.clock.jump(jump);
        endings.bench.run_due();
        endings.bench.clock.pass(3);
        endings.bench.clock.jump(-jump);
        endings.bench.run_due();
        let endings = endings.restarted();
        assert!(!endings.bench.run_due().held, "jump of {jump}");
        endings.nothing_has_ended("after a restart");
        endings.bench.clock.pass(1);
        assert_eq!(endings.sign(endings.now(), "1"), Ok(()));
    }
}

#[test]
fn a_clock_that_was_ahead_at_the_stop_needs_confirmation() {
    let Endings { bench, scheduled, .. } = Endings::new();
    bench.clock.jump(7200);
    bench.run_due();
    let Bench { kms, clock, data } = bench;
    drop(kms);
    clock.jump(-7200);
    let mut options = Options::new(data.path(), Role::Server);
    for _ in 0..2 {
        let refused = Kms::open(&options, clock.clone()).unwrap_err();
        let is_behind = matches!(refused, OpenError::ClockBehind { seconds: 7200 });
        assert!(is_behind, "a start that is refused changes nothing: {refused}");
    }
    let refused = Kms::open(&options, clock.clone()).unwrap_err();
    assert!(
        refused.hint(Role::Server).contains("bulla serve --accept-clock"),
        "{}",
        refused.hint(Role::Server)
    );
    options.accept_clock = true;
    let kms = Kms::open(&options, clock.clone()).unwrap();
    let bench = Bench { kms, clock, data };
    assert!(!bench.run_due().held);
    assert_eq!(bench.state(&scheduled), "PendingDeletion");
    let bench = bench.restarted(Role::Server, false);
    assert!(!bench.run_due().held, "once is enough");
}

/// The mark is as old as possible then: the time at which the next run locked the store decides.
#[test]
fn no_request_is_accepted_twice_after_a_crash() {
    let endings = Endings::new();
    for _ in 0..59 {
        endings.bench.clock.pass(1);
        endings.bench.run_due();
    }
    let now = endings.now();
    for (signed, nonce) in [(now - 40, "earlier"), (now, "last")] {
        assert_eq!(endings.sign(signed, nonce), Ok(()));
    }
    endings.bench.key(); // no other write is pending then
    let crashed = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(endings.bench.data.path()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), crashed.path().join(entry.file_name())).unwrap();
    }
    let options = Options::new(crashed.path(), Role::Server);
    let kms = Kms::open(&options, endings.bench.clock.clone()).unwrap();
    for (signed, nonce) in [(now - 40, "earlier"), (now, "last")] {
        assert_eq!(sign(&kms, signed, nonce), Err(ErrorCode::InvalidTimeStampExpired), "{nonce}");
    }
    endings.bench.clock.pass(1);
    assert_eq!(sign(&kms, endings.now(), "fresh"), Ok(()));
}

/// A machine without a battery for its clock starts with a random time, and synchronises it later.
#[test]
fn a_clock_that_is_wrong_at_the_start_is_believed_when_it_is_right() {
    let Endings { bench, imported, .. } = Endings::new();
    let Bench { kms, clock, data } = bench;
    drop(kms);
    clock.jump(3650 * DAY);
    let kms = Kms::open(&Options::new(data.path(), Role::Server), clock.clone()).unwrap();
    let bench = Bench { kms, clock, data };
    assert!(bench.run_due().held);
    assert_eq!(bench.state(&imported), "PendingImport", "what is over by the clock cannot be used");
    bench.clock.pass(20);
    bench.clock.jump(-3650 * DAY);
    let report = bench.run_due();
    assert_eq!((report.changed, report.held), (0, false));
    assert_eq!(bench.state(&imported), "Enabled", "and has not ended");
}

#[test]
fn a_clock_behind_the_believed_time_is_reported_and_nothing_is_removed() {
    let bench = Bench::with_role(Role::Server);
    let key = bench.key();
    bench.ok("ScheduleKeyDeletion", &[("KeyId", &key), ("PendingWindowInDays", "7")]);
    bench.clock.jump(-3650 * DAY);
    for _ in 0..2 {
        let report = bench.run_due();
        assert_eq!((report.clock_behind, report.held), (3650 * DAY, true));
        bench.clock.pass(8 * DAY);
    }
    let bench = bench.restarted(Role::Server, false);
    let report = bench.run_due();
    assert_eq!((report.clock_behind, report.held), (3650 * DAY, true), "also after a restart");
    assert_eq!(bench.state(&key), "PendingDeletion");
    bench.ok("CancelKeyDeletion", &[("KeyId", &key)]);
    bench.ok("ScheduleKeyDeletion", &[("KeyId", &key), ("PendingWindowInDays", "7")]);
    let bench = bench.restarted(Role::Server, true);
    let report = bench.run_due();
    assert_eq!((report.clock_behind, report.held), (0, false), "the operator has confirmed the clock");
    assert_eq!(bench.state(&key), "PendingDeletion");
}

/// The store has no scheduled removals when the clock jumps, and some when it comes back.
#[test]
fn what_is_scheduled_during_a_jump_is_counted_from_the_later_time_and_stops_nothing() {
    for jump in [7200, 3650 * DAY] {
        let bench = Bench::with_role(Role::Server);
        let key = bench.key();
        bench.clock.jump(jump);
        assert!(bench.run_due().held, "and reported, also without scheduled removals");
        bench.ok("ScheduleKeyDeletion", &[("KeyId", &key), ("PendingWindowInDays", "7")]);
        bench.clock.jump(-jump);
        let report = bench.run_due();
        assert_eq!((report.clock_behind, report.held), (0, false), "after a jump of {jump}");
        bench.clock.pass(jump + 7 * DAY - 1);
        assert_eq!(bench.run_due().changed, 0);
        bench.clock.pass(1);
        assert_eq!(bench.run_due().changed, 1);
    }
}
