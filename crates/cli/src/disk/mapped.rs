//! Verifies what the kernel has mapped.
//!
//! A header is checked, tested and opened in separate runs of cryptsetup, so an attacker who controls the disk may
//! exchange it between them. `cryptsetup status` reads the header again, but the kernel knows which cipher it uses.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::process::Command;

use rustix::fs::{major, minor};

use super::cryptsetup::{CryptsetupError, run};
use super::header::{CIPHER, KEY_BYTES};
use super::loops::is_backed_by;
use super::uuid::VolumeUuid;
use crate::failure::{Exit, Failure};

/// Refuses a mapping that is not of this volume on this device, or is not encrypted by AES-XTS with a key of 512 bits.
pub(super) fn check_mapped(name: &str, device: &Path, volume: &VolumeUuid) -> Result<(), Failure> {
    let uuid = dmsetup(&["info", "--columns", "--noheadings", "--options", "uuid", "--", name])?;
    if uuid.trim_end() != mapping_uuid(volume, name) {
        return Err(exchanged(&format!("the mapping has the UUID {:?}", uuid.trim_end())));
    }
    let table = dmsetup(&["table", "--", name])?;
    let Some(mapped) = Mapped::parse(&table) else {
        return Err(exchanged("the mapping is not one segment of encrypted data"));
    };
    if mapped.cipher != CIPHER || mapped.key_bytes != KEY_BYTES as usize || mapped.has_integrity {
        let bits = mapped.key_bytes * 8;
        return Err(exchanged(&format!("the mapping is encrypted by {:?} with {bits} bits", mapped.cipher)));
    }
    if !is_device(mapped.device, device) {
        return Err(exchanged(&format!("the mapping uses the device {:?}", mapped.device)));
    }
    Ok(())
}

/// A line of `dmsetup table`: `0 65536 crypt aes-xts-plain64 :64:logon:cryptsetup:… 0 7:0 32768 1 sector_size:4096`.
struct Mapped<'t> {
    cipher: &'t str,
    key_bytes: usize,
    /// The major and minor number of the device.
    device: &'t str,
    has_integrity: bool,
}

impl<'t> Mapped<'t> {
    /// Parses the table of a mapping of one segment.
    fn parse(table: &'t str) -> Option<Self> {
        let mut lines = table.lines();
        let fields: Vec<_> = lines.next()?.split_ascii_whitespace().collect();
        let [_, _, "crypt", cipher, key, _, device, _, options @ ..] = &fields[..] else { return None };
        if lines.next().is_some() {
            return None;
        }
        let has_integrity = options.iter().any(|option| option.starts_with("integrity"));
        Some(Self { cipher, key_bytes: key_bytes(key)?, device, has_integrity })
    }
}

/// Returns the length of a key: of one in the kernel's keyring (`:64:logon:…`), or of hexadecimal digits, which dmsetup
/// prints as zeros.
fn key_bytes(key: &str) -> Option<usize> {
    match key.strip_prefix(':') {
        Some(reference) => reference.split(':').next()?.parse().ok(),
        None => Some(key.len() / 2),
    }
}

/// Returns whether the device with these numbers is this one, or a loop device of this file.
fn is_device(numbers: &str, device: &Path) -> bool {
    let Ok(metadata) = fs::metadata(device) else { return false };
    if metadata.file_type().is_block_device() {
        let number = metadata.rdev();
        return numbers == format!("{}:{}", major(number), minor(number));
    }
    is_backed_by(&Path::new("/sys/dev/block").join(numbers), &metadata)
}

/// Returns the UUID that libcryptsetup gives to the mapping of a volume.
fn mapping_uuid(volume: &VolumeUuid, name: &str) -> String {
    format!("CRYPT-LUKS2-{}-{name}", volume.to_string().replace('-', ""))
}

fn dmsetup(arguments: &[&str]) -> Result<String, Failure> {
    match run(Command::new("dmsetup").args(arguments), &[]) {
        Ok(printed) => Ok(String::from_utf8_lossy(&printed).into_owned()),
        Err(CryptsetupError::Missing) => {
            let what = "dmsetup, which shows what was mapped, is not installed";
            Err(Failure::new(Exit::Other, what, "install the package dmsetup"))
        }
        Err(error) => {
            let what = format!("dmsetup does not show what was mapped: {}", error.cause());
            Err(Failure::new(Exit::Other, what, "check that /dev/mapper/control can be used"))
        }
    }
}

fn exchanged(what: &str) -> Failure {
    let what = format!("{what}, unlike the header that was checked");
    Failure::new(Exit::Damaged, what, "the disk changes its header while it is read: do not trust it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_cipher_key_and_device() {
        let keyring =
            "0 65536 crypt aes-xts-plain64 :64:logon:cryptsetup:088d-d0 0 7:0 32768 1 sector_size:4096\n";
        let mapped = Mapped::parse(keyring).unwrap();
        assert_eq!((mapped.cipher, mapped.key_bytes, mapped.device), ("aes-xts-plain64", 64, "7:0"));
        assert!(!mapped.has_integrity);
        let zeros = "0".repeat(128);
        let inline = format!("0 8 crypt aes-xts-plain64 {zeros} 0 254:3 32768");
        let mapped = Mapped::parse(&inline).unwrap();
        assert_eq!((mapped.key_bytes, mapped.device), (64, "254:3"));
        let none = "0 8 crypt cipher_null-ecb - 0 7:0 32768 2 allow_discards integrity:28:aead";
        let mapped = Mapped::parse(none).unwrap();
        assert_eq!((mapped.cipher, mapped.key_bytes, mapped.has_integrity), ("cipher_null-ecb", 0, true));
    }

    #[test]
    fn other_tables_are_of_no_volume() {
        let line = "0 8 crypt aes-xts-plain64 :64:logon:k 0 7:0 0\n";
        let (twice, odd) = (line.repeat(2), line.replace(":64:", ":x:"));
        for table in ["", "0 8 linear 7:0 0", "0 8 crypt aes-xts-plain64", &twice, &odd] {
            assert!(Mapped::parse(table).is_none(), "{table}");
        }
    }
}
