//! Parses the resource in a call of [`Kms::may`](crate::Kms::may) or in the query Explain, as people write it: `key/ID`,
//! `alias/NAME`, `user/NAME`, or an ARN.

use bulla_wire::Product;

use super::On;
use crate::policy_action::PolicyAction;

/// Why a text is not a resource for an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoResource {
    /// It is empty, but the action concerns one of several resources.
    Missing,
    /// The action concerns only this resource.
    Only(&'static str),
    /// It is a pattern, which a request cannot name.
    Pattern,
    /// Its kind is ambiguous.
    Unclear,
    /// The action concerns resources of another kind.
    OtherKind,
    /// It is an ARN of another account or region.
    Elsewhere,
}

/// A text, without the common beginning of ARNs of this account.
#[derive(Clone, Copy)]
struct Written<'t> {
    local: &'t str,
    is_of_system: bool,
}

/// A kind of resource with a name in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Key,
    Alias,
    Secret,
    User,
    Group,
    Role,
    Policy,
    SystemPolicy,
    MfaDevice,
}

impl<'a> On<'a> {
    /// Returns the resource that `text` names for an action, in this account and region.
    pub(crate) fn parse(
        action: PolicyAction,
        text: &'a str,
        account: &str,
        region: &str,
    ) -> Result<Self, NoResource> {
        let written = Written::parse(text, account, region)?;
        let local = written.local;
        if let Some(only) = action.only_resource() {
            let is_it = ["", "*", only].contains(&local);
            return if is_it { Ok(Self::only(only)) } else { Err(NoResource::Only(only)) };
        }
        if local.is_empty() || local == "*" {
            return Err(NoResource::Missing);
        }
        let (kind, name) = written.named(action)?;
        if !kind.is_of(action) {
            return Err(NoResource::OtherKind);
        }
        match (kind, name) {
            (Kind::Key, "*") => Ok(Self::AllKeys),
            (Kind::Secret, "*") => Ok(Self::AllSecrets),
            (Kind::User, "*") => Ok(Self::Users),
            (Kind::Group, "*") => Ok(Self::Groups),
            (Kind::Role, "*") if !action.is_to_assume() => Ok(Self::Roles),
            (Kind::Policy, "*") => Ok(Self::Policies),
            (Kind::MfaDevice, "*") => Ok(Self::MfaDevices),
            (_, "") => Err(NoResource::Missing),
            (_, name) if name.contains(['*', '?']) => Err(NoResource::Pattern),
            (Kind::Key, name) => Ok(Self::Key(name)),
            (Kind::Alias, _) if action.name.ends_with("Alias") => Ok(Self::Alias(local)),
            (Kind::Alias, _) => Ok(Self::Key(local)),
            (Kind::Secret, name) => Ok(Self::Secret(name)),
            (Kind::User, name) => Ok(Self::User(name)),
            (Kind::Group, name) => Ok(Self::Group(name)),
            (Kind::Role, name) => Ok(Self::Role(name)),
            (Kind::Policy, name) => Ok(Self::Policy(name)),
            (Kind::SystemPolicy, name) => Ok(Self::SystemPolicy(name)),
            (Kind::MfaDevice, name) => Ok(Self::MfaDevice(name)),
        }
    }

    fn only(resource: &str) -> Self {
        match resource {
            "key" => Self::Keys,
            "secret" => Self::Secrets,
            "alias" => Self::Aliases,
            "user/*" => Self::Users,
            "group/*" => Self::Groups,
            "role/*" => Self::Roles,
            "policy/*" => Self::Policies,
            "mfa/*" => Self::MfaDevices,
            PolicyAction::ACCOUNT => Self::Account,
            _ => Self::Anything,
        }
    }
}

