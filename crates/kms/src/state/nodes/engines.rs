//! Tests of engines with one store: a decision is repeated if another engine has answered meanwhile.

use std::sync::Arc;

use bulla_wire::Request;
use bulla_wire::ram::{
    AddUserToGroup, AttachPolicyToGroup, AttachPolicyToRole, AttachPolicyToUser, CreateAccessKey,
    CreateGroup, CreatePolicy, CreateRole, CreateUser, DeleteGroup, DeletePolicy, PolicyType,
};

use super::{Process, Site, node};
use crate::store::Store;
use crate::{Kms, Options, Quotas, Role, SystemClock};

/// A KMS with the store that the nodes share.
struct Engine {
    kms: Kms,
    store: Arc<Store>,
    _data: [tempfile::TempDir; 2],
}

impl Engine {
    fn start(site: &Site, quotas: Quotas) -> Self {
        let data = tempfile::tempdir().unwrap();
        let options = Options { quotas, ..Options::new(data.path(), Role::Command) };
        let mut kms = Kms::open(&options, SystemClock).unwrap();
        let Process { state, store, _data } = site.start();
        kms.state = state;
        Self { kms, store, _data: [data, _data] }
    }

    /// A site with a user, a group, a role and a policy.
    fn with_people(site: &Site) -> Self {
        let engine = Self::start(site, Quotas::default());
        for made in [make_user, make_group, make_role, make_policy] {
            engine.call(made()).unwrap();
        }
        engine
    }

    fn call(&self, request: Request) -> Result<(), String> {
        let answer = pollster::block_on(self.kms.call(request, &self.kms.owner()));
        answer.map(drop).map_err(|error| error.code_text())
    }

    /// Calls while another engine answers a request before this engine's change is committed.
    fn call_overtaken(&self, request: Request, by: &Arc<Self>, overtaking: Request) -> Result<(), String> {
        let by = Arc::clone(by);
        let overtake = move || by.call(overtaking).expect("it is allowed");
        *node(&self.store).before_commit.lock().unwrap() = Some(Box::new(overtake));
        self.call(request)
    }
}

type Ask = fn() -> Request;

/// A policy that is attached but deleted would deny its holders everything permanently.
#[test]
fn what_another_node_attaches_or_adds_to_is_not_deleted() {
    let no_policy: Ask = || DeletePolicy { policy_name: "p".into(), cascading_delete: None }.into();
    let no_group: Ask = || DeleteGroup { group_name: "ops".into() }.into();
    let join: Ask = || AddUserToGroup { user_name: "alice".into(), group_name: "ops".into() }.into();
    for (addition, deletion, conflict, missing) in [
        (attach_to_user as Ask, no_policy, "DeleteConflict.Policy.User", "EntityNotExist.Policy"),
        (attach_to_group, no_policy, "DeleteConflict.Policy.Group", "EntityNotExist.Policy"),
        (attach_to_role, no_policy, "DeleteConflict.Policy.Role", "EntityNotExist.Policy"),
        (join, no_group, "DeleteConflict.Group.User", "EntityNotExist.Group"),
    ] {
        for (late, overtaking, answer) in [(deletion, addition, conflict), (addition, deletion, missing)] {
            let site = Site::new();
            let one = Arc::new(Engine::with_people(&site));
            let other = Engine::start(&site, Quotas::default());
            assert_eq!(other.call_overtaken(late(), &one, overtaking()), Err(answer.into()));
        }
    }
}

#[test]
fn root_has_no_more_access_keys_than_the_quota_on_all_nodes_together() {
    let site = Site::new();
    let quotas = Quotas { access_keys_per_user: 1, ..Quotas::default() };
    let one = Arc::new(Engine::start(&site, quotas));
    let other = Engine::start(&site, quotas);
    let create = || Request::from(CreateAccessKey { user_name: None });
    let refused = Err("LimitExceeded.User.AccessKey".to_owned());
    assert_eq!(other.call_overtaken(create(), &one, create()), refused);
}

fn make_user() -> Request {
    CreateUser { user_name: "alice".into(), ..CreateUser::default() }.into()
}

fn make_group() -> Request {
    CreateGroup { group_name: "ops".into(), comments: None }.into()
}

fn make_role() -> Request {
    let trust = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":"acs:ram::111122223333:root"}}]}"#;
    CreateRole {
        role_name: "job".into(),
        assume_role_policy_document: trust.into(),
        description: None,
        max_session_duration: None,
        tag: None,
        allow_console_login: None,
    }
    .into()
}

fn make_policy() -> Request {
    let document =
        r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}]}"#;
    CreatePolicy { policy_name: "p".into(), policy_document: document.into(), description: None, tag: None }
        .into()
}

fn attach_to_user() -> Request {
    AttachPolicyToUser {
        policy_type: PolicyType::Custom,
        policy_name: "p".into(),
        user_name: "alice".into(),
        resource_group_id: None,
    }
    .into()
}

fn attach_to_group() -> Request {
    AttachPolicyToGroup {
        policy_type: PolicyType::Custom,
        policy_name: "p".into(),
        group_name: "ops".into(),
        resource_group_id: None,
    }
    .into()
}

fn attach_to_role() -> Request {
    AttachPolicyToRole {
        policy_type: PolicyType::Custom,
        policy_name: "p".into(),
        role_name: "job".into(),
        resource_group_id: None,
    }
    .into()
}
