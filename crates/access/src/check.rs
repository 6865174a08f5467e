//! Findings about a policy: statements that amount to privilege escalation, because they let their holder give itself or others
//! rights that the policy does not name, and `NotAction` lists that exclude less than they seem to.

use std::fmt;

use crate::action::ActionName;
use crate::evaluate::StatementRef;
use crate::pattern::Pattern;
use crate::policy::{Effect, Policy, PolicyKind, Statement};
use crate::principal::Trusted;
use crate::synonyms;

/// An action that allows privilege escalation, or one that a `NotAction` list fails to exclude.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The statement that allows the action, or whose `NotAction` list fails to exclude it.
    pub statement: StatementRef,
    /// The action; `*` if the statement allows all actions of the table.
    pub action: &'static str,
    /// What the holder can do with the action, or what is wrong with the statement, as a phrase that follows the action.
    pub effect: &'static str,
    /// Whether the action allows privilege escalation.
    pub grants: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: {} {}", self.statement.line, self.action, self.effect)
    }
}

/// Returns the findings of a policy, in the order of its statements.
///
/// The conditions and resources of an Allow are ignored: a right on one resource is a finding too. An action is no finding if a
/// Deny on `*` without conditions covers it. A trust policy has no findings: all that it can allow is assuming the role.
pub fn check(policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, statement) in policy.statements.iter().enumerate() {
        let place = StatementRef { index, line: statement.line };
        let left_in = names_left_in(statement);
        findings.extend(left_in.map(|action| Finding {
            statement: place,
            action,
            effect: LEFT_IN,
            grants: false,
        }));
        if policy.kind == PolicyKind::Trust || !grants(statement, policy.kind) {
            continue;
        }
        let finding = |action, effect| Finding { statement: place, action, effect, grants: true };
        let found: Vec<_> = GRANTS.iter().filter(|grant| grant.is_in(statement, policy)).collect();
        if found.len() == GRANTS.len() {
            findings.push(finding("*", EVERYTHING));
        } else {
            findings.extend(found.iter().map(|grant| finding(grant.action, grant.effect)));
        }
    }
    findings
}

impl Policy {
    /// Returns the actions, in lower case, that match none of `action_names` (such as `kms:Decrypt`) of their product: they
    /// are misspelt, or belong to a later version of the product. Actions of products without a known action are skipped.
    pub fn unknown_actions(&self, action_names: &[&str]) -> Vec<(StatementRef, String)> {
        let action_names: Vec<_> = action_names.iter().map(|name| ActionName::new(name)).collect();
        let mut unknown = Vec::new();
        for (index, statement) in self.statements.iter().enumerate() {
            let place = StatementRef { index, line: statement.line };
            let missing = statement.actions.patterns.iter().filter(|pattern| pattern.misses(&action_names));
            unknown.extend(missing.map(|pattern| (place, pattern.to_string())));
        }
        unknown
    }
}

/// Returns the synonyms that a `NotAction` list forgets: for each action of which it lists a name, the names that it does not
/// list. An action matches a statement by any of its names, so such an action is not excluded.
fn names_left_in(statement: &Statement) -> impl Iterator<Item = &'static str> {
    let is_left_in = |name: &'static str| statement.actions.has_any(&[ActionName::new(name)]);
    let groups = synonyms::GROUPS
        .iter()
        .filter(move |names| statement.actions.negated && names.iter().any(|name| !is_left_in(name)));
    groups.flat_map(move |names| names.iter().copied().filter(move |name| is_left_in(name)))
}

/// Whether the statement allows a user, role or OIDC provider anything.
fn grants(statement: &Statement, kind: PolicyKind) -> bool {
    let acts = |trusted: &Trusted| !matches!(trusted, Trusted::Account | Trusted::Service);
    statement.effect == Effect::Allow && (!kind.has_principals() || statement.principals.iter().any(acts))
}

struct Grant {
    action: &'static str,
    effect: &'static str,
    /// A right on single resources is the purpose of the action; only resource patterns are findings.
    only_patterns: bool,
    /// The action creates its resource, so no policy of an existing resource decides about it.
    only_identity: bool,
}

impl Grant {
    fn is_in(&self, statement: &Statement, policy: &Policy) -> bool {
        let names = [ActionName::new(self.action)];
        let is_elsewhere = self.only_identity && policy.kind.has_principals();
        let is_meant = self.only_patterns && statement.resources.iter().all(is_single);
        let is_refused = || policy.statements.iter().any(|other| refuses(other, &names));
        statement.actions.has_any(&names) && !is_elsewhere && !is_meant && !is_refused()
    }
}

/// Whether the pattern names one resource. Wildcards in region and account are ignored: there is one of each.
fn is_single(pattern: &Pattern) -> bool {
    let text = pattern.to_string();
    text.splitn(5, ':').nth(4).is_some_and(|local| !local.contains(['*', '?']))
}

