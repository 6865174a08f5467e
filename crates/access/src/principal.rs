//! Principals: the caller of a request, and those that policies name.
//!
//! Documents name users and roles by name; evaluation compares ids only. A name is resolved once, when the document is written,
//! so a user who gets the name later does not get its rights.

use std::fmt;
use std::str::FromStr;

use crate::PolicyError;
use crate::error::Reason;
use crate::json::Node;
use crate::policy::{Effect, PolicyKind};

/// The id of a user or role: a number of 18 decimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrincipalId(u64);

impl PrincipalId {
    /// Returns the id for a random number. All ids are about equally likely.
    pub const fn from_random(random: u64) -> Self {
        Self(FIRST_ID + random % (LAST_ID - FIRST_ID + 1))
    }

    /// Returns the id as a number.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// The error for a number that does not have 18 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPrincipalId;

impl fmt::Display for InvalidPrincipalId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the id of a user or role has 18 digits")
    }
}

impl std::error::Error for InvalidPrincipalId {}

impl TryFrom<u64> for PrincipalId {
    type Error = InvalidPrincipalId;

    fn try_from(number: u64) -> Result<Self, InvalidPrincipalId> {
        if (FIRST_ID..=LAST_ID).contains(&number) { Ok(Self(number)) } else { Err(InvalidPrincipalId) }
    }
}

impl FromStr for PrincipalId {
    type Err = InvalidPrincipalId;

    fn from_str(text: &str) -> Result<Self, InvalidPrincipalId> {
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidPrincipalId);
        }
        text.parse::<u64>().map_err(|_| InvalidPrincipalId)?.try_into()
    }
}

impl fmt::Display for PrincipalId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// The caller of a request. The account's root has no variant, because policies do not bind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Principal<'a> {
    /// A user.
    User(PrincipalId),
    /// A session of a role.
    Role(PrincipalId),
    /// The bearer of a token of this OIDC provider. It has no identity policies and matches only trust policies.
    Oidc(&'a str),
}

/// A principal that a document names. Keeps the spelling of users and roles; the caller compares their names without case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrincipalName {
    /// The name of a user.
    User(String),
    /// The name of a role.
    Role(String),
    /// The name of an OIDC provider. Providers are configured, so they have no id besides their name.
    OidcProvider(String),
}

impl PrincipalName {
    /// Returns `acs:ram::<account>:user/<name>` (or `role/`, `oidc-provider/`), the ARN that a document has to contain.
    pub fn arn(&self, account: &str) -> String {
        let (kind, name) = self.parts();
        format!("acs:ram::{account}:{kind}/{name}")
    }

    /// Parses an ARN. Returns `None` unless it is the exact ARN of a user, role or provider of this account.
    pub fn from_arn(account: &str, arn: &str) -> Option<Self> {
        let (kind, name) =
            arn.strip_prefix("acs:ram::")?.strip_prefix(account)?.strip_prefix(':')?.split_once('/')?;
        match kind {
            "user" if is_name(name, b"._-") => Some(Self::User(name.to_owned())),
            "role" if is_name(name, b".-") => Some(Self::Role(name.to_owned())),
            "oidc-provider" if is_name(name, b"._-") => Some(Self::OidcProvider(name.to_owned())),
            _ => None,
        }
    }

    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::User(name) => ("user", name),
            Self::Role(name) => ("role", name),
            Self::OidcProvider(name) => ("oidc-provider", name),
        }
    }
}

impl fmt::Display for PrincipalName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = self.parts();
        write!(formatter, "{kind}/{name}")
    }
}

/// A principal of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trusted {
    /// The account: its root in a key or secret policy, all its users and roles in a trust policy.
    Account,
    /// A user, role or provider by name. Users and roles match no principal until they are bound.
    Named(PrincipalName),
    User(PrincipalId),
    Role(PrincipalId),
    /// A service of the cloud. It matches no caller, because the cloud's services do not call this one.
    Service,
}

impl Trusted {
    pub(crate) fn matches(&self, kind: PolicyKind, principal: Principal<'_>) -> bool {
        match (self, principal) {
            // The default key policy names the account. It must not give every user every right on the key.
            (Self::Account, Principal::User(_) | Principal::Role(_)) => kind == PolicyKind::Trust,
            (Self::User(named), Principal::User(acting)) | (Self::Role(named), Principal::Role(acting)) => {
                *named == acting
            }
            (Self::Named(PrincipalName::OidcProvider(named)), Principal::Oidc(acting)) => named == acting,
            _ => false,
        }
    }
}

