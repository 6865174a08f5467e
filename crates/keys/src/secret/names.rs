//! What secrets, their versions and their stages may be called.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Encode};

/// 1 to 192 of the characters `A-Z a-z 0-9 _ / + = . @ -`; not beginning with `acs/`, which the cloud keeps for its
/// own services.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct SecretName(#[n(0)] Box<str>);

/// A text that no secret, version or stage may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotASecretName;

macro_rules! label {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $name(#[n(0)] Box<str>);

        impl FromStr for $name {
            type Err = NotASecretName;

            fn from_str(text: &str) -> Result<Self, NotASecretName> {
                let fits = (1..=MAX_LABEL_CHARS).contains(&text.chars().count());
                if fits && !text.contains(char::is_control) {
                    Ok(Self(text.into()))
                } else {
                    Err(NotASecretName)
                }
            }
        }

        text!($name);
    };
}

macro_rules! text {
    ($name:ident) => {
        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

label! {
    /// What the owner of a secret calls one of its versions: 1 to 64 characters, no control characters.
    SecretVersionId
}
label! {
    /// What points at one version of a secret: [`Stage::CURRENT`], [`Stage::PREVIOUS`], or a name that its owner chose,
    /// of 1 to 64 characters.
    Stage
}
text!(SecretName);

impl Stage {
    /// Points at the version that is meant if nobody says which.
    pub const CURRENT: &str = "ACSCurrent";
    /// Points at the version that was current before.
    pub const PREVIOUS: &str = "ACSPrevious";

    /// [`Stage::CURRENT`].
    #[must_use]
    pub fn current() -> Self {
        Self(Self::CURRENT.into())
    }

    /// [`Stage::PREVIOUS`].
    #[must_use]
    pub fn previous() -> Self {
        Self(Self::PREVIOUS.into())
    }

    /// Whether it is one of these two, which no owner can take away.
    #[must_use]
    pub fn is_of_service(&self) -> bool {
        [Self::CURRENT, Self::PREVIOUS].contains(&self.as_str())
    }
}

impl FromStr for SecretName {
    type Err = NotASecretName;

    fn from_str(text: &str) -> Result<Self, NotASecretName> {
        let spelled = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_/+=.@-".contains(&byte));
        if (1..=192).contains(&text.len()) && spelled && !text.starts_with("acs/") {
            Ok(Self(text.into()))
        } else {
            Err(NotASecretName)
        }
    }
}

impl fmt::Display for NotASecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the name of a secret, a version or a stage")
    }
}

impl std::error::Error for NotASecretName {}

const MAX_LABEL_CHARS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let longest = "a".repeat(192);
        for good in ["a", "AZaz09_/+=.@-", "acs", "a/acs/b", &longest] {
            assert_eq!(good.parse::<SecretName>().unwrap().as_str(), good);
        }
        for bad in ["", "acs/x", "a b", "a:b", "密", "a*", &format!("{longest}a")] {
            assert_eq!(bad.parse::<SecretName>(), Err(NotASecretName), "{bad}");
        }
        let longest = "密".repeat(64);
        for good in ["v1", " a b ", "00000000000000000000000000000001", &longest] {
            assert_eq!(good.parse::<SecretVersionId>().unwrap().as_str(), good);
            assert_eq!(good.parse::<Stage>().unwrap().as_str(), good);
        }
        for bad in ["", "a\nb", "\u{0}", &format!("{longest}密")] {
            assert_eq!(bad.parse::<SecretVersionId>(), Err(NotASecretName), "{bad}");
            assert_eq!(bad.parse::<Stage>(), Err(NotASecretName), "{bad}");
        }
    }
}
