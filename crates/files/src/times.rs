//! Compares the modification time that an output was given with the one that its file system returns, which may have rounded or
//! clamped it. A resumed run decides by it whether an output is complete.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// Nanoseconds since the Unix epoch, negative before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(i128);

/// How closely two times agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// They are equal.
    Exact,
    /// A file system may have rounded or clamped one to the other. Only the content can prove more.
    Coarse,
    /// The times are different.
    None,
}

impl Time {
    pub(crate) fn new(seconds: i64, nanos: u32) -> Self {
        Self(i128::from(seconds) * SECOND + i128::from(nanos))
    }

    /// Returns the modification time of a file.
    pub(crate) fn of(file: &Metadata) -> Self {
        Self(i128::from(file.mtime()) * SECOND + i128::from(file.mtime_nsec()))
    }

    /// Compares the time of a file with the time `set` that it was given. Some file systems round down, others up, and a time
    /// beyond their range becomes the end of the range.
    pub(crate) fn agrees_with(self, set: Self) -> Agreement {
        let rounded = |unit: &i128| self.0 % unit == 0 && (self.0 - set.0).abs() < *unit;
        let clamped = |&(first, last): &(i64, i64)| {
            let held = set.0.clamp(i128::from(first) * SECOND, i128::from(last) * SECOND);
            held != set.0 && (self.0 - held).abs() <= ZONE
        };
        if self == set {
            Agreement::Exact
        } else if UNITS.iter().any(rounded) || RANGES.iter().any(clamped) {
            Agreement::Coarse
        } else {
            Agreement::None
        }
    }
}

const SECOND: i128 = 1_000_000_000;
/// The units of file times: on NTFS and over SMB, over some network file systems, on exFAT, on ext4 with inodes of 128 bytes, and
/// on FAT.
const UNITS: [i128; 6] = [100, 1000, 1_000_000, 10_000_000, SECOND, 2 * SECOND];
/// The first and last second of file times: with 32 bits, signed (ext4 with inodes of 128 bytes) and unsigned (NFS 3); with the
/// 34 bits of ext4 and XFS; of HFS+; of FAT.
const RANGES: [(i64, i64); 6] = [
    (i32::MIN as i64, i32::MAX as i64),
    (0, u32::MAX as i64),
    (i32::MIN as i64, 15_032_385_535),
    (i32::MIN as i64, 16_299_260_425),
    (-2_082_844_800, 2_212_122_495),
    (315_532_800, 4_354_819_199),
];
/// FAT stores local time, so its range depends on the time zone.
const ZONE: i128 = 15 * 3600 * SECOND;

#[cfg(test)]
mod tests {
    use super::*;

    const SET: Time = Time(1_767_323_045_678_912_345); // 2026-01-02 03:04:05, an odd second

    /// Returns a multiple of `unit`: the last one up to the time, or the next one.
    fn rounded(set: Time, unit: i128, up: bool) -> Time {
        Time((set.0.div_euclid(unit) + i128::from(up)) * unit)
    }

    #[test]
    fn a_time_agrees_with_what_a_file_system_makes_of_it() {
        assert_eq!(SET.agrees_with(SET), Agreement::Exact);
        for set in [SET, Time(-SET.0), Time::new(0, 1), Time::new(-1, 999_999_999)] {
            for unit in [100, 10_000_000, SECOND, 2 * SECOND] {
                for up in [false, true] {
                    let held = rounded(set, unit, up);
                    assert_eq!(held.agrees_with(set), Agreement::Coarse, "{held:?} for {set:?}");
                    assert_eq!(held.agrees_with(held), Agreement::Exact);
                }
            }
        }
    }

    #[test]
    fn a_time_that_no_file_system_makes_of_it_does_not_agree() {
        for unit in [100, 10_000_000, SECOND, 2 * SECOND] {
            // One unit too far, or not a multiple.
            let (below, above) = (rounded(SET, unit, false), rounded(SET, unit, true));
            if unit == 2 * SECOND {
                assert_eq!(Time(below.0 - unit).agrees_with(SET), Agreement::None);
                assert_eq!(Time(above.0 + unit).agrees_with(SET), Agreement::None);
            }
            assert_eq!(Time(below.0 - 1).agrees_with(SET), Agreement::None);
            assert_eq!(Time(above.0 + 1).agrees_with(SET), Agreement::None);
        }
        assert_eq!(Time(SET.0 + 1).agrees_with(SET), Agreement::None, "both are fine");
        assert_eq!(
            SET.agrees_with(rounded(SET, SECOND, false)),
            Agreement::None,
            "what is whole stays whole"
        );
        assert_eq!(Time::new(0, 0).agrees_with(SET), Agreement::None);
    }

    #[test]
    fn a_time_beyond_a_range_becomes_the_end_of_it() {
        let (first, last) = (Time::new(i32::MIN.into(), 0), Time::new(i32::MAX.into(), 0)); // 1901 to 2038
        let (before, after) = (Time::new(-2_500_000_000, 5), Time::new(2_524_608_000, 5)); // 1890 and 2050
        assert_eq!(last.agrees_with(after), Agreement::Coarse);
        assert_eq!(first.agrees_with(before), Agreement::Coarse);
        assert_eq!(first.agrees_with(after), Agreement::None, "the other end");
        assert_eq!(last.agrees_with(before), Agreement::None);
        assert_eq!(last.agrees_with(SET), Agreement::None, "what is within a range stays");
        // FAT begins in 1980, in local time.
        let fat = Time::new(315_532_800 + 8 * 3600, 0);
        assert_eq!(fat.agrees_with(Time::new(86_400, 0)), Agreement::Coarse);
        assert_eq!(fat.agrees_with(SET), Agreement::None);
    }
}
