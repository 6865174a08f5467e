//! The formats of encrypted files, by the suffixes of their names.

use std::path::Path;

use bulla_files::{Format, suffix};

/// The format that the suffix of a path promises.
pub(crate) fn format_by_suffix(path: &Path) -> Option<Format> {
    let name = path.as_os_str().as_encoded_bytes();
    FORMATS.into_iter().find(|format| name.ends_with(suffix(*format).as_bytes()))
}

/// The suffixes of encrypted files, for messages.
pub(crate) fn suffixes() -> String {
    FORMATS.map(suffix).join(" or ")
}

const FORMATS: [Format; 2] = [Format::Native, Format::Text];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_promise_a_format() {
        let format = |path| format_by_suffix(Path::new(path));
        assert_eq!(format("a.csv.bulla"), Some(Format::Native));
        assert_eq!(format("dir/a.cipher"), Some(Format::Text));
        for other in ["a.csv", "bulla", "a.bulla.csv", "a.BULLA", "dir.bulla/a"] {
            assert_eq!(format(other), None);
        }
    }
}
