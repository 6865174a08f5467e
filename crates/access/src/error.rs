//! Why a policy document is refused, and at which place in it.

use std::fmt;

use crate::principal::PrincipalName;

/// A refused policy document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The path of the value, such as `Statement[1].Condition.IpAddress`; empty for the whole document.
    pub path: String,
    /// What is wrong there.
    pub reason: Reason,
}

impl PolicyError {
    pub(crate) fn at(document: &str, offset: usize, path: String, reason: Reason) -> Self {
        Self { line: line(document, offset), column: column(document, offset), path, reason }
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}, column {}", self.line, self.column)?;
        if !self.path.is_empty() {
            write!(formatter, ", {}", Shortened(&self.path))?;
        }
        write!(formatter, ": {}", self.reason)
    }
}

impl std::error::Error for PolicyError {}

/// What is wrong with a document. Texts are quoted as they are written there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The document is empty or longer than [`crate::PolicyKind::limit`].
    Length(Limit),
    /// The document is not JSON.
    Syntax(String),
    /// A value does not have this type.
    Expected(&'static str),
    /// A list or an object has no entries.
    Empty,
    /// A member name occurs twice in an object.
    RepeatedName,
    /// The policy language has no member of this name.
    UnknownMember(String),
    /// A required member is absent.
    Missing(&'static str),
    /// The policy language has this member, but this kind of policy does not.
    Misplaced(&'static str),
    /// `NotResource`, which is no longer part of the policy language.
    NotResource,
    /// `Action` and `NotAction` exclude each other.
    ActionAndNotAction,
    /// `Version` is not `"1"`.
    Version(String),
    /// `Effect` is not `Allow` or `Deny`.
    Effect(String),
    /// `Sid` is longer than 128 characters or has characters other than letters, digits, spaces and `_/+=.@-`.
    Sid(String),
    /// An action is not `*` or `<product>:<name>`.
    Action(String),
    /// An action belongs to another product than the one that this kind of policy is about.
    ForeignAction {
        /// The action as written.
        action: String,
        /// The only product whose actions are allowed here.
        product: &'static str,
    },
    /// A resource is not `*` or `acs:<product>:<region>:<account>:<id>`.
    Resource(String),
    /// The resource of a key or secret policy is not `*`.
    ResourceNotAll(String),
    /// A principal is neither the exact ARN of a user, role or provider nor one of the two spellings of the account.
    Principal(String),
    /// A principal belongs to another account.
    ForeignPrincipal(String),
    /// A key or secret policy denies the account. The account means its root, which policies do not bind.
    AccountDenied,
    /// No user or role has this name.
    UnknownPrincipal(PrincipalName),
    /// No condition operator has this name.
    Operator(String),
    /// This kind of policy has no condition key of this name.
    ConditionKey(String),
    /// The operator does not compare the type of the key.
    OperatorForKey {
        /// The operator as written.
        operator: &'static str,
        /// The type of the key, such as `a date`.
        holds: &'static str,
    },
    /// A value of a condition cannot be parsed as this type.
    ConditionValue(&'static str),
    /// `Bool` takes one value.
    SeveralBooleans,
    /// A trust policy trusts an OIDC provider without a condition that restricts this claim.
    UnrestrictedClaim(&'static str),
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(limit) => write!(formatter, "a policy has 1 to {limit}"),
            Self::Syntax(text) => write!(formatter, "this is not JSON: {text}"),
            Self::Expected(expected) => write!(formatter, "expected {expected}"),
            Self::Empty => formatter.write_str("this must not be empty"),
            Self::RepeatedName => formatter.write_str("this name occurs twice"),
            Self::UnknownMember(name) => write!(formatter, "there is no member {}", Quoted(name)),
            Self::Missing(name) => write!(formatter, "{name} is missing"),
            Self::Misplaced(name) => write!(formatter, "{name} is not allowed in this kind of policy"),
            Self::NotResource => {
                formatter.write_str("NotResource is not supported: list resources, or deny them")
            }
            Self::ActionAndNotAction => formatter.write_str("Action and NotAction exclude each other"),
            Self::Version(text) => write!(formatter, "Version must be \"1\", not {}", Quoted(text)),
            Self::Effect(text) => write!(formatter, "Effect must be Allow or Deny, not {}", Quoted(text)),
            Self::Sid(_) => {
                formatter.write_str("a Sid has up to 128 letters, digits, spaces and characters of _/+=.@-")
            }
            Self::Action(text) => {
                write!(formatter, "{} is no action: write * or <product>:<name>", Quoted(text))
            }
            Self::ForeignAction { action, product } => {
                write!(formatter, "only actions of {product} are allowed here, not {}", Quoted(action))
            }
            Self::Resource(text) => write!(
                formatter,
                "{} is no resource: write * or acs:<product>:<region>:<account>:<id>",
                Quoted(text)
            ),
            Self::ResourceNotAll(text) => {
                write!(
                    formatter,
                    "the only resource here is \"*\", which is the key or secret itself, not {}",
                    Quoted(text)
                )
            }
            Self::Principal(text) => write!(
                formatter,
                "{} is no principal: write the exact ARN of a user, role or OIDC provider, with the account in digits, without wildcards and without a region",
                Quoted(text)
            ),
            Self::ForeignPrincipal(text) => write!(formatter, "{} belongs to another account", Quoted(text)),
            Self::AccountDenied => formatter
                .write_str("the account cannot be denied: it means its root, which no policy restricts"),
            Self::UnknownPrincipal(name) => write!(formatter, "there is no {name}"),
            Self::Operator(text) => write!(formatter, "there is no condition operator {}", Quoted(text)),
            Self::ConditionKey(text) => {
                write!(formatter, "there is no condition key {} in this kind of policy", Quoted(text))
            }
            Self::OperatorForKey { operator, holds } => {
                write!(formatter, "{operator} does not compare {holds}, which this key holds")
            }
            Self::ConditionValue(expected) => write!(formatter, "expected {expected}"),
            Self::SeveralBooleans => formatter.write_str("Bool takes one value"),
            Self::UnrestrictedClaim(key) => write!(
                formatter,
                "a provider is trusted without a condition on {key}: add StringEquals or StringLike with its values"
            ),
        }
    }
}

/// The maximum length of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Unicode characters.
    Characters(usize),
    /// Bytes in UTF-8.
    Bytes(usize),
}

impl Limit {
    pub(crate) fn allows(self, text: &str) -> bool {
        let (length, most) = match self {
            Self::Characters(most) => (text.chars().count(), most),
            Self::Bytes(most) => (text.len(), most),
        };
        (1..=most).contains(&length)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Characters(most) => write!(formatter, "{most} characters"),
            Self::Bytes(most) => write!(formatter, "{most} bytes"),
        }
    }
}

/// Returns the line of an offset, from 1.
pub(crate) fn line(document: &str, offset: usize) -> u32 {
    let line = document[..document.floor_char_boundary(offset)].matches('\n').count() + 1;
    u32::try_from(line).unwrap_or(u32::MAX)
}

/// Returns the column of an offset in characters, from 1.
fn column(document: &str, offset: usize) -> u32 {
    let before = &document[..document.floor_char_boundary(offset)];
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    u32::try_from(column).unwrap_or(u32::MAX)
}

/// A text of the document in an error message: quoted, with control characters escaped, and shortened to [`MOST_SHOWN`].
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\"", Shortened(self.0))
    }
}

struct Shortened<'a>(&'a str);

impl fmt::Display for Shortened<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        for character in characters.by_ref().take(MOST_SHOWN) {
            if character.is_control() {
                write!(formatter, "{}", character.escape_default())?;
            } else {
                write!(formatter, "{character}")?;
            }
        }
        if characters.next().is_some() { formatter.write_str("…") } else { Ok(()) }
    }
}

/// Maximum number of characters of the document's text in a message.
const MOST_SHOWN: usize = 128;
