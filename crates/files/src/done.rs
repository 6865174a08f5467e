//! What came of one file.

use std::path::{Path, PathBuf};

/// What came of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Done {
    /// Where the output is.
    pub output: PathBuf,
    /// The key that the KMS used.
    pub key_id: String,
    /// Bytes of plaintext.
    pub plaintext_len: u64,
    /// It was there already, and nothing was written.
    pub already: bool,
    /// A slot of the file is damaged; the other one served.
    pub damaged_slot: bool,
}

pub(crate) fn done(output: &Path, key_id: String, plaintext_len: u64) -> Done {
    Done { output: output.to_owned(), key_id, plaintext_len, already: false, damaged_slot: false }
}
