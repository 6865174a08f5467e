//! An error answer of a KMS, made fit to be shown: without echoes of the request, without control characters.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use bulla_wire::{AccessDenied, ErrorReply};

use crate::retry::Again;

/// What a KMS answered instead of what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The code, such as `Forbidden.KeyNotFound`.
    pub code: String,
    /// The sentence that goes with it.
    pub message: String,
    /// The name of the request in the logs of the KMS; empty if it told none.
    pub request_id: String,
    /// Which permission the caller lacks, if the KMS told.
    pub denial: Option<Box<Denial>>,
}

/// A permission that the caller lacks, and which policies lack or deny it. Displayed as a part of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denial {
    /// The action, such as `kms:Decrypt`.
    pub action: String,
    /// `ExplicitDeny` if a statement denies, `ImplicitDeny` if none allows.
    pub no_permission_type: String,
    /// The kind of policy, such as `AccountLevelIdentityBasedPolicy`.
    pub policy_type: String,
}

impl Refusal {
    /// A refusal that can be shown.
    ///
    /// A wrong signature is answered with the string that should have been signed, which repeats the
    /// request and so may hold a plaintext: the message is cut before it.
    #[must_use]
    pub fn new(status: u16, code: &str, message: &str, request_id: &str) -> Self {
        let end = message.to_ascii_lowercase().find(ECHO).unwrap_or(message.len());
        let [code, message, request_id] = [code, &message[..end], request_id].map(printable);
        Self { status, code, message, request_id, denial: None }
    }

    /// The refusal in an error answer; None if it is none.
    pub(crate) fn parse(status: u16, body: &[u8]) -> Option<Self> {
        let reply: ErrorReply = serde_json::from_slice(body).ok()?;
        let denial = reply.access_denied.as_ref().map(|detail| Denial::new(detail).into());
        let refusal = Self::new(status, &reply.code, &reply.message, &reply.request_id);
        (!reply.code.is_empty()).then_some(Self { denial, ..refusal })
    }

    /// Status, code, message and request id on one line.
    pub(crate) fn what(&self) -> String {
        let what = format!("{} {}: {}", self.status, self.code, self.message_with_denial());
        match self.request_id.as_str() {
            "" => what,
            request_id => format!("{what} (request {request_id})"),
        }
    }

    /// The message, with the permission that the caller lacks.
    pub(crate) fn message_with_denial(&self) -> String {
        match &self.denial {
            Some(denial) => format!("{} ({denial})", self.message),
            None => self.message.clone(),
        }
    }

    /// Whether the KMS has too much to do: the request was not acted on and may succeed later.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        self.status == 429 || self.code.starts_with("Throttling") || self.code == "Rejected.Throttling"
    }

    pub(crate) fn again(&self) -> Again {
        match (self.status, self.code.as_str()) {
            _ if self.is_throttled() => Again::Slower,
            (500 | 502..=504, _) => Again::IfNothingChanges,
            // Signed before the KMS was started; each try has a signature of its own.
            _ if self.is_about_time() => Again::Always,
            // A proxy sent the request twice. Each try has a nonce of its own.
            (_, "SignatureNonceUsed") => Again::IfNothingChanges,
            _ => Again::Never,
        }
    }

    /// How long another try should wait, if the KMS does not say.
    pub(crate) fn pause(&self) -> Option<Duration> {
        self.is_about_time().then_some(NEXT_SECOND)
    }

    /// Whether the request was signed at a time that is too far from the server's.
    pub(crate) fn is_about_time(&self) -> bool {
        self.code == "InvalidTimeStamp.Expired"
    }
}

impl Denial {
    fn new(detail: &AccessDenied) -> Self {
        let AccessDenied { auth_action, no_permission_type, policy_type, .. } = detail;
        let [action, no_permission_type, policy_type] =
            [auth_action, no_permission_type, policy_type].map(|text| printable(text));
        Self { action, no_permission_type, policy_type }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { action, no_permission_type, policy_type } = self;
        let policy = match policy_type.as_str() {
            "AccountLevelIdentityBasedPolicy" => "policy of the caller",
            "SessionPolicy" => "policy of the session",
            "ResourceBasedPolicy" => "policy of the resource",
            "AssumeRolePolicy" => "trust policy of the role",
            other => other,
        };
        match no_permission_type.as_str() {
            "ExplicitDeny" => write!(f, "a {policy} denies {action}"),
            _ => write!(f, "no {policy} allows {action}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the KMS refused with {}", self.what())
    }
}

impl Error for Refusal {}

/// One line for a terminal: no control characters, and an end.
fn printable(text: &str) -> String {
    text.trim().chars().filter(|character| !character.is_control()).take(MAX_CHARS).collect()
}

/// Begins every echo that is known: "server string to sign is:", "server StringToSign is".
const ECHO: &str = "server string";
const MAX_CHARS: usize = 1000;
/// A KMS that was started just now takes what is signed from the next whole second on.
const NEXT_SECOND: Duration = Duration::from_millis(1100);

#[cfg(test)]
mod tests {
    use super::*;
    use bulla_wire::{Error as WireError, ErrorCode};

