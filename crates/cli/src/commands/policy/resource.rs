//! Resolves a resource to its ARN as the server spells it, because policies match that spelling.

use bulla_client::CallError;
use bulla_kms::{PolicyAction, PolicyProduct};
use bulla_wire::Product;
use bulla_wire::kms::{DescribeKey, DescribeRegions};
use bulla_wire::ram::{GetGroup, GetPolicy, GetUser, PolicyType};

use crate::account::Account;
use crate::commands::people::{is_missing, unless_denied};
use crate::failure::{Exit, Failure};
use crate::names::KeyName;

/// Resolves ARNs in the account with this id.
pub(super) struct Resolver<'a> {
    pub(super) account: &'a Account,
    pub(super) id: &'a str,
}

impl Resolver<'_> {
    /// Returns the ARN of the typed resource for `action`.
    pub(super) fn arn(&self, action: PolicyAction, typed: &str) -> Result<String, Failure> {
        let arn = if typed == "*" { typed.to_owned() } else { self.found(action, typed)? };
        let Some(only) = action.only_resource() else { return Ok(arn) };
        let expected = if only == "*" { only.to_owned() } else { self.found(action, only)? };
        if arn != "*" && arn != expected {
            let what = format!("{} is not about {typed}", action.name);
            return Err(Failure::new(Exit::Usage, what, format!("it is about {expected}")));
        }
        Ok(expected)
    }

    fn found(&self, action: PolicyAction, typed: &str) -> Result<String, Failure> {
        if let Some(rest) = typed.strip_prefix("acs:") {
            return self.whole(rest, typed);
        }
        let PolicyAction { product, name: action } = action;
        let (kind, name) = typed.split_once('/').unwrap_or(("", typed));
        match (product, kind) {
            _ if typed == PolicyAction::ACCOUNT => self.of_ram("*"),
            (_, "user" | "group" | "role" | "policy" | "mfa") => self.of_ram(typed),
            (_, "custom") => self.of_ram(&format!("policy/{name}")),
            (_, "system") => Ok(system_policy(name)),
            (KMS, "key" | "secret") => self.of_kms(typed),
            (KMS, _) if CONTAINERS.contains(&typed) => self.of_kms(typed),
            (KMS, "alias") if action.ends_with("Alias") => self.of_kms(typed),
            (KMS, _) => self.key(typed),
            _ => {
                let what = format!("{typed} does not name its kind");
                Err(Failure::new(
                    Exit::Usage,
                    what,
                    "write user/NAME, group/NAME, role/NAME, policy/NAME or mfa/NAME",
                ))
            }
        }
    }

    /// Completes an ARN with the region and the account of the server where the text leaves them out.
    fn whole(&self, rest: &str, typed: &str) -> Result<String, Failure> {
        let parts: Vec<_> = rest.splitn(4, ':').collect();
        let is_open = |part: &str| part.is_empty() || part == "*";
        match parts[..] {
            ["kms", region, account, local]
                if is_open(region) && (is_open(account) || account == self.id) =>
            {
                self.of_kms(local)
            }
            ["kms", region, account, local] if is_open(account) => {
                Ok(format!("acs:kms:{region}:{}:{local}", self.id))
            }
            ["ram", region, account, local]
                if is_open(region) && (is_open(account) || account == self.id) =>
            {
                self.of_ram(local)
            }
            ["ram", region, "system", local] if is_open(region) => {
                Ok(system_policy(local.strip_prefix("policy/").unwrap_or(local)))
            }
            _ => Ok(typed.to_owned()),
        }
    }

    fn of_kms(&self, local: &str) -> Result<String, Failure> {
        Ok(format!("acs:kms:{}:{}:{local}", region(self.account)?, self.id))
    }

    fn of_ram(&self, local: &str) -> Result<String, Failure> {
        Ok(format!("acs:ram:*:{}:{}", self.id, self.spelled(local)?))
    }

    fn key(&self, typed: &str) -> Result<String, Failure> {
        let name = typed.parse::<KeyName>().unwrap_or_else(|never| match never {});
        match name {
            KeyName::Id(key) => self.of_kms(&format!("key/{key}")),
            KeyName::Arn(arn) => Ok(arn),
            KeyName::Alias(key_id) => {
                Ok(self.account.call(&DescribeKey { key_id }).map_err(Failure::from)?.key_metadata.arn)
            }
        }
    }

    /// Returns a user, group, role or policy in the spelling of its record: requests find names regardless of case.
    /// Returns it as typed if it does not exist or the caller may not read it.
    fn spelled(&self, local: &str) -> Result<String, Failure> {
        let Some((kind, name)) = local.split_once('/').filter(|_| !local.contains(['*', '?'])) else {
            return Ok(local.to_owned());
        };
        let account = self.account;
        let found = match kind {
            "role" => return Ok(local.to_ascii_lowercase()),
            "user" => {
                if_visible(account.call(&GetUser { user_name: name.to_owned() }).map(|it| it.user.user_name))
            }
            "group" => if_visible(
                account.call(&GetGroup { group_name: name.to_owned() }).map(|it| it.group.group_name),
            ),
            "policy" => {
                let request = GetPolicy { policy_type: PolicyType::Custom, policy_name: name.to_owned() };
                if_visible(account.call(&request).map(|it| it.policy.policy_name))
            }
            _ => Ok(None),
        };
        Ok(found?.map_or_else(|| local.to_owned(), |name| format!("{kind}/{name}")))
    }
}

/// Returns the answer; `None` if the resource does not exist or the caller may not see it.
fn if_visible<T>(reply: Result<T, CallError>) -> Result<Option<T>, Failure> {
    if reply.as_ref().is_err_and(is_missing) { Ok(None) } else { unless_denied(reply) }
}

fn system_policy(name: &str) -> String {
    let found = bulla_access::system::find(name);
    format!("acs:ram:*:system:policy/{}", found.map_or(name, |policy| policy.name))
}

/// Returns the region of the KMS.
fn region(account: &Account) -> Result<String, CallError> {
    if let Some(region) = account.endpoint().region() {
        return Ok(region.to_owned());
    }
    let regions = account.call(&DescribeRegions {})?.regions.region;
    Ok(regions.into_iter().next().map(|region| region.region_id).unwrap_or_default())
}

/// The product of actions that create or list keys, aliases and secrets.
const KMS: PolicyProduct = PolicyProduct::Served(Product::Kms);
const CONTAINERS: [&str; 3] = ["key", "alias", "secret"];
