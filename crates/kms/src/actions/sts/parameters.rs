//! The parameters that all actions to assume a role share. They are checked before any permission, so their errors depend on
//! the request alone.

use std::sync::Arc;

use bulla_access::{Policy, PolicyKind};
use bulla_wire::sts::AssumedRoleUser;
use bulla_wire::{Error, ErrorCode};

use crate::people::Role;

/// The parameters of the requested session.
pub(super) struct SessionParameters<'r> {
    pub(super) role_name: &'r str,
    pub(super) session_name: &'r str,
    /// In seconds.
    pub(super) duration: u32,
    pub(super) policy: Option<SessionPolicy<'r>>,
}

/// A policy that restricts the session.
pub(super) struct SessionPolicy<'r> {
    pub(super) text: &'r str,
    pub(super) policy: Arc<Policy>,
}

impl<'r> SessionParameters<'r> {
    /// # Errors
    /// InvalidParameter.RoleArn, .RoleSessionName, .DurationSeconds, .PolicySize, .PolicyGrammar; NoPermission for a role of
    /// another account.
    pub(super) fn check(
        account: &str,
        role_arn: &'r str,
        session_name: &'r str,
        duration: Option<u32>,
        policy: Option<&'r str>,
    ) -> Result<Self, Error> {
        let arn = Arn::parse(role_arn, "role/", b".-").ok_or_else(|| wrongly_formed("RoleArn"))?;
        if !is_session_name(session_name) {
            return Err(wrongly_formed("RoleSessionName"));
        }
        let duration = duration.unwrap_or(DEFAULT_DURATION);
        if !(MIN_DURATION..=Role::MAX_SESSION).contains(&duration) {
            return Err(duration_out_of_range(Role::MAX_SESSION));
        }
        let policy = policy.map(|text| SessionPolicy::parse(account, text)).transpose()?;
        if arn.account != account {
            return Err(ErrorCode::AssumeRoleNoPermission.into());
        }
        Ok(Self { role_name: arn.name, session_name, duration, policy })
    }

    /// Checks the duration against the maximum of the role. Only callers who may assume the role learn it.
    ///
    /// # Errors
    /// InvalidParameter.DurationSeconds.
    pub(super) fn check_duration(&self, role: &Role) -> Result<(), Error> {
        if self.duration > role.max_session { Err(duration_out_of_range(role.max_session)) } else { Ok(()) }
    }

    /// The session in replies.
    pub(super) fn user(&self, account: &str, role: &Role) -> AssumedRoleUser {
        AssumedRoleUser {
            arn: format!("{}/{}", role.arn(account), self.session_name),
            assumed_role_id: format!("{}:{}", role.id, self.session_name),
        }
    }
}

impl<'r> SessionPolicy<'r> {
    fn parse(account: &str, text: &'r str) -> Result<Self, Error> {
        if text.chars().count() > MAX_POLICY {
            return Err(ErrorCode::PolicySize.into());
        }
        match Policy::parse(PolicyKind::Session, account, text) {
            Ok(policy) => Ok(Self { text, policy: policy.into() }),
            Err(_) => Err(ErrorCode::PolicyGrammar.into()),
        }
    }
}

/// An ARN of RAM: `acs:ram::<account>:<kind><name>`.
pub(super) struct Arn<'r> {
    pub(super) account: &'r str,
    pub(super) name: &'r str,
}

impl<'r> Arn<'r> {
    pub(super) fn parse(text: &'r str, kind: &str, marks: &[u8]) -> Option<Self> {
        let (account, resource) = text.strip_prefix("acs:ram::")?.split_once(':')?;
        let name = resource.strip_prefix(kind)?;
        let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || marks.contains(&byte);
        let is_account = !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit());
        let is_name = (1..=64).contains(&name.len()) && name.bytes().all(is_name_byte);
        (is_account && is_name).then_some(Self { account, name })
    }
}

/// `InvalidParameter.<Name>`.
pub(super) fn wrongly_formed(parameter: &str) -> Error {
    Error::with(ErrorCode::ParameterWronglyFormed, parameter)
}

/// Whether a text is a valid session name or source identity.
pub(super) fn is_session_name(text: &str) -> bool {
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b".@-_".contains(&byte);
    (2..=64).contains(&text.len()) && text.bytes().all(is_name_byte)
}

/// The error that names the maximum as the cloud does: `1hr`, or in minutes.
fn duration_out_of_range(max: u32) -> Error {
    let longest =
        if max.is_multiple_of(3600) { format!("{}hr", max / 3600) } else { format!("{}min", max / 60) };
    Error::with(ErrorCode::DurationOutOfRange, longest)
}

const MIN_DURATION: u32 = 900;
const DEFAULT_DURATION: u32 = 3600;
/// Maximum characters of a session policy.
const MAX_POLICY: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "acs:ram::42:role/ops";
    const POLICY: &str =
        r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"}]}"#;

    fn check(arn: &str, name: &str, duration: Option<u32>, policy: Option<&str>) -> Result<u32, String> {
        let checked = SessionParameters::check("42", arn, name, duration, policy);
        checked.map(|checked| checked.duration).map_err(|error| error.to_string())
    }

    #[test]
    fn sessions_last_an_hour_by_default() {
        assert_eq!(check(ARN, "ci", None, Some(POLICY)), Ok(3600));
        assert_eq!(check("acs:ram::42:role/Ops.A-1", "c.i@a-b_c", Some(900), None), Ok(900));
        assert_eq!(check(ARN, "ci", Some(43_200), None), Ok(43_200));
    }

    #[test]
    fn what_is_wrongly_formed_is_named() {
        let long = format!("acs:ram::42:role/{}", "a".repeat(65));
        for arn in [
            "ops",
            "acs:ram::42:user/ops",
            "acs:ram::42:role/",
            "acs:ram:*:42:role/ops",
            "acs:ram::x:role/ops",
            "acs:ram::42:role/a/b",
            "acs:ram::42:role/*",
            &long,
        ] {
            let error = check(arn, "ci", None, None).unwrap_err();
            assert_eq!(error, "InvalidParameter.RoleArn: The parameter RoleArn is wrongly formed.", "{arn}");
        }
        for name in ["c", "", "a b", "ä", &"a".repeat(65)] {
            assert!(
                check(ARN, name, None, None).unwrap_err().starts_with("InvalidParameter.RoleSessionName: ")
            );
        }
        for duration in [0, 899, 43_201] {
            let error = check(ARN, "ci", Some(duration), None).unwrap_err();
            assert_eq!(
                error,
                "InvalidParameter.DurationSeconds: The Min/Max value of DurationSeconds is 15min/12hr."
            );
        }
        let error = check(ARN, "ci", None, Some("{}")).unwrap_err();
        assert!(error.starts_with("InvalidParameter.PolicyGrammar: "), "{error}");
        let spaces = format!("{POLICY}{}", " ".repeat(2048));
        assert!(
            check(ARN, "ci", None, Some(&spaces)).unwrap_err().starts_with("InvalidParameter.PolicySize: ")
        );
        assert!(check("acs:ram::43:role/ops", "ci", None, None).unwrap_err().starts_with("NoPermission: "));
    }
}
