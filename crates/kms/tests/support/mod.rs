//! An engine with its own store, called in the encoding of the protocol, with a clock that tests set.

#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a failed unwrap is a failed test; not every test uses everything"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bulla_kms::{Clock, Kms, MaintenanceReport, Options, Quotas, Role};
use bulla_wire::{Parameters, Product, ReplyFormat, Request, render_reply};
use serde_json::Value;

pub(crate) struct Bench {
    pub(crate) kms: Kms,
    pub(crate) clock: TestClock,
    pub(crate) data: Arc<tempfile::TempDir>,
}

/// A clock that moves only when a test sets it, and separately the elapsed time.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<(AtomicI64, AtomicI64)>);

impl TestClock {
    fn new() -> Self {
        Self(Arc::new((AtomicI64::new(START), AtomicI64::new(0))))
    }

    /// Advances the time.
    pub(crate) fn pass(&self, seconds: i64) {
        self.jump(seconds);
        self.0.1.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Sets the clock without advancing the time.
    pub(crate) fn jump(&self, seconds: i64) {
        self.0.0.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(crate) fn unix(&self) -> i64 {
        self.0.0.load(Ordering::Relaxed)
    }
}

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.unix().unsigned_abs())
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs(self.0.1.load(Ordering::Relaxed).unsigned_abs())
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with_role(Role::Command)
    }

    pub(crate) fn with_role(role: Role) -> Self {
        let (data, clock) = (Arc::new(tempfile::tempdir().unwrap()), TestClock::new());
        let kms = Kms::open(&Options::new(data.path(), role), clock.clone()).unwrap();
        Self { kms, clock, data }
    }

    /// Returns an engine with other quotas.
    pub(crate) fn with_quotas(quotas: Quotas) -> Self {
        let (data, clock) = (Arc::new(tempfile::tempdir().unwrap()), TestClock::new());
        let mut options = Options::new(data.path(), Role::Command);
        options.quotas = quotas;
        let kms = Kms::open(&options, clock.clone()).unwrap();
        Self { kms, clock, data }
    }

    /// Like [`Bench::with_role`], with a data directory that can be renamed.
    pub(crate) fn in_subdirectory(role: Role) -> Self {
        let (data, clock) = (Arc::new(tempfile::tempdir().unwrap()), TestClock::new());
        let kms = Kms::open(&Options::new(data.path().join("data"), role), clock.clone()).unwrap();
        Self { kms, clock, data }
    }

    /// Stops the engine and starts another one.
    pub(crate) fn restarted(self, role: Role, accept_clock: bool) -> Self {
        let Self { kms, clock, data } = self;
        drop(kms);
        let mut options = Options::new(data.path(), role);
        options.accept_clock = accept_clock;
        let kms = Kms::open(&options, clock.clone()).unwrap();
        Self { kms, clock, data }
    }

    /// Sends a request in the encoding of the protocol. Returns the JSON of the reply, or the status and text of the error.
    pub(crate) fn send(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        self.send_to(Product::Kms, action, parameters)
    }

    /// Like [`Bench::send`], to any product.
    pub(crate) fn send_to(
        &self,
        product: Product,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Value, String> {
        let pairs = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let parameters = Parameters::from_pairs(pairs).unwrap();
        let reply = Request::parse(product, action, &parameters)
            .and_then(|request| pollster::block_on(self.kms.call(request, &self.kms.owner())));
        match reply {
            Ok(reply) => {
                let text = render_reply(ReplyFormat::Json, &reply, "r");
                Ok(serde_json::from_str(&text).unwrap())
            }
            Err(error) => Err(format!("{} {error}", error.status())),
        }
    }

    pub(crate) fn ok(&self, action: &str, parameters: &[(&str, &str)]) -> Value {
        self.send(action, parameters).unwrap_or_else(|error| panic!("{action}: {error}"))
    }

    /// Returns the status and code of an expected error.
    pub(crate) fn code(&self, action: &str, parameters: &[(&str, &str)]) -> String {
        let error = self.send(action, parameters).map(|reply| panic!("{action}: {reply}")).unwrap_err();
        error.split(": ").next().unwrap().to_owned()
    }

    /// Returns the reply of RAM.
    pub(crate) fn ram(&self, action: &str, parameters: &[(&str, &str)]) -> Value {
        let answer = self.send_to(Product::Ram, action, parameters);
        answer.unwrap_or_else(|error| panic!("{action}: {error}"))
    }

    /// Returns the status, code and text of an expected error of RAM.
    pub(crate) fn ram_error(&self, action: &str, parameters: &[(&str, &str)]) -> String {
        self.send_to(Product::Ram, action, parameters).map(|reply| panic!("{action}: {reply}")).unwrap_err()
    }

    /// Returns the status and code of an expected error of RAM.
    pub(crate) fn ram_code(&self, action: &str, parameters: &[(&str, &str)]) -> String {
        self.ram_error(action, parameters).split(": ").next().unwrap().to_owned()
    }

    pub(crate) fn key(&self) -> String {
        self.key_with(&[])
    }

    pub(crate) fn key_with(&self, parameters: &[(&str, &str)]) -> String {
        text(&self.ok("CreateKey", parameters)["KeyMetadata"]["KeyId"])
    }

    /// Returns the reply of DescribeKey.
    pub(crate) fn metadata(&self, key: &str) -> Value {
        self.ok("DescribeKey", &[("KeyId", key)])["KeyMetadata"].clone()
    }

    pub(crate) fn state(&self, key: &str) -> String {
        text(&self.metadata(key)["KeyState"])
    }

    pub(crate) fn run_due(&self) -> MaintenanceReport {
        pollster::block_on(self.kms.run_due()).unwrap()
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_STANDARD.encode(bytes)
}

pub(crate) const UNKNOWN: &str = "1234abcd-12ab-34cd-56ef-123456789012";
pub(crate) const DAY: i64 = 86_400;
/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600;
