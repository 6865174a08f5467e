//! `bulla role assume`: prints temporary credentials of a role for a shell.

use bulla_client::CallError;
use bulla_wire::sts::{AssumeRole, AssumeRoleReply, GetCallerIdentity};
use zeroize::Zeroizing;

use super::{document, shell};
use crate::account::Account;
use crate::args::Assume;
use crate::failure::Failure;
use crate::results::{print_json, print_raw};

pub(super) fn run(account: &Account, assume: Assume) -> Result<(), Failure> {
    let request = AssumeRole {
        role_arn: role_arn(account, &assume.role)?,
        role_session_name: assume.session_name,
        duration_seconds: assume.duration,
        policy: assume.policy.as_ref().map(document).transpose()?,
        external_id: assume.external_id,
        source_identity: assume.source_identity,
    };
    let reply = account.call(&request)?;
    if assume.output.json { print_json(&reply) } else { print_raw(&*exports(&reply)) }
}

/// Returns the ARN of a role of the caller's account.
fn role_arn(account: &Account, role: &str) -> Result<String, CallError> {
    if role.starts_with("acs:") {
        return Ok(role.to_owned());
    }
    let id = account.call(&GetCallerIdentity {})?.account_id;
    Ok(format!("acs:ram::{id}:role/{}", role.strip_prefix("role/").unwrap_or(role)))
}

/// Returns shell exports of the variables that every client reads.
fn exports(reply: &AssumeRoleReply) -> Zeroizing<String> {
    let credentials = &reply.credentials;
    let mut text = shell::exports(&[
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", &credentials.access_key_id),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", credentials.access_key_secret.expose()),
        ("ALIBABA_CLOUD_SECURITY_TOKEN", credentials.security_token.expose()),
    ]);
    text.push_str("# valid until ");
    text.push_str(&credentials.expiration.to_string());
    text
}
