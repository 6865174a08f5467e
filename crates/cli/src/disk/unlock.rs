//! Opens volumes without a user: the configuration, and the request of the token plugin.
//!
//! A program that runs as root requests the key of every volume that is plugged in. So the address of the KMS, its
//! certificates and the credentials come from the configuration alone, which also lists each volume with the keys that
//! may open it. For any other volume or key, no connection is made.

use std::fs::File;
use std::io::Read;
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bulla_client::{Client, ClientOptions, Credentials, Endpoint};
use rustix::process::geteuid;
use serde::Deserialize;
use serde_json::Value;

use super::access_secret::AccessSecret;
use super::header::{HeaderFault, LuksHeader, TokenId};
use super::slot_key::{SlotKey, VolumeKms};
use super::token::Token;
use super::tpm::Tpm;
use super::uuid::VolumeUuid;
use crate::failure::{Exit, Failure};
use crate::kms::KmsConnection;

/// `/etc/bulla/disk.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiskConfig {
    /// `https://HOST:PORT`.
    kms: String,
    /// Certificates in PEM that are trusted instead of the system's.
    ca: Option<PathBuf>,
    access_key_id: String,
    /// A file with the secret of the access key, which only root can read. If it is missing, the TPM unseals the file
    /// beside it ([`AccessSecret`]).
    access_key_secret_file: PathBuf,
    /// How long to try, in seconds.
    #[serde(default = "thirty")]
    timeout: u16,
    #[serde(default, rename = "volume")]
    volumes: Vec<VolumeConfig>,
}

/// A volume that this machine opens without a user.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct VolumeConfig {
    uuid: String,
    /// The ids of the keys that may open it.
    keys: Vec<String>,
}

/// The request of the plugin: one token of a volume that is being opened.
#[derive(Debug, Deserialize)]
pub(crate) struct UnlockRequest {
    version: u64,
    uuid: String,
    token: TokenId,
    metadata: Value,
}

/// A token that the configuration allows, not unwrapped yet.
#[derive(Debug)]
struct Allowed {
    volume: VolumeUuid,
    token: Token,
}

impl DiskConfig {
    pub(crate) const PATH: &str = "/etc/bulla/disk.toml";
    const MAX_BYTES: u64 = 1 << 20;

