//! The order in which credentials are searched: that of the official libraries.
//!
//! A configured source is selected at once, without a connection. Only whether this machine is a cloud instance with a role is
//! determined with the first request to sign, by calling the metadata service; the result is kept.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::environment;
use super::error::{CredentialsError, ServerProblem};
use super::ini::IniFile;
use super::metadata::{Instance, is_no_instance};
use super::profile::{self, ProfileFile};
use super::provider::{CredentialProvider, CredentialSource};
use super::refresh::Session;
use super::sts::Sts;
use super::uri::CredentialsUri;
use crate::endpoint::Endpoint;
use crate::options::ClientOptions;

/// Options of the search for credentials: the KMS that they are for, and how to reach servers that issue credentials.
#[derive(Clone, Debug)]
pub struct CredentialOptions {
    pub(super) connection: ClientOptions,
    pub(super) imds_v1: bool,
    kms: Endpoint,
    sts: Option<Endpoint>,
}

impl CredentialOptions {
    /// Creates options for credentials for `kms`. `connection` applies to servers that issue credentials too.
    ///
    /// Servers that the user names must have a certificate that `connection` trusts; the cloud's own servers one that the system
    /// trusts. Roles are assumed at the cloud's STS if the KMS is the cloud's, and otherwise at the KMS itself, unless an STS is
    /// named.
    #[must_use]
    pub fn new(kms: Endpoint, connection: ClientOptions) -> Self {
        Self { connection, imds_v1: false, kms, sts: None }
    }

    /// Sets the STS at which roles are assumed. It takes precedence over those of profiles and the environment.
    #[must_use]
    pub fn sts(mut self, endpoint: Endpoint) -> Self {
        self.sts = Some(endpoint);
        self
    }

    /// Sets whether to call the metadata service without a token (IMDSv1) if it does not issue one. This is off by default,
    /// because a program that an attacker can make send a GET to any address would then leak the role's credentials.
    #[must_use]
    pub fn imds_v1(mut self, allowed: bool) -> Self {
        self.imds_v1 = allowed;
        self
    }
}

impl CredentialProvider {
    /// Finds credentials where the official clients find theirs, and uses the first configured source:
    ///
    /// 1. `ALIBABA_CLOUD_ACCESS_KEY_ID`, `ALIBABA_CLOUD_ACCESS_KEY_SECRET` and, if set, `ALIBABA_CLOUD_SECURITY_TOKEN`; then the
    ///    same names with the prefix `ALIBABACLOUD_`, with `ALICLOUD_`, and without a prefix. All parts of an access key must
    ///    have the same prefix.
    /// 2. A role with OpenID Connect: `ALIBABA_CLOUD_ROLE_ARN`, `ALIBABA_CLOUD_OIDC_PROVIDER_ARN` and
    ///    `ALIBABA_CLOUD_OIDC_TOKEN_FILE`, and, if set, `ALIBABA_CLOUD_ROLE_SESSION_NAME`.
    /// 3. A profile of the `aliyun` command line in `ALIBABA_CLOUD_CONFIG_FILE` or `~/.aliyun/config.json`: the one that
    ///    `ALIBABA_CLOUD_PROFILE` (or `ALIBABACLOUD_PROFILE`, `ALICLOUD_PROFILE`) names, or the `current` one. Skipped if
    ///    `ALIBABA_CLOUD_CLI_PROFILE_DISABLED` or `ALIBABA_CLOUD_IGNORE_PROFILE` is `true`.
    /// 4. The section `default`, or that of the named profile, in the file that `ALIBABA_CLOUD_CREDENTIALS_FILE` names, or in
    ///    `~/.alibabacloud/credentials.ini`, or in `~/.alibabacloud/credentials`.
    /// 5. The role of this cloud instance, which `ALIBABA_CLOUD_ECS_METADATA` may name, from the metadata service. Skipped if
    ///    `ALIBABA_CLOUD_ECS_METADATA_DISABLED` is `true`.
    /// 6. `ALIBABA_CLOUD_CREDENTIALS_URI`.
    ///
    /// `environment` returns the value of a variable, such as `|name| std::env::var(name).ok()`; an empty value counts as absent.
    /// The search makes no connection; the first call does.
    ///
    /// # Errors
    /// [`CredentialsError`] if no source is configured, or if the first configured source cannot be used.
    pub fn find(
        environment: impl Fn(&str) -> Option<String>,
        home: Option<&Path>,
        options: &CredentialOptions,
    ) -> Result<Self, CredentialsError> {
        let environment = |name: &str| environment(name).filter(|value| !value.is_empty());
        SearchContext { environment: &environment, home, options }.find()
    }
}

