//! The names of secrets, of their versions and of their stages.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Encode};

/// The name of a secret: 1 to 192 of the characters `A-Z a-z 0-9 _ / + = . @ -`. Names that begin with `acs/` are reserved for
/// the cloud's own services.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct SecretName(#[n(0)] Box<str>);

/// The error for a text that is not the name of a secret, version or stage.
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
            /// Returns the text.
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
    /// The id that an owner gives to a version of a secret: 1 to 64 characters, no control characters.
    SecretVersionId
}
label! {
    /// The name of a pointer to one version of a secret: [`Stage::CURRENT`], [`Stage::PREVIOUS`], or a name that the owner chose,
    /// of 1 to 64 characters without control characters.
    Stage
}
text!(SecretName);

impl Stage {
    /// The stage of the version that callers get by default.
    pub const CURRENT: &str = "ACSCurrent";
    /// The stage of the version that was current before.
    pub const PREVIOUS: &str = "ACSPrevious";

    /// Returns [`Stage::CURRENT`].
    #[must_use]
    pub fn current() -> Self {
        Self(Self::CURRENT.into())
    }

    /// Returns [`Stage::PREVIOUS`].
    #[must_use]
    pub fn previous() -> Self {
        Self(Self::PREVIOUS.into())
    }

    /// Whether this is one of these two, which owners cannot remove.
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
