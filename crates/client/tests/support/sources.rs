//! A home directory with configuration files, an environment, and a KMS that is called with the credentials found there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use bulla_client::{
    CallError, Client, ClientOptions, CredentialOptions, CredentialProvider, CredentialsError, Endpoint,
};
use bulla_wire::kms::DescribeRegions;
use tempfile::TempDir;

use super::fake::{Fake, Received};

pub(crate) const REGIONS: &str = r#"{"Regions":{"Region":[]},"RequestId":"r"}"#;
pub(crate) const FAR: &str = "2999-01-01T00:00:00Z";

/// The configuration of a user.
pub(crate) struct Setup {
    home: TempDir,
    variables: Vec<(String, String)>,
    pub(crate) kms: Fake,
    pub(crate) sts: Option<Endpoint>,
    pub(crate) imds_v1: bool,
    pub(crate) connection: ClientOptions,
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self::with_kms(Fake::start(|_| (200, REGIONS.to_owned())))
    }

    pub(crate) fn with_kms(kms: Fake) -> Self {
        let home = tempfile::tempdir().unwrap();
        Self {
            home,
            variables: vec![("ALIBABA_CLOUD_ECS_METADATA_DISABLED".to_owned(), "true".to_owned())],
            kms,
            sts: None,
            imds_v1: false,
            connection: ClientOptions::new(),
        }
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.unset(name);
        self.variables.push((name.to_owned(), value.into()));
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.variables.retain(|(found, _)| found != name);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Writes a file that only its owner can write.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        let parent = path.parent().unwrap();
        fs::create_dir_all(parent).unwrap();
        fs::set_permissions(parent, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Writes `~/.aliyun/config.json` with these profiles, the first of which is the current one.
    pub(crate) fn profiles(&self, profiles: &[serde_json::Value]) -> PathBuf {
        let config = serde_json::json!({ "current": profiles[0]["name"], "profiles": profiles });
        self.write(".aliyun/config.json", &config.to_string())
    }

    pub(crate) fn find(&self) -> Result<CredentialProvider, CredentialsError> {
        let kms = Endpoint::parse(&self.kms.url).unwrap();
        let mut options = CredentialOptions::new(kms, self.connection.clone()).imds_v1(self.imds_v1);
        if let Some(sts) = &self.sts {
            options = options.sts(sts.clone());
        }
        let environment = |name: &str| {
            self.variables.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone())
        };
        CredentialProvider::find(environment, Some(self.home.path()), &options)
    }

    /// Calls the KMS with the credentials that are found. Returns the request that the KMS received, and the place of the
    /// credentials.
    pub(crate) fn call(&self) -> Result<(Received, String), String> {
        let provider = self.find().map_err(|error| text(&error))?;
        let client = self.client(&provider);
        client.call(&DescribeRegions::default()).map_err(|error| text(&error))?;
        let place = provider.place().replace(&self.home.path().display().to_string(), "~");
        Ok((self.kms.received().remove(0), place))
    }

    pub(crate) fn client(&self, provider: &CredentialProvider) -> Client {
        let kms = Endpoint::parse(&self.kms.url).unwrap();
        Client::new(kms, provider.clone(), self.connection.clone()).unwrap()
    }

    /// Returns the error of a call or of the search, with its causes. It must not contain a secret.
    pub(crate) fn error(&self) -> String {
        let error = self.call().map(|(_, place)| place).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(self.kms.received().is_empty(), "nothing is sent without credentials");
        error.replace(&self.home.path().display().to_string(), "~")
    }
}

/// Formats an error with its causes, as users see it.
fn text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    assert!(!format!("{error:?}").contains("hunter2"));
    text
}

/// Returns the error code in the refusal of a call.
pub(crate) fn code(error: &CallError) -> &str {
    match error {
        CallError::Refused(refusal) => &refusal.code,
        other => panic!("{other:?}"),
    }
}

/// Returns the response of a metadata service or credentials URI.
pub(crate) fn coded(id: &str, expiration: &str) -> String {
    format!(
        r#"{{"Code":"Success","AccessKeyId":"{id}","AccessKeySecret":"secret of {id}","SecurityToken":"token-of-{id}","Expiration":"{expiration}","LastUpdated":"2026-01-01T00:00:00Z"}}"#
    )
    .replace("secret of ", "secret-of-")
}

/// Returns the response of an STS.
pub(crate) fn assumed(id: &str, expiration: &str) -> String {
    format!(
        r#"{{"RequestId":"r","AssumedRoleUser":{{"Arn":"a","AssumedRoleId":"b"}},"Credentials":{{"AccessKeyId":"{id}","AccessKeySecret":"secret-of-{id}","SecurityToken":"token-of-{id}","Expiration":"{expiration}"}}}}"#
    )
}
