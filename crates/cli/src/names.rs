//! Names of keys and aliases on the command line: one rule for every flag and argument.

use std::convert::Infallible;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use crate::failure::{Exit, Failure};

/// The name of a key in calls to a KMS.
///
/// UUIDs, and names that begin with `key-`, `acs:` or `alias/`, stay as typed. Any other name is an alias without its
/// prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyName {
    /// An id or ARN, or an empty name: an empty variable counts as absent.
    Id(String),
    Arn(String),
    /// An alias with its prefix.
    Alias(String),
}

/// An alias with its prefix, which may be omitted on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AliasName(String);

impl KeyName {
    /// Returns the id if the name is one or contains one; only the KMS knows the id of an alias.
    pub(crate) fn id(&self) -> Option<&str> {
        match self {
            Self::Id(id) => Some(id),
            Self::Arn(arn) => arn.split_once(":key/").map(|(_, id)| id),
            Self::Alias(_) => None,
        }
    }

    /// Returns the alias with its prefix if the name is one or the ARN of one.
    pub(crate) fn alias(&self) -> Option<&str> {
        match self {
            Self::Id(_) => None,
            Self::Arn(arn) => {
                // acs:kms:REGION:ACCOUNT:alias/NAME
                let name = arn.splitn(5, ':').nth(4)?;
                Some(name).filter(|name| name.starts_with(ALIAS))
            }
            Self::Alias(alias) => Some(alias),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Id(text) | Self::Arn(text) | Self::Alias(text) => text,
        }
    }

    fn into_text(self) -> String {
        match self {
            Self::Id(text) | Self::Arn(text) | Self::Alias(text) => text,
        }
    }
}

impl AliasName {
    fn text(&self) -> &str {
        &self.0
    }

    fn into_text(self) -> String {
        self.0
    }

    /// Refuses a name that no KMS uses for a key.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match self.0.parse::<bulla_keys::AliasName>() {
            Ok(_) => Ok(()),
            Err(rule) => {
                let what = format!("{self} cannot be the name of a key");
                Err(Failure::new(Exit::Usage, what, rule.to_string()))
            }
        }
    }
}

impl FromStr for KeyName {
    type Err = Infallible;

    fn from_str(typed: &str) -> Result<Self, Infallible> {
        let text = if typed.is_empty() { String::new() } else { with_prefix(typed) };
        Ok(if text.starts_with(ALIAS) {
            Self::Alias(text)
        } else if text.starts_with(ARN) {
            Self::Arn(text)
        } else {
            Self::Id(text)
        })
    }
}

impl FromStr for AliasName {
    type Err = Infallible;

    /// Ids and ARNs stay as typed, so that [`AliasName::check`] refuses them: with a prefix they would name an alias
    /// that does not exist.
    fn from_str(typed: &str) -> Result<Self, Infallible> {
        Ok(Self(with_prefix(typed)))
    }
}

/// Returns the typed name, with the prefix of an alias unless it is an id, an ARN or has the prefix.
fn with_prefix(typed: &str) -> String {
    if is_uuid(typed) || [KEY, ARN, ALIAS].iter().any(|prefix| typed.starts_with(prefix)) {
        return typed.to_owned();
    }
    format!("{ALIAS}{typed}")
}

macro_rules! text {
    ($($name:ident),*) => {$(
        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                self.text()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.text())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.into_text()
            }
        }
    )*};
}

text!(KeyName, AliasName);

/// Returns whether this is a UUID: 32 hexadecimal digits in five groups.
fn is_uuid(text: &str) -> bool {
    let groups = text
        .split('-')
        .map(|group| Some(group.len()).filter(|_| group.bytes().all(|byte| byte.is_ascii_hexdigit())));
    groups.eq([8, 4, 4, 4, 12].map(Some))
}

/// The prefix of ids of the cloud's instances.
const KEY: &str = "key-";
const ARN: &str = "acs:";
const ALIAS: &str = "alias/";

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "e9d0963a-61e6-497b-9f4b-ee6463f1a4ea";
    const ARN_OF_KEY: &str = "acs:kms:cn-hangzhou:111122223333:key/e9d0963a-61e6-497b-9f4b-ee6463f1a4ea";

    #[test]
    fn ids_arns_and_aliases_stay_and_the_rest_gets_the_prefix() {
        let upper = ID.to_uppercase();
        for whole in ["", ID, &upper, "key-hzz65f2a1b2c3d4", ARN_OF_KEY, "acs:x", "alias/work", "alias/"] {
            assert_eq!(&*whole.parse::<KeyName>().unwrap(), whole);
        }
        let longer = format!("{ID}0");
        let spread = ID.replace('a', "x");
        for short in ["work", "Apollo/WorkKey", "key", "keys-1", "acs", "Alias/x", &longer, &spread, "----"] {
            assert_eq!(*short.parse::<KeyName>().unwrap(), *format!("alias/{short}"));
        }
    }

    #[test]
    fn the_id_in_a_name() {
        let id = |typed: &str| typed.parse::<KeyName>().unwrap().id().map(str::to_owned);
        assert_eq!(id(ID).as_deref(), Some(ID));
        assert_eq!(id("key-1").as_deref(), Some("key-1"));
        assert_eq!(id(ARN_OF_KEY).as_deref(), Some(ID));
        for alias in [
            "work",
            "alias/work",
            "acs:kms:cn-hangzhou:111122223333:alias/work",
            "acs:kms:cn-hangzhou:111122223333:alias/key/prod",
            "acs:kms:cn-hangzhou:111122223333:alias/mykey/prod",
        ] {
            assert_eq!(id(alias), None, "{alias}");
        }
    }

    #[test]
    fn the_alias_in_a_name() {
        let alias = |typed: &str| typed.parse::<KeyName>().unwrap().alias().map(str::to_owned);
        for (typed, name) in [
            ("work", "alias/work"),
            ("alias/work", "alias/work"),
            ("acs:kms:cn-hangzhou:111122223333:alias/key/prod", "alias/key/prod"),
        ] {
            assert_eq!(alias(typed).as_deref(), Some(name));
        }
        for other in [ID, "key-1", ARN_OF_KEY, "acs:x", "acs:kms:cn-hangzhou:111122223333:secret/alias/x"] {
            assert_eq!(alias(other), None, "{other}");
        }
    }

    #[test]
    fn new_aliases_are_checked() {
        for (typed, good) in
            [("work", true), ("alias/a/b", true), ("no good", false), ("", false), ("acs/ecs", false)]
        {
            assert_eq!(typed.parse::<AliasName>().unwrap().check().is_ok(), good, "{typed}");
        }
    }
}
