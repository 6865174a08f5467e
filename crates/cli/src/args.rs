//! What can be typed: every command and flag, in one table.

mod audit;
mod backup;
mod disks;
mod files;
mod flags;
mod keys;
mod people;
mod policies;
mod serve;
mod status;
mod store;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

pub(crate) use self::audit::{Audit, Export, ExportFormat, Search, Tail, TrailOf, VerifyTrail, Wanted};
pub(crate) use self::backup::{Backup, CreateBackup, ListBackups, RestoreBackup, VerifyBackup};
pub(crate) use self::disks::{
    Disk, DiskKeys, Enroll, Format as DiskFormat, InstallBoot, InstallPlugin, InstallRoot,
};
pub(crate) use self::files::{Cat, Decrypt, Encrypt, Inspect, Rekey, Rewrap, Verify};
pub(crate) use self::flags::{Batch, ByteRange, DataKeyPer, Opening, OutputFlags, Reading, RunOptions};
pub(crate) use self::keys::{Alias, Api, Key};
pub(crate) use self::people::{AccessKey, Assume, Group, Reset, Role, User, UserFields};
pub(crate) use self::policies::{Check, Policy, Question};
pub(crate) use self::serve::{AuditSink, AuditSync, BackupTable, Console, Oidc, Serve, SignatureVersion};
pub(crate) use self::status::Status;
pub(crate) use self::store::{CheckStore, Store};

/// Envelope encryption of files with a key management service, and that service.
#[derive(Debug, Parser)]
#[command(name = "bulla", version, propagate_version = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) kms: KmsFlags,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which KMS, and whose certificates to trust.
#[derive(Debug, ClapArgs)]
pub(crate) struct KmsFlags {
    /// The KMS: embedded, embedded:DIR, https://HOST:PORT, http://LOOPBACK:PORT, aliyun:REGION or
    /// aliyun-vpc:REGION [env: BULLA_KMS] [default: embedded]
    #[arg(long, value_name = "WHERE", global = true)]
    pub(crate) kms: Option<String>,
    /// Trust the certificates in this PEM file instead of the system's [env: ALIBABA_CLOUD_CA_BUNDLE]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) ca: Option<PathBuf>,
    /// The server where roles are assumed [env: ALIBABA_CLOUD_STS_ENDPOINT] [default: the cloud's STS for a KMS of
    /// the cloud, else the KMS]
    #[arg(long, value_name = "HOST", global = true)]
    pub(crate) sts_endpoint: Option<String>,
    /// Get the role of this cloud instance without a token if its metadata service has none
    #[arg(long, global = true)]
    pub(crate) imdsv1: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Encrypt files and directories
    Encrypt(Encrypt),
    /// Decrypt files and directories that were encrypted with this KMS
    Decrypt(Decrypt),
    /// Verify encrypted files as a whole, and keep nothing
    Verify(Verify),
    /// Print the content of an encrypted file, or a part of it
    Cat(Cat),
    /// Tell what a header says, without any key
    Inspect(Inspect),
    /// Wrap the keys of files anew, by the same or other keys of the KMS; the content stays
    Rewrap(Rewrap),
    /// Encrypt files anew under new data keys, in their places
    Rekey(Rekey),
    /// Let keys of a KMS open encrypted disks (LUKS2 volumes)
    #[command(subcommand)]
    Disk(Disk),
    /// Create, list and switch keys
    #[command(subcommand)]
    Key(Key),
    /// Give keys names
    #[command(subcommand)]
    Alias(Alias),
    /// Create, list and delete users of a server
    #[command(subcommand)]
    User(User),
    /// Put users into groups, which give them their policies
    #[command(subcommand)]
    Group(Group),
    /// Create, list and assume roles
    #[command(subcommand)]
    Role(Role),
    /// Write, check and explain policies
    #[command(subcommand)]
    Policy(Policy),
    /// Create, list and delete access keys
    #[command(subcommand)]
    AccessKey(AccessKey),
    /// Call any action of the KMS and print the JSON reply, as `aliyun kms` does
    #[command(override_usage = "bulla kms [OPTIONS] <ACTION> [--PARAM VALUE]...")]
    Kms(Api),
    /// Call any action of RAM (users, groups, roles, policies) and print the JSON reply, as `aliyun ram` does
    #[command(override_usage = "bulla ram [OPTIONS] <ACTION> [--PARAM VALUE]...")]
    Ram(Api),
    /// Call any action of STS (temporary credentials) and print the JSON reply, as `aliyun sts` does
    #[command(override_usage = "bulla sts [OPTIONS] <ACTION> [--PARAM VALUE]...")]
    Sts(Api),
    /// Show which identity calls the KMS, and which credentials prove it
    Whoami(Whoami),
    /// Verify, search and export the audit trail of a server
    #[command(subcommand)]
    Audit(Audit),
    /// Open web pages for the keys and secrets of the embedded KMS, on this machine only
    Console(Console),
    /// Run the KMS as a server for the Alibaba Cloud KMS API
    Serve(Box<Serve>),
    /// Show how a server on this machine is; the exit code is 0 if it is ready, and 1 if it is not or none runs
    Status(Status),
    /// Look after the store of keys and secrets
    #[command(subcommand)]
    Store(Store),
    /// Back up the store of keys and secrets, and restore it
    #[command(subcommand)]
    Backup(Backup),
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page of bulla, or of a command
    Man {
        /// The command, such as encrypt or role assume
        command: Vec<String>,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Whoami {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_table_is_consistent() {
        Args::command().debug_assert();
    }
}
