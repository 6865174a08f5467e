//! The secret of a machine's access key: in the file that disk.toml names, or sealed by the TPM in a file beside it,
//! whose name ends in `.tpm2`.
//!
//! A boot image gets the sealed file if it exists, and the plain file stays on the system. Where the plain file is
//! missing, as in such an image, the sealed file is used.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bulla_kms::{SecretReaders, read_secret_file};
use zeroize::Zeroizing;

use super::install::{below, remove, write};
use super::tpm::{Pcrs, Tpm, TpmFault};
use crate::failure::{Exit, Failure};
use crate::messages::note;

/// The plain and the sealed file, either of which may be missing.
pub(super) struct AccessSecret {
    /// The path in disk.toml.
    name: PathBuf,
    /// The path of the plain file.
    plain: PathBuf,
    sealed: PathBuf,
}

impl AccessSecret {
    const MAX_PLAIN: usize = 512;
    const MAX_SEALED: usize = 16 << 10;

    /// Returns the secret that the configuration of the system below `root` names.
    pub(super) fn of(root: &Path, name: &Path) -> Self {
        let plain = below(root, name);
        Self { name: name.to_owned(), sealed: sealed_name(&plain), plain }
    }

    /// Reads the plain file if it exists, otherwise unseals the sealed one.
    pub(super) fn read(&self, tpm: &Tpm, patience: Duration) -> Result<Zeroizing<String>, Failure> {
        if exists(&self.plain) || !exists(&self.sealed) {
            return read_text(&self.plain);
        }
        let sealed = read_file(&self.sealed, Self::MAX_SEALED)?;
        let secret = tpm.unseal(&sealed, patience).map_err(|fault| self.does_not_unseal(&fault))?;
        text(&secret, &self.sealed)
    }

    /// Seals the secret for the current values of the registers, and checks that the TPM unseals it.
    pub(super) fn seal(&self, tpm: &Tpm, pcrs: &Pcrs) -> Result<(), Failure> {
        let secret = self.read(tpm, Tpm::PATIENCE)?;
        let seal = || -> Result<_, TpmFault> {
            let sealed = tpm.seal(secret.as_bytes(), pcrs)?;
            Ok((tpm.unseal(&sealed.text, Tpm::PATIENCE)?, sealed))
        };
        let (unsealed, sealed) = seal().map_err(|fault| does_not_seal(&fault))?;
        if *unsealed != secret.as_bytes() {
            return Err(does_not_seal(&TpmFault::Failed(
                "the text that it unseals differs from the one that it sealed".to_owned(),
            )));
        }
        if let Some(remark) = sealed.remark {
            note(format_args!("systemd-creds: {remark}"));
        }
        write(&self.sealed, &sealed.text, 0o600)
    }

    /// Removes the sealed file, so that boot images get the plain one.
    pub(super) fn use_plain(&self) -> Result<(), Failure> {
        read_text(&self.plain)?;
        remove(&self.sealed)?;
        Ok(())
    }

    /// Removes the sealed file unless it is the only copy of the secret. Returns its path if it was removed.
    pub(super) fn forget_sealed(&self) -> Result<Option<PathBuf>, Failure> {
        let is_removed = exists(&self.plain) && remove(&self.sealed)?;
        Ok(is_removed.then(|| self.sealed.clone()))
    }

    /// Returns the sealed file if it exists.
    pub(super) fn sealed(&self) -> Option<&Path> {
        exists(&self.sealed).then_some(&self.sealed)
    }

    /// Returns the file for boot images, by its path on the booted system.
    pub(super) fn boot_file(&self) -> Result<PathBuf, Failure> {
        if !exists(&self.sealed) {
            read_text(&self.plain)?;
            return Ok(self.name.clone());
        }
        read_file(&self.sealed, Self::MAX_SEALED)?;
        if changed_at(&self.plain) > changed_at(&self.sealed) {
            let what = format!("{} has changed since the TPM sealed it", self.plain.display());
            return Err(Failure::new(Exit::Usage, what, "run `bulla disk install-boot` again"));
        }
        Ok(sealed_name(&self.name))
    }

    fn does_not_unseal(&self, fault: &TpmFault) -> Failure {
        let what = format!("{} is not unsealed: {fault}", self.sealed.display());
        let hint = format!(
            "open the volume by its passphrase, write the secret of the access key to {} if it is not there, run `bulla disk \
             install-boot` and rebuild the boot images",
            self.name.display()
        );
        Failure::new(Exit::Other, what, hint)
    }
}

fn does_not_seal(fault: &TpmFault) -> Failure {
    let what = format!("the TPM does not seal the secret of the access key: {fault}");
    let mend = match fault {
        TpmFault::NoProgram => "install systemd 250 or newer",
        _ => "check the TPM and its libraries (Debian: tpm2-tools)",
    };
    Failure::new(Exit::Other, what, format!("{mend}, or let boot images hold the plain secret: --no-tpm"))
}

fn sealed_name(plain: &Path) -> PathBuf {
    let mut name = plain.as_os_str().to_owned();
    name.push(".tpm2");
    name.into()
}

/// Returns whether a file exists. One that cannot be checked counts as existing, so that reading it reports the error.
fn exists(path: &Path) -> bool {
    path.try_exists().unwrap_or(true)
}

/// Returns when a file was written or put in place; a copy may keep its modification time.
fn changed_at(path: &Path) -> Option<(i64, i64)> {
    fs::metadata(path).ok().map(|found| (found.ctime(), found.ctime_nsec()))
}

/// Reads a file, which other users must not be able to read.
fn read_file(path: &Path, max_len: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
    read_secret_file(path, max_len, SecretReaders::OwnerOnly)
        .map_err(|error| Failure::new(Exit::Usage, error.to_string(), error.hint()))
}

