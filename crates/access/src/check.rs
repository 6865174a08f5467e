//! Which statements of a policy amount to granting: their holder can give itself, or others, rights that the policy does not
//! name.

use std::fmt;

use crate::action::Asked;
use crate::evaluate::StatementRef;
use crate::pattern::Pattern;
use crate::policy::{Effect, Policy, PolicyKind, Statement};
use crate::principal::Trusted;

/// A right that amounts to granting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The statement that allows it.
    pub statement: StatementRef,
    /// The action; `*` if the statement allows all of them.
    pub action: &'static str,
    /// What its holder can do.
    pub effect: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: {} {}", self.statement.line, self.action, self.effect)
    }
}

/// The findings of a policy, statement by statement.
///
/// Conditions and resources of an Allow do not matter: a right on one resource is one too. A Deny does only if it is on `*` and
/// without conditions. A trust policy has no findings: what it allows is to be a role.
pub fn check(policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, statement) in policy.statements.iter().enumerate() {
        if policy.kind == PolicyKind::Trust || !grants(statement, policy.kind) {
            continue;
        }
        let place = StatementRef { index, line: statement.line };
        let finding =
            |grant: &Grant| Finding { statement: place, action: grant.action, effect: grant.effect };
        let found: Vec<_> =
            GRANTS.iter().filter(|grant| grant.is_in(statement, policy)).map(finding).collect();
        if found.len() == GRANTS.len() {
            findings.push(Finding { statement: place, action: "*", effect: EVERYTHING });
        } else {
            findings.extend(found);
        }
    }
    findings
}

/// Whether the statement gives any principal anything.
fn grants(statement: &Statement, kind: PolicyKind) -> bool {
    let acts = |trusted: &Trusted| !matches!(trusted, Trusted::Account | Trusted::Service);
    statement.effect == Effect::Allow && (!kind.has_principals() || statement.principals.iter().any(acts))
}

struct Grant {
    action: &'static str,
    effect: &'static str,
    /// A right on single resources is what the action is for; only patterns are findings.
    only_patterns: bool,
}

impl Grant {
    fn is_in(&self, statement: &Statement, policy: &Policy) -> bool {
        let names = [Asked::new(self.action)];
        let is_exact = |pattern: &Pattern| matches!(pattern, Pattern::Exact(_));
        statement.actions.has_any(&names)
            && !(self.only_patterns && statement.resources.iter().all(is_exact))
            && !policy.statements.iter().any(|other| refuses(other, &names))
    }
}