    /// Reads the configuration. Users other than root and this one must not be able to change it.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let io = |error| Failure::io(path, &error);
        let file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        let is_ours = metadata.uid() == 0 || metadata.uid() == geteuid().as_raw();
        if !is_ours || metadata.mode() & 0o022 != 0 {
            let what = format!("{}: other users can change it", path.display());
            return Err(Failure::new(Exit::Usage, what, "chown root and chmod 644"));
        }
        let mut text = String::new();
        file.take(Self::MAX_BYTES).read_to_string(&mut text).map_err(io)?;
        let usage = |what: &str| {
            Failure::new(Exit::Usage, format!("{}: {what}", path.display()), "docs/disks.md has an example")
        };
        let config: Self = toml::from_str(&text).map_err(|error| usage(error.message()))?;
        if !TIMEOUTS.contains(&config.timeout) {
            let most = TIMEOUTS.end();
            let hint = format!("set it to 1 to {most} seconds: the token plugin waits no longer");
            return Err(usage(&format!("timeout = {}", config.timeout)).advising(hint));
        }
        Ok(config)
    }

    /// Returns the address of the KMS.
    pub(super) fn endpoint(&self) -> Result<Endpoint, Failure> {
        Endpoint::parse(&self.kms).map_err(|error| Self::usage(&format!("kms: {error}")))
    }

    /// Returns the trusted certificates, unless they are the system's.
    pub(super) fn ca(&self) -> Option<&Path> {
        self.ca.as_deref()
    }

    /// Returns the secret of the access key, in the system below `root`.
    pub(super) fn secret(&self, root: &Path) -> AccessSecret {
        AccessSecret::of(root, &self.access_key_secret_file)
    }

    /// Returns whether this machine opens no volume without a user.
    pub(super) fn is_empty(&self) -> bool {
        self.volumes.is_empty()
    }

    fn usage(what: &str) -> Failure {
        Failure::new(Exit::Usage, format!("{}: {what}", Self::PATH), "docs/disks.md has an example")
    }

    /// Returns the token of the request, if the configuration allows its key for its volume.
    fn allow(&self, request: &UnlockRequest) -> Result<Allowed, Failure> {
        let UnlockRequest { version, uuid, token: id, metadata } = request;
        if *version != UnlockRequest::VERSION {
            let what = format!("the token plugin speaks version {version}");
            return Err(Failure::new(Exit::Usage, what, "install the plugin of this bulla"));
        }
        let listed = self.volumes.iter().find(|volume| volume.uuid == *uuid);
        let (Some(listed), Some(volume)) = (listed, VolumeUuid::parse(uuid)) else {
            let what = format!("the volume {uuid} is not listed in {}", Self::PATH);
            return Err(Failure::new(
                Exit::Usage,
                what,
                "list it there if this machine must open it without a user",
            ));
        };
        let refused = |what: String| Failure::new(Exit::Damaged, what, "the header may have been changed");
        let fault = |fault: HeaderFault| refused(format!("volume {uuid}: {fault}"));
        let header = LuksHeader::parse(metadata.to_string().as_bytes()).map_err(fault)?;
        header.check().map_err(fault)?;
        let found = header.tokens().find(|(found, _)| found == id);
        let token = match found {
            Some((_, Ok(token))) if token.ready_slot().is_some() => token,
            Some((_, Err(fault))) => return Err(refused(format!("token {id} of volume {uuid}: {fault}"))),
            _ => return Err(refused(format!("token {id} of volume {uuid} opens no key slot by a KMS"))),
        };
        if !listed.keys.contains(&token.wrapped.key_id) {
            let what = format!(
                "key {} may not open volume {uuid}: {} does not list it",
                token.wrapped.key_id,
                Self::PATH
            );
            return Err(Failure::new(Exit::Usage, what, "list it there if you enrolled it"));
        }
        Ok(Allowed { volume, token })
    }

    /// Connects to the KMS of the configuration, ignoring the environment.
    fn connect(&self) -> Result<KmsConnection, Failure> {
        let endpoint = self.endpoint()?;
        let limit = Duration::from_secs(self.timeout.into());
        let begun = Instant::now();
        let secret = self.secret(Path::new("/")).read(&Tpm::of_this_machine(), limit)?;
        // The KMS gets the time that the TPM has left.
        let limit = limit.saturating_sub(begun.elapsed()).max(Duration::from_secs(1));
        let credentials =
            Credentials::new(&self.access_key_id, secret).map_err(|error| Self::usage(&error.to_string()))?;
        let options = ClientOptions::new().timeout(limit);
        // The clock may be wrong at boot.
        let options = options.follow_server_clock(true);
        let options = match &self.ca {
            Some(ca) => options.ca(ca),
            None => options,
        };
        let client = Client::new(endpoint, credentials, options)?;
        Ok(KmsConnection::Remote(Box::new(client)))
    }
}

impl UnlockRequest {
    const VERSION: u64 = 1;

    /// Reads a request to its end.
    pub(crate) fn read(from: impl Read) -> Result<Self, Failure> {
        let mut text = Vec::new();
        let limit = u64::try_from(LuksHeader::MAX_BYTES).unwrap_or(u64::MAX) + 4096;
        from.take(limit)
            .read_to_end(&mut text)
            .map_err(|error| Failure::io(Path::new("standard input"), &error))?;
        serde_json::from_slice(&text).map_err(|_| {
            let hint = "the LUKS2 token plugin calls this; people use `bulla disk open`";
            Failure::new(Exit::Usage, "standard input is not a request of the token plugin", hint)
        })
    }

    /// Returns the key that opens the volume.
    pub(crate) fn answer(&self, config: &DiskConfig) -> Result<SlotKey, Failure> {
        let Allowed { volume, token } = config.allow(self)?;
        let kms = config.connect()?;
        VolumeKms { kms: &kms, volume: &volume }.unwrap(&token)
    }
}

fn thirty() -> u16 {
    30
}

/// In seconds. The token plugin ends the program after the last one (`TIME_LIMIT` in cryptsetup-token/src/entries.rs).
const TIMEOUTS: RangeInclusive<u16> = 1..=60;

