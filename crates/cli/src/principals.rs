//! How policies are typed.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use bulla_access::system;
use bulla_wire::ram::PolicyType;

/// A policy: `custom/NAME`, `system/NAME`, or `NAME`, which is a system policy if there is one of this name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PolicyName {
    pub(crate) kind: PolicyType,
    pub(crate) name: String,
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

/// A type of policies, as it is typed and printed.
pub(crate) fn type_name(kind: PolicyType) -> &'static str {
    match kind {
        PolicyType::Custom => "custom",
        PolicyType::System => "system",
    }
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
}
