//! Who calls: an access key, looked for where the official clients look for it.
//!
//! First the environment, then the profile of the `aliyun` command line. What is half there or of a kind that
//! is not supported is an error, never skipped: a command must not run as somebody else by accident.

mod environment;
mod profile;

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use bulla_wire::SecretText;

/// An access key, with a security token if it is temporary.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub(crate) access_key_id: String,
    /// What requests are signed with; never sent.
    pub(crate) access_key_secret: SecretText,
    /// Sent with temporary credentials.
    pub(crate) security_token: Option<SecretText>,
}

impl Credentials {
    /// An access key.
    ///
    /// # Errors
    /// [`CredentialsError::Unprintable`].
    pub fn new(
        access_key_id: impl Into<String>,
        access_key_secret: impl Into<SecretText>,
    ) -> Result<Self, CredentialsError> {
        let access_key_id = access_key_id.into();
        let access_key_secret = access_key_secret.into();
        Self { access_key_id, access_key_secret, security_token: None }.checked(caller)
    }

    /// The same with the security token of a temporary access key.
    ///
    /// # Errors
    /// [`CredentialsError::Unprintable`].
    pub fn with_security_token(self, token: impl Into<SecretText>) -> Result<Self, CredentialsError> {
        Self { security_token: Some(token.into()), ..self }.checked(caller)
    }

    /// The name of the access key; not secret.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// Looks in the environment, then in the `aliyun` profile below `home`.
    ///
    /// 1. `ALIBABA_CLOUD_ACCESS_KEY_ID`, `ALIBABA_CLOUD_ACCESS_KEY_SECRET` and, if set,
    ///    `ALIBABA_CLOUD_SECURITY_TOKEN`; then the same names with `ALIBABACLOUD_`, `ALICLOUD_` and without
    ///    a prefix. The parts of one access key must be spelled alike.
    /// 2. `~/.aliyun/config.json`: the profile that `ALIBABA_CLOUD_PROFILE` (or `ALIBABACLOUD_PROFILE`,
    ///    `ALICLOUD_PROFILE`) names, else its `current` one, in mode AK or StsToken; not read if
    ///    `ALIBABA_CLOUD_CLI_PROFILE_DISABLED` or `ALIBABA_CLOUD_IGNORE_PROFILE` is `true`.
    ///
    /// `environment` gives the value of a variable, such as `|name| std::env::var(name).ok()`; an empty value
    /// counts as absent. Nothing else of the process is read.
    ///
    /// # Errors
    /// Nothing found, or something that cannot be used, as [`CredentialsError`] says.
    pub fn find(
        environment: impl Fn(&str) -> Option<String>,
        home: Option<&Path>,
    ) -> Result<Self, CredentialsError> {
        let environment = |name: &str| environment(name).filter(|value| !value.is_empty());
        if let Some(credentials) = environment::find(&environment)? {
            return Ok(credentials);
        }
        let config = home.map(|home| home.join(".aliyun").join("config.json"));
        match &config {
            Some(path) if !profile::is_disabled(&environment) => {
                profile::find(path, &environment)?.ok_or(CredentialsError::NotFound { config })
            }
            _ => Err(CredentialsError::NotFound { config: None }),
        }
    }

    /// Refuses values that cannot stand in a header, which are also values that no KMS gave out.
    fn checked(self, place: impl Fn() -> String) -> Result<Self, CredentialsError> {
        let printable = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        let id = printable(&self.access_key_id) && !self.access_key_id.contains(',');
        let token = self.security_token.as_ref().is_none_or(|token| printable(token.expose()));
        if id && token && printable(self.access_key_secret.expose()) {
            Ok(self)
        } else {
            Err(CredentialsError::Unprintable { place: place() })
        }
    }
}

/// Names credentials that a program has brought itself.
fn caller() -> String {
    "the program".to_owned()
}

