//! What `explain` and `who-can` are asked: an action on a resource, in the names that policies have.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use bulla_access::{ConditionKey, Context, Principal, Query, Value, synonyms};
use bulla_client::CallError;
use bulla_wire::Product;
use bulla_wire::kms::{DescribeKey, DescribeRegions, DescribeSecret, ListResourceTags};
use bulla_wire::sts::{GetCallerIdentity, GetCallerIdentityReply};

use crate::account::Account;
use crate::args::Question;
use crate::commands::api::{command, nearest};
use crate::commands::people::unless_denied;
use crate::failure::{Exit, Failure};
use crate::names::KeyName;

/// An action on a resource.
pub(super) struct Asked {
    /// Its name, and other names that policies have for it.
    actions: Vec<String>,
    /// The ARN of the resource.
    pub(super) resource: String,
    /// What has a policy of its own.
    pub(super) guarded: Guarded,
    /// Who asks.
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
    /// A role that is to be assumed, by its name.
    Role(String),
    /// Everything else.
    Nothing,
}

impl Asked {
    pub(super) fn new(account: &Account, typed: &Question) -> Result<Self, Failure> {
        let (product, action) = check_action(&typed.action)?;
        let caller = account.call(&GetCallerIdentity {})?;
        let resource = arn(account, &caller.account_id, product, action, &typed.resource)?;
        let guarded = Guarded::of(&resource, &typed.action);
        let pairs = &typed.context.pairs;
        let values = Values {
            now: now(),
            is_secure: account.endpoint().is_https(),
            source_ip: typed.source_ip,
            context: (!pairs.is_empty()).then(|| pairs.iter().cloned().collect()),
            tags: tags(account, &guarded)?,
            is_key: matches!(guarded, Guarded::Key(_)),
            unknown: RefCell::default(),
        };
        let same = synonyms(command(product), action);
        let names = same.iter().map(|name| (*name).to_owned());
        let actions = if same.is_empty() { vec![typed.action.clone()] } else { names.collect() };
        Ok(Self { actions, resource, guarded, caller, values })
    }

    /// The name that was typed, or the first of several.
    pub(super) fn action(&self) -> &str {
        &self.actions[0]
    }

    /// Runs `decide` with the question of a principal.
    pub(super) fn with<T>(&self, principal: Principal<'_>, decide: impl FnOnce(&Query<'_>) -> T) -> T {
        let actions: Vec<_> = self.actions.iter().map(String::as_str).collect();
        decide(&Query { actions: &actions, resource: &self.resource, principal, context: &self.values })
    }
}

impl Guarded {
    fn of(arn: &str, action: &str) -> Self {
        let rest = arn.splitn(5, ':').nth(4).unwrap_or_default();
        let assumes = action.eq_ignore_ascii_case("sts:AssumeRole");
        match rest.split_once('/') {
            // A pattern is no key: what policies say about all keys is explained without the policy of one.
            Some((_, name)) if name.contains(['*', '?']) => Self::Nothing,
            Some(("key", id)) => Self::Key(id.to_owned()),
            Some(("secret", name)) => Self::Secret(name.to_owned()),
            Some(("role", name)) if assumes => Self::Role(name.to_owned()),
            _ => Self::Nothing,
        }
    }
}

/// What conditions look at, as far as this client knows it.
pub(super) struct Values {
    now: i64,
    is_secure: bool,
    source_ip: Option<IpAddr>,
    /// The encryption context, if one was given.
    context: Option<BTreeMap<String, String>>,
    /// The tags of the key; `None` if they could not be read.
    tags: Option<BTreeMap<String, String>>,
    is_key: bool,
    /// The keys that were looked at in vain.
    unknown: RefCell<BTreeSet<ConditionKey>>,
}

