//! The modes of a profile. Modes that need a browser, and modes that the KMS does not support, are refused.

use std::sync::Arc;

use super::{CachedLogin, Profile, ProfileFile, require};
use crate::credentials::chain::SearchContext;
use crate::credentials::cloud_sso::CloudSso;
use crate::credentials::error::{CredentialsError, ProcessProblem};
use crate::credentials::metadata::Instance;
use crate::credentials::process::ExternalProcess;
use crate::credentials::provider::{CredentialProvider, CredentialSource};
use crate::credentials::sts::{AssumedRole, OidcRole, RoleRequest, Sts};
use crate::credentials::uri::CredentialsUri;

/// Returns the credentials of the profile `name`.
pub(in crate::credentials) fn provider(
    file: &ProfileFile,
    name: &str,
    context: &SearchContext<'_>,
) -> Result<CredentialProvider, CredentialsError> {
    Reader { file, context }.provider(name, &[])
}

struct Reader<'a> {
    file: &'a ProfileFile,
    context: &'a SearchContext<'a>,
}

impl Reader<'_> {
    /// Returns the credentials of a profile. `above` are the profiles that have this one as their source.
    fn provider(&self, name: &str, above: &[&str]) -> Result<CredentialProvider, CredentialsError> {
        let profile = self.file.profile(name)?;
        let place = format!("{}: profile {name:?}", self.file.path.display());
        if above.contains(&name) {
            return Err(CredentialsError::Loop { place });
        }
        let sts = self.context.sts(&place, &profile.sts_endpoint, &profile.sts_region, profile.enable_vpc)?;
        let source = self.source(profile, &place, &sts, above)?;
        Ok(CredentialProvider::with_sts(place, source, sts))
    }

    fn source(
        &self,
        profile: &Profile,
        place: &str,
        sts: &Sts,
        above: &[&str],
    ) -> Result<CredentialSource, CredentialsError> {
        let fixed = |credentials| CredentialSource::Fixed(Arc::new(credentials));
        match mode(profile).as_str() {
            "ak" => profile.access_key(place, false).map(fixed),
            "ststoken" => profile.sts_token(place).map(fixed),
            "ramrolearn" => {
                let key = profile.access_key(place, true)?;
                role(CredentialProvider::new(place, fixed(key)), profile, place, sts)
            }
            "chainableramrolearn" => {
                let below = require(place, "source_profile", &profile.source_profile)?;
                let by = self.provider(below, &[above, &[profile.name.as_str()]].concat())?;
                role(by, profile, place, sts)
            }
            "ramrolearnwithrolename" => {
                let instance = self.instance(&profile.ram_role_name, place)?;
                role(
                    CredentialProvider::new(place, CredentialSource::Instance(instance)),
                    profile,
                    place,
                    sts,
                )
            }
            "ecsramrole" => self.instance(&profile.ram_role_name, place).map(CredentialSource::Instance),
            "oidc" => oidc(profile, place, sts),
            "external" => self.process(profile, place),
            "credentialsuri" => self.uri(profile, place),
            "cloudsso" => self.cloud_sso(profile, place),
            "oauth" => Ok(CredentialSource::CachedLogin(CachedLogin {
                path: self.file.path.clone(),
                profile: profile.name.clone(),
            })),
            _ => Err(CredentialsError::Mode { place: place.to_owned(), mode: profile.mode.clone() }),
        }
    }

    fn instance(&self, role: &str, place: &str) -> Result<Instance, CredentialsError> {
        let role = (!role.is_empty()).then(|| role.to_owned());
        Instance::new(role, self.context.options.imds_v1)
            .map_err(|source| CredentialsError::Setup { place: place.to_owned(), source })
    }

    fn process(&self, profile: &Profile, place: &str) -> Result<CredentialSource, CredentialsError> {
        if self.context.is_set("ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS", &["1", "true"]) {
            let problem = ProcessProblem::Disabled;
            return Err(CredentialsError::Process { place: place.to_owned(), problem });
        }
        let command = require(place, "process_command", &profile.process_command)?;
        ExternalProcess::new(command, place).map(CredentialSource::Process)
    }

    fn uri(&self, profile: &Profile, place: &str) -> Result<CredentialSource, CredentialsError> {
        let variable = (self.context.environment)("ALIBABA_CLOUD_CREDENTIALS_URI").unwrap_or_default();
        let uri = if profile.credentials_uri.is_empty() { &variable } else { &profile.credentials_uri };
        let uri = require(place, "credentials_uri", uri)?;
        CredentialsUri::new(uri, "credentials_uri", place, &self.context.options.connection)
            .map(CredentialSource::Uri)
    }

    fn cloud_sso(&self, profile: &Profile, place: &str) -> Result<CredentialSource, CredentialsError> {
        require(place, "cloud_sso_account_id", &profile.cloud_sso_account_id)?;
        require(place, "cloud_sso_access_config", &profile.cloud_sso_access_config)?;
        require(place, "access_token", profile.access_token.expose())?;
        let path = self.file.path.clone();
        CloudSso::new(path, profile, place, &self.context.options.connection).map(CredentialSource::CloudSso)
    }
}

