//! `bulla policy check`: validates a document, and reports the statements that allow escalating privileges.

use bulla_access::{Finding, Policy, PolicyKind, Reason, StatementRef, check};
use serde::Serialize;
use serde_json::Value;

use super::action::known_actions;
use crate::args::Check;
use crate::commands::api::nearest;
use crate::commands::people::document_as_written;
use crate::failure::{Exit, Failure};
use crate::results::{print, print_json};

pub(super) fn run(typed: &Check) -> Result<(), Failure> {
    let name = typed.document.name().display();
    let text = document_as_written(&typed.document)?;
    let account = typed.account.as_deref().or_else(|| first_account(&text)).unwrap_or(NO_ACCOUNT);
    let kind = typed.purpose.map_or_else(|| likely_kind(&text), PolicyKind::from);
    let policy = Policy::parse(kind, account, &text)
        .map_err(|error| Failure::new(Exit::Other, format!("{name}: {error}"), hint(&error.reason)))?;
    let report = Report::new(&policy);
    if typed.output.json {
        return print_json(&report);
    }
    for finding in &report.findings {
        print(format_args!("{name}:{}: {} {}", finding.line, finding.action, finding.effect))?;
    }
    let count = match policy.statement_count() {
        1 => "1 statement".to_owned(),
        count => format!("{count} statements"),
    };
    let grants = report.findings.iter().any(|finding| finding.grants);
    let granting = if grants { "" } else { ", none of which can grant other rights" };
    print(format_args!("{name}: {} policy of {count}{granting}", purpose(policy.kind())))
}

/// Guesses the kind of a document from the members of its statements: an identity policy names no principals, and a
/// trust policy no resources.
fn likely_kind(text: &str) -> PolicyKind {
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    let statements = document["Statement"].as_array();
    let has =
        |member: &str| statements.into_iter().flatten().any(|statement| statement.get(member).is_some());
    if !has("Principal") {
        PolicyKind::Identity
    } else if has("Resource") {
        PolicyKind::Key
    } else {
        PolicyKind::Trust
    }
}

/// Returns the account of the first principal.
fn first_account(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("acs:ram::")?;
    let (account, _) = rest.split_once(':')?;
    let is_account = !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit());
    is_account.then_some(account)
}

fn purpose(kind: PolicyKind) -> &'static str {
    match kind {
        PolicyKind::Identity | PolicyKind::System => "an identity",
        PolicyKind::Session => "a session",
        PolicyKind::Trust => "a trust",
        PolicyKind::Key => "a key",
        PolicyKind::Secret => "a secret",
    }
}

fn hint(reason: &Reason) -> &'static str {
    match reason {
        Reason::Misplaced(_) | Reason::ForeignAction { .. } => {
            "correct it, or say with --for what the policy is for: identity, session, trust, key or secret"
        }
        Reason::ForeignPrincipal(_) => "a policy names principals of one account; --account says which",
        _ => "correct the document there; docs/access.md describes policies",
    }
}

/// The findings for programs.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    statements: usize,
    findings: Vec<Entry>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    line: u32,
    statement: usize,
    action: String,
    effect: String,
    grants: bool,
}

impl Report {
    fn new(policy: &Policy) -> Self {
        let of_check = |finding: Finding| {
            let Finding { statement, action, effect, grants } = finding;
            Entry::new(statement, action.to_owned(), effect.to_owned(), grants)
        };
        let mut findings: Vec<_> = check(policy).into_iter().map(of_check).collect();
        let actions = known_actions();
        let actions: Vec<_> = actions.iter().map(String::as_str).collect();
        for (statement, action) in policy.unknown_actions(&actions) {
            let effect = match nearest_action(&actions, &action) {
                Some(near) if !action.contains(['*', '?']) => format!("is no action: did you mean {near}?"),
                _ => "is no action".to_owned(),
            };
            findings.push(Entry::new(statement, action, effect, false));
        }
        findings.sort_by_key(|entry| entry.statement);
        Self { statements: policy.statement_count(), findings }
    }
}

/// Returns the action of the same product that was probably meant.
fn nearest_action(actions: &[&str], typed: &str) -> Option<String> {
    let (product, name) = typed.split_once(':')?;
    let names: Vec<_> =
        actions.iter().filter_map(|action| action.strip_prefix(product)?.strip_prefix(':')).collect();
    nearest(&names, name).map(|near| format!("{product}:{near}"))
}

impl Entry {
    fn new(place: StatementRef, action: String, effect: String, grants: bool) -> Self {
        Self { line: place.line, statement: place.index, action, effect, grants }
    }
}

/// The account for documents that name no principal.
const NO_ACCOUNT: &str = "0";

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(statement: &str) -> Result<PolicyKind, Reason> {
        let text = format!(r#"{{"Version":"1","Statement":[{{"Effect":"Allow",{statement}}}]}}"#);
        let account = first_account(&text).unwrap_or(NO_ACCOUNT);
        let kind = likely_kind(&text);
        Policy::parse(kind, account, &text).map(|policy| policy.kind()).map_err(|error| error.reason)
    }

    #[test]
    fn an_action_is_offered_that_is_near_without_its_product() {
        let actions = ["kms:Decrypt", "kms:UpdateRotationPolicy", "ram:GetUser"];
        for (typed, near) in [
            ("kms:decrpt", Some("kms:Decrypt")),
            ("ram:GetUsr", Some("ram:GetUser")),
            ("kms:Foo", None),
            ("ram:Decrypt", None),
            ("oss:GetUser", None),
            ("Decrypt", None),
        ] {
            assert_eq!(nearest_action(&actions, typed).as_deref(), near, "{typed}");
        }
    }

    #[test]
    fn what_a_document_is_for_follows_from_its_members() {
        let principal = r#""Principal":{"RAM":"acs:ram::1234567890123456:user/bob"}"#;
        assert_eq!(kind(r#""Action":"kms:Encrypt","Resource":"*""#), Ok(PolicyKind::Identity));
        assert_eq!(
            kind(&format!(r#"{principal},"Action":"kms:Encrypt","Resource":"*""#)),
            Ok(PolicyKind::Key)
        );
        assert_eq!(kind(&format!(r#"{principal},"Action":"sts:AssumeRole""#)), Ok(PolicyKind::Trust));
        let service = r#""Principal":{"Service":["ecs.aliyuncs.com"]},"Action":"sts:AssumeRole""#;
        assert_eq!(kind(service), Ok(PolicyKind::Trust));
        let with_id = format!(r#""Sid":"a",{principal},"Action":"kms:Encrypt","Resource":"*""#);
        assert_eq!(kind(&with_id), Ok(PolicyKind::Key));
        for other in ["", "[]", "{", r#"{"Statement":7}"#] {
            assert_eq!(likely_kind(other), PolicyKind::Identity);
        }
    }
}
