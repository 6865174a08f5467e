//! Creates a large account through the API: most keys have an alias, a description and a tag, some are disabled or scheduled for
//! deletion, and a third rotates. The other lists are as long as the default quotas allow, or long enough for many pages.

use bulla_wire::Action;
use bulla_wire::kms::{CreateAlias, CreateKey, CreateSecret, DisableKey, ListKeys, ScheduleKeyDeletion};
use bulla_wire::ram::{
    AttachPolicyToUser, CreateAccessKey, CreateGroup, CreatePolicy, CreateRole, CreateUser, PolicyType,
};

use crate::Result;
use crate::load::flat_out;
use crate::people::{call, create_policy, document, signer};
use crate::requests::{Signer, signed};
use crate::server::{Server, member};

/// The resources that pages are requested for.
pub(super) struct Account {
    /// A key that the viewer may see.
    pub(super) key: String,
    /// A user who may list everything, and sees only those keys whose tag is one of ten.
    pub(super) viewer: Signer,
}

pub(super) fn account(server: &Server) -> Result<Account> {
    all(server, KEYS, key)?;
    let ids = key_ids(server)?;
    let with_alias: Vec<_> = ids.iter().enumerate().filter(|(number, _)| number % 10 > 0).collect();
    all(server, with_alias.len(), |at| {
        let (number, id) = with_alias[at];
        CreateAlias { key_id: id.clone(), alias_name: alias(number) }
    })?;
    all(server, ids.len() / 20, |at| DisableKey { key_id: ids[20 * at + 1].clone() })?;
    let pending = Some(30);
    all(server, ids.len() / 20, |at| ScheduleKeyDeletion {
        key_id: ids[20 * at + 2].clone(),
        pending_window_in_days: pending,
    })?;
    people(server)?;
    all(server, SECRETS, secret)?;
    let seen = member(&call(server, &key(SEEN))?, "KeyId")?;
    call(server, &CreateAlias { key_id: seen.clone(), alias_name: "alias/seen".into() })?;
    Ok(Account { key: seen, viewer: viewer(server)? })
}

fn key(number: usize) -> CreateKey {
    let rotates = number.is_multiple_of(3);
    CreateKey {
        description: Some(format!("Data keys of service {number} in the north")),
        key_spec: number.is_multiple_of(10).then(|| "Aliyun_SM4".into()),
        enable_automatic_rotation: rotates.then_some(true),
        rotation_interval: rotates.then(|| "365d".into()),
        tags: Some(format!(r#"[{{"TagKey":"team","TagValue":"t{}"}}]"#, number % 10)),
        ..CreateKey::default()
    }
}

fn alias(number: usize) -> String {
    format!("alias/team-{}/service-{number}", number % 50)
}

/// Returns the ids of all keys, in the order of ListKeys.
fn key_ids(server: &Server) -> Result<Vec<String>> {
    let mut connection = server.connect()?;
    let mut ids = Vec::with_capacity(KEYS);
    for number in 1..=KEYS.div_ceil(PAGE) {
        let page = ListKeys {
            page_number: Some(u32::try_from(number)?),
            page_size: Some(u32::try_from(PAGE)?),
            filters: None,
        };
        let listed = connection.call(&signed(&page, server.address, 1)[0])?;
        let found = listed.split(r#""KeyId":""#).skip(1).filter_map(|rest| rest.split('"').next());
        ids.extend(found.map(str::to_owned));
    }
    if ids.len() == KEYS { Ok(ids) } else { Err(format!("{} of {KEYS} keys are listed", ids.len()).into()) }
}

fn people(server: &Server) -> Result<()> {
    all(server, USERS, |number| CreateUser {
        user_name: user(number),
        display_name: Some(format!("User {number}")),
        ..CreateUser::default()
    })?;
    all(server, GROUPS, |number| CreateGroup { group_name: format!("group-{number}"), comments: None })?;
    all(server, POLICIES, |number| CreatePolicy {
        policy_name: format!("policy-{number}"),
        policy_document: document(r#"{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}"#),
        description: None,
        tag: None,
    })?;
    let trust =
        r#"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":["acs:ram::111122223333:root"]}}"#;
    all(server, ROLES, |number| CreateRole {
        role_name: format!("role-{number}"),
        assume_role_policy_document: document(trust),
        description: None,
        max_session_duration: None,
        allow_console_login: None,
        tag: None,
    })
}

pub(super) fn user(number: usize) -> String {
    format!("user-{number}")
}

fn secret(number: usize) -> CreateSecret {
    CreateSecret {
        secret_name: format!("service-{number}/password"),
        version_id: "1".into(),
        secret_data: String::from("correct horse").into(),
        ..CreateSecret::default()
    }
}

fn viewer(server: &Server) -> Result<Signer> {
    let name = || user(0);
    let list = r#"{"Effect":"Allow","Action":["kms:List*","kms:GetKmsInstanceQuotaInfos","ram:Get*","ram:List*","actiontrail:*"],"Resource":"*"}"#;
    let tagged = r#"{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"kms:tag/team":"t3"}}}"#;
    for (policy_name, statement) in [("viewer-lists", list), ("viewer-keys", tagged)] {
        create_policy(server, policy_name, statement)?;
        let attach = AttachPolicyToUser {
            policy_type: PolicyType::Custom,
            policy_name: policy_name.into(),
            user_name: name(),
            resource_group_id: None,
        };
        call(server, &attach)?;
    }
    signer(&call(server, &CreateAccessKey { user_name: Some(name()) })?)
}

/// Creates many resources, in parts, because the signed requests take memory.
fn all<A: Action>(server: &Server, count: usize, make: impl Fn(usize) -> A) -> Result<()> {
    for first in (0..count).step_by(PART) {
        let numbers = first..count.min(first + PART);
        let requests: Vec<_> = numbers.flat_map(|number| signed(&make(number), server.address, 1)).collect();
        flat_out(server, CONNECTIONS.min(requests.len() / 2), &requests)?;
    }
    Ok(())
}

pub(super) const KEYS: usize = 100_000;
/// The default quota.
pub(super) const USERS: usize = 10_000;
pub(super) const SECRETS: usize = 1_000;
pub(super) const POLICIES: usize = 1_000;
/// The default quota.
const GROUPS: usize = 50;
const ROLES: usize = 100;
/// The number of a key whose tag the viewer may see.
const SEEN: usize = KEYS + 3;
/// Maximum page size of ListKeys.
const PAGE: usize = 100;
const PART: usize = 10_000;
const CONNECTIONS: usize = 256;
