//! Aliases: alternative names of keys.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Encode};

use crate::id::KeyId;
use crate::maker::Maker;

/// The name of an alias: `alias/` followed by 1 to 255 of the characters `A-Z a-z 0-9 _ - /`. Names that begin with `alias/acs`
/// are reserved for keys of services.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct AliasName(#[n(0)] Box<str>);

/// The error for a text that is not the name of an alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotAnAlias;

/// An alias and its target.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Alias {
    /// The name of the alias.
    #[n(0)]
    pub name: AliasName,
    /// The key that the alias names.
    #[n(1)]
    pub key: KeyId,
    /// The user or program that created the alias.
    #[n(2)]
    pub made_by: Option<Maker>,
}

impl AliasName {
    /// The prefix of every alias name.
    pub const PREFIX: &str = "alias/";

    /// Returns the alias of the key of a service. Callers can neither create nor delete such an alias.
    #[must_use]
    pub fn of_service(service: &str) -> Self {
        Self(format!("{}acs/{service}", Self::PREFIX).into())
    }

    /// Whether this is the alias of the key of a service.
    #[must_use]
    pub fn is_of_service(&self) -> bool {
        self.0.strip_prefix(Self::PREFIX).is_some_and(|name| name.starts_with("acs"))
    }

    /// Returns the whole name with its prefix.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AliasName {
    type Err = NotAnAlias;

    fn from_str(text: &str) -> Result<Self, NotAnAlias> {
        let name = text.strip_prefix(Self::PREFIX).ok_or(NotAnAlias)?;
        let spelled = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-/".contains(&byte));
        if (1..=255).contains(&name.len()) && spelled && !name.starts_with("acs") {
            Ok(Self(text.into()))
        } else {
            Err(NotAnAlias)
        }
    }
}

/// Lets maps look up a name by its text.
impl Borrow<str> for AliasName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AliasName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AliasName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for NotAnAlias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an alias is `alias/` and 1 to 255 of A-Z a-z 0-9 _ - /, and does not begin with alias/acs",
        )
    }
}

impl std::error::Error for NotAnAlias {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let longest = format!("alias/{}", "a".repeat(255));
        for good in ["alias/a", "alias/Apollo/WorkKey", "alias/a-b_c/9", "alias/a/acs", longest.as_str()] {
            assert_eq!(good.parse::<AliasName>().unwrap().as_str(), good);
        }
        let too_long = format!("{longest}a");
        for bad in
            ["", "alias/", "a", "Alias/a", "alias/acs/ecs", "alias/a b", "alias/密", "alias/a.b", &too_long]
        {
            assert_eq!(bad.parse::<AliasName>(), Err(NotAnAlias), "{bad}");
        }
        assert_eq!(AliasName::of_service("ecs").as_str(), "alias/acs/ecs");
    }
}
