//! A LUKS2 volume: a device, partition or image file that cryptsetup reads and writes.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use super::cryptsetup::{CryptsetupError, cryptsetup};
use super::header::{HeaderFault, LuksHeader, SlotId, TokenId};
use super::lock::VolumeLock;
use super::mapped::check_mapped;
use super::mapping::close;
use super::token::Token;
use super::uuid::VolumeUuid;
use crate::failure::{Exit, Failure};

/// A volume, by its path.
#[derive(Debug)]
pub(crate) struct Volume {
    device: PathBuf,
    pub(crate) uuid: VolumeUuid,
}

impl Volume {
    /// Reads the UUID of the LUKS2 volume on a device.
    pub(crate) fn find(device: &Path) -> Result<Self, Failure> {
        fs::metadata(device).map_err(|error| Failure::io(device, &error))?;
        // After `--`, a name cannot be an option.
        let is_luks2 = [OsStr::new("isLuks"), OsStr::new("--type"), OsStr::new("luks2"), OsStr::new("--")];
        match cryptsetup(is_luks2.into_iter().chain([device.as_os_str()]), &[]) {
            Ok(_) => {}
            Err(CryptsetupError::Failed { code: Some(1), .. }) => {
                let what = format!("{} is not a LUKS2 volume", device.display());
                let hint = "make one with `bulla disk format`, or convert LUKS1 with `cryptsetup convert --type luks2`";
                return Err(Failure::new(Exit::Usage, what, hint));
            }
            Err(error) => return Err(error.into()),
        }
        let printed = cryptsetup([OsStr::new("luksUUID"), OsStr::new("--"), device.as_os_str()], &[])?;
        let uuid = std::str::from_utf8(&printed).ok().and_then(|text| VolumeUuid::parse(text.trim_end()));
        let Some(uuid) = uuid else {
            let what = format!("{} has no UUID to bind a key to", device.display());
            return Err(Failure::new(Exit::Usage, what, "give it one with `cryptsetup luksUUID --uuid`"));
        };
        Ok(Self { device: device.to_owned(), uuid })
    }

    /// Creates a LUKS2 volume that a passphrase opens. The data on the device is lost.
    pub(crate) fn format(
        device: &Path,
        uuid: &VolumeUuid,
        passphrase: &[u8],
        is_random: bool,
    ) -> Result<Self, Failure> {
        let size = passphrase.len().to_string();
        let uuid = uuid.to_string();
        let derivation: &[&str] = if is_random { &FAST } else { &[] };
        let cipher = ["--cipher", "aes-xts-plain64", "--key-size", "512"];
        let arguments = [
            &["luksFormat", "--type", "luks2", "--uuid", &uuid][..],
            &cipher,
            derivation,
            &FROM_STDIN,
            &[&size],
        ]
        .concat();
        let arguments = arguments.into_iter().map(OsStr::new).chain([OsStr::new("--"), device.as_os_str()]);
        cryptsetup(arguments, &[passphrase])?;
        Self::find(device)
    }

    /// Prevents other commands of bulla from changing the volume until the returned lock is dropped.
    pub(crate) fn lock(&self) -> Result<VolumeLock, Failure> {
        VolumeLock::take(&self.device)
    }

    /// Reads the header.
    pub(crate) fn header(&self) -> Result<LuksHeader, Failure> {
        let json = self.run(&["luksDump", "--dump-json-metadata"], &[], &[])?;
        LuksHeader::parse(&json).map_err(|fault| self.refused(&fault))
    }

    /// Reads the header and checks it.
    pub(crate) fn checked_header(&self) -> Result<LuksHeader, Failure> {
        let header = self.header()?;
        header.check().map_err(|fault| self.refused(&fault))?;
        Ok(header)
    }

