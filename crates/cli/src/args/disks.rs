//! The commands on LUKS2 volumes.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueHint};

use super::examples::example;
use super::flags::Context;
use crate::disk::Pcrs;
use crate::names::KeyName;

#[derive(Debug, Subcommand)]
pub(crate) enum Disk {
    /// Create a LUKS2 volume that keys of the KMS open, with a recovery passphrase; erases what is on the device
    #[command(after_help = example("bulla disk format /dev/sdb1 -k alias/disks"))]
    Format(FormatDisk),
    /// Add keys of the KMS to an existing LUKS2 volume; passphrases that open it stay
    #[command(after_help = example("bulla disk enroll /dev/sdb1 -k alias/disks"))]
    Enroll(Enroll),
    /// Open a volume with the KMS: its data appears as /dev/mapper/NAME
    #[command(after_help = example("bulla disk open /dev/sdb1 backup"))]
    Open {
        /// Device, partition or image file
        #[arg(value_hint = ValueHint::FilePath)]
        device: PathBuf,
        /// The name below /dev/mapper
        name: String,
    },
    /// Close a volume
    #[command(after_help = example("bulla disk close backup"))]
    Close {
        /// The name below /dev/mapper
        name: String,
    },
    /// Show which keys of a KMS open a volume, without calling a KMS
    #[command(after_help = example("bulla disk status /dev/sdb1"))]
    Status {
        /// Device, partition or image file
        #[arg(value_hint = ValueHint::FilePath)]
        device: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check that the KMS opens a volume, without mapping it
    #[command(after_help = example("bulla disk test /dev/sdb1"))]
    Test {
        /// Device, partition or image file
        #[arg(value_hint = ValueHint::FilePath)]
        device: PathBuf,
    },
    /// Re-wrap the keys of a volume with the newest versions of their KMS keys, or with other KMS keys; its key slots
    /// stay
    #[command(after_help = example("bulla disk rewrap /dev/sdb1"))]
    Rewrap(DiskKeys),
    /// Replace the key slots that the KMS opens by new ones
    #[command(after_help = example("bulla disk rekey /dev/sdb1"))]
    Rekey(DiskKeys),
    /// Remove the keys of the KMS from a volume: all of them, or those named with -k
    #[command(after_help = example("bulla disk unenroll /dev/sdb1 -k alias/disks"))]
    Unenroll(DiskKeys),
    /// Install the LUKS2 token plugin, with which cryptsetup, systemd and udisks open volumes
    #[command(after_help = example("bulla disk install-plugin"))]
    InstallPlugin(InstallPlugin),
    /// Remove the LUKS2 token plugin
    #[command(after_help = example("bulla disk uninstall-plugin"))]
    UninstallPlugin(InstallRoot),
    /// Install the scripts of initramfs-tools or dracut that open the volumes of /etc/bulla/disk.toml at boot
    #[command(after_help = example("bulla disk install-boot"))]
    InstallBoot(InstallBoot),
    /// Remove the scripts that open volumes at boot
    #[command(after_help = example("bulla disk uninstall-boot"))]
    UninstallBoot(InstallRoot),
    /// Check /etc/bulla/disk.toml for use at boot and print the files that a boot image needs, one per line
    #[command(hide = true)]
    BootFiles,
    /// Pass the key of a volume to the LUKS2 token plugin: reads a request on standard input, and only
    /// /etc/bulla/disk.toml
    #[command(hide = true)]
    Unlock,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct FormatDisk {
    #[command(flatten)]
    pub(crate) enroll: Enroll,
    /// Choose the recovery passphrase instead of getting a random one; it is typed, or read from --key-file
    #[arg(long)]
    pub(crate) choose_passphrase: bool,
    /// Write the random recovery passphrase to this new file instead of the terminal
    #[arg(long, value_name = "FILE", conflicts_with_all = ["choose_passphrase", "key_file"], value_hint = ValueHint::FilePath)]
    pub(crate) recovery_file: Option<PathBuf>,
    /// Format without a prompt for the name of the device
    #[arg(long)]
    pub(crate) yes: bool,
    /// Format even if the device holds a file system, a partition table or a LUKS volume
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Enroll {
    /// Device, partition or image file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) device: PathBuf,
    /// Key of the KMS: key id, alias or ARN (repeatable); any one of them opens the volume [env: BULLA_KEY]
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
    /// Allow keys of the embedded KMS; only safe if its data is not on this volume
    #[arg(long)]
    pub(crate) allow_embedded: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct KeyFile {
    /// Read the passphrase from all bytes of this file; - for standard input [default: a prompt at the terminal]
    #[arg(long = "key-file", id = "key_file", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) path: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DiskKeys {
    /// Device, partition or image file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) device: PathBuf,
    /// Key of the KMS: key id, alias or ARN (repeatable) [default: the keys that the volume has]
    #[arg(short = 'k', long = "key", value_name = "KEY")]
    pub(crate) keys: Vec<KeyName>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct InstallPlugin {
    #[command(flatten)]
    pub(crate) root: InstallRoot,
    /// Install this library, which ./build-token-plugin makes [default: libcryptsetup-token-bulla.so beside this
    /// program]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) plugin: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct InstallBoot {
    #[command(flatten)]
    pub(crate) root: InstallRoot,
    /// Put the plain secret of the access key into boot images, although this machine has a TPM that could seal it
    #[arg(long)]
    pub(crate) no_tpm: bool,
    /// Seal the secret to these registers (PCRs) of the TPM, such as 0+2+7; they must have the same values at boot
    #[arg(long, value_name = "PCRS", default_value = "7", conflicts_with_all = ["no_tpm", "root"])]
    pub(crate) tpm2_pcrs: Pcrs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct InstallRoot {
    /// Install below this directory instead of /, for packages and images
    #[arg(long = "root", id = "root", value_name = "DIR", default_value = "/", value_hint = ValueHint::DirPath)]
    pub(crate) path: PathBuf,
}
