//! The question of `explain` and `who-can`: an action on a resource, with the names that policies use.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use bulla_access::{ConditionKey, Context, Policy, Principal, Query, Value, covers_all, synonyms};
use bulla_kms::PolicyAction;
use bulla_wire::JsonList;
use bulla_wire::kms::{DescribeSecret, ListResourceTags};
use bulla_wire::ram::{ListTagResources, ResourceType};
use bulla_wire::sts::{GetCallerIdentity, GetCallerIdentityReply};

use super::action;
use super::resource::Resolver;
use crate::account::Account;
use crate::args::Question;
use crate::commands::people::{is_missing, unless_denied};
use crate::failure::Failure;

/// An action on a resource.
pub(super) struct PolicyQuestion {
    /// The name of the action, and further names that policies use for it.
    actions: Vec<String>,
    /// The ARN of the resource.
    pub(super) resource: String,
    /// The common prefix of the ARNs, if the question is about all resources of a kind.
    whole: Option<String>,
    /// The resource, if it has a policy of its own.
    pub(super) guarded: Guarded,
    /// Whether the action assumes a role, which root cannot.
    pub(super) assumes: bool,
    /// What a request needs besides.
    pub(super) also_needed: Option<&'static str>,
    /// The caller.
    pub(super) caller: GetCallerIdentityReply,
    pub(super) values: Values,
}

/// A resource that has a policy of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Guarded {
    /// A key, by its id.
    Key(String),
    /// A secret, by its name.
    Secret(String),
    /// A role to assume, by its name.
    Role(String),
    /// Any other resource.
    Nothing,
}

impl PolicyQuestion {
    pub(super) fn new(account: &Account, typed: &Question) -> Result<Self, Failure> {
        let action = action::parse(&typed.action)?;
        let caller = account.call(&GetCallerIdentity {})?;
        let resource = Resolver { account, id: &caller.account_id }.arn(action, &typed.resource)?;
        let guarded = Guarded::of(&resource, action);
        let pairs = &typed.context.pairs;
        let values = Values {
            now: now(),
            is_secure: account.endpoint().is_https(),
            source_ip: typed.source_ip,
            context: (!pairs.is_empty()).then(|| pairs.iter().cloned().collect()),
            tags: tags(account, &guarded, &resource)?,
            is_key: matches!(guarded, Guarded::Key(_)),
            unknown: RefCell::default(),
        };
        let same = synonyms(action.product.prefix(), action.name);
        let names = same.iter().map(|name| (*name).to_owned());
        let actions = if same.is_empty() { vec![typed.action.clone()] } else { names.collect() };
        let assumes = action.is_to_assume();
        let of_many_roles = assumes && guarded == Guarded::Nothing;
        let also_needed = if of_many_roles { Some(TRUST) } else { action::also_needed(action) };
        let whole = whole(&resource).map(str::to_owned);
        Ok(Self { actions, resource, whole, guarded, assumes, also_needed, caller, values })
    }

    /// Returns the name as typed, or the first of several.
    pub(super) fn action(&self) -> &str {
        &self.actions[0]
    }

    /// Returns which policies may deny the action on one resource of the kind and are not read, because there may be
    /// thousands.
    pub(super) fn unread(&self) -> Option<&'static str> {
        unread(self.whole.as_deref()?)
    }

    /// Runs `decide` with the query for a principal.
    pub(super) fn with<T>(&self, principal: Principal<'_>, decide: impl FnOnce(&Query<'_>) -> T) -> T {
        let actions: Vec<_> = self.actions.iter().map(String::as_str).collect();
        decide(&Query { actions: &actions, resource: &self.resource, principal, context: &self.values })
    }

    /// Returns whether the policies allow the action on all resources of the kind, if the question is about all of
    /// them.
    pub(super) fn is_on_all(&self, principal: Principal<'_>, identity: &[&Policy]) -> bool {
        self.whole.as_deref().is_none_or(|resource| {
            self.with(principal, |query| covers_all(None, identity, &Query { resource, ..*query }))
        })
    }
}

/// Returns the part of an ARN before the wildcard, if that matches all resources of a kind.
fn whole(arn: &str) -> Option<&str> {
    let local = arn.splitn(5, ':').nth(4)?;
    let kind = local.strip_suffix("/*")?;
    (!kind.contains(['*', '?', '/'])).then(|| arn.trim_end_matches('*'))
}

/// Returns which policies of single resources below a prefix may deny.
fn unread(whole: &str) -> Option<&'static str> {
    match whole.rsplit(':').next()? {
        "key/" => Some("policies of single keys, of which one may deny"),
        "secret/" => Some("policies of single secrets, of which one may deny"),
        _ => None,
    }
}

impl Guarded {
    fn of(arn: &str, action: PolicyAction) -> Self {
        let rest = arn.splitn(5, ':').nth(4).unwrap_or_default();
        match rest.split_once('/') {
            // A pattern names no single key, so the statements about all keys are explained without a key policy.
            Some((_, name)) if name.contains(['*', '?']) => Self::Nothing,
            Some(("key", id)) => Self::Key(id.to_owned()),
            Some(("secret", name)) => Self::Secret(name.to_owned()),
            Some(("role", name)) if action.is_to_assume() => Self::Role(name.to_owned()),
            _ => Self::Nothing,
        }
    }
}

