//! Names of users, groups, roles and policies: which are valid, and when two are equal.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use minicbor::{Decode, Decoder, Encode, Encoder};

use crate::state::random_letters;

/// A name in lower case, which its row is found by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NameKey(Arc<str>);

/// Why a text is not a valid name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameFault {
    /// It is empty or too long.
    Length,
    InvalidChars,
}

impl NameKey {
    /// Returns the key of a name in any case, which need not be valid.
    pub(crate) fn of(name: &str) -> Self {
        Self(name.to_ascii_lowercase().into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for NameKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<C> Encode<C> for NameKey {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for NameKey {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let text = d.str()?;
        let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        if is_lower { Ok(Self(text.into())) } else { Err(minicbor::decode::Error::message("upper case")) }
    }
}

fn check(text: &str, max: usize, marks: &[u8]) -> Result<(), NameFault> {
    if !(1..=max).contains(&text.chars().count()) {
        return Err(NameFault::Length);
    }
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || marks.contains(&byte);
    if text.bytes().all(is_good) { Ok(()) } else { Err(NameFault::InvalidChars) }
}

macro_rules! names {
    ($($(#[$doc:meta])* $Name:ident = letters digits $marks:literal up to $max:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub(crate) struct $Name {
            spelled: Arc<str>,
            pub(crate) key: NameKey,
        }

        impl $Name {
            /// The name in its original spelling.
            pub(crate) fn as_str(&self) -> &str {
                &self.spelled
            }
        }

        impl FromStr for $Name {
            type Err = NameFault;

            fn from_str(text: &str) -> Result<Self, NameFault> {
                check(text, $max, $marks)?;
                let key = NameKey::of(text);
                let spelled = if key.as_str() == text { Arc::clone(&key.0) } else { text.into() };
                Ok(Self { spelled, key })
            }
        }

        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.spelled)
            }
        }

        impl fmt::Debug for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.spelled)
            }
        }

        impl<C> Encode<C> for $Name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.str(&self.spelled)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $Name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                d.str()?.parse().map_err(|_| minicbor::decode::Error::message("not a name"))
            }
        }
    )*};
}

names! {
    /// The name of a user.
    UserName = letters digits b"._-" up to 64;
    /// The name of a group.
    GroupName = letters digits b"._-" up to 64;
    /// The name of a role.
    RoleName = letters digits b".-" up to 64;
    /// The name of a virtual MFA device.
    DeviceName = letters digits b".-" up to 64;
    /// The name of a policy of the account.
    PolicyName = letters digits b"-" up to 128;
}

impl UserName {
    /// Returns a name for an MFA device of this user, with a random suffix.
    pub(crate) fn device_name(&self) -> DeviceName {
        let random = random_letters::<8>();
        let begin: String = self.spelled.chars().take(55).collect(); // ASCII letters
        let name = format!("{}-{}", begin.replace('_', "-"), &*random);
        name.parse().expect("at most 64 characters of names of devices")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_spelling_and_is_found_without_case() {
        let name: UserName = "Alice.B".parse().unwrap();
        assert_eq!((name.as_str(), name.key.as_str()), ("Alice.B", "alice.b"));
        assert_eq!(name.key, NameKey::of("ALICE.b"));
        assert_ne!(name, "alice.b".parse().unwrap(), "a change of the case is a change");
        let back: UserName = minicbor::decode(&minicbor::to_vec(&name).unwrap()).unwrap();
        assert_eq!(back, name);
    }

    #[test]
    fn every_user_has_a_name_for_a_device() {
        for name in ["a", "Ann_B.c", &"_".repeat(64)] {
            let name: UserName = name.parse().unwrap();
            let [one, other] = [(); 2].map(|()| name.device_name());
            assert!(one.as_str().len() <= 64 && one != other, "{one}");
        }
    }

    #[test]
    fn names_have_their_own_characters_and_lengths() {
        assert_eq!("".parse::<UserName>(), Err(NameFault::Length));
        assert!("a".repeat(64).parse::<UserName>().is_ok());
        assert_eq!("a".repeat(65).parse::<UserName>(), Err(NameFault::Length));
        assert!("a".repeat(128).parse::<PolicyName>().is_ok());
        assert!("a_b.c-d".parse::<UserName>().is_ok() && "a_b.c-d".parse::<GroupName>().is_ok());
        assert_eq!("a_b".parse::<RoleName>(), Err(NameFault::InvalidChars));
        assert_eq!("a.b".parse::<PolicyName>(), Err(NameFault::InvalidChars));
        for bad in ["a@b", "a b", "a/b", "é", "a:b"] {
            assert_eq!(bad.parse::<UserName>(), Err(NameFault::InvalidChars), "{bad}");
        }
    }
}
