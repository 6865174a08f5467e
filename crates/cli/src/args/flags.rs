//! Flags that several commands on files share.

use bulla_envelope::EncryptionContext;
use bulla_files::threads::all_cores;
use clap::{Args as ClapArgs, ValueEnum, ValueHint};

use crate::failure::{Exit, Failure};
use crate::names::KeyName;
use crate::paths::Output;

/// Where results are written.
#[derive(Debug, ClapArgs)]
pub(crate) struct OutputFlags {
    /// Write here; - for standard output [default: PATH with its suffix added or removed]
    #[arg(short = 'o', long, value_name = "OUT", value_hint = ValueHint::AnyPath)]
    pub(crate) output: Option<Output>,
    /// Replace an existing output
    #[arg(long)]
    pub(crate) force: bool,
}

/// How a run over several files proceeds.
#[derive(Debug, ClapArgs)]
pub(crate) struct Batch {
    /// Resume an interrupted run: skip sources whose output opens and belongs to them
    #[arg(long)]
    pub(crate) resume: bool,
    /// Remove each source after its output was read back and verified
    #[arg(long, conflicts_with = "no_sync")]
    pub(crate) remove_source: bool,
    /// Do not wait until the disk has all data
    #[arg(long)]
    pub(crate) no_sync: bool,
    #[command(flatten)]
    pub(crate) run: RunOptions,
}

/// Threads, and the events that a run prints.
#[derive(Debug, ClapArgs)]
pub(crate) struct RunOptions {
    /// Number of threads [default: one for each core, and at least 16 for a tree with a remote KMS]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// Print one JSON event per line for each file
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which files may be opened.
#[derive(Debug, ClapArgs)]
pub(crate) struct Opening {
    #[command(flatten)]
    pub(crate) context: Context,
    /// Open only files of this key: key id, alias or ARN (repeatable)
    #[arg(long = "allow-key", value_name = "KEY")]
    pub(crate) allowed: Vec<KeyName>,
}

/// How inputs are read.
#[derive(Debug, ClapArgs)]
pub(crate) struct Reading {
    #[command(flatten)]
    pub(crate) opening: Opening,
    /// Require this format [default: either; text in a .bulla file is refused]
    #[arg(long, value_enum)]
    pub(crate) format: Option<FormatFlag>,
}

/// The encryption context.
#[derive(Debug, ClapArgs)]
pub(crate) struct Context {
    /// Encryption context, which is bound to the data key (repeatable); it is not secret: the header of a .bulla file or volume shows it
    #[arg(short = 'c', long = "context", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) pairs: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatFlag {
    /// .bulla: fast, stores its context, supports byte ranges and re-wrapping
    Bulla,
    /// .cipher: four lines of base64, which twenty lines of Python can read
    Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataKeyPer {
    /// One data key for all files of this command
    Run,
    /// One data key for each file
    File,
}

/// A byte range of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteRange {
    pub(crate) from: u64,
    pub(crate) to: u64,
}

impl Context {
    pub(crate) fn encryption_context(&self) -> Result<EncryptionContext, Failure> {
        let pairs = self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        EncryptionContext::new(pairs)
            .map_err(|error| Failure::new(Exit::Usage, error.to_string(), "give each -c NAME once"))
    }
}

impl RunOptions {
    /// The number of threads for one file.
    pub(crate) fn threads(&self) -> usize {
        self.jobs.map_or_else(all_cores, usize::from)
    }
}

impl From<FormatFlag> for bulla_files::Format {
    fn from(typed: FormatFlag) -> Self {
        match typed {
            FormatFlag::Bulla => Self::Native,
            FormatFlag::Text => Self::Text,
        }
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

pub(super) fn range(text: &str) -> Result<ByteRange, String> {
    let number = |text: &str, default| match text {
        "" => Some(default),
        _ => text.parse().ok(),
    };
    let (from, to) = text.split_once("..").ok_or("write it as FROM..TO")?;
    match (number(from, 0), number(to, u64::MAX)) {
        (Some(from), Some(to)) if from <= to => Ok(ByteRange { from, to }),
        _ => Err("write it as FROM..TO, two numbers of bytes of which the second is not smaller".to_owned()),
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(range("1..5"), Ok(ByteRange { from: 1, to: 5 }));
        assert_eq!(range("7.."), Ok(ByteRange { from: 7, to: u64::MAX }));
        assert_eq!(range("..7"), Ok(ByteRange { from: 0, to: 7 }));
        assert_eq!(range("3..3"), Ok(ByteRange { from: 3, to: 3 }));
        for wrong in ["", "5", "5..4", "-1..4", "a..b", "1...5", "1..5..6"] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
    }
}
