//! An engine with a clock that tests advance, and clients that sign their requests: from the bytes of HTTP to the reply.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bulla_wire::signature::acs3;
use bulla_wire::{Call, Error, HttpRequest, Parameters, Product, Reply, Timestamp};

use super::super::Bench;
use super::super::people::{ACCOUNT, Account};
use crate::people::{NameKey, PrincipalId, User};
use crate::state::{AccessKeyOwner, Write};
use crate::{Clock, Connection, Kms, Options, Origin, Role};

/// An account behind an engine.
pub(in super::super) struct Server {
    pub(in super::super) bench: Bench,
    pub(in super::super) account: Account,
    clock: Arc<AtomicI64>,
    nonces: AtomicUsize,
}

/// The credentials that a client signs with.
#[derive(Clone, Debug)]
pub(in super::super) struct Credentials {
    pub(in super::super) id: String,
    pub(in super::super) secret: String,
    pub(in super::super) token: Option<String>,
}

struct TestClock(Arc<AtomicI64>);

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst).unsigned_abs())
    }
}

const START: i64 = 1_800_000_000;
const ROOT: &str = "rootkey";
const ROOT_SECRET: &str = "rootsecret";

impl Server {
    pub(in super::super) fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicI64::new(START));
        let options = Options::new(data.path(), Role::Command);
        let kms = Kms::open(&options, TestClock(Arc::clone(&clock))).unwrap();
        let root = (ROOT.into(), ROOT_SECRET.to_owned().into());
        pollster::block_on(kms.ensure_access_key(Some(root))).unwrap();
        let bench = Bench { _data: data, kms: kms.into(), recorded: Arc::default() };
        let account = Account::of(&bench);
        Self { bench, account, clock, nonces: AtomicUsize::new(0) }
    }

    pub(in super::super) fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(in super::super) fn root(&self) -> Credentials {
        Credentials { id: ROOT.into(), secret: ROOT_SECRET.into(), token: None }
    }

    /// The id of a user.
    pub(in super::super) fn user(&self, name: &str) -> PrincipalId {
        self.bench.kms.state.published().get::<User>(&NameKey::of(name)).unwrap().record.id
    }

    /// Creates an access key of a user.
    pub(in super::super) fn access_key(&self, user: &str) -> Credentials {
        let credentials =
            Credentials { id: format!("BULLA{user}"), secret: format!("secret-of-{user}"), token: None };
        let Credentials { id, secret, .. } = &credentials;
        let owner = self.user(user);
        self.account.change_user(user, |user| user.add_access_key(id, 2).unwrap());
        let owner = AccessKeyOwner::User(owner);
        let key = self.bench.kms.keyring.access_key((**id).into(), &secret.clone().into(), owner, 0);
        self.account.write([(Write::AccessKey(key), 0)]);
        credentials
    }

    /// Returns credentials of a role.
    pub(in super::super) fn assume(
        &self,
        by: &Credentials,
        role: &str,
        more: &[(&str, &str)],
    ) -> Result<Credentials, Error> {
        let arn = format!("acs:ram::{ACCOUNT}:role/{role}");
        let parameters = [&[("RoleArn", &*arn), ("RoleSessionName", "job")], more].concat();
        let reply = self.send(Some(by), Product::Sts, "AssumeRole", &parameters)?;
        let answer = serde_json::to_value(reply).unwrap();
        let text = |name: &str| answer["Credentials"][name].as_str().unwrap().to_owned();
        Ok(Credentials {
            id: text("AccessKeyId"),
            secret: text("AccessKeySecret"),
            token: Some(text("SecurityToken")),
        })
    }

    /// Sends a request, unsigned if there are no credentials.
    pub(in super::super) fn send(
        &self,
        by: Option<&Credentials>,
        product: Product,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Reply, Error> {
        let Some(by) = by else { return self.send_unsigned(product, action, parameters) };
        let body = encoded(parameters);
        let nonce = self.nonces.fetch_add(1, Ordering::SeqCst).to_string();
        let outgoing = acs3::Outgoing {
            host: "localhost",
            version: product.version(),
            action,
            body: &body,
            date: &Timestamp::from_unix(self.clock.load(Ordering::SeqCst)).to_string(),
            nonce: &nonce,
            security_token: by.token.as_deref(),
        };
        let headers = outgoing.headers(&by.id, &by.secret);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let body = body.as_bytes();
        self.answer(&HttpRequest { method: "POST", path: "/", query: "", headers: &headers, body })
    }

    fn send_unsigned(
        &self,
        product: Product,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Reply, Error> {
        let common = [("Action", action), ("Version", product.version())];
        let query = encoded(&[&common, parameters].concat());
        self.answer(&HttpRequest { method: "POST", path: "/", query: &query, headers: &[], body: b"" })
    }

    /// Returns the origin of signed requests.
    pub(in super::super) fn origin(&self, by: &Credentials) -> Result<Origin, Error> {
        let nonce = self.nonces.fetch_add(1, Ordering::SeqCst).to_string();
        let outgoing = acs3::Outgoing {
            host: "localhost",
            version: Product::Kms.version(),
            action: "ListKeys",
            body: "",
            date: &Timestamp::from_unix(self.clock.load(Ordering::SeqCst)).to_string(),
            nonce: &nonce,
            security_token: by.token.as_deref(),
        };
        let headers = outgoing.headers(&by.id, &by.secret);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let request = HttpRequest { method: "POST", path: "/", query: "", headers: &headers, body: b"" };
        let connection = Connection { source: None, tls: true, request_id: "r".into(), user_agent: None };
        self.bench.kms.authenticate(&Call::parse(&request).1?, connection)
    }

    fn answer(&self, request: &HttpRequest<'_>) -> Result<Reply, Error> {
        let call = Call::parse(request).1?;
        let connection = Connection { source: None, tls: true, request_id: "r".into(), user_agent: None };
        let origin = self.bench.kms.authenticate(&call, connection)?;
        pollster::block_on(self.bench.kms.call(call.request()?, &origin))
    }
}

fn encoded(parameters: &[(&str, &str)]) -> String {
    let pairs = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Parameters::from_pairs(pairs).unwrap().encode()
}
