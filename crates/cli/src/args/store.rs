//! The commands on the store itself.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Check that every record opens, that none was put back, removed or added, and that what they name is there
    Check(CheckStore),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CheckStore {
    /// The data directory [default: that of the embedded KMS]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The root key file [default: root-key in the data directory]
    #[arg(long, value_name = "PATH")]
    pub(crate) root_key: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
