//! The cost of users and policies: GenerateDataKey by the account's root, to whom no policy applies, by a user with ten policies,
//! and by a session of a role with a session policy. The three take turns over one connection, so the times are those of single
//! requests.

use bulla_wire::Action;
use bulla_wire::ram::{
    AttachPolicyToRole, AttachPolicyToUser, CreateAccessKey, CreatePolicy, CreateRole, CreateUser, PolicyType,
};
use bulla_wire::sts::AssumeRole;

use crate::Result;
use crate::kms::{ALIAS, generate_data_key};
use crate::load::flat_out;
use crate::programs::{self, Folder};
use crate::report::{figure, heading, median};
use crate::requests::{Signer, signed_by};
use crate::server::{Scheme, Server, member};

pub(crate) fn run() -> Result<()> {
    let folder = Folder::new(&programs::scratch()?, "people")?;
    heading(&format!("people: GenerateDataKey over HTTP, one connection, {ROUNDS} rounds"));
    let server = Server::bulla(&folder.path().join("data"), Scheme::Http)?;
    server.create_key(ALIAS)?;
    let user = user(&server)?;
    let session = session(&server, &user)?;
    let signers = [Signer::root(), user, session];
    let mut rounds = vec![Vec::new(); signers.len()];
    for _ in 0..ROUNDS {
        for (signer, times) in signers.iter().zip(&mut rounds) {
            let requests = signed_by(signer, &generate_data_key(), server.address, REQUESTS + 1);
            times.push(1e6 / flat_out(&server, 1, &requests)?.per_second);
        }
    }
    figure("by the account's root", median(rounds[0].clone()), "µs");
    for (name, times) in
        ["by a user with ten policies", "by a session with a session policy"].iter().zip(&rounds[1..])
    {
        let more = times.iter().zip(&rounds[0]).map(|(time, root)| time - root);
        figure(&format!("{name}, more than by root"), median(more), "µs");
    }
    server.stop()
}

/// Creates a user with ten policies, the last of which allows the request and to assume the role.
fn user(server: &Server) -> Result<Signer> {
    let name = || USER.to_owned();
    call(server, &CreateUser { user_name: name(), ..CreateUser::default() })?;
    for number in 0..POLICIES {
        let action = if number + 1 == POLICIES { "kms:GenerateDataKey" } else { "kms:DescribeKey" };
        let policy_name = format!("policy-{number}");
        let statement = format!(
            r#"{{"Effect":"Allow","Action":["{action}","sts:AssumeRole"],"Resource":"*","Condition":{{"Bool":{{"acs:SecureTransport":"false"}}}}}}"#
        );
        create_policy(server, &policy_name, &statement)?;
        let policy_type = PolicyType::Custom;
        let user_name = name();
        call(server, &AttachPolicyToUser { policy_type, policy_name, user_name, resource_group_id: None })?;
    }
    signer(&call(server, &CreateAccessKey { user_name: Some(name()) })?)
}

fn session(server: &Server, user: &Signer) -> Result<Signer> {
    let principal = format!(r#"{{"RAM":["acs:ram::{ACCOUNT}:root"]}}"#);
    let trust = format!(r#"{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{principal}}}"#);
    let role_name = "benchmark".to_owned();
    let role = CreateRole {
        role_name: role_name.clone(),
        assume_role_policy_document: document(&trust),
        description: None,
        max_session_duration: None,
        allow_console_login: None,
        tag: None,
    };
    call(server, &role)?;
    let policy_name = "role".to_owned();
    create_policy(server, &policy_name, ALLOW)?;
    let policy_type = PolicyType::Custom;
    call(server, &AttachPolicyToRole { policy_type, policy_name, role_name, resource_group_id: None })?;
    let assume = AssumeRole {
        role_arn: format!("acs:ram::{ACCOUNT}:role/benchmark"),
        role_session_name: "benchmark".into(),
        duration_seconds: None,
        policy: Some(document(ALLOW)),
        external_id: None,
        source_identity: None,
    };
    signer(&call_by(server, user, &assume)?)
}

pub(crate) fn create_policy(server: &Server, name: &str, statement: &str) -> Result<String> {
    let policy_document = document(statement);
    call(
        server,
        &CreatePolicy { policy_name: name.to_owned(), policy_document, description: None, tag: None },
    )
}

pub(crate) fn document(statement: &str) -> String {
    format!(r#"{{"Version":"1","Statement":[{statement}]}}"#)
}

pub(crate) fn signer(answer: &str) -> Result<Signer> {
    Ok(Signer {
        access_key_id: member(answer, "AccessKeyId")?,
        secret: member(answer, "AccessKeySecret")?,
        security_token: member(answer, "SecurityToken").ok(),
    })
}

pub(crate) fn call<A: Action>(server: &Server, action: &A) -> Result<String> {
    call_by(server, &Signer::root(), action)
}

pub(crate) fn call_by<A: Action>(server: &Server, signer: &Signer, action: &A) -> Result<String> {
    let request = signed_by(signer, action, server.address, 1).remove(0);
    Ok(server.connect()?.call(&request)?.to_owned())
}

const ALLOW: &str = r#"{"Effect":"Allow","Action":"kms:GenerateDataKey","Resource":"*"}"#;
/// The default account id of a server.
const ACCOUNT: &str = "111122223333";
const USER: &str = "benchmark";
const POLICIES: usize = 10;
const REQUESTS: usize = 20_000;
const ROUNDS: usize = 11;
