//! Names of the file formats in messages.

use bulla_files::Format;

/// Returns the suffixes of encrypted files.
pub(crate) fn suffixes() -> String {
    let suffixes: Vec<_> = Format::ALL.iter().map(|format| format.suffix()).collect();
    suffixes.join(" or ")
}
