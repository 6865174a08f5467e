//! Credentials, found where the official clients find them.
//!
//! [`chain`] defines the order of the sources. If a configured source cannot be used, the search fails with an error that names
//! the source instead of trying the next one, so that a command never runs under another identity by accident. No file of another
//! tool is written.

mod answer;
mod chain;
mod cloud_sso;
mod environment;
mod error;
mod ini;
mod metadata;
mod process;
mod profile;
mod provider;
mod refresh;
mod server;
mod sts;
mod trusted_file;
mod uri;

use bulla_wire::SecretText;

pub use self::chain::CredentialOptions;
pub use self::error::{CredentialsError, ProcessProblem, ServerProblem, Writer};
pub use self::provider::CredentialProvider;
pub use self::sts::Sts;

/// An access key, with a security token if it is temporary.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub(crate) access_key_id: String,
    /// The secret that signs requests. It is not sent.
    pub(crate) access_key_secret: SecretText,
    /// The security token, which is sent with temporary credentials.
    pub(crate) security_token: Option<SecretText>,
}

impl Credentials {
    /// Creates the credentials of an access key.
    ///
    /// # Errors
    /// [`CredentialsError::Unprintable`] if a value cannot be part of a header.
    pub fn new(
        access_key_id: impl Into<String>,
        access_key_secret: impl Into<SecretText>,
    ) -> Result<Self, CredentialsError> {
        let access_key_id = access_key_id.into();
        let access_key_secret = access_key_secret.into();
        Self { access_key_id, access_key_secret, security_token: None }.checked(caller)
    }

    /// Adds the security token of a temporary access key.
    ///
    /// # Errors
    /// [`CredentialsError::Unprintable`] if the token cannot be part of a header.
    pub fn with_security_token(self, token: impl Into<SecretText>) -> Result<Self, CredentialsError> {
        Self { security_token: Some(token.into()), ..self }.checked(caller)
    }

    /// Returns the id of the access key, which is not secret.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// Refuses values that cannot be part of a header. No KMS issues such values.
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

/// The place of credentials that the calling program passed.
fn caller() -> String {
    "the program".to_owned()
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
            assert_eq!(error.to_string(), "the access key in HERE has invalid characters");
            let brought = Credentials::new(id, secret.to_owned());
            let brought = brought.and_then(|key| key.with_security_token(token.to_owned()));
            assert!(matches!(brought, Err(CredentialsError::Unprintable { .. })), "{id:?} {token:?}");
        }
    }
}
