//! An error reply of a KMS, made safe to show: without echoes of the request and without control characters.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use bulla_wire::{AccessDenied, ErrorReply};

use crate::retry::Retry;

/// An error reply of a KMS.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The error code, such as `Forbidden.KeyNotFound`.
    pub code: String,
    /// The text of the code.
    pub message: String,
    /// The request id, under which the KMS logged the request; empty if the reply has none.
    pub request_id: String,
    /// The permission that the caller lacks, if the reply names it.
    pub denial: Option<Box<Denial>>,
}

/// A permission that the caller lacks, and which policies deny or do not allow it. `Display` formats it as part of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denial {
    /// The action, such as `kms:Decrypt`.
    pub action: String,
    /// `ExplicitDeny` if a statement denies the action, `ImplicitDeny` if none allows it.
    pub no_permission_type: String,
    /// The kind of the policy, such as `AccountLevelIdentityBasedPolicy`.
    pub policy_type: String,
}

impl Refusal {
    /// Creates a refusal that is safe to show.
    ///
    /// The error for a wrong signature echoes the string to sign, which contains the request and so possibly a plaintext. The
    /// message is truncated before it.
    #[must_use]
    pub fn new(status: u16, code: &str, message: &str, request_id: &str) -> Self {
        let end = message.to_ascii_lowercase().find(ECHO).unwrap_or(message.len());
        let [code, message, request_id] = [code, &message[..end], request_id].map(printable);
        Self { status, code, message, request_id, denial: None }
    }

    /// Parses an error reply; `None` if the body is not one.
    pub(crate) fn parse(status: u16, body: &[u8]) -> Option<Self> {
        let reply: ErrorReply = serde_json::from_slice(body).ok()?;
        let denial = reply.access_denied.as_ref().map(|detail| Denial::new(detail).into());
        let refusal = Self::new(status, &reply.code, &reply.message, &reply.request_id);
        (!reply.code.is_empty()).then_some(Self { denial, ..refusal })
    }

    /// Returns status, code, message and request id on one line.
    pub(crate) fn what(&self) -> String {
        let what = format!("{} {}: {}", self.status, self.code, self.message_with_denial());
        match self.request_id.as_str() {
            "" => what,
            request_id => format!("{what} (request {request_id})"),
        }
    }

    /// Returns the message with the permission that the caller lacks.
    pub(crate) fn message_with_denial(&self) -> String {
        match &self.denial {
            Some(denial) => format!("{} ({denial})", self.message),
            None => self.message.clone(),
        }
    }

    /// Whether the KMS rate-limits the caller: it did not execute the request, and the same request may succeed later.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        self.status == 429 || self.code.starts_with("Throttling") || self.code == "Rejected.Throttling"
    }

    pub(crate) fn retry(&self) -> Retry {
        match (self.status, self.code.as_str()) {
            _ if self.is_throttled() => Retry::Throttled,
            (500 | 502..=504, _) => Retry::IfIdempotent,
            // Signed before the start of the KMS. Each attempt is signed at its own time.
            _ if self.is_clock_skew() => Retry::Always,
            // A proxy sent the request twice. Each attempt has its own nonce.
            (_, "SignatureNonceUsed") => Retry::IfIdempotent,
            _ => Retry::Never,
        }
    }

    /// Returns the pause before the next attempt, if the KMS does not set one.
    pub(crate) fn pause(&self) -> Option<Duration> {
        self.is_clock_skew().then_some(NEXT_SECOND)
    }

    /// Whether the KMS refused the time of the signature, because it differs too much from the server's time.
    pub(crate) fn is_clock_skew(&self) -> bool {
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

/// Returns one line for a terminal: without control characters, and of limited length.
fn printable(text: &str) -> String {
    text.trim().chars().filter(|character| !character.is_control()).take(MAX_CHARS).collect()
}

/// The beginning of all known echoes: "server string to sign is:", "server StringToSign is".
const ECHO: &str = "server string";
const MAX_CHARS: usize = 1000;
/// A KMS that was just started accepts signatures from the next whole second on.
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
    fn a_denial_is_explained_in_words() {
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
        for (status, code, retry) in [
            (400, "Throttling.User", Retry::Throttled),
            (429, "Rejected.Throttling", Retry::Throttled),
            (429, "Anything", Retry::Throttled),
            (400, "InvalidTimeStamp.Expired", Retry::Always),
            (400, "InvalidTimeStamp.Format", Retry::Never),
            (400, "SignatureNonceUsed", Retry::IfIdempotent),
            (503, "ServiceUnavailableTemporary", Retry::IfIdempotent),
            (500, "InternalFailure", Retry::IfIdempotent),
            (501, "NotImplemented", Retry::Never),
            (403, "Forbidden.NoPermission", Retry::Never),
            (409, "Rejected.Disabled", Retry::Never),
        ] {
            assert_eq!(Refusal::new(status, code, "", "").retry(), retry, "{status} {code}");
        }
    }
}
