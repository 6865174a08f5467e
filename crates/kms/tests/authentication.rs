//! Authentication: signatures, access keys, time and nonces, with a clock that the tests set.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use bulla_kms::{Caller, Connection, FirstAccessKey, Kms, OpenError, Options, Role};
use bulla_wire::signature::{acs3, v1};
use bulla_wire::{Call, ErrorCode, HttpRequest, Parameters, Timestamp};

const NOW: u64 = 1_800_000_000;
const ID: &str = "testid";
const SECRET: &str = "testsecret";

struct Bench {
    kms: Option<Kms>,
    clock: Arc<AtomicU64>,
    data: tempfile::TempDir,
    /// The access key that is expected to sign.
    expected: String,
}

impl Bench {
    fn new() -> Self {
        let mut bench = Self {
            kms: None,
            clock: Arc::new(AtomicU64::new(NOW)),
            data: tempfile::tempdir().unwrap(),
            expected: ID.into(),
        };
        bench.start().unwrap();
        bench
    }

    fn start(&mut self) -> Result<(), OpenError> {
        self.kms = None;
        self.kms = Some(open(self.data.path(), &self.clock, false)?);
        Ok(())
    }

    fn set_clock(&self, seconds: u64) {
        self.clock.store(seconds, Ordering::Relaxed);
    }

    /// Returns the outcome of a v1 request: `Ok`, or the code of the error.
    fn v1(&self, id: &str, secret: &str, signed_at: u64, nonce: &str) -> Result<(), ErrorCode> {
        let mut parameters = Parameters::from_query("Action=ListKeys&Version=2016-01-20").unwrap();
        v1::sign("GET", &mut parameters, id, secret, &time(signed_at), nonce);
        let query = parameters.encode();
        self.send(&HttpRequest { method: "GET", path: "/", query: &query, headers: &[], body: b"" })
    }

    fn acs3(&self, secret: &str, signed_at: u64, nonce: &str, token: Option<&str>) -> Result<(), ErrorCode> {
        let outgoing = acs3::Outgoing {
            host: "localhost",
            version: "2016-01-20",
            action: "ListKeys",
            body: "",
            date: &time(signed_at),
            nonce,
            security_token: token,
        };
        let signed = outgoing.headers(ID, secret);
        let headers: Vec<_> = signed.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        self.send(&HttpRequest { method: "POST", path: "/", query: "", headers: &headers, body: b"" })
    }

    fn send(&self, request: &HttpRequest<'_>) -> Result<(), ErrorCode> {
        let call = Call::parse(request).1.unwrap();
        let connection = Connection { source: None, tls: true, request_id: "r".into(), user_agent: None };
        let origin =
            self.kms.as_ref().unwrap().authenticate(&call, connection).map_err(|error| error.code())?;
        assert_eq!(origin.caller(), &Caller::Root { access_key_id: self.expected.clone() });
        Ok(())
    }
}

fn open(data: &Path, clock: &Arc<AtomicU64>, accept_clock: bool) -> Result<Kms, OpenError> {
    let options = Options { accept_clock, ..Options::new(data, Role::Server) };
    let clock = Arc::clone(clock);
    let kms = Kms::open(&options, move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed)))?;
    pollster::block_on(kms.ensure_access_key(Some((ID.into(), SECRET.to_owned().into())))).unwrap();
    Ok(kms)
}

fn time(seconds: u64) -> String {
    Timestamp::from_unix(seconds.cast_signed()).to_string()
}

#[test]
fn both_schemes_are_verified() {
    let bench = Bench::new();
    assert_eq!(bench.v1(ID, SECRET, NOW, "1"), Ok(()));
    assert_eq!(bench.acs3(SECRET, NOW, "2", None), Ok(()));
    assert_eq!(bench.v1(ID, "wrong", NOW, "3"), Err(ErrorCode::SignatureDoesNotMatch));
    assert_eq!(bench.acs3("wrong", NOW, "4", None), Err(ErrorCode::SignatureDoesNotMatch));
    assert_eq!(bench.v1("nobody", SECRET, NOW, "5"), Err(ErrorCode::InvalidAccessKeyIdNotFound));
    assert_eq!(bench.acs3(SECRET, NOW, "6", Some("token")), Err(ErrorCode::SecurityTokenMismatch));
}

#[test]
fn version_1_can_be_refused_for_the_whole_server() {
    let mut bench = Bench::new();
    bench.kms = None;
    let options = Options { accept_v1: false, ..Options::new(bench.data.path(), Role::Server) };
    bench.set_clock(NOW + 60);
    let clock = Arc::clone(&bench.clock);
    let clock = move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed));
    bench.kms = Some(Kms::open(&options, clock).unwrap());
    bench.set_clock(NOW + 120);
    assert_eq!(bench.v1(ID, SECRET, NOW + 120, "1"), Err(ErrorCode::IncompleteSignature));
    assert_eq!(bench.acs3(SECRET, NOW + 120, "1", None), Ok(()));
}

