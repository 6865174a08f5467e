//! The commands on backups.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::examples::{example, example_and_exit_code};
use crate::names::KeyName;

#[derive(Debug, Subcommand)]
pub(crate) enum Backup {
    /// Write a verified backup of a store to one file, also while a server uses the store
    #[command(after_help = example("bulla backup create -o kms.backup"))]
    Create(CreateBackup),
    /// Verify a backup without restoring it: every record opens, none is missing, and all references resolve
    #[command(after_help = example_and_exit_code("bulla backup verify kms.backup", "4: the backup is damaged, truncated or tampered with"))]
    Verify(VerifyBackup),
    /// List the scheduled backups of a server, or those that hold a key
    #[command(after_help = example_and_exit_code("bulla backup list --key alias/default", "7: some of the backups cannot be read"))]
    List(ListBackups),
    /// Replace a store by a backup, end its sessions, and report what has changed since
    #[command(after_help = example("bulla backup restore kms.backup --data /var/lib/bulla"))]
    Restore(RestoreBackup),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CreateBackup {
    /// Write the backup to this file; it gets its name after the verification
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Back up the store in this data directory [default: that of the embedded KMS]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Read this root key file [default: that of the server, or root-key in the data directory if no server runs]
    #[arg(long, value_name = "PATH")]
    pub(crate) root_key: Option<PathBuf>,
    /// Replace an existing backup, but no other file, once the new one is complete
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Skip the verification; the backup of a damaged store is then kept, too
    #[arg(long)]
    pub(crate) no_verify: bool,
    /// Write a line to the audit trail in this directory if no server runs [default: audit in the data directory, if it
    /// exists]
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
    /// Open the backup with the root key in this data directory [default: that of the embedded KMS]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Read this root key file, the one that the store had when the backup was made [default: root-key in the data
    /// directory]
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
    /// Restore into this data directory: empty, missing, or with the store that the backup was made of
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Read this root key file, the one that the store had when the backup was made [default: root-key in the data
    /// directory]
    #[arg(long, value_name = "PATH")]
    pub(crate) root_key: Option<PathBuf>,
    /// Read the changes since the backup from the audit trail in this directory [default: audit in the data directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) audit: Option<PathBuf>,
    /// Verify the backup and report what a restore would do, without changing anything
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Restore even if the directory holds later changes or an unreadable store; the replaced file is kept
    #[arg(long)]
    pub(crate) accept_older: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ListBackups {
    /// List the backups of the store in this data directory [default: that of the embedded KMS]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Read this root key file [default: root-key in the data directory]
    #[arg(long, value_name = "PATH")]
    pub(crate) root_key: Option<PathBuf>,
    /// List the backups in this directory [default: backups in the data directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// Only backups that hold this key: its id, its ARN, or an alias that it has now; reads each backup in full
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<KeyName>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
