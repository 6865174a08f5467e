//! The commands on LUKS2 volumes.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueHint};

use super::flags::Context;
use crate::disk::Pcrs;
use crate::names::KeyName;

#[derive(Debug, Subcommand)]
pub(crate) enum Disk {
    /// Make a new LUKS2 volume that keys of the KMS open, with a recovery passphrase; what is on the device is lost
    Format(Format),
    /// Let keys of the KMS open an existing LUKS2 volume, besides what opens it now
    Enroll(Enroll),
    /// Open a volume by the KMS: its data appears as /dev/mapper/NAME
    Open {
        /// Device, partition or image file
        #[arg(value_hint = ValueHint::FilePath)]
        device: PathBuf,
        /// The name below /dev/mapper
        name: String,
    },
    /// Close a volume
    Close {
        /// The name below /dev/mapper
        name: String,
    },
    /// Show which keys of a KMS open a volume, without asking a KMS
    Status {
        /// Device, partition or image file
        #[arg(value_hint = ValueHint::FilePath)]
        device: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check that the KMS opens a volume; nothing is mapped
    Test {
        /// Device, partition or image file
        #[arg(value_hint = ValueHint::FilePath)]
        device: PathBuf,
    },
    /// Wrap the keys of a volume by the current versions of their KMS keys, or by other KMS keys; its key slots stay
    Rewrap(DiskKeys),
    /// Replace the key slots that the KMS opens by new ones
    Rekey(DiskKeys),
    /// Let keys of the KMS open a volume no longer; all of them, or those named with -k
    Unenroll(DiskKeys),
    /// Install the LUKS2 token plugin, by which cryptsetup, systemd and udisks open volumes
    InstallPlugin(InstallPlugin),
    /// Remove the LUKS2 token plugin
    UninstallPlugin(InstallRoot),
    /// Install the scripts of initramfs-tools or dracut that open volumes at boot, as /etc/bulla/disk.toml lists them
    InstallBoot(InstallBoot),
    /// Remove those scripts
    UninstallBoot(InstallRoot),
    /// Check /etc/bulla/disk.toml for use at boot and print the files that a boot image needs, one a line
    #[command(hide = true)]
    BootFiles,
    /// Give the key of a volume to the LUKS2 token plugin: reads a request on standard input, and /etc/bulla/disk.toml alone
    #[command(hide = true)]
    Unlock,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Format {
    #[command(flatten)]
    pub(crate) enroll: Enroll,
    /// Choose the recovery passphrase instead of getting a random one; --key-file names a file that has it
    #[arg(long)]
    pub(crate) choose_passphrase: bool,
    /// Write the random recovery passphrase to this new file instead of the terminal
    #[arg(long, value_name = "FILE", conflicts_with_all = ["choose_passphrase", "key_file"], value_hint = ValueHint::FilePath)]
    pub(crate) recovery_file: Option<PathBuf>,
    /// Format without asking for the name of the device
    #[arg(long)]
    pub(crate) yes: bool,
    /// Format also if the device holds a file system, a partition table or a LUKS volume
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Enroll {
    /// Device, partition or image file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) device: PathBuf,
    /// Key of the KMS: key id, alias or ARN; can be repeated, and any one then opens the volume [env: BULLA_KEY]
    #[arg(
        short = 'k',
        long = "key",
        value_name = "KEY",
        env = "BULLA_KEY",
        hide_env = true,
        required = true
    )]
    pub(crate) keys: Vec<KeyName>,
    #[command(flatten)]
    pub(crate) context: Context,
    #[command(flatten)]
    pub(crate) key_file: KeyFile,
    /// Allow keys of the embedded KMS; do so only if its data is not on this volume
    #[arg(long)]
    pub(crate) allow_embedded: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct KeyFile {
    /// Read the passphrase from this file, with all its bytes; - for standard input. Without it: ask at the terminal
    #[arg(long = "key-file", id = "key_file", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) path: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DiskKeys {
    /// Device, partition or image file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) device: PathBuf,
    /// Key of the KMS: key id, alias or ARN; can be repeated. Without it: the keys that the volume has
    #[arg(short = 'k', long = "key", value_name = "KEY")]
    pub(crate) keys: Vec<KeyName>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct InstallPlugin {
    #[command(flatten)]
    pub(crate) root: InstallRoot,
    /// The library that ./build-token-plugin makes. Without it: libcryptsetup-token-bulla.so beside this program
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) plugin: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct InstallBoot {
    #[command(flatten)]
    pub(crate) root: InstallRoot,
    /// Let boot images hold the plain secret of the access key, although this machine has a TPM that could seal it
    #[arg(long)]
    pub(crate) no_tpm: bool,
    /// Registers (PCRs) of the TPM that must have the same values at boot, such as 0+2+7
    #[arg(long, value_name = "PCRS", default_value = "7", conflicts_with_all = ["no_tpm", "root"])]
    pub(crate) tpm2_pcrs: Pcrs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct InstallRoot {
    /// The directory of the system, for packages and images
    #[arg(long = "root", id = "root", value_name = "DIR", default_value = "/", value_hint = ValueHint::DirPath)]
    pub(crate) path: PathBuf,
}