#[test]
fn the_time_must_be_within_fifteen_minutes() {
    let bench = Bench::new();
    bench.set_clock(NOW + 10_000);
    for (offset, outcome) in [
        (-900, Ok(())),
        (900, Ok(())),
        (-901, Err(ErrorCode::InvalidTimeStampExpired)),
        (901, Err(ErrorCode::InvalidTimeStampExpired)),
        (-3600, Err(ErrorCode::InvalidTimeStampExpired)),
        (3600, Err(ErrorCode::InvalidTimeStampExpired)),
    ] {
        let signed_at = (NOW + 10_000).strict_add_signed(offset);
        assert_eq!(bench.v1(ID, SECRET, signed_at, &format!("n{offset}")), outcome, "{offset} s");
    }
}

#[test]
fn a_request_is_taken_once() {
    let bench = Bench::new();
    for (attempt, outcome) in [Ok(()), Err(ErrorCode::SignatureNonceUsed)].into_iter().enumerate() {
        assert_eq!(bench.v1(ID, SECRET, NOW, "nonce"), outcome, "attempt {attempt}");
        assert_eq!(bench.acs3(SECRET, NOW, "other nonce", None), outcome, "attempt {attempt}");
    }
    assert_eq!(bench.v1(ID, "wrong", NOW, "fresh"), Err(ErrorCode::SignatureDoesNotMatch));
    assert_eq!(bench.v1(ID, SECRET, NOW, "fresh"), Ok(()), "a wrong signature uses up no nonce");
}

#[test]
fn a_request_of_an_earlier_run_is_refused() {
    let mut bench = Bench::new();
    assert_eq!(bench.v1(ID, SECRET, NOW, "nonce"), Ok(()));
    bench.start().unwrap();
    assert_eq!(bench.v1(ID, SECRET, NOW, "nonce"), Err(ErrorCode::InvalidTimeStampExpired));
    bench.set_clock(NOW + 1);
    assert_eq!(bench.v1(ID, SECRET, NOW + 1, "later"), Ok(()));
}

#[test]
fn a_clock_that_is_set_back_revives_nothing() {
    let mut bench = Bench::new();
    bench.set_clock(NOW + 2000);
    assert_eq!(bench.v1(ID, SECRET, NOW + 2000, "1"), Ok(()));
    assert_eq!(bench.v1(ID, SECRET, NOW + 1990, "before"), Ok(()));
    bench.set_clock(NOW);
    assert_eq!(bench.v1(ID, SECRET, NOW, "2"), Ok(()), "the window follows the clock");

    bench.set_clock(NOW + 1950);
    let again = bench.v1(ID, SECRET, NOW + 1990, "before");
    assert_eq!(again, Err(ErrorCode::SignatureNonceUsed), "while running");
    bench.start().unwrap();
    let again = bench.v1(ID, SECRET, NOW + 1990, "before");
    assert_eq!(again, Err(ErrorCode::InvalidTimeStampExpired), "after a restart");
    assert_eq!(bench.kms.as_ref().unwrap().now().unsigned_abs(), NOW + 2000, "a small step is taken");
    bench.set_clock(NOW + 2000);
    bench.kms = None; // off while the clock is set back
    bench.set_clock(NOW);
    assert!(matches!(bench.start(), Err(OpenError::ClockBehind { seconds: 2000 })), "a large one is refused");

    let kms = open(bench.data.path(), &bench.clock, true).unwrap();
    assert_eq!(kms.now().unsigned_abs(), NOW, "unless the operator says so");
    drop(kms);
    bench.set_clock(NOW + 5);
    bench.start().unwrap();
}

#[test]
fn a_reset_deactivates_the_access_keys_of_root_and_writes_a_new_one() {
    use std::os::unix::fs::PermissionsExt;

    let mut bench = Bench::new();
    let options = Options::new(bench.data.path(), Role::Command);
    let clock = || {
        let clock = Arc::clone(&bench.clock);
        move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed))
    };
    let served = Kms::open(&options, clock()).err();
    assert!(matches!(served, Some(OpenError::InUse { by: Role::Server, .. })), "{served:?}");
    bench.kms = None;
    assert!(options.has_store());
    let kms = Kms::open(&options, clock()).unwrap();
    let path = pollster::block_on(kms.reset_root_access_key()).unwrap();
    drop(kms);
    assert_eq!(path, bench.data.path().join("root-access-key.json"));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let written: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let text = |name: &str| written[name].as_str().unwrap().to_owned();

    bench.start().unwrap();
    bench.set_clock(NOW + 60);
    assert_eq!(bench.v1(ID, SECRET, NOW + 60, "1"), Err(ErrorCode::ForbiddenAccessKey));
    bench.expected = text("AccessKeyId");
    assert_eq!(bench.v1(&text("AccessKeyId"), &text("AccessKeySecret"), NOW + 60, "2"), Ok(()));
}

#[test]
fn the_first_access_key_is_made_once_and_written_for_its_owner() {
    use std::os::unix::fs::PermissionsExt;

    let data = tempfile::tempdir().unwrap();
    let options = Options::new(data.path(), Role::Server);
    let kms = Kms::open(&options, bulla_kms::SystemClock).unwrap();
    let ensure = |given| pollster::block_on(kms.ensure_access_key(given)).unwrap();
    let path = kms.access_key_path();
    assert_eq!(ensure(None), FirstAccessKey::Written(path.clone()));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let written = std::fs::read(&path).unwrap();
    assert_eq!(ensure(None), FirstAccessKey::Existing);
    assert_eq!(ensure(Some(("other".into(), "secret".to_owned().into()))), FirstAccessKey::Existing);
    assert_eq!(std::fs::read(&path).unwrap(), written);
}