/// Whether the statement denies an action on every resource, to every principal.
fn refuses(statement: &Statement, names: &[Asked<'_>]) -> bool {
    statement.effect == Effect::Deny
        && statement.principals.is_empty()
        && statement.conditions.is_empty()
        && statement.resources.contains(&Pattern::Any)
        && statement.actions.has_any(names)
}

const fn grant(action: &'static str, effect: &'static str) -> Grant {
    Grant { action, effect, only_patterns: false }
}

const EVERYTHING: &str = "allows every action, and so giving any right to anyone";

const GRANTS: &[Grant] = &[
    grant("kms:SetKeyPolicy", "decides who may use a key"),
    grant("kms:SetSecretPolicy", "decides who may read a secret"),
    grant("kms:ExportDataKey", "takes data keys out, encrypted for a key pair of the caller"),
    grant("kms:ReEncryptFrom", "moves data to another key, which the caller may be able to use"),
    grant("kms:UpdateAlias", "points an alias at another key, for everyone who uses the alias"),
    grant("kms:TagResource", "sets tags, which conditions of other policies may look at"),
    grant("kms:TagResources", "sets tags, which conditions of other policies may look at"),
    grant("ecs:TagResources", "sets tags, which conditions of other policies may look at"),
    grant("kms:UntagResource", "removes tags, which conditions of other policies may look at"),
    grant("kms:UntagResources", "removes tags, which conditions of other policies may look at"),
    grant("ecs:UntagResources", "removes tags, which conditions of other policies may look at"),
    grant("ram:AttachPolicyToUser", "gives a user any policy"),
    grant("ram:AttachPolicyToGroup", "gives a group any policy"),
    grant("ram:AttachPolicyToRole", "gives a role any policy"),
    grant("ram:DetachPolicyFromUser", "takes a policy from a user, also one that denies"),
    grant("ram:DetachPolicyFromGroup", "takes a policy from a group, also one that denies"),
    grant("ram:DetachPolicyFromRole", "takes a policy from a role, also one that denies"),
    grant("ram:AddUserToGroup", "gives a user the rights of a group"),
    grant("ram:RemoveUserFromGroup", "takes the policies of a group from a user, also those that deny"),
    grant("ram:CreatePolicyVersion", "changes what a policy allows"),
    grant("ram:SetDefaultPolicyVersion", "changes what a policy allows, to an earlier version"),
    grant("ram:UpdateRole", "decides who may assume a role"),
    grant("ram:TagResources", "sets tags, which conditions of other policies may look at"),
    grant("ram:UntagResources", "removes tags, which conditions of other policies may look at"),
    grant("ram:CreateAccessKey", "makes the caller act as the user, if it is another one"),
    grant("ram:CreateLoginProfile", "makes the caller sign in as the user, if it is another one"),
    grant("ram:UpdateLoginProfile", "makes the caller sign in as the user, if it is another one"),
    Grant {
        action: "sts:AssumeRole",
        effect: "gives the rights of every role that trusts the caller",
        only_patterns: true,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(kind: PolicyKind, text: &str) -> Vec<(u32, &'static str)> {
        let policy = Policy::parse(kind, "1", text).expect("a policy");
        check(&policy).iter().map(|finding| (finding.statement.line, finding.action)).collect()
    }

    fn statements(list: &str) -> String {
        format!("{{\"Version\":\"1\",\"Statement\":[\n{list}\n]}}")
    }

    #[test]
    fn each_action_of_the_table_is_found_with_its_line() {
        for grant in GRANTS {
            let text = statements(&format!(
                "{{\"Effect\":\"Allow\",\"Action\":\"kms:Encrypt\",\"Resource\":\"*\"}},\n\
                 {{\"Effect\":\"Allow\",\"Action\":\"{}\",\"Resource\":\"*\"}}",
                grant.action.to_uppercase()
            ));
            assert_eq!(findings(PolicyKind::Identity, &text), [(3, grant.action)]);
        }
    }

    #[test]
    fn all_rights_are_one_finding() {
        let all = statements(r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#);
        assert_eq!(findings(PolicyKind::Identity, &all), [(2, "*")]);
        let most = statements(r#"{"Effect":"Allow","NotAction":"kms:SetKeyPolicy","Resource":"*"}"#);
        assert_eq!(findings(PolicyKind::Identity, &most).len(), GRANTS.len() - 1);
    }

    #[test]
    fn an_unconditional_deny_takes_a_finding_back() {
        let deny = |rest: &str| {
            let text = statements(&format!(
                r#"{{"Effect":"Allow","Action":"kms:Set*","Resource":"*"}},
                   {{"Effect":"Deny","Action":"kms:SetKeyPolicy",{rest}}}"#
            ));
            findings(PolicyKind::Identity, &text).len()
        };
        assert_eq!(deny(r#""Resource":"*""#), 1);
        assert_eq!(deny(r#""Resource":"acs:kms:*:*:key/a""#), 2);
        assert_eq!(deny(r#""Resource":"*","Condition":{"Bool":{"acs:SecureTransport":false}}"#), 2);
    }

    #[test]
    fn what_gives_no_user_anything_is_no_finding() {
        let key = |principal: &str| {
            let text = statements(&format!(
                r#"{{"Effect":"Allow","Principal":{{"RAM":"{principal}"}},"Action":"kms:*","Resource":"*"}}"#
            ));
            findings(PolicyKind::Key, &text).len()
        };
        assert_eq!(key("acs:ram::1:*"), 0);
        assert_eq!(key("acs:ram::1:root"), 0);
        assert!(key("acs:ram::1:user/bob") > 0);
        let harmless = r#"{"Effect":"Allow","Action":["kms:Decrypt","ram:Get*","ram:List*"],"Resource":"*"},
            {"Effect":"Allow","Action":"sts:AssumeRole","Resource":"acs:ram::1:role/ci"}"#;
        assert_eq!(findings(PolicyKind::Identity, &statements(harmless)), []);
    }
}
