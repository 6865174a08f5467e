//! `bulla disk`: LUKS2 volumes that keys of a KMS open.

mod format;
mod install;
mod status;
mod unlock;

use std::collections::BTreeMap;
use std::path::Path;

use bulla_wire::kms::DescribeKey;

use crate::args::{Disk, DiskKeys, Enroll, KmsFlags};
use crate::disk::{self, Enrolment, Passphrase, Volume, Wrapping};
use crate::failure::{Exit, Failure};
use crate::kms::KmsConnection;
use crate::messages::note;
use crate::names::KeyName;
use crate::process;
use crate::results::print;

pub(crate) fn run(kms: &KmsFlags, command: &Disk) -> Result<(), Failure> {
    process::keep_memory_from_swap();
    process::clean_up_on_signals()?;
    match command {
        Disk::Format(args) => format::run(kms, args),
        Disk::Enroll(args) => enroll(kms, args),
        Disk::Open { device, name } => open(kms, device, name),
        Disk::Close { name } => close(name),
        Disk::Status { device, json } => status::run(device, *json),
        Disk::Test { device } => test(kms, device),
        Disk::Rewrap(args) => rewrap(kms, args),
        Disk::Rekey(args) => rekey(kms, args),
        Disk::Unenroll(args) => unenroll(kms, args),
        Disk::InstallPlugin(args) => install::plugin(args),
        Disk::UninstallPlugin(args) => install::remove_plugin(args),
        Disk::InstallBoot(args) => install::boot(args),
        Disk::UninstallBoot(args) => install::remove_boot(args),
        Disk::BootFiles => install::boot_files(),
        Disk::Unlock => unlock::run(),
    }
}

fn enroll(flags: &KmsFlags, args: &Enroll) -> Result<(), Failure> {
    let (kms, wrapping) = wrapping(flags, args)?;
    let volume = Volume::find(&args.device)?;
    let _lock = volume.lock()?;
    let enrolment = Enrolment::new(&volume, &kms);
    enrolment.tidy()?;
    let passphrase = Passphrase::ask(args.key_file.path.as_deref(), &format!("Passphrase of {volume}"))?;
    if !volume.opens(None, passphrase.bytes())? {
        let hint = "give a passphrase that opens the volume, or its key file with --key-file";
        return Err(Failure::new(
            Exit::Other,
            format!("this passphrase opens no key slot of {volume}"),
            hint,
        ));
    }
    let new = enrolment.prepare(&wrapping)?;
    let slot = enrolment.enroll(passphrase.bytes(), new)?;
    print(format_args!("{volume}: key slot {slot} is opened by {}", names(&wrapping.keys)))
}

fn open(flags: &KmsFlags, device: &Path, name: &str) -> Result<(), Failure> {
    disk::check_mapping(name)?;
    let volume = Volume::find(device)?;
    let header = volume.checked_header()?;
    let kms = KmsConnection::connect(flags)?;
    let unlocked = Enrolment::new(&volume, &kms).unlock(&header)?;
    volume.open(name, unlocked.slot, unlocked.key.bytes())?;
    print(format_args!("{volume} is open as /dev/mapper/{name}, by {}", unlocked.key_id))
}

fn close(name: &str) -> Result<(), Failure> {
    disk::check_mapping(name)?;
    disk::close(name)?;
    print(format_args!("{name} is closed"))
}

fn test(flags: &KmsFlags, device: &Path) -> Result<(), Failure> {
    let volume = Volume::find(device)?;
    let header = volume.checked_header()?;
    let kms = KmsConnection::connect(flags)?;
    let unlocked = Enrolment::new(&volume, &kms).unlock(&header)?;
    print(format_args!("{volume}: {} opens key slot {}", unlocked.key_id, unlocked.slot))
}

fn rewrap(flags: &KmsFlags, args: &DiskKeys) -> Result<(), Failure> {
    let volume = Volume::find(&args.device)?;
    let kms = KmsConnection::connect(flags)?;
    let _lock = volume.lock()?;
    let enrolment = Enrolment::new(&volume, &kms);
    enrolment.tidy()?;
    let changed = enrolment.rewrap(&texts(&args.keys), &kms.place())?;
    print(format_args!("{volume}: {} wrapped keys are replaced", changed.done.iter().sum::<usize>()))?;
    note(OLD_HEADERS);
    changed.check_whole(&volume)
}

fn rekey(flags: &KmsFlags, args: &DiskKeys) -> Result<(), Failure> {
    let volume = Volume::find(&args.device)?;
    let kms = KmsConnection::connect(flags)?;
    let _lock = volume.lock()?;
    let enrolment = Enrolment::new(&volume, &kms);
    enrolment.tidy()?;
    let changed = enrolment.rekey(&texts(&args.keys))?;
    print(format_args!("{volume}: {} key slots have new keys", changed.done.len()))?;
    note(OLD_HEADERS);
    changed.check_whole(&volume)
}

fn unenroll(flags: &KmsFlags, args: &DiskKeys) -> Result<(), Failure> {
    let volume = Volume::find(&args.device)?;
    let kms = KmsConnection::connect(flags)?;
    let _lock = volume.lock()?;
    let enrolment = Enrolment::new(&volume, &kms);
    enrolment.tidy()?;
    let keys = args.keys.iter().map(|key| id(&kms, key)).collect::<Result<Vec<_>, _>>()?;
    let changed = enrolment.unenroll(&keys)?;
    print(format_args!("{volume}: {} wrapped keys are removed", changed.done.iter().sum::<usize>()))?;
    note(OLD_HEADERS);
    changed.check_whole(&volume)
}

/// Returns the KMS, and what to wrap a new key with, after validating the flags.
fn wrapping(flags: &KmsFlags, args: &Enroll) -> Result<(KmsConnection, Wrapping), Failure> {
    let kms = KmsConnection::connect(flags)?;
    if matches!(kms, KmsConnection::Embedded(_)) && !args.allow_embedded {
        let what =
            "the keys of the embedded KMS are on this machine, possibly on the disk that they would open";
        let hint = "name a server with --kms, or add --allow-embedded if its data is on another disk";
        return Err(Failure::new(Exit::Usage, what, hint));
    }
    let context = args.context.encryption_context()?;
    let context: BTreeMap<_, _> =
        context.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    if let Some(name) = context.keys().find(|name| disk::is_reserved(name)) {
        let what = format!("-c {name}: names that begin with bulla: are set by bulla");
        return Err(Failure::new(Exit::Usage, what, "choose another name"));
    }
    let keys = texts(&args.keys);
    if keys.is_empty() {
        return Err(Failure::new(Exit::Usage, "no key was named", "name one with -k KEY or BULLA_KEY"));
    }
    let place = kms.place();
    Ok((kms, Wrapping { keys, context, kms: place }))
}

/// Returns the id of a key, which tokens store.
fn id(kms: &KmsConnection, key: &KeyName) -> Result<String, Failure> {
    match key.id() {
        Some(id) => Ok(id.to_owned()),
        None => Ok(kms.call(&DescribeKey { key_id: key.to_string() })?.key_metadata.key_id),
    }
}

fn texts(keys: &[KeyName]) -> Vec<String> {
    keys.iter().filter(|key| !key.is_empty()).map(KeyName::to_string).collect()
}

fn names(keys: &[String]) -> String {
    keys.join(" and by ")
}

/// The limit of every command: copies of old headers stay valid.
const OLD_HEADERS: &str = "a copy of the old header still opens the volume, until the old KMS key is disabled or \
    `cryptsetup reencrypt` has run";
