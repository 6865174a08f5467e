//! What permissions are about.

use std::fmt;

use bulla_keys::{AliasName, KeyId};

use crate::home::Home;

/// What a permission is about. Displayed as the last part of its ARN, as policies have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    /// Whatever there is: for actions without a resource.
    Anything,
    /// What holds all keys, aliases or secrets.
    Container(Container),
    /// All keys, aliases or secrets; also for a blob that does not tell its key.
    Every(Container),
    /// A key, whether or not it exists.
    Key(KeyId),
    /// A text that is no id of a key, as the request has it.
    NoKey(Box<str>),
    /// An alias, with its prefix, whether or not it exists.
    Alias(Box<str>),
    /// A secret, whether or not it exists.
    Secret(Box<str>),
    /// An ARN that names nothing here, such as one of another account.
    Arn(Box<str>),
}

/// What holds all resources of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    Keys,
    Aliases,
    Secrets,
}

impl Container {
    fn name(self) -> &'static str {
        match self {
            Self::Keys => "key",
            Self::Aliases => "alias",
            Self::Secrets => "secret",
        }
    }
}

impl Resource {
    /// What stands in the place of a key: an alias, or a text that is no id.
    pub(super) fn no_key(text: &str) -> Self {
        if text.starts_with(AliasName::PREFIX) { Self::Alias(text.into()) } else { Self::NoKey(text.into()) }
    }

    /// The ARN, as policies have it; `*` for anything.
    pub(super) fn arn(&self, home: &Home) -> String {
        match self {
            Self::Anything | Self::Arn(_) => self.to_string(),
            _ => format!("{ARN}{}:{}:{self}", home.region, home.account),
        }
    }
}

impl From<&AliasName> for Resource {
    fn from(name: &AliasName) -> Self {
        Self::Alias(name.as_str().into())
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anything => f.write_str("*"),
            Self::Container(container) => f.write_str(container.name()),
            Self::Every(container) => write!(f, "{}/*", container.name()),
            Self::Key(id) => write!(f, "key/{id}"),
            Self::NoKey(text) => write!(f, "key/{text}"),
            Self::Alias(name) => f.write_str(name),
            Self::Secret(name) => write!(f, "secret/{name}"),
            Self::Arn(arn) => f.write_str(arn),
        }
    }
}

/// What ARNs of the KMS begin with.
pub(super) const ARN: &str = "acs:kms:";