impl<'t> Written<'t> {
    fn parse(text: &'t str, account: &str, region: &str) -> Result<Self, NoResource> {
        let Some(rest) = text.strip_prefix("acs:") else {
            return Ok(Self { local: text, is_of_system: false });
        };
        let parts: Vec<_> = rest.splitn(4, ':').collect();
        let is_open = |part: &str| ["", "*"].contains(&part);
        let is_here = |part: &str, here: &str| part == here || is_open(part);
        match parts[..] {
            ["kms", of_region, of_account, local]
                if is_here(of_region, region) && is_here(of_account, account) =>
            {
                Ok(Self { local, is_of_system: false })
            }
            ["ram", of_region, "system", local] if is_open(of_region) => {
                Ok(Self { local, is_of_system: true })
            }
            ["ram", of_region, of_account, local] if is_open(of_region) && is_here(of_account, account) => {
                Ok(Self { local, is_of_system: false })
            }
            _ => Err(NoResource::Elsewhere),
        }
    }

    /// Returns the kind at the beginning of the text, and the name. A text without a kind is a key or secret, if the action
    /// concerns one.
    fn named(self, action: PolicyAction) -> Result<(Kind, &'t str), NoResource> {
        let (kind, name) = self.local.split_once('/').unwrap_or(("", self.local));
        let kind = match kind {
            "key" => Kind::Key,
            "alias" => Kind::Alias,
            "secret" => Kind::Secret,
            "user" => Kind::User,
            "group" => Kind::Group,
            "role" => Kind::Role,
            "policy" if self.is_of_system => Kind::SystemPolicy,
            "policy" | "custom" => Kind::Policy,
            "system" => Kind::SystemPolicy,
            "mfa" => Kind::MfaDevice,
            _ if action.product.served() != Some(Product::Kms) => return Err(NoResource::Unclear),
            _ if is_of_secrets(action) => return Ok((Kind::Secret, self.local)),
            _ => return Ok((Kind::Key, self.local)),
        };
        Ok((kind, name))
    }
}

impl Kind {
    /// Whether requests for an action name resources of the kind.
    fn is_of(self, action: PolicyAction) -> bool {
        let product = action.product.served();
        let parameters = product.and_then(|product| product.parameters(action.name)).unwrap_or_default();
        let takes = |names: &[&str]| names.iter().any(|name| parameters.contains(name));
        let is_of_kms = product == Some(Product::Kms);
        let is_of_ram = product == Some(Product::Ram);
        match self {
            Self::Key => is_of_kms && !is_of_secrets(action),
            Self::Alias => is_of_kms && !is_of_secrets(action) && !is_of_all_resources(action),
            Self::Secret => is_of_kms && (is_of_secrets(action) || is_of_all_resources(action)),
            // A caller who names no user means the caller's own access keys or password.
            Self::User => is_of_ram && (takes(&["UserName"]) || takes(&["OldPassword"])),
            Self::Group => is_of_ram && takes(&["GroupName"]),
            Self::Role => action.is_to_assume() || is_of_ram && takes(&["RoleName", "ResourceNames"]),
            Self::Policy => is_of_ram && takes(&["PolicyName", "ResourceNames"]),
            Self::MfaDevice => is_of_ram && takes(&["SerialNumber", "VirtualMFADeviceName"]),
            Self::SystemPolicy => is_of_ram && takes(&["PolicyType"]),
        }
    }
}

fn is_of_secrets(action: PolicyAction) -> bool {
    action.product.served() == Some(Product::Kms) && action.name.contains("Secret")
}

