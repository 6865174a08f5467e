//! Names of policies, users and roles on the command line.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use bulla_access::system;
use bulla_wire::ram::PolicyType;

/// A policy: `custom/NAME`, `system/NAME`, or `NAME`, which is a system policy if one has this name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PolicyName {
    pub(crate) kind: PolicyType,
    pub(crate) name: String,
}

/// A user or role: `user/NAME`, `role/NAME`, an ARN, or `NAME`, which is a user.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum PrincipalName {
    User(String),
    Role(String),
}

impl FromStr for PolicyName {
    type Err = Infallible;

    fn from_str(typed: &str) -> Result<Self, Infallible> {
        let (kind, name) = match typed.split_once('/') {
            Some(("custom", name)) => (PolicyType::Custom, name),
            Some(("system", name)) => (PolicyType::System, name),
            _ if system::find(typed).is_some() => (PolicyType::System, typed),
            _ => (PolicyType::Custom, typed),
        };
        Ok(Self { kind, name: name.to_owned() })
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", type_name(self.kind), self.name)
    }
}

impl FromStr for PrincipalName {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, String> {
        // acs:ram::ACCOUNT:user/NAME
        let local = match typed.strip_prefix("acs:ram:") {
            Some(arn) => arn.splitn(3, ':').nth(2).unwrap_or_default(),
            None => typed,
        };
        match local.split_once('/') {
            None if !local.is_empty() && local == typed => Ok(Self::User(local.to_owned())),
            Some(("user", name)) if is_name(name) => Ok(Self::User(name.to_owned())),
            Some(("role", name)) if is_name(name) => Ok(Self::Role(name.to_owned())),
            _ => Err("write it as USER, user/NAME or role/NAME".to_owned()),
        }
    }
}

impl fmt::Display for PrincipalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user/{name}"),
            Self::Role(name) => write!(f, "role/{name}"),
        }
    }
}

impl PrincipalName {
    /// Returns the name in lower case; names that differ only in case are the same.
    pub(crate) fn to_lowercase(&self) -> Self {
        match self {
            Self::User(name) => Self::User(name.to_ascii_lowercase()),
            Self::Role(name) => Self::Role(name.to_ascii_lowercase()),
        }
    }
}

/// Returns the type of a policy as it is typed and printed.
pub(crate) fn type_name(kind: PolicyType) -> &'static str {
    match kind {
        PolicyType::Custom => "custom",
        PolicyType::System => "system",
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_of_the_system_if_its_table_has_the_name() {
        for (typed, name) in [
            ("AdministratorAccess", "system/AdministratorAccess"),
            ("aliyunkmsfullaccess", "system/aliyunkmsfullaccess"),
            ("custom/AdministratorAccess", "custom/AdministratorAccess"),
            ("deploy", "custom/deploy"),
            ("custom/deploy", "custom/deploy"),
            ("system/AliyunOSSFullAccess", "system/AliyunOSSFullAccess"),
        ] {
            assert_eq!(typed.parse::<PolicyName>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn users_and_roles_by_name_and_arn() {
        for (typed, name) in [
            ("bob", "user/bob"),
            ("user/bob", "user/bob"),
            ("role/ci", "role/ci"),
            ("acs:ram::1:user/bob", "user/bob"),
            ("acs:ram::1:role/ci", "role/ci"),
        ] {
            assert_eq!(typed.parse::<PrincipalName>().unwrap().to_string(), name);
        }
        for wrong in
            ["", "user/", "group/a", "acs:ram::1:root", "acs:ram::1", "role/a/b", "acs:ram::1:group/a"]
        {
            assert!(wrong.parse::<PrincipalName>().is_err(), "{wrong}");
        }
    }
}