/// The input of the search for credentials.
pub(super) struct SearchContext<'a> {
    /// Returns the value of a variable that is set and not empty.
    pub(super) environment: &'a dyn Fn(&str) -> Option<String>,
    home: Option<&'a Path>,
    pub(super) options: &'a CredentialOptions,
}

impl SearchContext<'_> {
    fn find(&self) -> Result<CredentialProvider, CredentialsError> {
        if let Some((place, source)) = environment::find(self)? {
            let sts = self.sts(&place, "", "", false)?;
            return Ok(CredentialProvider::with_sts(place, source, sts));
        }
        let mut looked = Looked::default();
        let named = PROFILE_NAMES.iter().find_map(|name| (self.environment)(name));
        if let Some(found) = self.in_profiles(named.as_deref(), &mut looked)? {
            return Ok(found);
        }
        if let Some(found) = self.in_sections(named.as_deref(), &mut looked)? {
            return Ok(found);
        }
        if let Some(profile) = named {
            return Err(CredentialsError::NoProfile { profile, paths: looked.paths });
        }
        self.elsewhere(looked)
    }

    /// Searches the profiles of the `aliyun` command line.
    fn in_profiles(
        &self,
        named: Option<&str>,
        looked: &mut Looked,
    ) -> Result<Option<CredentialProvider>, CredentialsError> {
        if SWITCHES.iter().any(|switch| self.is_set(switch, &["true"])) {
            looked.texts.push("profiles of the aliyun command line are switched off".to_owned());
            return Ok(None);
        }
        let variable = (self.environment)("ALIBABA_CLOUD_CONFIG_FILE").map(PathBuf::from);
        let usual = self.home.map(|home| home.join(".aliyun").join("config.json"));
        let is_named = variable.is_some();
        let Some(path) = variable.or(usual) else {
            return Ok(None);
        };
        looked.at(&path);
        let file = if is_named { Some(ProfileFile::read_named(&path)?) } else { ProfileFile::read(&path)? };
        let Some(file) = file else {
            return Ok(None);
        };
        let name = match named {
            Some(name) => Some(name).filter(|name| file.has(name)),
            None => file.current(),
        };
        name.map(|name| profile::provider(&file, name, self)).transpose()
    }

    /// Searches the credentials file of the SDKs.
    fn in_sections(
        &self,
        named: Option<&str>,
        looked: &mut Looked,
    ) -> Result<Option<CredentialProvider>, CredentialsError> {
        let section = named.unwrap_or("default");
        if let Some(path) = (self.environment)("ALIBABA_CLOUD_CREDENTIALS_FILE").map(PathBuf::from) {
            looked.at(&path);
            return IniFile::read_named(&path)?.provider(section, self);
        }
        let Some(home) = self.home else {
            return Ok(None);
        };
        for name in ["credentials.ini", "credentials"] {
            let path = home.join(".alibabacloud").join(name);
            if let Some(file) = IniFile::read(&path)? {
                looked.at(&path);
                return file.provider(section, self);
            }
        }
        Ok(None)
    }

    /// Searches the instance role and the credentials URI.
    fn elsewhere(&self, mut looked: Looked) -> Result<CredentialProvider, CredentialsError> {
        let off = self.is_set("ALIBABA_CLOUD_ECS_METADATA_DISABLED", &["true"]);
        let role = (self.environment)("ALIBABA_CLOUD_ECS_METADATA");
        let is_named = role.is_some();
        let instance = (!off).then(|| Instance::new(role, self.options.imds_v1)).transpose();
        let instance =
            instance.map_err(|source| CredentialsError::Setup { place: METADATA.to_owned(), source })?;
        let sts = self.sts(METADATA, "", "", false)?;
        let instance = match instance {
            Some(instance) if is_named => {
                return Ok(CredentialProvider::with_sts(METADATA, CredentialSource::Instance(instance), sts));
            }
            other => other,
        };
        let uri = (self.environment)(URI);
        let uri = uri.map(|uri| CredentialsUri::new(&uri, "its value", URI, &self.options.connection));
        let search = match (instance, uri.transpose()?) {
            (None, Some(uri)) => {
                return Ok(CredentialProvider::with_sts(URI, CredentialSource::Uri(uri), sts));
            }
            (None, None) => {
                looked.texts.push("the metadata service is switched off".to_owned());
                return Err(looked.not_found());
            }
            (Some(instance), uri) => Search { instance, uri, looked, found: OnceLock::new() },
        };
        Ok(CredentialProvider::with_sts(METADATA, CredentialSource::Search(search), sts))
    }

    /// Whether a variable has one of `values`, in any case.
    pub(super) fn is_set(&self, name: &str, values: &[&str]) -> bool {
        let found = (self.environment)(name);
        found.is_some_and(|found| values.iter().any(|value| value.eq_ignore_ascii_case(&found)))
    }

    /// Returns the STS for a source with this endpoint and region, which may be empty.
    pub(super) fn sts(
        &self,
        place: &str,
        endpoint: &str,
        region: &str,
        vpc: bool,
    ) -> Result<Sts, CredentialsError> {
        let CredentialOptions { connection, kms, sts, .. } = self.options;
        let variable = |name| (self.environment)(name).unwrap_or_default();
        let or = |value: &str, name| if value.is_empty() { variable(name) } else { value.to_owned() };
        let named = |endpoint| Sts { endpoint, options: connection.clone() };
        let of_cloud = |endpoint| Sts { endpoint, options: connection.clone().trusting_the_system() };
        // An error in the value of a variable names the variable, not the source of the credentials.
        let place_of =
            |value: &str, name: &str| if value.is_empty() { name.to_owned() } else { place.to_owned() };
        let invalid = |place, field, expected| CredentialsError::Invalid { place, field, expected };

        let endpoint_place = place_of(endpoint, STS_ENDPOINT);
        let region_place = place_of(region, STS_REGION);
        let endpoint = or(endpoint, STS_ENDPOINT);
        let region = or(region, STS_REGION);
        if let Some(endpoint) = sts {
            return Ok(named(endpoint.clone()));
        }
        if !endpoint.is_empty() {
            let expected = "HOST, https://HOST:PORT or http://LOOPBACK:PORT";
            return Endpoint::parse_sts(&endpoint)
                .map(named)
                .map_err(|_| invalid(endpoint_place, "the STS endpoint", expected));
        }
        if !region.is_empty() {
            let vpc = vpc || self.is_set("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", &["true"]);
            let service = if vpc { "sts-vpc" } else { "sts" };
            return Endpoint::of_region(service, &region)
                .map(of_cloud)
                .map_err(|_| invalid(region_place, "the region of the STS", "a region such as cn-hangzhou"));
        }
        Ok(match kms.region().filter(|_| kms.is_vpc()) {
            Some(region) => {
                of_cloud(Endpoint::of_region("sts-vpc", region).expect("it is a region of a KMS"))
            }
            None if kms.is_cloud() => of_cloud(Endpoint::sts()),
            None => named(kms.clone()),
        })
    }
}

