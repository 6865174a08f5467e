//! The UUID of a volume, which is part of the encryption context of its keys.

use std::fmt;

use aws_lc_rs::rand;
use uuid::Builder;

/// The UUID of a LUKS2 volume as cryptsetup writes it: lower case, with hyphens. The header field could hold other
/// texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VolumeUuid(String);

impl VolumeUuid {
    /// Returns a random one.
    pub(crate) fn random() -> Self {
        let mut random = [0; 16];
        rand::fill(&mut random).expect("the system's generator never fails after the start");
        Self(Builder::from_random_bytes(random).into_uuid().to_string())
    }

    /// Parses a UUID of the usual form; `None` for any other text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_right = |(position, byte): (usize, u8)| match position {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        };
        let is_uuid = text.len() == 36 && text.bytes().enumerate().all(is_right);
        is_uuid.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for VolumeUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_usual_form_is_a_uuid() {
        let uuid = "088d56d8-1ff1-491c-9259-131a816cd2a6";
        assert_eq!(VolumeUuid::parse(uuid).unwrap().to_string(), uuid);
        let random = VolumeUuid::random();
        assert_eq!(VolumeUuid::parse(&random.to_string()), Some(random));
        for text in [
            "",
            "x",
            &uuid.to_uppercase(),
            &uuid[1..],
            &format!("{uuid}a"),
            &uuid.replace('-', "0"),
            &uuid.replacen('8', "\u{e9}", 1),
        ] {
            assert_eq!(VolumeUuid::parse(text), None, "{text}");
        }
    }
}
