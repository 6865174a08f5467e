//! The flags of `bulla status`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
pub(crate) struct Status {
    /// Show the server with this data directory [default: /var/lib/bulla]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Read the store with this root key file if no server runs [default: root-key in the data directory]
    #[arg(long, value_name = "PATH")]
    pub(crate) root_key: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
