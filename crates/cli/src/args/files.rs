//! The commands on files.

use clap::{Args as ClapArgs, ValueHint};

use super::flags::{
    Batch, ByteRange, Context, DataKeyPer, FormatFlag, Opening, OutputFlags, Reading, RunOptions, range,
};
use crate::names::KeyName;
use crate::paths::{FileOrStdin, Input};

#[derive(Debug, ClapArgs)]
pub(crate) struct EncryptFiles {
    /// Files and directories to encrypt; - for standard input
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<Input>,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
    /// Key id, alias or ARN (repeatable); any one of the keys opens the file. Default for the embedded KMS:
    /// alias/default
    #[arg(short = 'k', long = "key", value_name = "KEY", env = "BULLA_KEY", hide_env_values = true)]
    pub(crate) keys: Vec<KeyName>,
    #[command(flatten)]
    pub(crate) context: Context,
    /// Write this format
    #[arg(long, value_enum, default_value_t = FormatFlag::Bulla)]
    pub(crate) format: FormatFlag,
    /// Scope of a data key; the text format always uses one per file
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = DataKeyPer::Run)]
    pub(crate) data_key_per: DataKeyPer,
    #[command(flatten)]
    pub(crate) batch: Batch,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DecryptFiles {
    /// Files and directories to decrypt; - for standard input
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<Input>,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Read a pipe to its end before any output is written
    #[arg(long)]
    pub(crate) whole: bool,
    #[command(flatten)]
    pub(crate) batch: Batch,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Verify {
    /// Files and directories to verify; - for standard input
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<Input>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) run: RunOptions,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Cat {
    /// The file; - for standard input
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) path: FileOrStdin,
    /// Print only the bytes from FROM up to, not including, TO; either may be omitted
    #[arg(long, value_name = "FROM..TO", value_parser = range)]
    pub(crate) range: Option<ByteRange>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Read a pipe to its end before any output is written
    #[arg(long)]
    pub(crate) whole: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Inspect {
    /// Files to inspect; - for standard input
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<FileOrStdin>,
    /// Print JSON, one line per file
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Rewrap {
    /// Files and directories
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<Input>,
    /// Re-wrap for this key instead: key id, alias or ARN (repeatable) [default: the same keys, newest version]
    #[arg(short = 'k', long = "key", value_name = "KEY")]
    pub(crate) keys: Vec<KeyName>,
    /// Give other keys the data key of the whole run, which opens every file of that run
    #[arg(long)]
    pub(crate) whole_set: bool,
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) run: RunOptions,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Rekey {
    /// Files and directories
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<Input>,
    /// Re-encrypt for this key instead: key id, alias or ARN (repeatable) [default: the same keys]
    #[arg(short = 'k', long = "key", value_name = "KEY")]
    pub(crate) keys: Vec<KeyName>,
    /// Scope of a data key
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = DataKeyPer::Run)]
    pub(crate) data_key_per: DataKeyPer,
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) run: RunOptions,
}
