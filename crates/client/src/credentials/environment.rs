//! An access key in environment variables, in the spellings of the SDKs and of the `aliyun` command line.

use super::{Credentials, CredentialsError};

/// The first spelling of which anything is set decides: a mixture of two access keys is nobody's intention.
pub(super) fn find(
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Credentials>, CredentialsError> {
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
        return credentials.checked(|| id_name.clone()).map(Some);
    }
    Ok(None)
}

const PREFIXES: [&str; 4] = ["ALIBABA_CLOUD_", "ALIBABACLOUD_", "ALICLOUD_", ""];

#[cfg(test)]
mod tests {
    use super::*;

    fn look(variables: &[(&str, &str)]) -> Result<Option<Credentials>, CredentialsError> {
        find(&|name| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned()))
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
