//! An access key in `~/.aliyun/config.json`, as `aliyun configure` writes it.

use std::fs;
use std::io;
use std::path::Path;

use bulla_wire::SecretText;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Credentials, CredentialsError};

/// The access key of the chosen profile; None if there is no file or it has no profile.
pub(super) fn find(
    path: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Credentials>, CredentialsError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(CredentialsError::Read { path: path.to_owned(), source }),
    };
    let named = PROFILE_NAMES.iter().find_map(|name| environment(name));
    choose(&text, path, named)
}

/// Whether the environment says that profiles are not to be used.
pub(super) fn is_disabled(environment: &dyn Fn(&str) -> Option<String>) -> bool {
    let is_true = |name: &&str| environment(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    SWITCHES.iter().any(is_true)
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    current: String,
    #[serde(default)]
    profiles: Vec<Profile>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Profile {
    name: String,
    mode: String,
    access_key_id: String,
    access_key_secret: SecretText,
    sts_token: SecretText,
}

fn choose(text: &str, path: &Path, named: Option<String>) -> Result<Option<Credentials>, CredentialsError> {
    // The error of serde_json may quote a value, so no more than its line is kept.
    let Config { current, profiles } = serde_json::from_str(text)
        .map_err(|error| CredentialsError::Malformed { path: path.to_owned(), line: error.line() })?;
    if profiles.is_empty() && named.is_none() {
        return Ok(None);
    }
    let name = named.unwrap_or(current);
    match profiles.into_iter().find(|profile| profile.name == name) {
        Some(profile) => profile.credentials(path).map(Some),
        None => Err(CredentialsError::NoProfile { path: path.to_owned(), profile: name }),
    }
}

impl Profile {
    fn credentials(self, path: &Path) -> Result<Credentials, CredentialsError> {
        let with_token = match self.mode.to_ascii_lowercase().as_str() {
            "ak" => false,
            "ststoken" => true,
            _ => {
                return Err(CredentialsError::Mode {
                    path: path.to_owned(),
                    profile: self.name,
                    mode: self.mode,
                });
            }
        };
        let empty = [
            ("access_key_id", self.access_key_id.is_empty()),
            ("access_key_secret", self.access_key_secret.expose().is_empty()),
            ("sts_token", with_token && self.sts_token.expose().is_empty()),
        ];
        if let Some((field, _)) = empty.into_iter().find(|(_, empty)| *empty) {
            return Err(CredentialsError::Incomplete { path: path.to_owned(), profile: self.name, field });
        }
        let credentials = Credentials {
            access_key_id: self.access_key_id,
            access_key_secret: self.access_key_secret,
            security_token: with_token.then_some(self.sts_token),
        };
        credentials.checked(|| format!("profile {:?} of {}", self.name, path.display()))
    }
}

const PROFILE_NAMES: [&str; 3] = ["ALIBABA_CLOUD_PROFILE", "ALIBABACLOUD_PROFILE", "ALICLOUD_PROFILE"];
const SWITCHES: [&str; 2] = ["ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "ALIBABA_CLOUD_IGNORE_PROFILE"];

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"{"current": "work", "profiles": [
        {"name": "work", "mode": "AK", "access_key_id": "i", "access_key_secret": "s", "sts_token": "stale",
         "region_id": "cn-hangzhou", "retry_count": 3},
        {"name": "guest", "mode": "ststoken", "access_key_id": "gi", "access_key_secret": "gs", "sts_token": "gt"},
        {"name": "role", "mode": "RamRoleArn", "access_key_id": "i", "access_key_secret": "hunter2"},
        {"name": "new", "mode": "AK", "access_key_id": "", "access_key_secret": ""},
        {"name": "half", "mode": "StsToken", "access_key_id": "i", "access_key_secret": "s"}
    ], "meta_path": ""}"#;

    fn pick(named: Option<&str>) -> Result<Option<Credentials>, CredentialsError> {
        choose(CONFIG, Path::new("config.json"), named.map(str::to_owned))
    }

    #[test]
    fn current_profile_unless_another_is_named() {
        let work = pick(None).unwrap().unwrap();
        assert_eq!((work.access_key_id.as_str(), work.access_key_secret.expose()), ("i", "s"));
        assert!(work.security_token.is_none(), "a token is not part of mode AK");
        let guest = pick(Some("guest")).unwrap().unwrap();
        assert_eq!(guest.security_token.unwrap().expose(), "gt");
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (name, message) in [
            ("role", r#"config.json: profile "role" has the mode "RamRoleArn", not AK or StsToken"#),
            ("new", r#"config.json: profile "new" has no access_key_id"#),
            ("half", r#"config.json: profile "half" has no sts_token"#),
            ("none", r#"config.json: no profile "none""#),
        ] {
            let error = pick(Some(name)).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert!(!error.hint().is_empty());
        }
    }

    #[test]
    fn mistakes_are_located_without_quoting_them() {
        let text = "{\"profiles\": [\n{\"name\": \"x\", \"access_key_secret\": 1234}]}";
        let error = choose(text, Path::new("config.json"), None).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "config.json: line 2 is not what `aliyun configure` writes");
        assert!(!format!("{error:?}").contains("1234"));
    }

    #[test]
    fn no_profiles_is_nothing_found() {
        assert!(choose(r#"{"profiles": []}"#, Path::new("c"), None).unwrap().is_none());
        assert!(choose("{}", Path::new("c"), Some("x".to_owned())).is_err());
    }

    #[test]
    fn file_and_switches() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        assert!(find(&path, &|_| None).unwrap().is_none());
        fs::write(&path, CONFIG).unwrap();
        let named = |name: &str| (name == "ALICLOUD_PROFILE").then(|| "guest".to_owned());
        assert_eq!(find(&path, &named).unwrap().unwrap().access_key_id, "gi");
        let unreadable = find(folder.path(), &|_| None);
        assert!(matches!(unreadable, Err(CredentialsError::Read { .. })));
        for switch in SWITCHES {
            assert!(is_disabled(&|name| (name == switch).then(|| "TRUE".to_owned())));
            assert!(!is_disabled(&|name| (name == switch).then(|| "0".to_owned())));
        }
    }
}