/// The places that were searched so far.
struct Looked {
    texts: Vec<String>,
    /// The files that were searched.
    paths: Vec<PathBuf>,
}

impl Default for Looked {
    fn default() -> Self {
        Self { texts: vec!["not in the environment".to_owned()], paths: Vec::new() }
    }
}

impl Looked {
    fn at(&mut self, path: &Path) {
        self.texts.push(format!("not in {}", path.display()));
        self.paths.push(path.to_owned());
    }

    fn not_found(&self) -> CredentialsError {
        CredentialsError::NotFound { looked: self.texts.clone() }
    }
}

/// The instance role if this machine has one, otherwise the credentials URI if one is set.
pub(super) struct Search {
    instance: Instance,
    uri: Option<CredentialsUri>,
    looked: Looked,
    /// The source that first returned credentials. The other one is not called anymore.
    found: OnceLock<Found>,
}

#[derive(Clone, Copy)]
enum Found {
    Instance,
    Uri,
}

impl Search {
    /// Returns the source that returned credentials, if one did.
    pub(super) fn found(&self) -> Option<&'static str> {
        self.found.get().map(|found| match found {
            Found::Instance => METADATA,
            Found::Uri => URI,
        })
    }

    pub(super) fn fetch(&self) -> Result<Session, CredentialsError> {
        match (self.found.get(), &self.uri) {
            (Some(Found::Uri), Some(uri)) => uri.fetch(URI),
            (Some(_), _) => self.instance.fetch(METADATA),
            (None, uri) => self.first(uri.as_ref()),
        }
    }

    fn first(&self, uri: Option<&CredentialsUri>) -> Result<Session, CredentialsError> {
        let (session, found) = match (self.instance.fetch(METADATA), uri) {
            (Ok(session), _) => (session, Found::Instance),
            (Err(error), Some(uri)) if is_no_instance(&error) => (uri.fetch(URI)?, Found::Uri),
            (Err(error), None) if is_no_instance(&error) => {
                let mut texts = self.looked.texts.clone();
                texts.push(match error {
                    CredentialsError::Server { problem: ServerProblem::NoToken(status), .. } => {
                        format!("the metadata service answered {status} to the request for a token (IMDSv2)")
                    }
                    _ => "this machine has no instance role".to_owned(),
                });
                return Err(CredentialsError::NotFound { looked: texts });
            }
            (Err(error), _) => return Err(error),
        };
        let _ = self.found.set(found); // cannot be set already, because only one thread fetches at a time
        Ok(session)
    }
}

