//! The result of processing one file or stream: its output, key and length.

use std::path::{Path, PathBuf};

/// The result for a file or stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileSummary {
    /// The file that was written, or that was complete already; `None` for a stream or a verification.
    pub output: Option<PathBuf>,
    /// The id of the key, as the KMS returned it.
    pub key_id: String,
    /// The length of the plaintext in bytes; `None` if the content was not read, because only the header was written.
    pub plaintext_len: Option<u64>,
    /// Whether the output was complete already, so that nothing was written.
    pub already_done: bool,
    /// Whether a slot of wrapped keys in the header is damaged. Another slot opened the file.
    pub damaged_slot: bool,
}

impl FileSummary {
    /// Returns the summary for content that was read without writing an output.
    pub(crate) fn of_content(key_id: String, plaintext_len: u64) -> Self {
        Self {
            output: None,
            key_id,
            plaintext_len: Some(plaintext_len),
            already_done: false,
            damaged_slot: false,
        }
    }

    /// Adds the output.
    pub(crate) fn written_to(self, output: &Path) -> Self {
        Self { output: Some(output.to_owned()), ..self }
    }
}
