//! One file per command.

pub(crate) mod alias;
pub(crate) mod decrypt;
pub(crate) mod encrypt;
pub(crate) mod key;
pub(crate) mod kms;
mod pages;
pub(crate) mod serve;

use std::path::{Path, PathBuf};

use bulla_envelope::EncryptionContext;

use crate::args;
use crate::failure::{Exit, Failure};

/// Runs `each` for every path; a failed file does not stop the others.
fn for_each_path(
    paths: &[PathBuf],
    output: &args::Output,
    each: impl Fn(&Path) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if let [path] = paths {
        return each(path);
    }
    if output.path.is_some() {
        let what = "-o names one output, but there are several inputs";
        return Err(Failure::new(Exit::Usage, what, "leave -o out, or run once for each input"));
    }
    let failures = paths.iter().filter_map(|path| each(path).err());
    let failed = failures.inspect(Failure::print).count();
    match failed {
        0 => Ok(()),
        failed => {
            let what = format!("{failed} of {} files failed", paths.len());
            Err(Failure::new(Exit::SomeFailed, what, "the others are done"))
        }
    }
}

fn context(typed: &args::Context) -> Result<EncryptionContext, Failure> {
    let pairs = typed.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    EncryptionContext::new(pairs)
        .map_err(|error| Failure::new(Exit::Usage, error.to_string(), "give each -c NAME once"))
}

/// What the text format adds to the name of a file.
const SUFFIX: &str = "cipher";
