//! Ids of users, roles and groups: random, never reused, and kept when the record is renamed.

use std::fmt;

use bulla_access::PrincipalId;
use bulla_keys::{Random, SystemRandom};
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use crate::state::random_letters;

/// The id of a group: `g-` and 16 letters or digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct GroupId(#[n(0)] ByteArray<16>);

/// Returns a new id for a user or role.
pub(crate) fn random_principal_id() -> PrincipalId {
    let mut bytes = [0; 8];
    SystemRandom.fill(&mut bytes);
    PrincipalId::from_random(u64::from_be_bytes(bytes))
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

/// Encodes the id of a user or role in a record.
pub(crate) mod principal_id {
    use bulla_access::PrincipalId;
    use minicbor::{Decoder, Encoder};

    pub(crate) fn encode<C, W: minicbor::encode::Write>(
        id: &PrincipalId,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.u64(id.as_u64())?.ok()
    }

    pub(crate) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<PrincipalId, minicbor::decode::Error> {
        d.u64()?.try_into().map_err(|_| minicbor::decode::Error::message("an id has 18 digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_principals_are_random() {
        assert_ne!(random_principal_id(), random_principal_id());
    }

    #[test]
    fn an_id_of_a_group_is_g_and_16_letters() {
        let id = GroupId::random();
        assert_eq!(id.to_string().len(), 18);
        assert!(id.to_string().starts_with("g-"));
        assert_ne!(id, GroupId::random());
    }
}
