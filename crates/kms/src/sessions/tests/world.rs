//! An account behind an engine, and clients that sign their requests.

use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bulla_keys::record::Revision;
use bulla_wire::signature::acs3;
use bulla_wire::{Call, Error, HttpRequest, Parameters, Product, ReplyFormat, Timestamp, render_error};
use serde_json::Value;

use crate::origin::PrincipalId;
use crate::people::{
    AttachmentLimits, Attachments, Document, ManagedPolicy, NameKey, PolicyRef, Profile, Role, User,
};
use crate::state::{AccessKey, AccessKeyOwner, Changes, Write};
use crate::{Clock, Connection, Kms, MaintenanceReport, Options, Role as ProcessRole};

pub(crate) struct World {
    data: tempfile::TempDir,
    clock: TestClock,
    pub(crate) kms: Option<Kms>,
    names: AtomicUsize,
    /// The source address of requests.
    source: Mutex<Option<IpAddr>>,
}

/// A wall clock that moves only when the test advances or sets it, and the elapsed time.
#[derive(Clone)]
struct TestClock {
    wall: Arc<AtomicI64>,
    elapsed: Arc<AtomicI64>,
}

impl TestClock {
    fn new() -> Self {
        Self { wall: Arc::new(AtomicI64::new(START)), elapsed: Arc::new(AtomicI64::new(1000)) }
    }
}

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.wall.load(Ordering::SeqCst).unsigned_abs())
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs(self.elapsed.load(Ordering::SeqCst).unsigned_abs())
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
}

/// A request in the encoding of the protocol.
pub(crate) struct SignedRequest {
    headers: Vec<(&'static str, String)>,
    body: String,
}

const START: i64 = 1_800_000_000;
pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const EVERYTHING: &str =
    r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// Returns a trust policy for one principal of the account, with further members of its statement.
pub(crate) fn trusting(principal: &str, more: &str) -> String {
    format!(
        r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"RAM":"acs:ram::{ACCOUNT}:{principal}"}}{more}}}]}}"#
    )
}

impl Credentials {
    pub(crate) fn of(answer: &Value) -> Self {
        let text = |name| answer["Credentials"][name].as_str().unwrap().to_owned();
        Self { id: text("AccessKeyId"), secret: text("AccessKeySecret"), token: Some(text("SecurityToken")) }
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let mut world = Self {
            data: tempfile::tempdir().unwrap(),
            clock: TestClock::new(),
            kms: None,
            names: AtomicUsize::new(0),
            source: Mutex::default(),
        };
        world.restart();
        let Credentials { id, secret, .. } = world.root();
        pollster::block_on(world.kms_ref().ensure_access_key(Some((id, secret.into())))).unwrap();
        world
    }

    /// Stops the engine and starts another one.
    pub(crate) fn restart(&mut self) {
        self.restart_after(0, 0, false);
    }

    /// Stops the engine, advances and sets the clock while it is off, and starts another one.
    pub(crate) fn restart_after(&mut self, seconds: i64, jump: i64, accept_clock: bool) {
        self.kms = None;
        self.pass(seconds);
        self.clock.wall.fetch_add(jump, Ordering::SeqCst);
        let options = Options { accept_clock, ..Options::new(self.data.path(), ProcessRole::Server) };
        self.kms = Some(Kms::open(&options, self.clock.clone()).unwrap());
        self.pass(1); // requests of the second in which it starts are refused
    }