/// The values of condition keys, as far as this client knows them.
pub(super) struct Values {
    now: i64,
    is_secure: bool,
    source_ip: Option<IpAddr>,
    /// The encryption context, if one was named.
    context: Option<BTreeMap<String, String>>,
    /// The tags of the resource; `None` if they could not be read.
    tags: Option<BTreeMap<String, String>>,
    is_key: bool,
    /// The condition keys that were read and whose values are unknown.
    unknown: RefCell<BTreeSet<ConditionKey>>,
}

impl Values {
    /// Returns the condition keys that were read since the last call and that only the server knows.
    pub(super) fn take_unknown(&self) -> BTreeSet<ConditionKey> {
        self.unknown.take()
    }
}

impl Context for Values {
    fn value(&self, key: &ConditionKey) -> Option<Value<'_>> {
        let value = match key {
            ConditionKey::CurrentTime => Some(Some(Value::Date(self.now))),
            ConditionKey::SecureTransport => Some(Some(Value::Boolean(self.is_secure))),
            ConditionKey::SourceIp => {
                self.source_ip.map(|address| Some(Value::Address(address.to_canonical())))
            }
            ConditionKey::EncryptionContext(name) => {
                self.context.as_ref().map(|context| text_of(context, name))
            }
            ConditionKey::KeyTag(_) if !self.is_key => Some(None),
            ConditionKey::KeyTag(name) | ConditionKey::ResourceTag(name) => {
                self.tags.as_ref().map(|tags| text_of(tags, name))
            }
            ConditionKey::ServiceName => Some(None), // no request has it
            _ => None,
        };
        value.unwrap_or_else(|| {
            self.unknown.borrow_mut().insert(key.clone());
            None
        })
    }
}

fn text_of<'t>(texts: &'t BTreeMap<String, String>, name: &str) -> Option<Value<'t>> {
    texts.get(name).map(|text| Value::Text(text))
}

/// Returns the tags of the resource, if the caller may see them.
fn tags(
    account: &Account,
    guarded: &Guarded,
    arn: &str,
) -> Result<Option<BTreeMap<String, String>>, Failure> {
    match guarded {
        Guarded::Key(key_id) => {
            let tags = unless_denied(account.call(&ListResourceTags { key_id: key_id.clone() }))?;
            Ok(tags.map(|reply| reply.tags.tag.into_iter().map(|tag| (tag.tag_key, tag.tag_value)).collect()))
        }
        Guarded::Secret(name) => {
            let request = DescribeSecret { secret_name: name.clone(), fetch_tags: Some(true) };
            let tags = unless_denied(account.call(&request))?.map(|reply| reply.tags.unwrap_or_default());
            Ok(tags.map(|tags| tags.tag.into_iter().map(|tag| (tag.tag_key, tag.tag_value)).collect()))
        }
        Guarded::Role(_) | Guarded::Nothing => tags_of_ram(account, arn),
    }
}

/// Returns the tags of a role or custom policy; other resources of RAM have none.
fn tags_of_ram(account: &Account, arn: &str) -> Result<Option<BTreeMap<String, String>>, Failure> {
    let local = arn.strip_prefix("acs:ram:*:").and_then(|rest| rest.split_once(':'));
    let found = match local.filter(|(_, local)| !local.contains(['*', '?'])) {
        Some((account, local)) if account != "system" => local.split_once('/'),
        _ => None,
    };
    let (resource_type, name) = match found {
        Some(("role", name)) => (ResourceType::Role, name),
        Some(("policy", name)) => (ResourceType::Policy, name),
        _ => return Ok(Some(BTreeMap::new())),
    };
    let request = ListTagResources {
        resource_type,
        resource_names: Some(JsonList(vec![name.to_owned()])),
        tag: None,
        next_token: None,
        page_size: Some(100), // a resource has 20 at most
    };
    let reply = account.call(&request);
    if reply.as_ref().is_err_and(is_missing) {
        return Ok(Some(BTreeMap::new()));
    }
    let tags = unless_denied(reply)?.map(|reply| reply.tag_resources);
    Ok(tags.map(|tags| tags.into_iter().map(|tag| (tag.tag_key, tag.tag_value)).collect()))
}

fn now() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX)
}

const TRUST: &str = "the trust policy of each role";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_all_keys_and_secrets_the_policies_of_single_ones_are_not_read() {
        let unread = |arn| whole(arn).and_then(unread);
        assert!(unread("acs:kms:r:1:key/*").is_some_and(|what| what.contains("keys")));
        assert!(unread("acs:kms:r:1:secret/*").is_some_and(|what| what.contains("secrets")));
        for other in ["acs:ram:*:1:user/*", "acs:kms:r:1:key/k", "acs:kms:r:1:alias/*", "*"] {
            assert_eq!(unread(other), None, "{other}");
        }
    }

    #[test]
    fn what_has_a_policy_of_its_own() {
        let guarded = |arn, action| Guarded::of(arn, action::parse(action).unwrap());
        let key = guarded("acs:kms:r:1:key/k", "kms:Decrypt");
        assert_eq!(key, Guarded::Key("k".into()));
        assert_eq!(guarded("acs:kms:r:1:secret/a/b", "kms:GetSecretValue"), Guarded::Secret("a/b".into()));
        let role = "acs:ram:*:1:role/ci";
        assert_eq!(guarded(role, "sts:AssumeRole"), Guarded::Role("ci".into()));
        assert_eq!(guarded(role, "ram:GetRole"), Guarded::Nothing);
        for other in ["*", "acs:kms:r:1:key/*", "acs:kms:r:1:alias/a", "acs:ram:*:1:user/bob"] {
            assert_eq!(guarded(other, "kms:Decrypt"), Guarded::Nothing, "{other}");
        }
    }
}