impl Values {
    /// The keys that conditions looked at since the last call, and that only the server knows.
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

/// The product and the name of an action, if there is one of this name.
fn check_action(typed: &str) -> Result<(Product, &str), Failure> {
    let refused = |what: String, hint: String| Err(Failure::new(Exit::Usage, what, hint));
    let Some((product, name)) = typed.split_once(':') else {
        let what = format!("{typed} does not name a product");
        return refused(what, "write the action as policies do, such as kms:Decrypt".to_owned());
    };
    let Some(product) = Product::ALL.iter().copied().find(|known| command(*known) == product) else {
        let what = format!("{product} is not a product of a KMS");
        return refused(what, "actions begin with kms:, ram: or sts:".to_owned());
    };
    let mut known = product.actions().to_vec();
    if product == Product::Kms {
        known.extend(RE_ENCRYPT);
    }
    if known.contains(&name) {
        return Ok((product, name));
    }
    let hint = match nearest(&known, name) {
        Some(near) => format!("did you mean {}:{near}?", command(product)),
        None => "docs/compatibility.md lists the actions".to_owned(),
    };
    refused(format!("there is no action {typed}"), hint)
}

/// The ARN of a resource, however it was typed.
fn arn(account: &Account, id: &str, product: Product, action: &str, typed: &str) -> Result<String, Failure> {
    if typed == "*" || typed.starts_with("acs:") {
        return Ok(typed.to_owned());
    }
    let (kind, name) = typed.split_once('/').unwrap_or(("", typed));
    match (product, kind) {
        (_, "user" | "group" | "role" | "policy") => Ok(format!("acs:ram:*:{id}:{typed}")),
        (_, "custom") => Ok(format!("acs:ram:*:{id}:policy/{name}")),
        (_, "system") => Ok(format!("acs:ram:*:system:policy/{name}")),
        (Product::Kms, "key" | "secret") => Ok(format!("acs:kms:{}:{id}:{typed}", region(account)?)),
        (Product::Kms, _) if CONTAINERS.contains(&typed) => {
            Ok(format!("acs:kms:{}:{id}:{typed}", region(account)?))
        }
        (Product::Kms, "alias") if action.ends_with("Alias") => {
            Ok(format!("acs:kms:{}:{id}:{typed}", region(account)?))
        }
        (Product::Kms, _) => key_arn(account, id, typed),
        (Product::Ram | Product::Sts, _) => {
            let what = format!("{typed} does not say what it is");
            Err(Failure::new(Exit::Usage, what, "write user/NAME, group/NAME, role/NAME or policy/NAME"))
        }
    }
}

fn key_arn(account: &Account, id: &str, typed: &str) -> Result<String, Failure> {
    let name = typed.parse::<KeyName>().unwrap_or_else(|never| match never {});
    match name {
        KeyName::Id(key) => Ok(format!("acs:kms:{}:{id}:key/{key}", region(account)?)),
        KeyName::Arn(arn) => Ok(arn),
        KeyName::Alias(key_id) => Ok(account.call(&DescribeKey { key_id })?.key_metadata.arn),
    }
}

/// The region of the KMS.
fn region(account: &Account) -> Result<String, CallError> {
    if let Some(region) = account.endpoint().region() {
        return Ok(region.to_owned());
    }
    let regions = account.call(&DescribeRegions {})?.regions.region;
    Ok(regions.into_iter().next().map(|region| region.region_id).unwrap_or_default())
}

/// The tags of what is asked about, if the caller may know them.
fn tags(account: &Account, guarded: &Guarded) -> Result<Option<BTreeMap<String, String>>, Failure> {
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
        Guarded::Role(_) | Guarded::Nothing => Ok(Some(BTreeMap::new())),
    }
}

fn now() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX)
}

/// The permissions that ReEncrypt needs; no action has their names.
const RE_ENCRYPT: [&str; 2] = ["ReEncryptFrom", "ReEncryptTo"];
/// What actions that create or list keys, aliases and secrets are about.
const CONTAINERS: [&str; 3] = ["key", "alias", "secret"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_known_by_their_names() {
        assert_eq!(check_action("kms:Decrypt").unwrap(), (Product::Kms, "Decrypt"));
        assert_eq!(check_action("kms:ReEncryptTo").unwrap(), (Product::Kms, "ReEncryptTo"));
        for (typed, hint) in [
            ("Decrypt", "write the action as policies do, such as kms:Decrypt"),
            ("oss:GetObject", "actions begin with kms:, ram: or sts:"),
            ("kms:Decript", "did you mean kms:Decrypt?"),
            ("ram:decrypt", "docs/compatibility.md lists the actions"),
        ] {
            let failure = check_action(typed).unwrap_err();
            assert_eq!((failure.exit, failure.texts().1), (Exit::Usage, hint), "{typed}");
        }
    }

    #[test]
    fn what_has_a_policy_of_its_own() {
        let guarded = |arn, action| Guarded::of(arn, action);
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
