//! The scheduled backups according to the configuration file.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use bulla_kms::BackupSchedule;

use crate::args::{BackupTable, Serve};
use crate::commands::audit::span;
use crate::failure::{Exit, Failure};

/// Returns the schedule of backups; `None` if the configuration has no table for them.
pub(super) fn backup_schedule(settings: &Serve, data: &Path) -> Result<Option<BackupSchedule>, Failure> {
    let Some(table) = &settings.backup else { return Ok(None) };
    let BackupTable { every, directory, keep, keep_days, verify_every } = table;
    let named = directory.as_deref().unwrap_or(Path::new(DIRECTORY));
    let mut schedule = BackupSchedule::new(data.join(named));
    if let Some(every) = every {
        schedule.every = period("every", every)?;
    }
    if let Some(every) = verify_every {
        schedule.verify_every = period("verify-every", every)?;
    }
    if let Some(keep) = keep {
        schedule.keep = usize::try_from(keep.get()).unwrap_or(usize::MAX);
    }
    schedule.keep_for = keep_days.map(days);
    Ok(Some(schedule))
}

fn period(setting: &str, text: &str) -> Result<Duration, Failure> {
    span(text).filter(|span| *span >= SHORTEST).ok_or_else(|| {
        let what = format!("[backup] {setting} = {text:?}: not a duration of at least a minute");
        Failure::new(Exit::Usage, what, "write it as 30m, 12h or 7d")
    })
}

fn days(days: NonZeroU32) -> Duration {
    Duration::from_secs(u64::from(days.get()) * 86_400)
}

/// The default directory, below the data directory.
pub(crate) const DIRECTORY: &str = "backups";
const SHORTEST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(text: &str) -> Result<Option<BackupSchedule>, String> {
        let settings = toml::from_str::<Serve>(text).map_err(|error| error.message().to_owned())?;
        backup_schedule(&settings, Path::new("/data")).map_err(Failure::into_what)
    }

    #[test]
    fn there_are_none_without_the_table_and_daily_ones_with_an_empty_one() {
        assert_eq!(schedule(""), Ok(None));
        let usual = schedule("[backup]").unwrap().unwrap();
        assert_eq!(usual.directory, Path::new("/data/backups"));
        assert_eq!((usual.every, usual.keep, usual.keep_for), (Duration::from_secs(86_400), 7, None));
        assert_eq!(usual.verify_every, Duration::from_secs(86_400));
    }

    #[test]
    fn the_table_sets_the_interval_directory_and_count() {
        let text = "[backup]\nevery = \"12h\"\ndirectory = \"/backup\"\nkeep = 3\nkeep-days = 30\nverify-every = \"7d\"\n";
        let found = schedule(text).unwrap().unwrap();
        assert_eq!(found.directory, Path::new("/backup"));
        assert_eq!((found.every, found.keep), (Duration::from_secs(12 * 3600), 3));
        assert_eq!(found.keep_for, Some(Duration::from_secs(30 * 86_400)));
        assert_eq!(found.verify_every, Duration::from_secs(7 * 86_400));
        for wrong in [
            "every = \"59s\"",
            "every = \"daily\"",
            "every = 5",
            "keep = 0",
            "keep-days = 0",
            "verify-every = \"1s\"",
            "x = 1",
        ] {
            assert!(schedule(&format!("[backup]\n{wrong}\n")).is_err(), "{wrong}");
        }
    }
}
