//! Times in requests and replies: whole seconds in UTC, written `yyyy-MM-ddTHH:mm:ssZ`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A time in whole seconds since the Unix epoch, written `yyyy-MM-ddTHH:mm:ssZ` (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The latest time: a day before the end of the year 9999, the limit of [`jiff::Timestamp`].
    pub const MAX_UNIX: i64 = 253_402_207_200;

    /// Returns the time `seconds` after 1970-01-01T00:00:00Z, clamped to the range from the year 1 to [`Timestamp::MAX_UNIX`].
    #[must_use]
    pub fn from_unix(seconds: i64) -> Self {
        Self(seconds.clamp(-62_135_596_800, Self::MAX_UNIX))
    }

    /// Returns the seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix(self) -> i64 {
        self.0
    }

    /// Parses exactly `yyyy-MM-ddTHH:mm:ssZ`. Fractions and other time zones are refused.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let shaped = text.len() == 20
            && text.bytes().zip(*b"0000-00-00T00:00:00Z").all(|(byte, shape)| match shape {
                b'0' => byte.is_ascii_digit(),
                _ => byte == shape,
            });
        let time: jiff::Timestamp = shaped.then(|| text.parse().ok())??;
        // `jiff` maps a leap second (`:60`) to the second before it, which would be printed differently.
        Some(Self(time.as_second())).filter(|parsed| parsed.to_string() == text)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::Timestamp::from_second(self.0).expect("clamped to the years that jiff knows");
        write!(f, "{time}")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not a time of the form yyyy-MM-ddTHH:mm:ssZ"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_parses() {
        let time = Timestamp::parse("2019-04-08T07:45:54Z").unwrap();
        assert_eq!(time.unix(), 1_554_709_554);
        assert_eq!(time.to_string(), "2019-04-08T07:45:54Z");
    }

    #[test]
    fn refuses_other_spellings() {
        for text in [
            "2019-04-08 07:45:54Z",
            "2019-04-08T07:45:54",
            "2019-04-08T07:45:54.5Z",
            "2019-04-08T07:45:60Z",
            "2019-02-30T07:45:54Z",
            "2019-04-08T07:45+54Z",
            "２019-04-08T07:45:5Z",
            "",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn clamps_instead_of_failing() {
        assert_eq!(Timestamp::from_unix(i64::MAX).to_string().len(), 20);
        assert!(!Timestamp::from_unix(i64::MIN).to_string().is_empty());
    }
}
