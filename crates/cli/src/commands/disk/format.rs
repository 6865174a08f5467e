//! `bulla disk format`: creates a LUKS2 volume.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use bulla_files::output::directory_of;

use crate::args::{FormatDisk, KmsFlags};
use crate::disk::{self, Enrolment, Passphrase, RecoveryPassphrase, Volume, VolumeKms, VolumeUuid};
use crate::failure::{Exit, Failure};
use crate::messages::note;
use crate::results::print;

pub(super) fn run(flags: &KmsFlags, args: &FormatDisk) -> Result<(), Failure> {
    let device = &args.enroll.device;
    let (kms, wrapping) = super::wrapping(flags, &args.enroll)?;
    disk::check_unused(device, args.force)?;
    if !args.yes {
        confirm(device)?;
    }
    let passphrase = Recovery::of(args)?;
    let (bytes, is_random) = passphrase.parts();
    let uuid = VolumeUuid::random();
    // Proves that the KMS wraps and unwraps the key before the device is overwritten.
    let new = VolumeKms { kms: &kms, volume: &uuid }.prepare(&wrapping)?;
    let volume = Volume::format(device, &uuid, bytes, is_random)?;
    let slot = Enrolment::new(&volume, &kms).enroll(bytes, new)?;
    print(format_args!("{volume}: key slot {slot} is opened by {}", super::names(&wrapping.keys)))?;
    note("keep the recovery passphrase off this machine: it opens the volume when the KMS is unavailable");
    Ok(())
}

/// The passphrase that opens the volume without a KMS.
enum Recovery {
    /// A random passphrase. It is shown and partly typed back, or written to a file, before the device is overwritten.
    Random(RecoveryPassphrase),
    Chosen(Passphrase),
}

impl Recovery {
    fn of(args: &FormatDisk) -> Result<Self, Failure> {
        let key_file = args.enroll.key_file.path.as_deref();
        if args.choose_passphrase || key_file.is_some() {
            let what = "Recovery passphrase";
            let chosen = match key_file {
                Some(path) => Passphrase::ask(Some(path), what)?,
                None => Passphrase::ask_twice(what)?,
            };
            return Ok(Self::Chosen(chosen));
        }
        let random = RecoveryPassphrase::random();
        match &args.recovery_file {
            Some(path) => write(path, &random)?,
            None => random.show_and_check()?,
        }
        Ok(Self::Random(random))
    }

    /// Returns the bytes, and whether they are random, so that a fast key derivation is enough.
    fn parts(&self) -> (&[u8], bool) {
        match self {
            Self::Random(passphrase) => (passphrase.text().as_bytes(), true),
            Self::Chosen(passphrase) => (passphrase.bytes(), false),
        }
    }
}

/// Writes the passphrase durably, with its directory entry, because the next step erases the device.
fn write(path: &Path, passphrase: &RecoveryPassphrase) -> Result<(), Failure> {
    let io = |error| Failure::io(path, &error);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(io)?;
    file.write_all(passphrase.text().as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| File::open(directory_of(path))?.sync_all())
        .map_err(io)
}

/// Prompts for the name of the device, which is hardly typed by accident.
fn confirm(device: &Path) -> Result<(), Failure> {
    let question =
        format!("Everything on {0} will be lost. Type its name ({0}) to continue: ", device.display());
    let typed = disk::ask_line(&question)
        .map_err(|failure| failure.advising("add --yes to format without this prompt"));
    if typed? == device.to_string_lossy() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Usage,
        "that is not the name: nothing was changed",
        "type the name of the device as on the command line",
    ))
}