fn read_text(plain: &Path) -> Result<Zeroizing<String>, Failure> {
    text(&read_file(plain, AccessSecret::MAX_PLAIN)?, plain)
}

fn text(secret: &[u8], path: &Path) -> Result<Zeroizing<String>, Failure> {
    let text = std::str::from_utf8(secret).map_err(|_| {
        let what = format!("{}: the secret is not text", path.display());
        Failure::new(Exit::Usage, what, "write the secret of the access key to it, and nothing else")
    })?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::thread;
    use std::time::UNIX_EPOCH;

    use tempfile::TempDir;

    use super::super::tpm::tests::{fake, with_script, without_device};
    use super::*;

    const NAME: &str = "/etc/bulla/disk-secret";

    /// A system with a TPM and the plain file.
    struct System {
        root: TempDir,
        programs: TempDir,
    }

    impl System {
        fn new() -> Self {
            let system = Self { root: tempfile::tempdir().unwrap(), programs: tempfile::tempdir().unwrap() };
            fs::create_dir_all(system.root.path().join("etc/bulla")).unwrap();
            system.put("disk-secret", "secret\n");
            system
        }

        fn put(&self, name: &str, content: &str) {
            let path = self.place(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }

        fn place(&self, name: &str) -> PathBuf {
            self.root.path().join("etc/bulla").join(name)
        }

        fn secret(&self) -> AccessSecret {
            AccessSecret::of(self.root.path(), Path::new(NAME))
        }

        fn read(&self, tpm: &Tpm) -> Result<String, String> {
            let read = self.secret().read(tpm, Duration::from_millis(100));
            read.map(|secret| secret.to_string()).map_err(Failure::into_what)
        }
    }

    fn pcrs() -> Pcrs {
        "7".parse().unwrap()
    }

    #[test]
    fn the_plain_file_is_used_as_long_as_it_is_there() {
        let system = System::new();
        let tpm = fake(&system.programs);
        assert_eq!(system.secret().boot_file().unwrap(), Path::new(NAME));
        system.secret().seal(&tpm, &pcrs()).unwrap();
        let sealed = system.place("disk-secret.tpm2");
        assert_eq!(fs::read_to_string(&sealed).unwrap(), "7\ntfdsfu", "the line end is not sealed");
        assert_eq!(sealed.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(system.secret().boot_file().unwrap(), Path::new("/etc/bulla/disk-secret.tpm2"));
        without_device(&tpm);
        assert_eq!(system.read(&tpm).unwrap(), "secret", "no TPM is called");
        fs::remove_file(system.place("disk-secret")).unwrap();
        let message = system.read(&tpm).unwrap_err();
        assert!(message.contains("disk-secret.tpm2 is not unsealed: this machine has no TPM"), "{message}");
    }

    #[test]
    fn the_sealed_file_is_used_alone_and_sealed_again() {
        let system = System::new();
        let tpm = fake(&system.programs);
        system.secret().seal(&tpm, &pcrs()).unwrap();
        fs::remove_file(system.place("disk-secret")).unwrap();
        assert_eq!(system.read(&tpm).unwrap(), "secret");
        system.secret().seal(&tpm, &"0+7".parse().unwrap()).unwrap();
        assert_eq!(fs::read_to_string(system.place("disk-secret.tpm2")).unwrap(), "0+7\ntfdsfu");
        assert_eq!(system.secret().forget_sealed().unwrap(), None, "the secret would be lost");
        assert!(system.secret().use_plain().unwrap_err().into_what().contains("disk-secret"));
        assert_eq!(system.read(&tpm).unwrap(), "secret");
    }

    #[test]
    fn a_secret_changed_after_sealing_is_not_put_into_an_image() {
        let system = System::new();
        system.secret().seal(&fake(&system.programs), &pcrs()).unwrap();
        thread::sleep(Duration::from_millis(20)); // longer than a tick of the file system's clock
        system.put("disk-secret", "another\n");
        // A copy that keeps the modification time.
        fs::File::open(system.place("disk-secret")).unwrap().set_modified(UNIX_EPOCH).unwrap();
        let message = system.secret().boot_file().unwrap_err().into_what();
        assert!(message.ends_with("disk-secret has changed since the TPM sealed it"), "{message}");
        assert_eq!(system.secret().forget_sealed().unwrap(), Some(system.place("disk-secret.tpm2")));
        assert_eq!(system.secret().boot_file().unwrap(), Path::new(NAME));
    }

    #[test]
    fn what_the_tpm_does_not_give_back_is_not_kept() {
        let system = System::new();
        for script in ["cat", "case $1 in encrypt) cat ;; *) echo other ;; esac", "exit 1"] {
            let tpm = with_script(&system.programs, script);
            let outcome = system.secret().seal(&tpm, &pcrs());
            let is_kept = system.place("disk-secret.tpm2").exists();
            assert_eq!(outcome.is_ok(), script == "cat", "{script}");
            assert_eq!(is_kept, script == "cat", "{script}");
            let _ = fs::remove_file(system.place("disk-secret.tpm2"));
        }
    }

    #[test]
    fn a_sealed_file_that_others_can_read_is_refused() {
        let system = System::new();
        let tpm = fake(&system.programs);
        system.secret().seal(&tpm, &pcrs()).unwrap();
        fs::remove_file(system.place("disk-secret")).unwrap();
        let open = fs::Permissions::from_mode(0o644);
        fs::set_permissions(system.place("disk-secret.tpm2"), open).unwrap();
        assert!(system.read(&tpm).unwrap_err().contains("disk-secret.tpm2"));
        assert!(system.secret().boot_file().is_err());
    }
}
