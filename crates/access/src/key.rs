//! Condition keys: the name of each, the type of its value, and the kinds of policies that may have it.

use std::fmt;

use crate::policy::PolicyKind;

/// What a condition compares.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionKey {
    /// `acs:CurrentTime`: when the request arrived. A date.
    CurrentTime,
    /// `acs:SecureTransport`: whether the connection is encrypted. A boolean.
    SecureTransport,
    /// `acs:SourceIp`: the address of the client. An address.
    SourceIp,
    /// `acs:MFAPresent`: whether the caller signed in with a second factor; absent for access keys. A boolean.
    MfaPresent,
    /// `acs:ResourceTag/<key>`: a tag of the resource before any change. A text, as are all below.
    ResourceTag(Box<str>),
    /// `acs:RequestTag/<key>`: a tag in the parameters of the request.
    RequestTag(Box<str>),
    /// `kms:tag/<key>`: a tag of the key in use, before any change.
    KeyTag(Box<str>),
    /// `kms:EncryptionAlgorithm`: an algorithm such as `SYMMETRIC_DEFAULT`.
    EncryptionAlgorithm,
    /// `kms:EncryptionContext:<name>`: the value of this name in the encryption context. Everything after the second colon is
    /// the name; it matches with case.
    EncryptionContext(Box<str>),
    /// `sts:ExternalId`: the ExternalId of AssumeRole.
    ExternalId,
    /// `oidc:iss`: the issuer of the token.
    OidcIssuer,
    /// `oidc:aud`: the audiences of the token.
    OidcAudience,
    /// `oidc:sub`: the subject of the token.
    OidcSubject,
    /// `ram:ServiceName`: occurs in system policies only. No request has a value for it.
    ServiceName,
}

/// The type of a key's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Text, which every family of operators can parse.
    Text,
    Date,
    Boolean,
    Address,
}

impl ConditionKey {
    /// Returns the key of this name, if policies of this kind may have it. Names of keys match with case.
    pub(crate) fn parse(text: &str, kind: PolicyKind) -> Option<Self> {
        let key = FIXED.iter().find(|(name, _)| *name == text).map(|(_, key)| key.clone()).or_else(|| {
            NAMED.iter().find_map(|(prefix, key)| {
                text.strip_prefix(prefix).filter(|name| !name.is_empty()).map(|name| key(name.into()))
            })
        })?;
        key.is_in(kind).then_some(key)
    }

    /// Whether requests that policies of this kind decide about can have a value for the key. A condition on another key
    /// would have no effect.
    fn is_in(&self, kind: PolicyKind) -> bool {
        match self {
            Self::CurrentTime | Self::SecureTransport | Self::SourceIp | Self::MfaPresent => true,
            Self::ResourceTag(_) | Self::RequestTag(_) => kind != PolicyKind::Trust,
            Self::KeyTag(_) | Self::EncryptionAlgorithm | Self::EncryptionContext(_) => {
                kind != PolicyKind::Trust
            }
            Self::ExternalId => !matches!(kind, PolicyKind::Key | PolicyKind::Secret),
            Self::OidcIssuer | Self::OidcAudience | Self::OidcSubject => kind == PolicyKind::Trust,
            Self::ServiceName => kind == PolicyKind::System,
        }
    }

    pub(crate) const fn holds(&self) -> Holds {
        match self {
            Self::CurrentTime => Holds::Date,
            Self::SecureTransport | Self::MfaPresent => Holds::Boolean,
            Self::SourceIp => Holds::Address,
            _ => Holds::Text,
        }
    }

    /// Whether the value depends on the resource rather than on the request alone.
    pub(crate) const fn is_of_resource(&self) -> bool {
        matches!(self, Self::ResourceTag(_) | Self::KeyTag(_) | Self::EncryptionAlgorithm)
    }
}

impl fmt::Display for ConditionKey {
    /// Writes the key as documents spell it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ResourceTag(name) => write!(formatter, "acs:ResourceTag/{name}"),
            Self::RequestTag(name) => write!(formatter, "acs:RequestTag/{name}"),
            Self::KeyTag(name) => write!(formatter, "kms:tag/{name}"),
            Self::EncryptionContext(name) => write!(formatter, "kms:EncryptionContext:{name}"),
            fixed => {
                let (name, _) =
                    FIXED.iter().find(|(_, key)| key == fixed).expect("keys without a name are in the table");
                formatter.write_str(name)
            }
        }
    }
}

const FIXED: &[(&str, ConditionKey)] = &[
    ("acs:CurrentTime", ConditionKey::CurrentTime),
    ("acs:SecureTransport", ConditionKey::SecureTransport),
    ("acs:SourceIp", ConditionKey::SourceIp),
    ("acs:MFAPresent", ConditionKey::MfaPresent),
    ("kms:EncryptionAlgorithm", ConditionKey::EncryptionAlgorithm),
    ("sts:ExternalId", ConditionKey::ExternalId),
    ("oidc:iss", ConditionKey::OidcIssuer),
    ("oidc:aud", ConditionKey::OidcAudience),
    ("oidc:sub", ConditionKey::OidcSubject),
    ("ram:ServiceName", ConditionKey::ServiceName),
];

type WithName = fn(Box<str>) -> ConditionKey;

const NAMED: &[(&str, WithName)] = &[
    ("acs:ResourceTag/", ConditionKey::ResourceTag),
    ("acs:RequestTag/", ConditionKey::RequestTag),
    ("kms:tag/", ConditionKey::KeyTag),
    ("kms:EncryptionContext:", ConditionKey::EncryptionContext),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_printed_as_it_is_written() {
        let named = NAMED.iter().map(|(prefix, _)| format!("{prefix}a:b/C"));
        for text in FIXED.iter().map(|(name, _)| (*name).to_owned()).chain(named) {
            let parsed = [PolicyKind::Trust, PolicyKind::System].map(|kind| ConditionKey::parse(&text, kind));
            let key = parsed.into_iter().flatten().next().expect(&text);
            assert_eq!(key.to_string(), text);
        }
    }

    #[test]
    fn the_name_of_an_encryption_context_is_all_that_follows_the_second_colon() {
        let key = ConditionKey::parse("kms:EncryptionContext:a:B/c d", PolicyKind::Key);
        assert_eq!(key, Some(ConditionKey::EncryptionContext("a:B/c d".into())));
        assert_eq!(ConditionKey::parse("kms:EncryptionContext:", PolicyKind::Key), None);
        assert_eq!(ConditionKey::parse("kms:encryptioncontext:a", PolicyKind::Key), None);
        assert_eq!(ConditionKey::parse("kms:EncryptionContext/a", PolicyKind::Key), None);
    }

    #[test]
    fn a_key_that_no_request_of_a_kind_has_is_unknown_there() {
        for (text, kind) in [
            ("oidc:sub", PolicyKind::Identity),
            ("sts:ExternalId", PolicyKind::Key),
            ("kms:tag/a", PolicyKind::Trust),
            ("ram:ServiceName", PolicyKind::Identity),
            ("acs:SourceVpc", PolicyKind::Identity),
            ("acs:sourceip", PolicyKind::Identity),
        ] {
            assert_eq!(ConditionKey::parse(text, kind), None, "{text}");
        }
    }
}
