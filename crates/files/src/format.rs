//! The formats of encrypted files, determined by suffix or by first bytes.

use std::path::Path;

/// A format of encrypted files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// `.bulla`: [`bulla_envelope::native`].
    #[default]
    Native,
    /// `.cipher`: [`bulla_envelope::text_format`], four lines of base64. Each file has its own data key.
    Text,
}

impl Format {
    /// All formats.
    pub const ALL: &'static [Self] = &[Self::Native, Self::Text];

    /// Returns the suffix of the format's file names, with the dot.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Native => ".bulla",
            Self::Text => ".cipher",
        }
    }

    /// Returns the format that the suffix of a path announces. The content may have another format.
    #[must_use]
    pub fn by_suffix(path: &Path) -> Option<Self> {
        Self::ALL.iter().copied().find(|format| format.is_suffix_of(path))
    }

    pub(crate) fn is_suffix_of(self, path: &Path) -> bool {
        path.as_os_str().as_encoded_bytes().ends_with(self.suffix().as_bytes())
    }
}

pub(crate) fn looks_like_text(head: &[u8]) -> bool {
    !head.is_empty() && head.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=\r\n".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_promise_a_format() {
        let format = |path| Format::by_suffix(Path::new(path));
        assert_eq!(format("a.csv.bulla"), Some(Format::Native));
        assert_eq!(format("dir/a.cipher"), Some(Format::Text));
        for other in ["a.csv", "bulla", "a.bulla.csv", "a.BULLA", "dir.bulla/a"] {
            assert_eq!(format(other), None);
        }
    }
}
