//! Mapped volumes, and devices in use.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::process::Command;

use rustix::fs::OFlags;

use super::cryptsetup::{CryptsetupError, cryptsetup, run};
use super::loops::loop_device_of;
use crate::failure::{Exit, Failure};

/// Refuses a name that device-mapper does not accept, before any prompt.
pub(crate) fn check_mapping(name: &str) -> Result<(), Failure> {
    let is_good = |character: char| character.is_ascii_alphanumeric() || "#+-.:=@_".contains(character);
    if !name.is_empty() && name.len() < 128 && ![".", ".."].contains(&name) && name.chars().all(is_good) {
        return Ok(());
    }
    let what = format!("{name:?} cannot be a name below /dev/mapper");
    Err(Failure::new(Exit::Usage, what, "use letters, digits and # + - . : = @ _, at most 127"))
}

/// Removes a mapping.
pub(crate) fn close(name: &str) -> Result<(), Failure> {
    cryptsetup([OsStr::new("close"), OsStr::new("--"), OsStr::new(name)], &[])?;
    Ok(())
}

/// Refuses to overwrite a device that is in use, or, without `force`, one that holds data.
pub(crate) fn check_unused(device: &Path, force: bool) -> Result<(), Failure> {
    let io = |error| Failure::io(device, &error);
    let metadata = device.metadata().map_err(io)?;
    let is_block = metadata.file_type().is_block_device();
    if !is_block && let Some(attached) = loop_device_of(&metadata) {
        let what = format!("{} is in use: it is attached to {}", device.display(), attached.display());
        let hint = "unmount or close what is on it, then detach it with `losetup --detach`, or format the loop device";
        return Err(Failure::new(Exit::Usage, what, hint));
    }
    // The kernel gives a block device to one exclusive holder, such as a mount, a mapping or swap space.
    let exclusive = if is_block { OFlags::EXCL } else { OFlags::empty() };
    let flags = i32::try_from((OFlags::CLOEXEC | exclusive).bits()).unwrap_or_default();
    let opened = OpenOptions::new().read(true).write(true).custom_flags(flags).open(device);
    opened.map_err(|error| match error.kind() {
        io::ErrorKind::ResourceBusy => {
            let what = format!("{} is in use: mounted, mapped, or swap space", device.display());
            Failure::new(Exit::Usage, what, "unmount or close it first")
        }
        _ => io(error),
    })?;
    match content(device)? {
        Some(content) if !force => {
            let what = format!("{} holds {content}", device.display());
            let hint = "to destroy that, add --force; to keep its data, `cryptsetup reencrypt --encrypt` it";
            Err(Failure::new(Exit::OutputExists, what, hint))
        }
        _ => Ok(()),
    }
}

/// Returns what a device holds, as blkid names it: a file system, a partition table, another volume.
fn content(device: &Path) -> Result<Option<String>, Failure> {
    let mut blkid = Command::new("blkid");
    blkid.args(["--probe", "--output", "export", "--"]).arg(device);
    match run(&mut blkid, &[]) {
        Ok(printed) => {
            let printed = String::from_utf8_lossy(&printed).into_owned();
            let of = |name: &str| printed.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            Ok(Some(of("TYPE=").or_else(|| of("PTTYPE=")).unwrap_or_else(|| "something".into())))
        }
        Err(CryptsetupError::WrongKey) => Ok(None), // its exit code 2: nothing was found
        Err(CryptsetupError::Failed { code: Some(AMBIVALENT), .. }) => Ok(Some("several things".into())),
        Err(CryptsetupError::Missing) => {
            let hint = "install util-linux";
            Err(Failure::new(Exit::Other, "blkid, which shows what a device holds, is not installed", hint))
        }
        Err(error) => Err(error.into()),
    }
}

/// An exit code of blkid(8).
const AMBIVALENT: i32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_mappings() {
        for name in ["data", "luks-1", "a.b_c", &"x".repeat(127)] {
            assert!(check_mapping(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", "a/b", "a b", "é", "a\n", &"x".repeat(128)] {
            assert!(check_mapping(name).is_err(), "{name:?}");
        }
    }
}