    /// Returns whether a key opens this key slot, or any key slot.
    pub(crate) fn opens(&self, slot: Option<SlotId>, key: &[u8]) -> Result<bool, Failure> {
        let at = slot.map(|slot| slot.to_string());
        let size = key.len().to_string();
        let mut arguments = vec!["open", "--test-passphrase", "--type", "luks2"];
        arguments.extend(NO_TOKENS);
        arguments.extend(FROM_STDIN.into_iter().chain([&*size]));
        arguments.extend(at.iter().flat_map(|slot| ["--key-slot", slot]));
        match self.run(&arguments, &[], &[key]) {
            Ok(_) => Ok(true),
            Err(CryptsetupError::WrongKey) => Ok(false),
            // The key slot does not exist.
            Err(CryptsetupError::Failed { code: Some(1), .. }) if slot.is_some() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Maps the volume as `/dev/mapper/NAME` with the key of a key slot. A mapping that fails verification is removed.
    pub(crate) fn open(&self, name: &str, slot: SlotId, key: &[u8]) -> Result<(), Failure> {
        let slot = slot.to_string();
        let size = key.len().to_string();
        let arguments = ["open", "--type", "luks2", "--key-slot", &slot];
        let arguments = [&arguments[..], &NO_TOKENS, &FROM_STDIN, &[&size]].concat();
        self.run(&arguments, &[name], &[key])?;
        check_mapped(name, &self.device, &self.uuid).map_err(|failure| match close(name) {
            Ok(()) => failure.about(&self.device),
            Err(_) => failure.advising(format!("it is still mapped: run `cryptsetup close {name}`")),
        })
    }

    /// Creates a key slot, authorized by a key that opens the volume. A random key needs no slow derivation.
    pub(crate) fn add_slot(&self, slot: SlotId, opens: &[u8], new: &[u8]) -> Result<(), Failure> {
        let slot = slot.to_string();
        let size = opens.len().to_string();
        let new_size = new.len().to_string();
        let arguments = [
            &["luksAddKey", "--key-slot", &slot][..],
            &FAST,
            &FROM_STDIN,
            &[&size, "--new-keyfile-size", &new_size],
        ];
        self.run(&arguments.concat(), &["-"], &[opens, new])?;
        Ok(())
    }

    /// Destroys a key slot. The caller has shown that another one stays.
    pub(crate) fn destroy_slot(&self, slot: SlotId) -> Result<(), Failure> {
        self.run(&["luksKillSlot"], &[&slot.to_string()], &[])?;
        Ok(())
    }

    /// Writes a token with a new number. A token that another program wrote meanwhile is not replaced.
    pub(crate) fn add_token(&self, id: TokenId, token: &Token) -> Result<(), Failure> {
        self.import_token(id, token, &[])
    }

    /// Writes a token; a token with this number is replaced in the same write.
    pub(crate) fn write_token(&self, id: TokenId, token: &Token) -> Result<(), Failure> {
        self.import_token(id, token, &["--token-replace"])
    }

    fn import_token(&self, id: TokenId, token: &Token, options: &[&str]) -> Result<(), Failure> {
        let json = token.to_json().map_err(|fault| {
            let hint = "use a shorter encryption context";
            Failure::new(Exit::Usage, format!("the token is not written: {fault}"), hint)
        })?;
        let id = id.to_string();
        let arguments = ["token", "import", "--token-id", &id, "--json-file", "-"];
        self.run(&[&arguments[..], options].concat(), &[], &[json.as_bytes()])?;
        Ok(())
    }

    pub(crate) fn remove_token(&self, id: TokenId) -> Result<(), Failure> {
        self.run(&["token", "remove", "--token-id", &id.to_string()], &[], &[])?;
        Ok(())
    }

    /// Runs an action of cryptsetup on this volume; `after` are the arguments behind the name of the device.
    fn run(&self, arguments: &[&str], after: &[&str], keys: &[&[u8]]) -> Result<Vec<u8>, CryptsetupError> {
        let before = arguments.iter().map(OsStr::new);
        let after = after.iter().map(OsStr::new);
        cryptsetup(before.chain([OsStr::new("--"), self.device.as_os_str()]).chain(after), keys)
    }

    fn refused(&self, fault: &HeaderFault) -> Failure {
        let what = format!("{}: {fault}", self.device.display());
        let hint = match fault {
            HeaderFault::Unreadable => "restore the header from a backup with `cryptsetup luksHeaderRestore`",
            HeaderFault::Reencrypting => "let `cryptsetup reencrypt --resume-only` end first",
            HeaderFault::Requirement(_) => "use a newer bulla",
            HeaderFault::SlotDerivation(..) => {
                "if `cryptsetup reencrypt` or luksConvertKey wrote the key slot, remove it with luksKillSlot and enroll again; \
                 else the header was changed: restore it from a backup"
            }
            HeaderFault::DataCipher(_) | HeaderFault::SlotCipher(..) | HeaderFault::DigestIterations(_) => {
                "if you did not format it so, the header was changed: restore it from a backup"
            }
        };
        Failure::new(Exit::Damaged, what, hint)
    }
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.device.display().fmt(f)
    }
}

/// cryptsetup tries tokens before the given key, and succeeds with any of them. It may only try tokens of this type,
/// which need a plugin, and plugins are disabled; `--disable-external-tokens` alone would leave the tokens of the
/// kernel's keyring.
const NO_TOKENS: [&str; 3] = ["--disable-external-tokens", "--token-type", "bulla"];
/// The key comes first on standard input; the next argument is its length.
const FROM_STDIN: [&str; 3] = ["--key-file", "-", "--keyfile-size"];
/// A key of 512 random bits cannot be guessed, regardless of the speed of a guess.
const FAST: [&str; 4] = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];
