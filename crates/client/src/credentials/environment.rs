//! Credentials in environment variables: an access key, with the variable names of the SDKs or of the `aliyun` command line, or a
//! role with OpenID Connect.

use std::sync::Arc;

use super::Credentials;
use super::chain::SearchContext;
use super::error::CredentialsError;
use super::provider::CredentialSource;
use super::sts::{OidcRole, RoleRequest};

/// Returns the place and the source, if the environment has one.
pub(super) fn find(
    context: &SearchContext<'_>,
) -> Result<Option<(String, CredentialSource)>, CredentialsError> {
    let key = access_key(context.environment)?;
    if let Some((variable, credentials)) = key {
        return Ok(Some((variable, CredentialSource::Fixed(Arc::new(credentials)))));
    }
    oidc(context)
}

/// Returns the access key of the first prefix with a variable that is set. Parts of two access keys are never combined.
fn access_key(
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<(String, Credentials)>, CredentialsError> {
    for prefix in PREFIXES {
        let id_name = format!("{prefix}ACCESS_KEY_ID");
        let secret_name = format!("{prefix}ACCESS_KEY_SECRET");
        let credentials = match (environment(&id_name), environment(&secret_name)) {
            (None, None) => continue,
            (Some(_), None) => return Err(CredentialsError::HalfSet { set: id_name, missing: secret_name }),
            (None, Some(_)) => return Err(CredentialsError::HalfSet { set: secret_name, missing: id_name }),
            (Some(id), Some(secret)) => Credentials {
                access_key_id: id,
                access_key_secret: secret.into(),
                security_token: environment(&format!("{prefix}SECURITY_TOKEN")).map(Into::into),
            },
        };
        return credentials.checked(|| id_name.clone()).map(|credentials| Some((id_name, credentials)));
    }
    Ok(None)
}

/// Returns a role with OpenID Connect. A role ARN alone is ignored: other tools assume that role with an access key.
fn oidc(context: &SearchContext<'_>) -> Result<Option<(String, CredentialSource)>, CredentialsError> {
    let found = OIDC.map(|name| (context.environment)(name));
    let [role_arn, provider_arn, token_file] = match found {
        [Some(role), Some(provider), Some(file)] => [role, provider, file],
        [_, None, None] => return Ok(None),
        found => {
            let name = |is_set: bool| {
                let mut names = OIDC.iter().zip(&found).rev();
                names.find(|(_, value)| value.is_some() == is_set).map_or("", |(name, _)| name).to_owned()
            };
            return Err(CredentialsError::HalfSet { set: name(true), missing: name(false) });
        }
    };
    let place = TOKEN_FILE.to_owned();
    let session_name = (context.environment)("ALIBABA_CLOUD_ROLE_SESSION_NAME").unwrap_or_default();
    let request = RoleRequest {
        role_arn,
        session_name: RoleRequest::session_name_or_default(&session_name),
        duration_seconds: RoleRequest::DEFAULT_DURATION,
        policy: None,
        external_id: None,
    };
    let sts = context.sts(&place, "", "", false)?;
    let role = OidcRole::new(&sts, provider_arn, token_file.into(), request, &place)?;
    Ok(Some((place, CredentialSource::Oidc(role))))
}

const TOKEN_FILE: &str = "ALIBABA_CLOUD_OIDC_TOKEN_FILE";
const OIDC: [&str; 3] = ["ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", TOKEN_FILE];
const PREFIXES: [&str; 4] = ["ALIBABA_CLOUD_", "ALIBABACLOUD_", "ALICLOUD_", ""];

#[cfg(test)]
mod tests {
    use super::*;

    fn look(variables: &[(&str, &str)]) -> Result<Option<Credentials>, CredentialsError> {
        let environment =
            |name: &str| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
        Ok(access_key(&environment)?.map(|(_, credentials)| credentials))
    }

    #[test]
    fn every_spelling_is_found() {
        for prefix in PREFIXES {
            let [id, secret, token] = ["ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN"]
                .map(|name| format!("{prefix}{name}"));
            let found = look(&[(&id, "i"), (&secret, "s"), (&token, "t")]).unwrap().unwrap();
            assert_eq!(found.access_key_id, "i");
            assert_eq!(found.access_key_secret.expose(), "s");
            assert_eq!(found.security_token.unwrap().expose(), "t");
            assert!(look(&[(&id, "i"), (&secret, "s")]).unwrap().unwrap().security_token.is_none());
        }
        assert!(look(&[]).unwrap().is_none());
    }

    #[test]
    fn the_spelling_of_the_sdks_wins() {
        let found = look(&[
            ("ACCESS_KEY_ID", "cli"),
            ("ACCESS_KEY_SECRET", "s"),
            ("SECURITY_TOKEN", "of another key"),
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", "sdk"),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "s"),
        ]);
        let found = found.unwrap().unwrap();
        assert_eq!(found.access_key_id, "sdk");
        assert!(found.security_token.is_none());
    }

    #[test]
    fn half_an_access_key_is_an_error() {
        let error = look(&[("ALICLOUD_ACCESS_KEY_ID", "i"), ("ACCESS_KEY_SECRET", "s")]).unwrap_err();
        assert_eq!(error.to_string(), "ALICLOUD_ACCESS_KEY_ID is set, but ALICLOUD_ACCESS_KEY_SECRET is not");
        let error = look(&[("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "hunter2")]).unwrap_err();
        assert!(error.to_string().starts_with("ALIBABA_CLOUD_ACCESS_KEY_SECRET is set"));
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn impossible_characters_are_refused() {
        let found = look(&[("ACCESS_KEY_ID", "i"), ("ACCESS_KEY_SECRET", "s\n")]);
        assert!(matches!(found, Err(CredentialsError::Unprintable { .. })));
    }
}
