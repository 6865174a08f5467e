//! Calls of the actions that only bulla has, which other KMSs do not know.

use bulla_client::CallError;
use bulla_wire::Action;

use crate::commands::people::is_denial;
use crate::kms::KmsConnection;

/// Why a KMS does not answer an action that only bulla has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// It is the cloud, or an earlier version of bulla.
    Unknown,
    /// The caller lacks the permission.
    Denied,
}

/// Calls an action that only bulla has. The cloud is not asked, so that the trail of the account has no failed request.
pub(super) fn call_if_known<A: Action>(
    kms: &KmsConnection,
    request: &A,
) -> Result<Result<A::Reply, Unanswered>, CallError> {
    if kms.is_cloud() {
        return Ok(Err(Unanswered::Unknown));
    }
    match kms.call(request) {
        Ok(reply) => Ok(Ok(reply)),
        Err(CallError::Refused(refusal)) if refusal.code == UNKNOWN_ACTION => Ok(Err(Unanswered::Unknown)),
        Err(CallError::Refused(refusal)) if is_denial(&refusal.code) => Ok(Err(Unanswered::Denied)),
        Err(error) => Err(error),
    }
}

const UNKNOWN_ACTION: &str = "InvalidAction.NotFound";

#[cfg(test)]
mod tests {
    use bulla_client::{Client, ClientOptions, Credentials, Endpoint};
    use bulla_wire::kms::DescribeKeyUses;

    use super::*;

    /// The names do not resolve here, so a call would fail.
    #[test]
    fn the_cloud_is_not_called() {
        let credentials = || Credentials::new("i", String::from("s")).unwrap();
        let connect = |kms: &str| {
            let client =
                Client::new(Endpoint::parse(kms).unwrap(), credentials(), ClientOptions::default()).unwrap();
            KmsConnection::Remote(client.into())
        };
        let request = DescribeKeyUses { key_id: "alias/a".into() };
        for cloud in ["aliyun:cn-hangzhou", "https://kms.cn-hangzhou.aliyuncs.com"] {
            let answer = call_if_known(&connect(cloud), &request).unwrap();
            assert_eq!(answer, Err(Unanswered::Unknown), "{cloud}");
        }
        assert!(call_if_known(&connect("http://127.0.0.1:1"), &request).is_err(), "another KMS is called");
    }
}