/// Why there are no credentials to sign with. Shows names and places, never values.
#[derive(Debug)]
#[non_exhaustive]
pub enum CredentialsError {
    /// Neither place holds an access key.
    NotFound {
        /// The configuration file that was looked for; None if profiles are disabled or there is no home.
        config: Option<PathBuf>,
    },
    /// One half of an access key is in the environment, the other is not.
    HalfSet {
        /// The variable that is set.
        set: String,
        /// The variable that is not.
        missing: String,
    },
    /// A value with blanks, line ends or other characters that no access key has.
    Unprintable {
        /// Where the value is from.
        place: String,
    },
    /// The configuration file is there but cannot be read.
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The configuration file is not the JSON that it should be.
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line of the first mistake, from 1.
        line: usize,
    },
    /// The configuration file has no profile of this name.
    NoProfile {
        /// The file.
        path: PathBuf,
        /// The name.
        profile: String,
    },
    /// The profile is of a kind that bulla does not support.
    Mode {
        /// The file.
        path: PathBuf,
        /// The name of the profile.
        profile: String,
        /// Its mode, such as `RamRoleArn`.
        mode: String,
    },
    /// The profile lacks a field that its mode needs.
    Incomplete {
        /// The file.
        path: PathBuf,
        /// The name of the profile.
        profile: String,
        /// The field.
        field: &'static str,
    },
}

impl CredentialsError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotFound { .. } | Self::HalfSet { .. } => {
                "set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or run `aliyun configure`"
            }
            Self::Unprintable { .. } => "copy the access key again, without blanks or line ends",
            Self::Read { .. } | Self::Malformed { .. } => {
                "repair the file, or set ALIBABA_CLOUD_CLI_PROFILE_DISABLED=true to leave it out"
            }
            Self::NoProfile { .. } => "name another profile in ALIBABA_CLOUD_PROFILE",
            Self::Mode { .. } => {
                "use a profile of mode AK or StsToken, or set ALIBABA_CLOUD_ACCESS_KEY_ID and _SECRET"
            }
            Self::Incomplete { .. } => "run `aliyun configure` again",
        }
    }
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { config: Some(path) } => {
                write!(f, "no access key: neither in the environment nor in {}", path.display())
            }
            Self::NotFound { config: None } => {
                f.write_str("no access key: not in the environment, and profiles of ~/.aliyun are not read")
            }
            Self::HalfSet { set, missing } => write!(f, "{set} is set, but {missing} is not"),
            Self::Unprintable { place } => write!(f, "the access key in {place} has impossible characters"),
            Self::Read { path, .. } => write!(f, "{} cannot be read", path.display()),
            Self::Malformed { path, line } => {
                write!(f, "{}: line {line} is not what `aliyun configure` writes", path.display())
            }
            Self::NoProfile { path, profile } => write!(f, "{}: no profile {profile:?}", path.display()),
            Self::Mode { path, profile, mode } => {
                write!(f, "{}: profile {profile:?} has the mode {mode:?}, not AK or StsToken", path.display())
            }
            Self::Incomplete { path, profile, field } => {
                write!(f, "{}: profile {profile:?} has no {field}", path.display())
            }
        }
    }
}

impl Error for CredentialsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show() {
        let credentials = Credentials {
            access_key_id: "id".to_owned(),
            access_key_secret: "hunter2".to_owned().into(),
            security_token: Some("hunter2".to_owned().into()),
        };
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }

    #[test]
    fn values_must_fit_a_header() {
        for (id, secret, token) in
            [("id\n", "s", "t"), ("a,b", "s", "t"), ("id", "s ", "t"), ("id", "s", "t\r\nx: y")]
        {
            let credentials = Credentials {
                access_key_id: id.to_owned(),
                access_key_secret: secret.to_owned().into(),
                security_token: Some(token.to_owned().into()),
            };
            let error = credentials.checked(|| "HERE".to_owned()).unwrap_err();
            assert_eq!(error.to_string(), "the access key in HERE has impossible characters");
            let brought = Credentials::new(id, secret.to_owned());
            let brought = brought.and_then(|key| key.with_security_token(token.to_owned()));
            assert!(matches!(brought, Err(CredentialsError::Unprintable { .. })), "{id:?} {token:?}");
        }
    }

    #[test]
    fn nothing_found_names_both_places() {
        let nothing = |_: &str| None;
        let error = Credentials::find(nothing, Some(Path::new("/nonexistent"))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no access key: neither in the environment nor in /nonexistent/.aliyun/config.json"
        );
        let error = Credentials::find(nothing, None).unwrap_err();
        assert!(matches!(error, CredentialsError::NotFound { config: None }));
    }
}
