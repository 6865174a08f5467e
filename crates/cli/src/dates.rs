//! Days and times on the command line.

use std::str::FromStr;

use bulla_wire::Timestamp;

/// A point in time: a day, which means its midnight in UTC, or a full time: `2026-01-31` or `2026-01-31T00:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Date(pub(crate) Timestamp);

impl FromStr for Date {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let time = Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")));
        time.map(Self).ok_or("write it as 2026-01-31 or 2026-01-31T00:00:00Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_its_first_second() {
        assert_eq!("2026-01-31".parse::<Date>(), "2026-01-31T00:00:00Z".parse::<Date>());
        assert!("2026-01-31T00:00:00Z".parse::<Date>().is_ok());
        for text in ["", "2026-02-30", "2026-01-31T00:00:00", "yesterday", "2026-1-31"] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }
}