#[cfg(test)]
mod tests {
    use super::super::header::tests::METADATA;
    use super::*;

    const UUID: &str = "088d56d8-1ff1-491c-9259-131a816cd2a6";
    const CONFIG: &str = r#"
        kms = "https://kms.example:7443"
        access_key_id = "disk-1"
        access_key_secret_file = "/etc/bulla/disk-secret"
        [[volume]]
        uuid = "088d56d8-1ff1-491c-9259-131a816cd2a6"
        keys = ["key-hzz65f3a68554o6ms5k7j"]
    "#;

    fn request(edit: impl FnOnce(&mut Value)) -> UnlockRequest {
        let metadata: Value = serde_json::from_str(METADATA).unwrap();
        let mut request = serde_json::json!({"version": 1, "uuid": UUID, "token": 0, "metadata": metadata});
        edit(&mut request);
        UnlockRequest::read(request.to_string().as_bytes()).unwrap()
    }

    fn refused(edit: impl FnOnce(&mut Value)) -> String {
        let config: DiskConfig = toml::from_str(CONFIG).unwrap();
        config.allow(&request(edit)).unwrap_err().into_what()
    }

    #[test]
    fn a_listed_key_opens_a_listed_volume() {
        let config: DiskConfig = toml::from_str(CONFIG).unwrap();
        let allowed = config.allow(&request(|_| {})).unwrap();
        assert_eq!(allowed.volume.to_string(), UUID);
        assert_eq!(allowed.token.wrapped.key_id, "key-hzz65f3a68554o6ms5k7j");
        assert_eq!(config.timeout, 30);
    }

    #[test]
    fn everything_else_is_refused_without_a_connection() {
        let other = "00000000-1ff1-491c-9259-131a816cd2a6";
        assert!(refused(|json| json["uuid"] = other.into()).contains("is not listed"));
        assert!(refused(|json| json["uuid"] = UUID.to_uppercase().into()).contains("is not listed"));
        assert!(refused(|json| json["version"] = 2.into()).contains("version 2"));
        let token = |name: &str, value: Value| refused(|json| json["metadata"]["tokens"]["0"][name] = value);
        assert!(token("key_id", "key-other".into()).contains("does not list it"));
        assert!(token("type", "clevis".into()).contains("opens no key slot"));
        assert!(token("version", 2.into()).contains("version 2"));
        assert!(token("keyslots", serde_json::json!([])).contains("opens no key slot"));
        assert!(refused(|json| json["token"] = 5.into()).contains("opens no key slot"));
        let null =
            |json: &mut Value| json["metadata"]["segments"]["0"]["encryption"] = "cipher_null-ecb".into();
        assert!(refused(null).contains("cipher_null-ecb"));
        let reencrypting = |json: &mut Value| json["metadata"]["keyslots"]["1"]["type"] = "reencrypt".into();
        let slow =
            |json: &mut Value| json["metadata"]["keyslots"]["1"]["kdf"]["iterations"] = 1_000_000.into();
        assert!(refused(slow).contains("1000000 iterations"));
        assert!(refused(reencrypting).contains("reencryption"));
        assert!(refused(|json| json["metadata"] = 1.into()).contains("not the metadata"));
    }

    #[test]
    fn a_timeout_that_the_plugin_does_not_wait_for_is_refused() {
        let read = |timeout: &str| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(&file, format!("timeout = {timeout}\n{CONFIG}")).unwrap();
            DiskConfig::read(file.path())
        };
        for good in [1, 30, 60] {
            assert_eq!(read(&good.to_string()).unwrap().timeout, good);
        }
        for bad in ["0", "61", "65535"] {
            let failure = read(bad).unwrap_err();
            let (what, hint) = failure.texts();
            assert!(what.ends_with(&format!(": timeout = {bad}")), "{what}");
            assert_eq!(hint, "set it to 1 to 60 seconds: the token plugin waits no longer");
        }
        for bad in ["65536", "-1", "1.5", "\"1\""] {
            assert_eq!(read(bad).unwrap_err().texts().1, "docs/disks.md has an example");
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for text in ["", "{}", "[]", r#"{"version":1,"uuid":"x","token":"0"}"#] {
            assert!(UnlockRequest::read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