/// Whether the action accepts both keys and secrets, by their ids.
fn is_of_all_resources(action: PolicyAction) -> bool {
    ["TagResources", "UntagResources", "ListTagResources"].contains(&action.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed<'a>(action: &str, text: &'a str) -> Result<On<'a>, NoResource> {
        On::parse(PolicyAction::parse(action).unwrap(), text, "42", "cn-hangzhou")
    }

    #[test]
    fn resources_are_named_as_policies_and_commands_name_them() {
        for (action, text, on) in [
            ("kms:Decrypt", "05754286", On::Key("05754286")),
            ("kms:Decrypt", "key/05754286", On::Key("05754286")),
            ("kms:Decrypt", "key/*", On::AllKeys),
            ("kms:Decrypt", "alias/a/b", On::Key("alias/a/b")),
            ("kms:UpdateAlias", "alias/a", On::Alias("alias/a")),
            ("kms:UpdateAlias", "key/a", On::Key("a")),
            ("kms:Decrypt", "acs:kms:cn-hangzhou:42:key/k", On::Key("k")),
            ("kms:Decrypt", "acs:kms:*:*:alias/k", On::Key("alias/k")),
            ("kms:GetSecretValue", "a/b", On::Secret("a/b")),
            ("kms:GetSecretValue", "secret/a/b", On::Secret("a/b")),
            ("kms:GetSecretValue", "secret/*", On::AllSecrets),
            ("kms:TagResources", "secret/a", On::Secret("a")),
            ("kms:CreateKey", "", On::Keys),
            ("kms:ListSecrets", "*", On::Secrets),
            ("kms:GetRandomPassword", "", On::Anything),
            ("kms:GetKmsInstanceQuotaInfos", "*", On::Anything),
            ("kms:DescribeBackups", "", On::Anything),
            ("actiontrail:LookupEvents", "", On::Anything),
            ("ram:GetUser", "user/Ann", On::User("Ann")),
            ("ram:GetUser", "acs:ram:*:42:user/Ann", On::User("Ann")),
            ("ram:AddUserToGroup", "group/g", On::Group("g")),
            ("ram:GetPolicy", "custom/p", On::Policy("p")),
            ("ram:GetPolicy", "policy/p", On::Policy("p")),
            ("ram:GetPolicy", "system/p", On::SystemPolicy("p")),
            ("ram:GetPolicy", "acs:ram:*:system:policy/p", On::SystemPolicy("p")),
            ("ram:ListUsers", "user/*", On::Users),
            ("ram:ListAccessKeys", "user/*", On::Users),
            ("ram:ListTagResources", "role/*", On::Roles),
            ("ram:SetAccountAlias", "", On::Account),
            ("sts:AssumeRole", "role/ci", On::Role("ci")),
        ] {
            assert_eq!(parsed(action, text), Ok(on), "{action} {text}");
        }
    }

    #[test]
    fn resources_that_no_request_names_are_distinguished() {
        for (action, text, why) in [
            ("kms:Decrypt", "", NoResource::Missing),
            ("kms:Decrypt", "key/", NoResource::Missing),
            ("kms:Decrypt", "*", NoResource::Missing),
            ("kms:Decrypt", "key/a*", NoResource::Pattern),
            ("kms:Decrypt", "user/ann", NoResource::OtherKind),
            ("kms:Decrypt", "secret/a", NoResource::OtherKind),
            ("kms:GetSecretValue", "key/a", NoResource::OtherKind),
            ("kms:Decrypt", "acs:kms:cn-beijing:42:key/k", NoResource::Elsewhere),
            ("kms:Decrypt", "acs:kms:*:43:key/k", NoResource::Elsewhere),
            ("kms:Decrypt", "acs:oss:*:42:key/k", NoResource::Elsewhere),
            ("kms:CreateKey", "key/a", NoResource::Only("key")),
            ("ram:GetUser", "ann", NoResource::Unclear),
            ("ram:GetUser", "role/ann", NoResource::OtherKind),
            ("ram:DeletePolicy", "system/p", NoResource::OtherKind),
            ("sts:AssumeRole", "user/ann", NoResource::OtherKind),
            ("sts:AssumeRole", "role/*", NoResource::Pattern),
        ] {
            assert_eq!(parsed(action, text), Err(why), "{action} {text}");
        }
    }

    #[test]
    fn every_action_is_about_something() {
        for action in PolicyAction::all() {
            let some =
                ["", "key/a", "alias/a", "secret/a", "user/a", "group/a", "role/a", "policy/a", "mfa/a"];
            let on = some.iter().find(|text| On::parse(action, text, "42", "cn-hangzhou").is_ok());
            assert!(on.is_some(), "{action}");
        }
    }
}
