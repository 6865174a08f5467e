//! The commands on files.

use clap::{Args as ClapArgs, ValueHint};

use super::flags::{
    Batch, ByteRange, Context, DataKeyPer, Format, Opening, OutputFlags, Reading, RunOptions, range,
};
use crate::names::KeyName;
use crate::paths::{Input, Source};

#[derive(Debug, ClapArgs)]
pub(crate) struct Encrypt {
    /// Files and directories to encrypt; - for standard input
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<Input>,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
    /// Key id, ARN or alias; repeated, any one of the keys opens the file. The embedded KMS uses alias/default if none is
    /// named
    #[arg(short = 'k', long = "key", value_name = "KEY", env = "BULLA_KEY", hide_env_values = true)]
    pub(crate) keys: Vec<KeyName>,
    #[command(flatten)]
    pub(crate) context: Context,
    /// The format of the output
    #[arg(long, value_enum, default_value_t = Format::Bulla)]
    pub(crate) format: Format,
    /// What gets a data key of its own; in the text format it is always a file
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = DataKeyPer::Run)]
    pub(crate) data_key_per: DataKeyPer,
    #[command(flatten)]
    pub(crate) batch: Batch,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Decrypt {
    /// Files and directories to decrypt; - for standard input
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<Input>,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Read a pipe to its end before anything is given out
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
    pub(crate) path: Source,
    /// Only the bytes from FROM up to, not including, TO; either may be left out
    #[arg(long, value_name = "FROM..TO", value_parser = range)]
    pub(crate) range: Option<ByteRange>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Read a pipe to its end before anything is given out
    #[arg(long)]
    pub(crate) whole: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Inspect {
    /// Files to look at; - for standard input
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<Source>,
    /// As JSON, one line for each file
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Rewrap {
    /// Files and directories
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<Input>,
    /// Key id, ARN or alias that shall open the files from now on, instead of those that do; can be repeated. Without it
    /// the same keys, in their current versions
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
    /// Key id, ARN or alias that shall open the files from now on, instead of those that do; can be repeated
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
