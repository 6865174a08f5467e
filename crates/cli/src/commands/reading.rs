//! The part that the commands which read encrypted files share.

use std::fs::File;

use bulla_files::DecryptOptions;

use crate::args::Reading;
use crate::failure::Failure;
use crate::kms::KmsConnection;
use crate::streams;

/// Returns the options that restrict which files may be read.
pub(super) fn decrypt_options(args: &Reading, kms: &KmsConnection) -> Result<DecryptOptions, Failure> {
    let format = args.format.map(Into::into);
    Ok(DecryptOptions::new().format(format).allowed(kms.allowed(&args.opening.allowed)?))
}

/// Returns standard output for a binary result.
pub(super) fn standard_output() -> Result<File, Failure> {
    streams::standard_output().map_err(|error| Failure::output(&error))
}
