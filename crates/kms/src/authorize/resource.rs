//! The resources that permissions refer to, and their ARNs.

use std::borrow::Cow;
use std::fmt;

use bulla_access::system;
use bulla_keys::{AliasName, KeyId};

use crate::home::Home;
use crate::people::{Group, ManagedPolicy, MfaDevice, NameKey, Role, User};
use crate::state::Snapshot;

/// The resource of a permission. It is displayed as the last part of its ARN, as in policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    /// Any resource, for actions without one.
    Anything,
    /// The container of all keys, aliases or secrets.
    Container(Container),
    /// All keys, aliases or secrets; also the unknown key of a blob.
    Every(Container),
    /// A key, whether or not it exists.
    Key(KeyId),
    /// A text in a request that is not the id of a key.
    NoKey(Box<str>),
    /// An alias, with its prefix, whether or not it exists.
    Alias(Box<str>),
    /// A secret, whether or not it exists.
    Secret(Box<str>),
    /// A user, by its name, whether or not it exists; as all of the following.
    User(Box<str>),
    Group(Box<str>),
    Role(Box<str>),
    /// A virtual MFA device, by its name, or by a text that is not a serial number of the account.
    MfaDevice(Box<str>),
    /// A policy of the account.
    Policy(Box<str>),
    SystemPolicy(Box<str>),
    /// The account itself.
    Account,
    /// An ARN that names nothing here, such as one of another account.
    Arn(Box<str>),
}

/// The container of all resources of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    Keys,
    Aliases,
    Secrets,
    Users,
    Groups,
    Roles,
    MfaDevices,
    /// Those of the account.
    Policies,
    SystemPolicies,
}

impl Container {
    fn name(self) -> &'static str {
        match self {
            Self::Keys => "key",
            Self::Aliases => "alias",
            Self::Secrets => "secret",
            Self::Users => "user",
            Self::Groups => "group",
            Self::Roles => "role",
            Self::MfaDevices => "mfa",
            Self::Policies | Self::SystemPolicies => "policy",
        }
    }

    /// The common beginning of the ARNs of everything in it.
    pub(super) fn prefix(self, home: &Home) -> String {
        let mut arn = Resource::Every(self).arn(home);
        arn.pop(); // the asterisk
        arn
    }

    /// Whether it belongs to RAM, whose ARNs have no region.
    fn is_of_ram(self) -> bool {
        match self {
            Self::Keys | Self::Aliases | Self::Secrets => false,
            Self::Users | Self::Groups | Self::Roles | Self::MfaDevices => true,
            Self::Policies | Self::SystemPolicies => true,
        }
    }
}

impl Resource {
    /// Returns the resource for a text in place of a key: an alias, or a text that is not an id.
    pub(super) fn no_key(text: &str) -> Self {
        if text.starts_with(AliasName::PREFIX) { Self::Alias(text.into()) } else { Self::NoKey(text.into()) }
    }

    fn is_of_ram(&self) -> bool {
        match self {
            Self::Container(container) | Self::Every(container) => container.is_of_ram(),
            Self::Key(_) | Self::NoKey(_) | Self::Alias(_) | Self::Secret(_) => false,
            Self::User(_) | Self::Group(_) | Self::Role(_) | Self::MfaDevice(_) => true,
            Self::Policy(_) | Self::SystemPolicy(_) | Self::Account => true,
            Self::Anything | Self::Arn(_) => false,
        }
    }

    /// Returns its kind and name, for the audit trail.
    pub(crate) fn kind_and_name(&self) -> (&'static str, Cow<'_, str>) {
        match self {
            Self::Anything => ("anything", "*".into()),
            Self::Container(container) | Self::Every(container) => (container.name(), "*".into()),
            Self::Key(id) => ("key", id.to_string().into()),
            Self::NoKey(name) => ("key", (&**name).into()),
            Self::Alias(name) => ("alias", (&**name).into()),
            Self::Secret(name) => ("secret", (&**name).into()),
            Self::User(name) => ("user", (&**name).into()),
            Self::Group(name) => ("group", (&**name).into()),
            Self::Role(name) => ("role", (&**name).into()),
            Self::MfaDevice(name) => ("mfa", (&**name).into()),
            Self::Policy(name) => ("policy", (&**name).into()),
            Self::SystemPolicy(name) => ("system-policy", (&**name).into()),
            Self::Account => ("account", "*".into()),
            Self::Arn(arn) => ("arn", (&**arn).into()),
        }
    }