    #[test]
    fn the_echo_of_the_request_is_cut_out() {
        let wire = WireError::with(ErrorCode::SignatureDoesNotMatch, "POST&%2F&Plaintext%3Dhunter2");
        for message in [
            wire.message().as_str(),
            "Specified signature is not matched with our calculation. server StringToSign is [hunter2] server \
             CanonicalRequest is [hunter2]",
        ] {
            let refusal = Refusal::new(400, &wire.code_text(), message, "r");
            assert_eq!(
                refusal.to_string(),
                "the KMS refused with 400 SignatureDoesNotMatch: \
                 Specified signature is not matched with our calculation. (request r)"
            );
        }
    }

    #[test]
    fn a_terminal_is_not_steered() {
        let refusal = Refusal::new(400, "Co\x1b[2Jde", &format!("a\nb{}", "x".repeat(5000)), "\u{9b}");
        assert_eq!(refusal.code, "Co[2Jde");
        assert_eq!(refusal.message.len(), 1000);
        assert_eq!(refusal.request_id, "");
    }

    #[test]
    fn only_an_error_answer_is_a_refusal() {
        let full =
            br#"{"RequestId":"r","HostId":"h","Code":"Forbidden.KeyNotFound","Message":"m","Recommend":""}"#;
        assert_eq!(Refusal::parse(404, full), Some(Refusal::new(404, "Forbidden.KeyNotFound", "m", "r")));
        assert_eq!(Refusal::parse(500, br#"{"Code":"X"}"#), Some(Refusal::new(500, "X", "", "")));
        for other in ["<html>", "{}", r#"{"Code":""}"#, r#"{"Code":7}"#, "\u{fffd}", "[]"] {
            assert_eq!(Refusal::parse(500, other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_denial_is_told_in_words() {
        let body = |kind: &str, policy: &str| {
            format!(
                r#"{{"Code":"NoPermission","Message":"You may not.","RequestId":"r","AccessDeniedDetail":
                    {{"AuthAction":"kms:De\ncrypt","NoPermissionType":"{kind}","PolicyType":"{policy}"}}}}"#
            )
        };
        for (kind, policy, text) in [
            ("ImplicitDeny", "AccountLevelIdentityBasedPolicy", "no policy of the caller allows kms:Decrypt"),
            ("ExplicitDeny", "SessionPolicy", "a policy of the session denies kms:Decrypt"),
            ("ExplicitDeny", "ResourceBasedPolicy", "a policy of the resource denies kms:Decrypt"),
            ("ImplicitDeny", "AssumeRolePolicy", "no trust policy of the role allows kms:Decrypt"),
            ("ImplicitDeny", "ControlPolicy", "no ControlPolicy allows kms:Decrypt"),
        ] {
            let refusal = Refusal::parse(403, body(kind, policy).as_bytes()).unwrap();
            assert_eq!(
                refusal.to_string(),
                format!("the KMS refused with 403 NoPermission: You may not. ({text}) (request r)")
            );
        }
    }

    #[test]
    fn which_refusals_are_worth_another_try() {
        for (status, code, again) in [
            (400, "Throttling.User", Again::Slower),
            (429, "Rejected.Throttling", Again::Slower),
            (429, "Anything", Again::Slower),
            (400, "InvalidTimeStamp.Expired", Again::Always),
            (400, "InvalidTimeStamp.Format", Again::Never),
            (400, "SignatureNonceUsed", Again::IfNothingChanges),
            (503, "ServiceUnavailableTemporary", Again::IfNothingChanges),
            (500, "InternalFailure", Again::IfNothingChanges),
            (501, "NotImplemented", Again::Never),
            (403, "Forbidden.NoPermission", Again::Never),
            (409, "Rejected.Disabled", Again::Never),
        ] {
            assert_eq!(Refusal::new(status, code, "", "").again(), again, "{status} {code}");
        }
    }
}