const METADATA: &str = "the metadata service";
const STS_ENDPOINT: &str = "ALIBABA_CLOUD_STS_ENDPOINT";
const STS_REGION: &str = "ALIBABA_CLOUD_STS_REGION";
const URI: &str = "ALIBABA_CLOUD_CREDENTIALS_URI";
const PROFILE_NAMES: [&str; 3] = ["ALIBABA_CLOUD_PROFILE", "ALIBABACLOUD_PROFILE", "ALICLOUD_PROFILE"];
const SWITCHES: [&str; 2] = ["ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "ALIBABA_CLOUD_IGNORE_PROFILE"];

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the STS for a KMS with these variables, and whether the user's certificates are trusted there.
    fn sts(kms: &str, variables: &[(&str, &str)]) -> (String, bool) {
        let connection = ClientOptions::new().ca("/ca.pem");
        let options = CredentialOptions::new(Endpoint::parse(kms).unwrap(), connection);
        let environment = |name: &str| {
            variables.iter().find(|(found, _)| *found == name).map(|(_, value)| (*value).to_owned())
        };
        let context = SearchContext { environment: &environment, home: None, options: &options };
        let sts = context.sts("here", "", "", false).unwrap();
        (sts.endpoint.to_string(), sts.options.ca.is_some())
    }

    #[test]
    fn the_sts_of_each_kind_of_kms() {
        for (kms, host) in [
            ("aliyun:cn-hangzhou", "https://sts.aliyuncs.com"),
            ("aliyun-vpc:cn-hangzhou", "https://sts-vpc.cn-hangzhou.aliyuncs.com"),
            ("https://kms-vpc.cn-beijing.aliyuncs.com", "https://sts-vpc.cn-beijing.aliyuncs.com"),
            ("https://kst-hzz1.cryptoservice.kms.aliyuncs.com", "https://sts.aliyuncs.com"),
        ] {
            assert_eq!(sts(kms, &[]), (host.to_owned(), false), "{kms}");
        }
        for kms in ["https://kms.example:8443", "http://127.0.0.1:8080"] {
            assert_eq!(sts(kms, &[]), (kms.to_owned(), true));
        }
    }

    #[test]
    fn a_named_profile_is_not_skipped() {
        let options = CredentialOptions::new(Endpoint::parse("https://kms").unwrap(), ClientOptions::new());
        for variables in [
            &[("ALIBABA_CLOUD_PROFILE", "work")][..],
            &[("ALICLOUD_PROFILE", "work"), ("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true")],
        ] {
            let environment = |name: &str| {
                variables.iter().find(|(found, _)| *found == name).map(|(_, value)| (*value).to_owned())
            };
            let error = CredentialProvider::find(environment, None, &options).unwrap_err();
            assert_eq!(error.to_string(), "no configuration file has a profile \"work\"");
        }
    }

    #[test]
    fn errors_about_the_sts_name_the_setting() {
        let options = CredentialOptions::new(Endpoint::parse("https://kms").unwrap(), ClientOptions::new());
        for (name, field) in [(STS_ENDPOINT, "the STS endpoint"), (STS_REGION, "the region of the STS")] {
            let environment = |variable: &str| (variable == name).then(|| "http://sts.example/".to_owned());
            let context = SearchContext { environment: &environment, home: None, options: &options };
            let error = context.sts("here", "", "", false).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{name}: {field} is not ")), "{error}");
            let error = context.sts("here", "a b", "a b", false).unwrap_err().to_string();
            assert!(error.starts_with("here: the STS endpoint is not "), "{error}");
        }
    }

    #[test]
    fn variables_name_another_sts() {
        let region = ("ALIBABA_CLOUD_STS_REGION", "cn-beijing");
        let vpc = ("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", "true");
        let named = ("ALIBABA_CLOUD_STS_ENDPOINT", "sts.example:8443");
        for kms in ["aliyun:cn-hangzhou", "https://kms.example"] {
            for (variables, expected) in [
                (&[region][..], ("https://sts.cn-beijing.aliyuncs.com", false)),
                (&[region, vpc], ("https://sts-vpc.cn-beijing.aliyuncs.com", false)),
                (&[named], ("https://sts.example:8443", true)),
                (&[region, vpc, named], ("https://sts.example:8443", true)),
            ] {
                assert_eq!(sts(kms, variables), (expected.0.to_owned(), expected.1));
            }
        }
        assert_eq!(sts("aliyun:cn-a", &[vpc]).0, "https://sts.aliyuncs.com", "a VPC alone names no region");
    }
}
