//! Ids of users, roles and groups: random, never used twice, and kept by a renaming.

use std::fmt;
use std::str::FromStr;

use bulla_keys::{Random, SystemRandom};
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use crate::state::random_letters;

/// The id of a user or role: 18 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct PrincipalId(#[n(0)] u64);

/// The id of a group: `g-` and 16 letters or digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct GroupId(#[n(0)] ByteArray<16>);

/// A text that is not the id of a user or role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAPrincipalId;

impl PrincipalId {
    pub(crate) fn random() -> Self {
        let mut bytes = [0; 8];
        SystemRandom.fill(&mut bytes);
        Self(FIRST + u64::from_be_bytes(bytes) % (LAST - FIRST + 1))
    }
}

impl FromStr for PrincipalId {
    type Err = NotAPrincipalId;

    fn from_str(text: &str) -> Result<Self, NotAPrincipalId> {
        let is_spelled = text.len() == 18 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().map_err(|_| NotAPrincipalId)?;
        if is_spelled && (FIRST..=LAST).contains(&number) { Ok(Self(number)) } else { Err(NotAPrincipalId) }
    }
}

impl fmt::Display for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl GroupId {
    pub(crate) fn random() -> Self {
        let letters = random_letters::<16>();
        Self(<[u8; 16]>::try_from(letters.as_bytes()).expect("16 letters of ASCII").into())
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("g-")?;
        self.0.iter().try_for_each(|byte| fmt::Write::write_char(f, char::from(*byte)))
    }
}

impl fmt::Debug for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const FIRST: u64 = 100_000_000_000_000_000;
const LAST: u64 = 999_999_999_999_999_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_a_principal_has_18_digits_and_one_spelling() {
        let id = PrincipalId::random();
        let text = id.to_string();
        assert_eq!(text.len(), 18);
        assert_eq!(text.parse(), Ok(id));
        assert_ne!(id, PrincipalId::random());
        for other in [format!("0{text}"), format!("+{}", &text[1..]), text[1..].into(), "0".repeat(18)] {
            assert_eq!(other.parse::<PrincipalId>(), Err(NotAPrincipalId), "{other}");
        }
    }

    #[test]
    fn an_id_of_a_group_is_g_and_16_letters() {
        let id = GroupId::random();
        assert_eq!(id.to_string().len(), 18);
        assert!(id.to_string().starts_with("g-"));
        assert_ne!(id, GroupId::random());
    }
}