    /// The data directory.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    pub(crate) fn kms_ref(&self) -> &Kms {
        self.kms.as_ref().unwrap()
    }

    pub(crate) fn set_source(&self, address: IpAddr) {
        *self.source.lock().unwrap() = Some(address);
    }

    /// Advances the time.
    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.wall.fetch_add(seconds, Ordering::SeqCst);
        self.clock.elapsed.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Sets the clock without advancing the time, and runs due maintenance, as a server does every second.
    pub(crate) fn jump(&self, seconds: i64) -> MaintenanceReport {
        self.clock.wall.fetch_add(seconds, Ordering::SeqCst);
        pollster::block_on(self.kms_ref().run_due()).unwrap()
    }

    /// Returns the wall clock.
    pub(crate) fn now(&self) -> i64 {
        self.clock.wall.load(Ordering::SeqCst)
    }

    /// Returns a time relative to now, in the format of replies.
    pub(crate) fn time(&self, seconds: i64) -> String {
        Timestamp::from_unix(self.now() + seconds).to_string()
    }

    pub(crate) fn root(&self) -> Credentials {
        Credentials { id: "rootkey".into(), secret: "rootsecret".into(), token: None }
    }

    pub(crate) fn write(&self, writes: impl IntoIterator<Item = (Write, Revision)>) {
        let changes = Changes::for_test(writes).answering(());
        let (_, answered) = self.kms_ref().state.stage(self.now(), |_| Ok::<_, Error>(changes)).unwrap();
        pollster::block_on(answered).unwrap().unwrap();
    }

    /// Creates a user with an access key and, unless it is empty, a policy.
    pub(crate) fn user(&self, name: &str, policy: &str) -> Credentials {
        let mut user = User::new(name.parse().unwrap(), Profile::default(), 0);
        attach(&mut user.policies, self.policy(policy));
        let id = format!("BULLA{name}");
        user.add_access_key(&id, 1).unwrap();
        let secret = format!("secret of {name}").replace(' ', "-");
        let owner = AccessKeyOwner::User(user.id);
        let key = self.kms_ref().keyring.access_key((*id).into(), &secret.clone().into(), owner, 0);
        self.write([(Write::User(user), 0), (Write::AccessKey(key), 0)]);
        Credentials { id, secret, token: None }
    }

    pub(crate) fn user_id(&self, name: &str) -> PrincipalId {
        self.kms_ref().state.published().get::<User>(&NameKey::of(name)).unwrap().record.id
    }

    pub(crate) fn allow_user(&self, name: &str, policy: &str) {
        let row = self.kms_ref().state.published().get::<User>(&NameKey::of(name)).unwrap().clone();
        let mut user = User::clone(&row.record);
        attach(&mut user.policies, self.policy(policy));
        self.write([(Write::User(user), row.revision)]);
    }

    /// Deletes a user, and leaves its access key.
    pub(crate) fn delete_user(&self, name: &str) {
        let key = NameKey::of(name);
        let revision = self.kms_ref().state.published().get::<User>(&key).unwrap().revision;
        self.write([(Write::NoUser(key), revision)]);
    }

    pub(crate) fn set_access_key(&self, of: &Credentials, active: bool) {
        let row = self.kms_ref().state.published().get::<AccessKey>(&(*of.id).into()).unwrap().clone();
        self.write([(Write::AccessKey(AccessKey { active, ..AccessKey::clone(&row.record) }), row.revision)]);
    }

    pub(crate) fn delete_access_key(&self, of: &Credentials) {
        let id: Box<str> = (*of.id).into();
        let revision = self.kms_ref().state.published().get::<AccessKey>(&id).unwrap().revision;
        self.write([(Write::NoAccessKey(id), revision)]);
    }

    /// Creates a role with, unless it is empty, a policy.
    pub(crate) fn role(&self, name: &str, trust: &str, policy: &str) -> PrincipalId {
        let trust = Document::parse(ACCOUNT, trust, |name| {
            let bulla_access::PrincipalName::User(name) = name else { return None };
            Some(self.user_id(name))
        });
        let mut role = Role::new(name.parse().unwrap(), trust.unwrap(), 0);
        attach(&mut role.policies, self.policy(policy));
        let id = role.id;
        self.write([(Write::Role(role), 0)]);
        id
    }

    pub(crate) fn change_role(&self, name: &str, edit: impl FnOnce(&mut Role)) {
        let row = self.kms_ref().state.published().get::<Role>(&NameKey::of(name)).unwrap().clone();
        let mut role = Role::clone(&row.record);
        edit(&mut role);
        self.write([(Write::Role(role), row.revision)]);
    }

    pub(crate) fn end_sessions(&self, role: &str) {
        let parameters = [("RoleName", role), ("EndSessions", "true")];
        self.ram(&self.root(), "UpdateRole", &parameters).unwrap();
    }

    pub(crate) fn delete_role(&self, name: &str) {
        let key = NameKey::of(name);
        let revision = self.kms_ref().state.published().get::<Role>(&key).unwrap().revision;
        self.write([(Write::NoRole(key), revision)]);
    }

    fn policy(&self, document: &str) -> Option<PolicyRef> {
        if document.is_empty() {
            return None;
        }
        let name = format!("p{}", self.names.fetch_add(1, Ordering::SeqCst));
        let policy = ManagedPolicy::new(name.parse().unwrap(), document, 0).unwrap();
        self.write([(Write::Policy(policy), 0)]);
        Some(PolicyRef::Custom(NameKey::of(&name)))
    }

    /// Returns credentials of a role, or the code of the error.
    pub(crate) fn assume(&self, by: &Credentials, role: &str) -> Result<Credentials, String> {
        self.assume_where(by, role, &[])
    }

    pub(crate) fn assume_where(
        &self,
        by: &Credentials,
        role: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Credentials, String> {
        let answer = self.assume_with(by, &format!("acs:ram::{ACCOUNT}:role/{role}"), parameters);
        answer.map(|answer| Credentials::of(&answer)).map_err(|error| error.code_text())
    }

    pub(crate) fn assume_with(
        &self,
        by: &Credentials,
        arn: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Value, Error> {
        let required = [("RoleArn", arn), ("RoleSessionName", "job")];
        self.sts(by, "AssumeRole", &[&required, parameters].concat())
    }

    pub(crate) fn sts(
        &self,
        by: &Credentials,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Value, Error> {
        self.send(Product::Sts, by, action, parameters)
    }

    pub(crate) fn ram(
        &self,
        by: &Credentials,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Value, Error> {
        self.send(Product::Ram, by, action, parameters)
    }

    pub(crate) fn kms(
        &self,
        by: &Credentials,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Value, Error> {
        self.send(Product::Kms, by, action, parameters)
    }

    /// Returns the code of an expected error.
    pub(crate) fn kms_code(&self, by: &Credentials, action: &str, parameters: &[(&str, &str)]) -> String {
        self.kms(by, action, parameters).unwrap_err().code_text()
    }

    fn send(
        &self,
        product: Product,
        by: &Credentials,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Value, Error> {
        self.send_again(&self.signed(product, by, action, parameters))
    }

    /// Returns a signed request to the KMS, without parameters, that was not sent yet.
    pub(crate) fn signed_to_kms(&self, by: &Credentials, action: &str) -> SignedRequest {
        self.signed(Product::Kms, by, action, &[])
    }

    /// Sends a signed request, possibly again.
    pub(crate) fn send_again(&self, SignedRequest { headers, body }: &SignedRequest) -> Result<Value, Error> {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let body = body.as_bytes();
        self.answer(&HttpRequest { method: "POST", path: "/", query: "", headers: &headers, body })
    }

    fn signed(
        &self,
        product: Product,
        by: &Credentials,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> SignedRequest {
        let pairs = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let body = Parameters::from_pairs(pairs).unwrap().encode();
        let nonce = self.names.fetch_add(1, Ordering::SeqCst).to_string();
        let outgoing = acs3::Outgoing {
            host: "localhost",
            version: product.version(),
            action,
            body: &body,
            date: &self.time(0),
            nonce: &nonce,
            security_token: by.token.as_deref(),
        };
        let headers = outgoing.headers(&by.id, &by.secret).into_iter().collect();
        SignedRequest { headers, body }
    }

    /// Sends parameters without a signature.
    pub(crate) fn send_unsigned(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Value, Error> {
        let common = [("Action", action), ("Version", Product::Sts.version())];
        let pairs = common.iter().chain(parameters);
        let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let query = Parameters::from_pairs(pairs).unwrap().encode();
        self.answer(&HttpRequest { method: "POST", path: "/", query: &query, headers: &[], body: b"" })
    }

    fn answer(&self, request: &HttpRequest<'_>) -> Result<Value, Error> {
        let call = Call::parse(request).1?;
        let connection = Connection {
            source: *self.source.lock().unwrap(),
            tls: true,
            request_id: "r".into(),
            user_agent: None,
        };
        let origin = self.kms_ref().authenticate(&call, connection)?;
        let reply = pollster::block_on(self.kms_ref().call(call.request()?, &origin))?;
        Ok(serde_json::to_value(reply).unwrap())
    }

    /// The bytes of an error reply.
    pub(crate) fn rendered(&self, error: &Error) -> String {
        render_error(ReplyFormat::Json, Product::Sts, error, "r", self.kms_ref().region()).to_string()
    }
}

fn attach(attachments: &mut Attachments, policy: Option<PolicyRef>) {
    if let Some(policy) = policy {
        attachments.attach(policy, 0, AttachmentLimits { system: 20, custom: 20 }).unwrap();
    }
}
