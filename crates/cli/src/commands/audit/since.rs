//! Points in time on the command line: a date, a time, or a duration before now.

use std::str::FromStr;
use std::time::{Duration, SystemTime};

use bulla_kms::audit::Time;

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    At(Time),
    /// A duration before now.
    Ago(Duration),
}

impl Since {
    pub(crate) fn time(self) -> Time {
        match self {
            Self::At(time) => time,
            Self::Ago(ago) => SystemTime::now().checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH).into(),
        }
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(ago) = span(text) {
            return Ok(Self::Ago(ago));
        }
        let time = text.parse().or_else(|_| format!("{text}T00:00:00Z").parse());
        time.map(Self::At).map_err(|_| {
            "write it as 2026-01-31, 2026-01-31T12:00:00Z, or as 30m, 12h or 7d, for so long ago".to_owned()
        })
    }
}

/// Parses a duration: a number and the letter of a unit.
pub(crate) fn span(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        _ => return None,
    };
    let number = number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse::<u64>().ok())??;
    number.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_times_and_how_long_ago() {
        let at = |text: &str| text.parse::<Since>();
        let time = "2026-01-31T00:00:00Z".parse().unwrap();
        assert_eq!(at("2026-01-31"), Ok(Since::At(time)));
        assert_eq!(at("2026-01-31T01:00:00+01:00"), Ok(Since::At(time)));
        assert_eq!(at("90m"), Ok(Since::Ago(Duration::from_secs(5400))));
        for wrong in ["", "m", "-1h", "1w", "yesterday", "99999999999999999999d", "2026-02-30"] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }
}
