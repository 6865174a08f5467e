//! The commands on the store as a whole.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::examples::example_and_exit_code;

#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Check that every record opens, that none was rolled back, removed or added, and that all references resolve
    #[command(after_help = example_and_exit_code("bulla store check --data /var/lib/bulla", "4: faults were found"))]
    Check(CheckStore),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CheckStore {
    /// Check the store in this data directory [default: that of the embedded KMS]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Read this root key file [default: root-key in the data directory]
    #[arg(long, value_name = "PATH")]
    pub(crate) root_key: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