    /// Whether its name is one that this state has, and not any text that the caller wrote. Ids of keys have one form, so they count
    /// as known.
    pub(crate) fn is_known(&self, snapshot: &Snapshot) -> bool {
        match self {
            Self::Anything | Self::Container(_) | Self::Every(_) | Self::Key(_) | Self::Account => true,
            Self::NoKey(_) | Self::Arn(_) => false,
            Self::Alias(name) => snapshot.alias(name).is_some(),
            Self::Secret(name) => name.parse().is_ok_and(|name| snapshot.secret(&name).is_some()),
            Self::User(name) => snapshot.get::<User>(&NameKey::of(name)).is_some(),
            Self::Group(name) => snapshot.get::<Group>(&NameKey::of(name)).is_some(),
            Self::Role(name) => snapshot.get::<Role>(&NameKey::of(name)).is_some(),
            Self::MfaDevice(name) => snapshot.get::<MfaDevice>(&NameKey::of(name)).is_some(),
            Self::Policy(name) => snapshot.get::<ManagedPolicy>(&NameKey::of(name)).is_some(),
            Self::SystemPolicy(name) => system::find(name).is_some(),
        }
    }

    /// The ARN, as policies have it; `*` for anything.
    pub(super) fn arn(&self, home: &Home) -> String {
        match self {
            Self::Anything | Self::Arn(_) => self.to_string(),
            // Without a formatter, for speed: a list may check each of its keys.
            Self::Key(id) => {
                let id = id.to_ascii();
                let id = str::from_utf8(&id).expect("ids are ASCII");
                [ARN, &home.region, ":", &home.account, ":key/", id].concat()
            }
            Self::SystemPolicy(_)
            | Self::Container(Container::SystemPolicies)
            | Self::Every(Container::SystemPolicies) => format!("{RAM_ARN}system:{self}"),
            _ if self.is_of_ram() => format!("{RAM_ARN}{}:{self}", home.account),
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
            // The resource of creating or listing users is `user/*`; of creating or listing keys, `key`.
            Self::Container(container) if container.is_of_ram() => write!(f, "{}/*", container.name()),
            Self::Container(container) => f.write_str(container.name()),
            Self::Every(container) => write!(f, "{}/*", container.name()),
            Self::Key(id) => write!(f, "key/{id}"),
            Self::NoKey(text) => write!(f, "key/{text}"),
            Self::Alias(name) => f.write_str(name),
            Self::Secret(name) => write!(f, "secret/{name}"),
            Self::User(name) => write!(f, "user/{name}"),
            Self::Group(name) => write!(f, "group/{name}"),
            Self::Role(name) => write!(f, "role/{name}"),
            Self::MfaDevice(name) => write!(f, "mfa/{name}"),
            Self::Policy(name) | Self::SystemPolicy(name) => write!(f, "policy/{name}"),
            Self::Account => f.write_str("*"),
            Self::Arn(arn) => f.write_str(arn),
        }
    }
}

/// The beginning of ARNs of the KMS.
pub(super) const ARN: &str = "acs:kms:";

/// The beginning of ARNs of RAM, which have no region.
const RAM_ARN: &str = "acs:ram:*:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_of_ram_have_no_region_and_those_of_system_policies_no_account() {
        let home = Home {
            account: "42".into(),
            region: "cn-beijing".into(),
            is_account_presumed: false,
            is_region_presumed: false,
        };
        for (resource, arn) in [
            (Resource::User("Alice".into()), "acs:ram:*:42:user/Alice"),
            (Resource::Group("ops".into()), "acs:ram:*:42:group/ops"),
            (Resource::Role("job".into()), "acs:ram:*:42:role/job"),
            (Resource::MfaDevice("m".into()), "acs:ram:*:42:mfa/m"),
            (Resource::Every(Container::MfaDevices), "acs:ram:*:42:mfa/*"),
            (Resource::Policy("p".into()), "acs:ram:*:42:policy/p"),
            (Resource::SystemPolicy("p".into()), "acs:ram:*:system:policy/p"),
            (Resource::Every(Container::Users), "acs:ram:*:42:user/*"),
            (Resource::Every(Container::SystemPolicies), "acs:ram:*:system:policy/*"),
            (Resource::Container(Container::Roles), "acs:ram:*:42:role/*"),
            (Resource::Account, "acs:ram:*:42:*"),
            (Resource::Secret("s".into()), "acs:kms:cn-beijing:42:secret/s"),
        ] {
            assert_eq!(resource.arn(&home), arn);
        }
    }
}
