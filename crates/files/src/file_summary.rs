//! What came of one file.

use std::path::{Path, PathBuf};

/// What came of one file or stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileSummary {
    /// The file that was written, or that was found done already; None if there is none, as for a stream or a verification.
    pub output: Option<PathBuf>,
    /// The id of the key, as the KMS answered it.
    pub key_id: String,
    /// Bytes of plaintext; None if the content was not looked at, as when only the header was written.
    pub plaintext_len: Option<u64>,
    /// The output was there already, and nothing was written.
    pub already_done: bool,
    /// A slot of wrapped keys in the header is damaged; the other one served.
    pub damaged_slot: bool,
}

impl FileSummary {
    /// That of content which was read, and of which no output is left.
    pub(crate) fn of_content(key_id: String, plaintext_len: u64) -> Self {
        Self {
            output: None,
            key_id,
            plaintext_len: Some(plaintext_len),
            already_done: false,
            damaged_slot: false,
        }
    }

    /// The same with an output.
    pub(crate) fn written_to(self, output: &Path) -> Self {
        Self { output: Some(output.to_owned()), ..self }
    }
}