/// Whether the statement denies the action on every resource to every principal.
fn refuses(statement: &Statement, names: &[ActionName<'_>]) -> bool {
    statement.effect == Effect::Deny
        && statement.principals.is_empty()
        && statement.conditions.is_empty()
        && statement.resources.contains(&Pattern::Any)
        && statement.actions.has_any(names)
}

const fn grant(action: &'static str, effect: &'static str) -> Grant {
    Grant { action, effect, only_patterns: false, only_identity: false }
}

const fn creation(action: &'static str, effect: &'static str) -> Grant {
    Grant { only_identity: true, ..grant(action, effect) }
}

const EVERYTHING: &str = "allows every action, including granting any right to any caller";
const LEFT_IN: &str =
    "is another name of an action that NotAction lists: without it, the action is not left out";

const GRANTS: &[Grant] = &[
    grant("kms:SetKeyPolicy", "decides who may use a key"),
    grant("kms:SetSecretPolicy", "decides who may read a secret"),
    creation("kms:CreateKey", "grants any caller any right on the new key, with its Policy"),
    creation("kms:CreateSecret", "grants any caller any right on the new secret, with its Policy"),
    grant("kms:ExportDataKey", "exports data keys, encrypted for a key pair of the caller"),
    grant("kms:ReEncryptFrom", "moves data to another key, which the caller may be able to use"),
    grant("kms:UpdateAlias", "moves an alias to another key, for every caller who uses the alias"),
    grant("kms:TagResource", "sets tags, which conditions of other policies may read"),
    grant("kms:TagResources", "sets tags, which conditions of other policies may read"),
    grant("ecs:TagResources", "sets tags, which conditions of other policies may read"),
    grant("kms:UntagResource", "removes tags, which conditions of other policies may read"),
    grant("kms:UntagResources", "removes tags, which conditions of other policies may read"),
    grant("ecs:UntagResources", "removes tags, which conditions of other policies may read"),
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
    grant("ram:TagResources", "sets tags, which conditions of other policies may read"),
    grant("ram:UntagResources", "removes tags, which conditions of other policies may read"),
    grant("ram:CreateAccessKey", "makes the caller act as the user, if it is another one"),
    grant("ram:CreateLoginProfile", "makes the caller sign in as the user, if it is another one"),
    grant("ram:UpdateLoginProfile", "makes the caller sign in as the user, if it is another one"),
    grant("ram:BindMFADevice", "decides which device proves the second factor of a user"),
    grant("ram:UnbindMFADevice", "takes the second factor from a user"),
    Grant {
        only_patterns: true,
        ..grant("sts:AssumeRole", "gives the rights of every role that trusts the caller")
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
    fn an_action_that_not_action_lists_by_one_of_its_names_is_not_left_out() {
        let names = |effect: &str, list: &str| {
            let text = statements(&format!(r#"{{"Effect":"{effect}","NotAction":[{list}],"Resource":"*"}}"#));
            let policy = Policy::parse(PolicyKind::Identity, "1", &text).expect("a policy");
            let found = check(&policy).into_iter().filter(|finding| !finding.grants);
            found.map(|finding| finding.action).collect::<Vec<_>>()
        };
        for effect in ["Allow", "Deny"] {
            let two = names(effect, r#""kms:TagResource""#);
            assert_eq!(two, ["kms:TagResources", "ecs:TagResources"]);
            let lists = names(effect, r#""kms:List*","ecs:UNTAG*","kms:Untag*""#);
            assert_eq!(lists, ["ecs:ListTagResources"]);
            let product = names(effect, r#""kms:*""#);
            assert_eq!(product, ["ecs:TagResources", "ecs:UntagResources", "ecs:ListTagResources"]);
            for whole in [r#""*:*Tag*""#, r#""kms:Encrypt""#, r#""kms:TagResource*","ecs:Tag*""#] {
                assert_eq!(names(effect, whole), <[&str; 0]>::default(), "{whole}");
            }
        }
        let listed = statements(r#"{"Effect":"Allow","Action":"kms:ListResourceTags","Resource":"*"}"#);
        assert_eq!(findings(PolicyKind::Identity, &listed), []);
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
        let user = statements(
            r#"{"Effect":"Allow","Principal":{"RAM":"acs:ram::1:user/bob"},"Action":"kms:*","Resource":"*"}"#,
        );
        let found = findings(PolicyKind::Key, &user);
        assert!(
            found.contains(&(2, "kms:SetKeyPolicy")) && !found.contains(&(2, "kms:CreateKey")),
            "{found:?}"
        );
        let harmless = r#"{"Effect":"Allow","Action":["kms:Decrypt","ram:Get*","ram:List*"],"Resource":"*"},
            {"Effect":"Allow","Action":"sts:AssumeRole","Resource":["acs:ram::1:role/ci","acs:ram:*:*:role/ci"]}"#;
        assert_eq!(findings(PolicyKind::Identity, &statements(harmless)), []);
        for all in ["acs:ram:*:*:*", "acs:ram:*:*:role/ci-*", "acs:ram:*:role/ci"] {
            let text = format!(r#"{{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"{all}"}}"#);
            assert_eq!(findings(PolicyKind::Identity, &statements(&text)), [(2, "sts:AssumeRole")], "{all}");
        }
    }
}
