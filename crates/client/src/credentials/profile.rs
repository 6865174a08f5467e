//! The profiles of the `aliyun` command line in `~/.aliyun/config.json`: parsing the file and selecting a profile.

mod modes;

use std::path::{Path, PathBuf};

use bulla_wire::{SecretText, Timestamp};
use serde::Deserialize;

pub(super) use self::modes::provider;
use super::error::CredentialsError;
use super::refresh::Session;
use super::{Credentials, trusted_file};

/// The configuration file that `aliyun configure` writes.
pub(super) struct ProfileFile {
    path: PathBuf,
    current: String,
    profiles: Vec<Profile>,
}

/// A profile, with the fields of all supported modes.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Profile {
    pub(super) name: String,
    mode: String,
    access_key_id: String,
    access_key_secret: SecretText,
    sts_token: SecretText,
    sts_expiration: i64,
    ram_role_name: String,
    ram_role_arn: String,
    ram_session_name: String,
    expired_seconds: u32,
    policy: String,
    external_id: String,
    source_profile: String,
    sts_endpoint: String,
    sts_region: String,
    enable_vpc: bool,
    oidc_provider_arn: String,
    oidc_token_file: String,
    process_command: String,
    credentials_uri: String,
    pub(super) cloud_sso_sign_in_url: String,
    pub(super) cloud_sso_account_id: String,
    pub(super) cloud_sso_access_config: String,
    pub(super) cloud_sso_access_token_expire: i64,
    pub(super) access_token: SecretText,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    current: String,
    #[serde(default)]
    profiles: Vec<Profile>,
}

impl ProfileFile {
    /// Reads the file at `path`; `None` if it does not exist.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, CredentialsError> {
        trusted_file::read(path)?.map(|text| Self::parse(&text, path)).transpose()
    }

    /// Reads a file that is configured by name or was read before, so it must exist.
    pub(super) fn read_named(path: &Path) -> Result<Self, CredentialsError> {
        Self::parse(&trusted_file::read_named(path)?, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, CredentialsError> {
        // An error of `serde_json` may quote a value, so only its line is kept.
        let Config { current, profiles } = serde_json::from_str(text)
            .map_err(|error| CredentialsError::Malformed { path: path.to_owned(), line: error.line() })?;
        Ok(Self { path: path.to_owned(), current, profiles })
    }

    /// Returns the name of the default profile; `None` if there are no profiles.
    pub(super) fn current(&self) -> Option<&str> {
        (!self.profiles.is_empty()).then_some(&self.current)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.profiles.iter().any(|profile| profile.name == name)
    }

    pub(super) fn profile(&self, name: &str) -> Result<&Profile, CredentialsError> {
        let missing =
            || CredentialsError::NoProfile { profile: name.to_owned(), paths: vec![self.path.clone()] };
        self.profiles.iter().find(|profile| profile.name == name).ok_or_else(missing)
    }
}

impl Profile {
    /// Returns the access key of the profile, with its security token if there is one and `with_token` is set.
    fn access_key(&self, place: &str, with_token: bool) -> Result<Credentials, CredentialsError> {
        require(place, "access_key_id", &self.access_key_id)?;
        require(place, "access_key_secret", self.access_key_secret.expose())?;
        let token = with_token.then(|| self.sts_token.clone()).filter(|token| !token.expose().is_empty());
        let credentials = Credentials {
            access_key_id: self.access_key_id.clone(),
            access_key_secret: self.access_key_secret.clone(),
            security_token: token,
        };
        credentials.checked(|| place.to_owned())
    }

    /// Returns the access key with its security token, which is required.
    fn sts_token(&self, place: &str) -> Result<Credentials, CredentialsError> {
        let credentials = self.access_key(place, true)?;
        require(place, "sts_token", self.sts_token.expose())?;
        Ok(credentials)
    }
}

fn require<'a>(place: &str, field: &'static str, value: &'a str) -> Result<&'a str, CredentialsError> {
    if value.is_empty() {
        return Err(CredentialsError::Incomplete { place: place.to_owned(), field });
    }
    Ok(value)
}

/// A profile of mode OAuth: the session that the last login stored there. The file is read again at every renewal, because the
/// `aliyun` command line renews the session.
pub(super) struct CachedLogin {
    path: PathBuf,
    profile: String,
}

impl CachedLogin {
    pub(super) fn fetch(&self, place: &str, now: Timestamp) -> Result<Session, CredentialsError> {
        let file = ProfileFile::read_named(&self.path)?;
        let profile = file.profile(&self.profile)?;
        if profile.sts_token.expose().is_empty() || profile.sts_expiration <= now.unix() {
            return Err(CredentialsError::LoginExpired { place: place.to_owned() });
        }
        let expires = Timestamp::from_unix(profile.sts_expiration);
        Ok(Session { credentials: profile.sts_token(place)?, expires: Some(expires) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_located_without_quoting_them() {
        let text = "{\"profiles\": [\n{\"name\": \"x\", \"access_key_secret\": 1234}]}";
        let error = ProfileFile::parse(text, Path::new("config.json")).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "config.json: line 2 cannot be understood");
        assert!(!format!("{error:?}").contains("1234"));
    }

    #[test]
    fn no_profiles_is_nothing_found() {
        for text in [r#"{"profiles": []}"#, "{}"] {
            let file = ProfileFile::parse(text, Path::new("c")).unwrap();
            assert!(file.current().is_none() && !file.has("x") && file.profile("x").is_err());
        }
    }
}
