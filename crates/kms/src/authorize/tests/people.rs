//! Users, groups and roles for tests, written without the actions that create them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bulla_access::PrincipalId;
use bulla_keys::record::Revision;
use bulla_wire::{Error, Product, Reply};
use serde_json::Value;

use super::{Bench, request};
use crate::origin::{AssumedRole, Caller, Connection, Origin, Proof, RoleSession, SessionSource};
use crate::people::{
    AttachmentLimits, Attachments, Document, Group, GroupId, ManagedPolicy, NameKey, PolicyRef, Profile,
    Role, User,
};
use crate::state::{Changes, Write};
use crate::{Kms, Options, Role as ProcessRole, SystemClock, new_request_id};

/// An account with people.
pub(super) struct Account {
    _data: Option<tempfile::TempDir>,
    pub(super) kms: Arc<Kms>,
    policies: AtomicUsize,
}

pub(super) const ACCOUNT: &str = "111122223333";

impl Account {
    pub(super) fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let kms = Kms::open(&Options::new(data.path(), ProcessRole::Command), SystemClock).unwrap();
        Self { _data: Some(data), kms: kms.into(), policies: AtomicUsize::new(0) }
    }

    /// The account of a bench.
    pub(super) fn of(bench: &Bench) -> Self {
        Self { _data: None, kms: Arc::clone(&bench.kms), policies: AtomicUsize::new(0) }
    }

    pub(super) fn write(&self, writes: impl IntoIterator<Item = (Write, Revision)>) {
        let changes = Changes::for_test(writes).answering(());
        let (_, answered) = self.kms.state.stage(self.kms.now(), |_| Ok::<_, Error>(changes)).unwrap();
        pollster::block_on(answered).unwrap().unwrap();
    }

    /// Creates a user without rights.
    pub(super) fn user(&self, name: &str) -> PrincipalId {
        let user = User::new(name.parse().unwrap(), Profile::default(), 0);
        let id = user.id;
        self.write([(Write::User(user), 0)]);
        id
    }

    /// Replaces a user.
    pub(super) fn change_user(&self, name: &str, edit: impl FnOnce(&mut User)) {
        let key = NameKey::of(name);
        let row = self.kms.state.published().get::<User>(&key).unwrap().clone();
        let mut user = User::clone(&row.record);
        edit(&mut user);
        let old = (user.name.key != key).then_some((Write::NoUser(key), row.revision));
        let revision = if old.is_some() { 0 } else { row.revision };
        self.write(old.into_iter().chain([(Write::User(user), revision)]));
    }

    pub(super) fn delete_user(&self, name: &str) {
        let key = NameKey::of(name);
        let revision = self.kms.state.published().get::<User>(&key).unwrap().revision;
        self.write([(Write::NoUser(key), revision)]);
    }

    /// Creates a policy and attaches it to a user.
    pub(super) fn allow(&self, user: &str, document: &str) -> PolicyRef {
        let policy = self.policy(document);
        self.change_user(user, |user| attach(&mut user.policies, &policy));
        policy
    }

    /// Like [`Account::allow`], with a name for the policy.
    pub(super) fn allow_by(&self, name: &str, document: &str, user: &str) {
        let policy = self.policy_named(name, document);
        self.change_user(user, |user| attach(&mut user.policies, &policy));
    }

    /// Creates a group with a policy and a member.
    pub(super) fn group(&self, name: &str, member: &str, document: &str) -> GroupId {
        let policy = self.policy(document);
        let mut group = Group::new(name.parse().unwrap(), "".into(), 0);
        attach(&mut group.policies, &policy);
        let id = group.id;
        self.write([(Write::Group(group), 0)]);
        self.change_user(member, |user| user.join(id, 0, 5).unwrap());
        id
    }

    /// Creates a role with a policy.
    pub(super) fn role(&self, name: &str, document: Option<&str>) -> PrincipalId {
        let mut role =
            Role::new(name.parse().unwrap(), Document::parse(ACCOUNT, TRUST, |_| None).unwrap(), 0);
        if let Some(document) = document {
            attach(&mut role.policies, &self.policy(document));
        }
        let id = role.id;
        self.write([(Write::Role(role), 0)]);
        id
    }

    pub(super) fn delete_role(&self, name: &str) {
        let key = NameKey::of(name);
        let revision = self.kms.state.published().get::<Role>(&key).unwrap().revision;
        self.write([(Write::NoRole(key), revision)]);
    }

    pub(super) fn rename_group(&self, name: &str, new: &str) {
        let key = NameKey::of(name);
        let row = self.kms.state.published().get::<Group>(&key).unwrap().clone();
        let group = Group { name: new.parse().unwrap(), ..Group::clone(&row.record) };
        self.write([(Write::NoGroup(key), row.revision), (Write::Group(group), 0)]);
    }

    fn policy(&self, document: &str) -> PolicyRef {
        self.policy_named(&format!("p{}", self.policies.fetch_add(1, Ordering::Relaxed)), document)
    }

    fn policy_named(&self, name: &str, document: &str) -> PolicyRef {
        let policy = ManagedPolicy::new(name.parse().unwrap(), document, 0).unwrap();
        self.write([(Write::Policy(policy), 0)]);
        PolicyRef::Custom(NameKey::of(name))
    }

    pub(super) fn call(
        &self,
        origin: &Origin,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Reply, Error> {
        pollster::block_on(self.kms.call(request(action, parameters), origin))
    }

    /// Returns the error of a request that fails.
    pub(super) fn refusal(&self, origin: &Origin, action: &str, parameters: &[(&str, &str)]) -> Error {
        self.call(origin, action, parameters).expect_err(action)
    }

    pub(super) fn is_allowed(&self, origin: &Origin, action: &str, parameters: &[(&str, &str)]) -> bool {
        match self.call(origin, action, parameters) {
            Ok(_) => true,
            Err(error) => error.code_text() != "Forbidden.NoPermission",
        }
    }

    /// Returns the reply to a request of root.
    pub(super) fn do_it(&self, action: &str, parameters: &[(&str, &str)]) -> Value {
        let answer = self.call(&self.kms.owner(), action, parameters);
        serde_json::to_value(answer.unwrap_or_else(|error| panic!("{action}: {error}"))).unwrap()
    }

    pub(super) fn key(&self) -> String {
        self.do_it("CreateKey", &[])["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
    }

    /// The bytes of a reply, without the id of the request.
    pub(super) fn rendered(&self, error: &Error) -> String {
        bulla_wire::render_error(bulla_wire::ReplyFormat::Json, Product::Kms, error, "r", self.kms.region())
            .to_string()
    }
}

pub(super) fn attach(attachments: &mut Attachments, policy: &PolicyRef) {
    attachments.attach(policy.clone(), 0, AttachmentLimits { system: 20, custom: 20 }).unwrap();
}

/// Returns the origin of a request of a user.
pub(super) fn by(user: PrincipalId) -> Origin {
    let proof = Proof::AccessKey("BULLAtest".into());
    Origin { caller: Caller::User { id: user, proof }, connection: connection() }
}

/// Returns the origin of a user who signed in to the console by password, and perhaps with a code.
pub(super) fn by_password(user: PrincipalId, mfa: bool) -> Origin {
    Origin { caller: Caller::User { id: user, proof: Proof::Password { mfa } }, connection: connection() }
}

/// Returns the origin of a session of a role.
pub(super) fn by_session(role: PrincipalId, policy: Option<&str>) -> Origin {
    let policy = policy.map(|text| {
        bulla_access::Policy::parse(bulla_access::PolicyKind::Session, ACCOUNT, text).unwrap().into()
    });
    let session = RoleSession {
        access_key_id: "STS.test".into(),
        source: SessionSource::Oidc { provider: "ci".into(), issuer: "i".into(), subject: "s".into() },
        roles: vec![AssumedRole { id: role, session_name: "job".into(), not_before: 0 }],
        policy,
        source_identity: None,
        mfa: None,
        expires: i64::MAX,
    };
    Origin { caller: Caller::Session(session.into()), connection: connection() }
}

pub(super) fn connection() -> Connection {
    Connection { source: None, tls: false, request_id: new_request_id(), user_agent: None }
}

/// Returns a policy with one statement: its actions, its resources and further members.
pub(super) fn allowing(actions: &str, resources: &str, more: &str) -> String {
    format!(
        r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":{actions},"Resource":{resources}{more}}}]}}"#
    )
}

/// Returns a policy of a key or secret with one statement.
pub(super) fn of_resource(effect: &str, principal: &str, actions: &str) -> String {
    format!(
        r#"{{"Version":"1","Statement":[{{"Effect":"{effect}","Principal":{{"RAM":"acs:ram::{ACCOUNT}:{principal}"}},"Action":{actions},"Resource":"*"}}]}}"#
    )
}

pub(super) const EVERYTHING: &str =
    r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

const TRUST: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":"acs:ram::111122223333:root"}}]}"#;
