//! The commands on backups.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use crate::names::KeyName;

#[derive(Debug, Subcommand)]
pub(crate) enum Backup {
    /// Write a backup of a store to one file, also while a server uses it, read it back, and give it its name only then
    Create(CreateBackup),
    /// Verify a backup without restoring it: every record opens, none is missing, and what they name is there
    Verify(VerifyBackup),
    /// List the scheduled backups of a server, or those that still hold a key
    List(ListBackups),
    /// Put a backup into the place of a store, end its sessions, and tell what has changed since
    Restore(RestoreBackup),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CreateBackup {
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// The data directory [default: that of the embedded KMS]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The root key file [default: that of the server, or root-key in the data directory if none runs]
    #[arg(long, value_name = "PATH")]
    pub(crate) root_key: Option<PathBuf>,
    /// Replace a backup that is there, when the new one is whole; no other file
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Do not read the file back: a backup of a damaged store is kept, too
    #[arg(long)]
    pub(crate) no_verify: bool,
    /// The directory of the audit trail, which gets a line if no server runs [default: audit in the data directory, if it is there]
    #[arg(long, value_name = "DIR")]
    pub(crate) audit: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct VerifyBackup {
    /// The backup
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The data directory whose root key opens the backup [default: that of the embedded KMS]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The root key file that the store had when the backup was made [default: root-key in the data directory]
    #[arg(long, value_name = "PATH")]
    pub(crate) root_key: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RestoreBackup {
    /// The backup
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The data directory: empty, missing, or with a store of which this is a backup
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The root key file that the store had when the backup was made [default: root-key in the data directory]
    #[arg(long, value_name = "PATH")]
    pub(crate) root_key: Option<PathBuf>,
    /// The directory of the audit trail, which tells what has changed since [default: audit in the data directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) audit: Option<PathBuf>,
    /// Verify the backup and tell what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Restore it although the directory holds later changes, or a store that cannot be read; its file is kept
    #[arg(long)]
    pub(crate) accept_older: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ListBackups {
    /// The data directory [default: that of the embedded KMS]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The root key file [default: root-key in the data directory]
    #[arg(long, value_name = "PATH")]
    pub(crate) root_key: Option<PathBuf>,
    /// The directory of the backups [default: backups in the data directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// Only those that hold this key, by its id, its ARN, or an alias that it has in the store now; reads all of each backup
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<KeyName>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
