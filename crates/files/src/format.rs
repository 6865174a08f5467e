//! The formats of encrypted files: by their suffixes and their first bytes.

/// A format of encrypted files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `.bulla`: [`bulla_envelope::native`].
    #[default]
    Native,
    /// `.cipher`: [`bulla_envelope::text_format`], four lines of base64; each file has a data key of its own.
    Text,
}

/// The suffix of a format, with its dot.
#[must_use]
pub fn suffix(format: Format) -> &'static str {
    match format {
        Format::Native => ".bulla",
        Format::Text => ".cipher",
    }
}

pub(crate) fn looks_like_text(head: &[u8]) -> bool {
    !head.is_empty() && head.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=\r\n".contains(byte))
}
