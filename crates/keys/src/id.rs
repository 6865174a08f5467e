//! Ids of keys, key versions, values of secrets, and stores: random UUIDs, written in lower case.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use uuid::Uuid;

use crate::random::{self, Random};

/// The error for a text that is not an id in its only spelling: 36 characters, lower case, hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotAnId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Creates a random id.
            #[must_use]
            pub fn random(random: &impl Random) -> Self {
                Self(uuid::Builder::from_random_bytes(random::array(random)).into_uuid())
            }

            /// Returns the 16 bytes of the id.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// Creates the id with these bytes.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// Returns the 36 ASCII characters of the id.
            #[must_use]
            pub fn to_ascii(self) -> [u8; 36] {
                let mut text = [0; 36];
                self.0.hyphenated().encode_lower(&mut text);
                text
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let id = Self(Uuid::try_parse(text).map_err(|_| NotAnId)?);
                // An id has only one spelling, so that two different texts never mean the same key.
                if id.to_ascii() == text.as_bytes() { Ok(id) } else { Err(NotAnId) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: encode::Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), encode::Error<W::Error>> {
                e.bytes(self.as_bytes())?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                let bytes = d.bytes()?.try_into().map_err(|_| decode::Error::message("an id has 16 bytes"))?;
                Ok(Self::from_bytes(bytes))
            }
        }
    };
}

id! {
    /// Identifies a master key for its whole life.
    KeyId
}
id! {
    /// Identifies one version of a master key. A blob begins with it.
    KeyVersionId
}
id! {
    /// Identifies the value of one version of a secret.
    SecretValueId
}
id! {
    /// Identifies a store. Records are bound to it, so they cannot be moved to another store.
    StoreId
}

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a lower-case UUID")
    }
}

impl std::error::Error for NotAnId {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    #[test]
    fn one_id_has_one_spelling() {
        let id = KeyId::random(&SystemRandom);
        let text = id.to_string();
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(text.as_bytes(), id.to_ascii());
        for other in [text.to_uppercase(), text.replace('-', ""), format!("{{{text}}}"), format!(" {text}")] {
            assert_eq!(other.parse::<KeyId>(), Err(NotAnId), "{other}");
        }
    }
}
