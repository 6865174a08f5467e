//! The requests and replies of GetKeyPolicy, SetKeyPolicy, GetKeyDefaultPolicy, GetSecretPolicy, SetSecretPolicy.

use serde::{Deserialize, Serialize};

/// Returns the policy of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetKeyPolicy {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// `default`, the only name.
    #[serde(default)]
    pub policy_name: Option<String>,
}

/// Replaces the policy of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetKeyPolicy {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// `default`, the only name.
    #[serde(default)]
    pub policy_name: Option<String>,
    /// The policy, up to 32768 bytes of JSON.
    pub policy: String,
}

/// Returns the policy of keys for which no policy was set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GetKeyDefaultPolicy {}

/// Returns the policy of a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSecretPolicy {
    /// Name or ARN.
    pub secret_name: String,
    /// `default`, the only name.
    #[serde(default)]
    pub policy_name: Option<String>,
}

/// Replaces the policy of a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetSecretPolicy {
    /// Name or ARN.
    pub secret_name: String,
    /// `default`, the only name.
    #[serde(default)]
    pub policy_name: Option<String>,
    /// The policy, up to 32768 bytes of JSON.
    pub policy: String,
}

/// The reply to [`GetKeyPolicy`], [`GetKeyDefaultPolicy`] and [`GetSecretPolicy`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyReply {
    /// The policy as it was set.
    pub policy: String,
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use serde::de::DeserializeOwned;

    use super::*;
    use crate::actions::Product;
    use crate::flat;
    use crate::parameters::Parameters;

    fn round_trip<R: Serialize + DeserializeOwned + PartialEq + Debug>(text: &str) {
        let request: R = flat::read(Product::Kms, &Parameters::from_query(text).unwrap()).unwrap();
        let printed = flat::print(&request);
        assert_eq!(printed.encode(), text);
        assert_eq!(flat::read::<R>(Product::Kms, &printed).unwrap(), request);
    }

    #[test]
    fn every_request_reads_what_it_prints() {
        round_trip::<GetKeyPolicy>("KeyId=k&PolicyName=default");
        round_trip::<SetKeyPolicy>("KeyId=k&Policy=%7B%7D&PolicyName=default");
        round_trip::<GetKeyDefaultPolicy>("");
        round_trip::<GetSecretPolicy>("SecretName=s");
        round_trip::<SetSecretPolicy>("Policy=%7B%7D&SecretName=s");
    }
}