/// Returns the mode in lower case. Like the `aliyun` command line, infers a missing mode from the fields.
fn mode(profile: &Profile) -> String {
    if !profile.mode.is_empty() {
        return profile.mode.to_ascii_lowercase();
    }
    let is_set = |fields: &[&str]| fields.iter().all(|field| !field.is_empty());
    let guessed = if is_set(&[&profile.access_key_id, profile.access_key_secret.expose()]) {
        match (profile.sts_token.expose(), profile.ram_role_arn.as_str()) {
            ("", "") => "ak",
            ("", _) => "ramrolearn",
            _ => "ststoken",
        }
    } else if is_set(&[&profile.ram_role_name]) {
        "ecsramrole"
    } else if is_set(&[&profile.process_command]) {
        "external"
    } else if is_set(&[&profile.oidc_provider_arn, &profile.oidc_token_file, &profile.ram_role_arn]) {
        "oidc"
    } else if is_set(&[&profile.cloud_sso_sign_in_url]) {
        "cloudsso"
    } else {
        "ak"
    };
    guessed.to_owned()
}

fn role(
    by: CredentialProvider,
    profile: &Profile,
    place: &str,
    sts: &Sts,
) -> Result<CredentialSource, CredentialsError> {
    AssumedRole::new(by, sts, role_request(profile, place)?, place).map(CredentialSource::Role)
}

fn oidc(profile: &Profile, place: &str, sts: &Sts) -> Result<CredentialSource, CredentialsError> {
    let provider_arn = require(place, "oidc_provider_arn", &profile.oidc_provider_arn)?.to_owned();
    let token_file = require(place, "oidc_token_file", &profile.oidc_token_file)?.into();
    OidcRole::new(sts, provider_arn, token_file, role_request(profile, place)?, place)
        .map(CredentialSource::Oidc)
}

fn role_request(profile: &Profile, place: &str) -> Result<RoleRequest, CredentialsError> {
    let duration_seconds = match profile.expired_seconds {
        0 => RoleRequest::DEFAULT_DURATION,
        seconds @ RoleRequest::MIN_DURATION.. => seconds,
        _ => {
            let expected = "a number of seconds from 900 on";
            let field = "expired_seconds";
            return Err(CredentialsError::Invalid { place: place.to_owned(), field, expected });
        }
    };
    Ok(RoleRequest {
        role_arn: require(place, "ram_role_arn", &profile.ram_role_arn)?.to_owned(),
        session_name: RoleRequest::session_name_or_default(&profile.ram_session_name),
        duration_seconds,
        policy: Some(profile.policy.clone()).filter(|policy| !policy.is_empty()),
        external_id: Some(profile.external_id.clone()).filter(|id| !id.is_empty()),
    })
}