/// Parses the `Principal` of a statement.
pub(crate) fn parse(
    node: &Node<'_>,
    kind: PolicyKind,
    account: &str,
    effect: Effect,
) -> Result<Vec<Placed>, PolicyError> {
    let mut principals = Vec::new();
    for member in node.members()? {
        let read: fn(&str, &str) -> Result<Trusted, Reason> = match &*member.name {
            "RAM" => identity,
            "Federated" if kind == PolicyKind::Trust => provider,
            "Service" if kind == PolicyKind::Trust => service,
            _ => return Err(member.refused(Reason::UnknownMember(member.name.to_string()))),
        };
        for value in member.value.one_or_more()? {
            let trusted = read(account, &value.string()?).map_err(|reason| value.refused(reason))?;
            if trusted == Trusted::Account && effect == Effect::Deny && kind != PolicyKind::Trust {
                return Err(value.refused(Reason::AccountDenied));
            }
            let unknown = match &trusted {
                Trusted::Named(name @ (PrincipalName::User(_) | PrincipalName::Role(_))) => {
                    Some(value.refused(Reason::UnknownPrincipal(name.clone())))
                }
                _ => None,
            };
            principals.push(Placed { trusted, unknown });
        }
    }
    if principals.is_empty() { Err(node.refused(Reason::Empty)) } else { Ok(principals) }
}

/// A principal as parsed.
pub(crate) struct Placed {
    pub(crate) trusted: Trusted,
    /// The error to return if no user or role has this name; `None` for other principals.
    pub(crate) unknown: Option<PolicyError>,
}

fn identity(account: &str, text: &str) -> Result<Trusted, Reason> {
    if let Some(("root" | "*", owner)) = text.strip_prefix("acs:ram::").and_then(|rest| {
        let (owner, rest) = rest.split_once(':')?;
        Some((rest, owner))
    }) {
        return own(account, owner, text).map(|()| Trusted::Account);
    }
    match named(account, text)? {
        PrincipalName::OidcProvider(_) => Err(Reason::Principal(text.to_owned())),
        name => Ok(Trusted::Named(name)),
    }
}

fn provider(account: &str, text: &str) -> Result<Trusted, Reason> {
    match named(account, text)? {
        name @ PrincipalName::OidcProvider(_) => Ok(Trusted::Named(name)),
        _ => Err(Reason::Principal(text.to_owned())),
    }
}

fn service(_account: &str, text: &str) -> Result<Trusted, Reason> {
    let host =
        text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte));
    if host && !text.is_empty() { Ok(Trusted::Service) } else { Err(Reason::Principal(text.to_owned())) }
}

fn named(account: &str, text: &str) -> Result<PrincipalName, Reason> {
    let malformed = || Reason::Principal(text.to_owned());
    let (owner, _) =
        text.strip_prefix("acs:ram::").and_then(|rest| rest.split_once(':')).ok_or_else(malformed)?;
    let name = PrincipalName::from_arn(owner, text).ok_or_else(malformed)?;
    own(account, owner, text).map(|()| name)
}

fn own(account: &str, owner: &str, text: &str) -> Result<(), Reason> {
    if owner == account {
        Ok(())
    } else if owner.bytes().all(|byte| byte.is_ascii_digit()) && !owner.is_empty() {
        Err(Reason::ForeignPrincipal(text.to_owned()))
    } else {
        Err(Reason::Principal(text.to_owned()))
    }
}

/// Whether a text is a name that RAM accepts: 1 to 64 letters, digits and `marks`.
fn is_name(text: &str, marks: &[u8]) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || marks.contains(&byte))
}

const FIRST_ID: u64 = 100_000_000_000_000_000;
const LAST_ID: u64 = 999_999_999_999_999_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_eighteen_digits_in_every_form() {
        for random in [0, 1, FIRST_ID, u64::MAX] {
            let id = PrincipalId::from_random(random);
            assert_eq!(id.to_string().len(), 18);
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(PrincipalId::try_from(id.as_u64()), Ok(id));
        }
        for wrong in
            ["", "1", "099999999999999999", "1000000000000000000", "+12345678901234567", "12345678901234567 "]
        {
            assert_eq!(wrong.parse::<PrincipalId>(), Err(InvalidPrincipalId), "{wrong}");
        }
    }

    #[test]
    fn an_arn_names_a_principal_only_if_it_is_exact() {
        let name = PrincipalName::from_arn("1", "acs:ram::1:user/bob.b-b_b").expect("a user");
        assert_eq!(name, PrincipalName::User("bob.b-b_b".into()));
        assert_eq!(name.arn("1"), "acs:ram::1:user/bob.b-b_b");
        for wrong in [
            "acs:ram::2:user/bob",
            "acs:ram:*:1:user/bob",
            "acs:ram:r:1:user/bob",
            "acs:ram::1:user/*",
            "acs:ram::1:user/bo?",
            "acs:ram::1:user/",
            "acs:ram::1:user/a/b",
            "acs:ram::1:role/a_b",
            "acs:ram::1:group/g",
            "acs:kms::1:user/bob",
            "ACS:ram::1:user/bob",
        ] {
            assert_eq!(PrincipalName::from_arn("1", wrong), None, "{wrong}");
        }
    }
}
