//! An evaluator independent of the engine and of `bulla-access`: a direct implementation of the rules, over tables of
//! statements.

use std::collections::BTreeMap;

use super::super::people::ACCOUNT;

/// A statement of a policy. Documents are generated from it, except those of system policies, whose tables are copied from
/// the help pages of the cloud.
#[derive(Clone, Copy)]
pub(super) struct Statement {
    pub(super) effect: &'static str,
    pub(super) actions: &'static [&'static str],
    /// Patterns of ARNs.
    pub(super) resources: &'static [&'static str],
}

pub(super) type Policy = &'static [Statement];

/// Statements of the policies of one key or secret, each with its principal.
pub(super) type ResourcePolicy = &'static [(&'static str, Statement)];

/// The rights of a caller.
#[derive(Clone, Copy)]
pub(super) enum Rights {
    /// Root, with all rights.
    All,
    /// Policies of its own, as this principal: `user/<name>`.
    Policies { principal: &'static str, identity: &'static [Policy], session: Option<Policy> },
    /// Authentication refuses the caller with this code.
    Refused(&'static str),
}

/// A permission that a request needs.
pub(super) struct Question {
    /// In the form of policies: `kms:Decrypt`.
    pub(super) action: String,
    pub(super) arn: String,
    /// If the resource is missing, or the request concerns all of a kind: the common beginning of their ARNs.
    pub(super) whole: Option<String>,
}

/// The policies of resources, by ARN, and the principals that one of them denies.
#[derive(Default)]
pub(super) struct ResourcePolicies {
    pub(super) by_arn: BTreeMap<String, ResourcePolicy>,
    /// Principals that the policy of a key denies something.
    pub(super) denied_a_key: Vec<&'static str>,
}

impl ResourcePolicies {
    pub(super) fn allow(&self, rights: Rights, question: &Question) -> bool {
        let Rights::Policies { principal, identity, session } = rights else {
            return matches!(rights, Rights::All);
        };
        match &question.whole {
            // Only a caller with the permission for all of them learns that one is missing.
            Some(prefix) => {
                let one_of_them = format!("{prefix}\u{1}");
                let is_denied = prefix.contains(":key/") && self.denied_a_key.contains(&principal);
                let effect_of = |policy: Policy| effect_of(policy.iter(), &question.action, &one_of_them);
                !is_denied
                    && session.is_none_or(|session| effect_of(session) == "Allow")
                    && strongest(identity.iter().map(|policy| effect_of(policy))) == "Allow"
            }
            None => {
                let effect_of = |policy: Policy| effect_of(policy.iter(), &question.action, &question.arn);
                let of_resource = self.of_resource(principal, question);
                session.is_none_or(|session| effect_of(session) == "Allow")
                    && strongest(identity.iter().map(|policy| effect_of(policy)).chain([of_resource]))
                        == "Allow"
            }
        }
    }

    fn of_resource(&self, principal: &str, question: &Question) -> &'static str {
        let policy = self.by_arn.get(&question.arn).copied().unwrap_or_default();
        let mine = policy.iter().filter(|(who, _)| *who == principal);
        effect_of(mine.map(|(_, statement)| statement), &question.action, &question.arn)
    }
}

/// A `Deny` is stronger than an `Allow`, which is stronger than no statement.
fn strongest(effects: impl Iterator<Item = &'static str>) -> &'static str {
    let effects: Vec<_> = effects.collect();
    ["Deny", "Allow"].into_iter().find(|effect| effects.contains(effect)).unwrap_or("")
}

fn effect_of<'s>(statements: impl Iterator<Item = &'s Statement>, action: &str, arn: &str) -> &'static str {
    let applies = |statement: &&Statement| {
        let has_action = |name: &str| {
            statement.actions.iter().any(|pattern| is_like(&pattern.to_lowercase(), &name.to_lowercase()))
        };
        let has_resource = statement.resources.iter().any(|pattern| is_like(pattern, arn));
        has_resource && names(action).iter().any(|name| has_action(name))
    };
    strongest(statements.filter(applies).map(|statement| statement.effect))
}

/// Returns all names of one permission in policies.
fn names(action: &str) -> Vec<&str> {
    for synonyms in [
        ["kms:TagResource", "kms:TagResources", "ecs:TagResources"],
        ["kms:UntagResource", "kms:UntagResources", "ecs:UntagResources"],
        ["kms:ListResourceTags", "kms:ListTagResources", "ecs:ListTagResources"],
    ] {
        if synonyms.contains(&action) {
            return synonyms.into();
        }
    }
    vec![action]
}

/// Whether a text matches a pattern with `*`.
fn is_like(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.into_iter().any(|at| is_like(rest, &text[at..]))
        }),
    }
}

/// Returns the document of a policy of a user, group, role or session.
pub(super) fn document(policy: Policy) -> String {
    let statements: Vec<_> = policy
        .iter()
        .map(|Statement { effect, actions, resources }| {
            serde_json::json!({"Effect": effect, "Action": actions, "Resource": resources})
        })
        .collect();
    serde_json::json!({"Version": "1", "Statement": statements}).to_string()
}

/// Returns the document of a policy of a key or secret.
pub(super) fn resource_document(policy: ResourcePolicy) -> String {
    let statements: Vec<_> = policy
        .iter()
        .map(|(principal, Statement { effect, actions, .. })| {
            let principal = format!("acs:ram::{ACCOUNT}:{principal}");
            serde_json::json!({"Effect": effect, "Principal": {"RAM": principal}, "Action": actions, "Resource": "*"})
        })
        .collect();
    serde_json::json!({"Version": "1", "Statement": statements}).to_string()
}

#[test]
fn patterns_fit_as_they_read() {
    assert!(is_like("*", "") && is_like("a*c", "abc") && is_like("a*c*", "ac") && is_like("*b*", "abc"));
    assert!(!is_like("a*c", "ab") && !is_like("a", "ab") && !is_like("", "a"));
}
