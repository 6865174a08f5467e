//! The command line: every command and flag, in one table. Help, completions and manual pages are generated from it.

mod audit;
mod backup;
mod disks;
mod examples;
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
pub(crate) use self::disks::{Disk, DiskKeys, Enroll, FormatDisk, InstallBoot, InstallPlugin, InstallRoot};
use self::examples::{example, example_and_exit_code, exit_codes};
pub(crate) use self::examples::{example_of, exit_code_of};
pub(crate) use self::files::{Cat, DecryptFiles, EncryptFiles, Inspect, Rekey, Rewrap, Verify};
pub(crate) use self::flags::{Batch, ByteRange, DataKeyPer, Opening, OutputFlags, Reading, RunOptions};
pub(crate) use self::keys::{Alias, Api, Key};
pub(crate) use self::people::{AccessKey, Assume, Group, Reset, Role, User, UserFields};
pub(crate) use self::policies::{Check, Policy, Question};
pub(crate) use self::serve::{AuditSink, AuditSync, BackupTable, Console, Oidc, Serve, SignatureVersion};
pub(crate) use self::status::Status;
pub(crate) use self::store::{CheckStore, Store};

/// Encrypt files and disks with the keys of a key management service (KMS), and run that service
#[derive(Debug, Parser)]
#[command(name = "bulla", version, propagate_version = true)]
#[command(after_help = example("bulla encrypt sales.csv") + "\n\n" + &exit_codes())]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) kms: KmsFlags,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which KMS is called, and which certificate authorities are trusted.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "KMS options")]
pub(crate) struct KmsFlags {
    /// Call this KMS: embedded, embedded:DIR, https://HOST:PORT, http://LOOPBACK:PORT, aliyun:REGION or
    /// aliyun-vpc:REGION [env: BULLA_KMS] [default: embedded]
    #[arg(long, value_name = "WHERE", global = true)]
    pub(crate) kms: Option<String>,
    /// Trust the certificates in this PEM file instead of the system's [env: ALIBABA_CLOUD_CA_BUNDLE]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) ca: Option<PathBuf>,
    /// Assume roles at this server [env: ALIBABA_CLOUD_STS_ENDPOINT] [default: the cloud's STS for a KMS of the cloud,
    /// otherwise the KMS]
    #[arg(long, value_name = "HOST", global = true)]
    pub(crate) sts_endpoint: Option<String>,
    /// Read the role of this cloud instance without a token if its metadata service has no tokens
    #[arg(long, global = true)]
    pub(crate) imdsv1: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Encrypt files and directories
    #[command(after_help = example("bulla encrypt sales.csv"))]
    Encrypt(EncryptFiles),
    /// Decrypt files and directories that were encrypted with this KMS
    #[command(after_help = example("bulla decrypt sales.csv.bulla"))]
    Decrypt(DecryptFiles),
    /// Verify encrypted files in full, without writing anything
    #[command(after_help = example("bulla verify sales.csv.bulla"))]
    Verify(Verify),
    /// Print the plaintext of an encrypted file, or a byte range of it
    #[command(after_help = example("bulla cat sales.csv.bulla --range 0..100"))]
    Cat(Cat),
    /// Print the headers of encrypted files, without a KMS
    #[command(after_help = example("bulla inspect sales.csv.bulla"))]
    Inspect(Inspect),
    /// Re-wrap the data keys of encrypted files; the content is not rewritten
    #[command(after_help = example("bulla rewrap sales.csv.bulla -k alias/reports"))]
    Rewrap(Rewrap),
    /// Re-encrypt files in place under new data keys
    #[command(after_help = example("bulla rekey sales.csv.bulla"))]
    Rekey(Rekey),
    /// Open encrypted disks (LUKS2 volumes) with keys of the KMS
    #[command(after_help = example("bulla disk status /dev/sdb1"))]
    #[command(subcommand)]
    Disk(Disk),
    /// Create, list, rotate and delete keys
    #[command(after_help = example("bulla key list"))]
    #[command(subcommand)]
    Key(Key),
    /// Create, list, move and delete aliases of keys
    #[command(after_help = example("bulla alias list"))]
    #[command(subcommand)]
    Alias(Alias),
    /// Create, list and delete users of a server
    #[command(after_help = example("bulla user list"))]
    #[command(subcommand)]
    User(User),
    /// Create groups of users, and attach policies to them
    #[command(after_help = example("bulla group list"))]
    #[command(subcommand)]
    Group(Group),
    /// Create, list and assume roles
    #[command(after_help = example("bulla role list"))]
    #[command(subcommand)]
    Role(Role),
    /// Create, check and explain policies
    #[command(after_help = example("bulla policy list"))]
    #[command(subcommand)]
    Policy(Policy),
    /// Create, list and delete access keys
    #[command(after_help = example("bulla access-key list"))]
    #[command(subcommand)]
    AccessKey(AccessKey),
    /// Call any action of the KMS and print its JSON reply, as `aliyun kms` does
    #[command(after_help = example("bulla kms DescribeKey --KeyId alias/default"))]
    #[command(override_usage = "bulla kms [OPTIONS] <ACTION> [--PARAM VALUE]...")]
    Kms(Api),
    /// Call any action of RAM (users, groups, roles, policies) and print its JSON reply, as `aliyun ram` does
    #[command(after_help = example("bulla ram GetUser --UserName alice"))]
    #[command(override_usage = "bulla ram [OPTIONS] <ACTION> [--PARAM VALUE]...")]
    Ram(Api),
    /// Call any action of STS (temporary credentials) and print its JSON reply, as `aliyun sts` does
    #[command(after_help = example("bulla sts GetCallerIdentity"))]
    #[command(override_usage = "bulla sts [OPTIONS] <ACTION> [--PARAM VALUE]...")]
    Sts(Api),
    /// Show the identity that calls the KMS, and the credentials that it uses
    #[command(after_help = example("bulla whoami"))]
    Whoami(Whoami),
    /// Verify, search and export the audit trail of a server
    #[command(after_help = example("bulla audit tail"))]
    #[command(subcommand)]
    Audit(Audit),
    /// Open the web console of the embedded KMS, on this machine only
    #[command(after_help = example("bulla console"))]
    Console(Console),
    /// Run a server with the API of Alibaba Cloud KMS
    #[command(after_help = example("bulla serve --data /var/lib/bulla --listen 0.0.0.0:8443 --tls-name kms.example.com"))]
    Serve(Box<Serve>),
    /// Show the state of the server on this machine; exits with 0 if it is ready, otherwise with 1
    #[command(after_help = example_and_exit_code("bulla status", "1: no server runs, or it is not ready"))]
    Status(Status),
    /// Check the store of keys and secrets
    #[command(after_help = example("bulla store check"))]
    #[command(subcommand)]
    Store(Store),
    /// Create, verify, list and restore backups of the store
    #[command(after_help = example("bulla backup create -o kms.backup"))]
    #[command(subcommand)]
    Backup(Backup),
    /// Print the completions for a shell
    #[command(after_help = example("bulla completions bash"))]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page of bulla, or of a command
    #[command(after_help = example("bulla man role assume"))]
    Man {
        /// The command, such as encrypt or role assume [default: bulla itself]
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
