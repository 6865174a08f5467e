//! The one table of actions: product, name, request and reply.
//!
//! A server finds the [`Request`] of a call here, a client prints it from the same type, and the engine's one
//! `match` has an arm for each.

pub mod kms;

pub use kms::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::context::ContextParameter;
use crate::error::{Error, ErrorCode};
use crate::flat;
use crate::parameters::Parameters;

/// A service of the cloud. The version of a request tells which one it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// Key Management Service, version 2016-01-20.
    Kms,
}

impl Product {
    /// The API version, which no two products share.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::Kms => "2016-01-20",
        }
    }

    /// The product with this API version.
    #[must_use]
    pub fn from_version(version: &str) -> Option<Self> {
        [Self::Kms].into_iter().find(|product| product.version() == version)
    }
}

/// One action: the type of its request, which knows its name and its reply.
pub trait Action: Clone + Serialize + DeserializeOwned + Into<Request> {
    /// The product it belongs to.
    const PRODUCT: Product;
    /// Its name, case sensitive.
    const NAME: &'static str;
    /// What is answered.
    type Reply: Serialize + DeserializeOwned;

    /// Reads the request from the parameters of a call.
    ///
    /// # Errors
    /// `Missing<Name>` or InvalidParameter naming the parameter.
    fn parse(parameters: &Parameters) -> Result<Self, Error> {
        flat::read(parameters)
    }

    /// The reply to this action, out of any reply; none for the reply to another.
    fn reply(reply: Reply) -> Option<Self::Reply>;

    /// Prints the request as parameters, such that [`Action::parse`] gives it back.
    fn print(&self) -> Parameters {
        flat::print(self)
    }

    /// Whether the request asks for everything to be checked and nothing to be done: its `DryRun`.
    fn is_dry_run(&self) -> bool {
        false
    }

    /// The `EncryptionContext` of the request.
    fn encryption_context(&self) -> Option<&ContextParameter> {
        None
    }
}

/// What [`Action`] tells of a parameter that several requests have.
macro_rules! shared {
    (dry_run) => {
        fn is_dry_run(&self) -> bool {
            self.dry_run == Some(true)
        }
    };
    (encryption_context) => {
        fn encryption_context(&self) -> Option<&ContextParameter> {
            self.encryption_context.as_ref()
        }
    };
}

macro_rules! actions {
    ($($product:ident { $($name:ident => $reply:ident $([$($shared:ident),*])?,)* })*) => {
        /// A parsed request, one variant per action.
        #[derive(Debug, Serialize)]
        #[serde(untagged)]
        #[allow(missing_docs, reason = "each variant is named like its action")]
        pub enum Request {
            $($($name($name),)*)*
        }

        /// The answer to a request, one variant per action.
        #[derive(Debug, Serialize)]
        #[serde(untagged)]
        #[allow(missing_docs, reason = "each variant is named like its action")]
        pub enum Reply {
            $($($name($reply),)*)*
        }

        impl Request {
            /// Every action bulla answers.
            pub const NAMES: &'static [(Product, &'static str)] = &[$($((Product::$product, stringify!($name)),)*)*];

            /// Reads the request that `action` of `product` makes of `parameters`.
            ///
            /// # Errors
            /// InvalidAction.NotFound for an action that is not in the table, else as [`Action::parse`].
            pub fn parse(product: Product, action: &str, parameters: &Parameters) -> Result<Self, Error> {
                match (product, action) {
                    $($((Product::$product, stringify!($name)) => $name::parse(parameters).map(Self::$name),)*)*
                    _ => Err(Error::new(ErrorCode::InvalidActionNotFound)),
                }
            }

            /// The names of the parameters that `action` of `product` takes; `None` for an action that is not in the
            /// table. A dotted or numbered parameter, such as `Tag.1.Key`, is named by its part before the first dot.
            #[must_use]
            pub fn parameters(product: Product, action: &str) -> Option<&'static [&'static str]> {
                match (product, action) {
                    $($((Product::$product, stringify!($name)) => Some(flat::names::<$name>()),)*)*
                    _ => None,
                }
            }

            /// The name of the action.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $($(Self::$name(_) => stringify!($name),)*)*
                }
            }
        }

        /// What each action says about its parameters that several requests have.
        #[cfg(test)]
        const SHARED: &[(&str, &[&str])] = &[$($(shared_parameters!($name $($($shared)*)?),)*)*];

        $($(
        impl Action for $name {
            const PRODUCT: Product = Product::$product;
            const NAME: &'static str = stringify!($name);
            type Reply = $reply;

            fn reply(reply: Reply) -> Option<$reply> {
                match reply {
                    Reply::$name(reply) => Some(reply),
                    _ => None,
                }
            }

            $($(shared!($shared);)*)?
        }

        impl From<$name> for Request {
            fn from(request: $name) -> Self {
                Self::$name(request)
            }
        }
        )*)*
    };
}

#[cfg(test)]
macro_rules! shared_parameters {
    ($name:ident $($shared:ident)*) => {
        ($name::NAME, &[$(stringify!($shared)),*])
    };
}

// In brackets: what [`Action`] tells of the parameters.
actions! {
    Kms {
        CreateKey => CreateKeyReply,
        DescribeKey => DescribeKeyReply,
        ListKeys => ListKeysReply,
        EnableKey => Done,
        DisableKey => Done,
        UpdateKeyDescription => Done,
        ScheduleKeyDeletion => Done,
        CancelKeyDeletion => Done,
        SetDeletionProtection => Done,
        CreateKeyVersion => KeyVersionReply,
        DescribeKeyVersion => KeyVersionReply,
        ListKeyVersions => ListKeyVersionsReply,
        UpdateRotationPolicy => Done,
        GetParametersForImport => GetParametersForImportReply,
        ImportKeyMaterial => Done,
        DeleteKeyMaterial => Done,
        CreateAlias => Done,
        UpdateAlias => Done,
        DeleteAlias => Done,
        ListAliases => ListAliasesReply,
        ListAliasesByKeyId => ListAliasesReply,
        Encrypt => EncryptReply [dry_run, encryption_context],
        Decrypt => DecryptReply [dry_run, encryption_context],
        GenerateDataKey => GenerateDataKeyReply [dry_run, encryption_context],
        GenerateDataKeyWithoutPlaintext => EncryptReply [dry_run, encryption_context],
        ReEncrypt => EncryptReply [dry_run],
        ExportDataKey => ExportDataKeyReply [dry_run, encryption_context],
        GenerateAndExportDataKey => GenerateAndExportDataKeyReply [dry_run, encryption_context],
        GetPublicKey => GetPublicKeyReply [dry_run],
        AsymmetricEncrypt => AsymmetricEncryptReply [dry_run],
        AsymmetricDecrypt => AsymmetricDecryptReply [dry_run],
        AsymmetricSign => AsymmetricSignReply [dry_run],
        AsymmetricVerify => AsymmetricVerifyReply [dry_run],
        GenerateMac => GenerateMacReply [dry_run],
        VerifyMac => VerifyMacReply [dry_run],
        TagResource => Done,
        UntagResource => Done,
        ListResourceTags => ListResourceTagsReply,
        TagResources => Done,
        UntagResources => Done,
        ListTagResources => ListTagResourcesReply,
        DescribeRegions => DescribeRegionsReply,
        DescribeAccountKmsStatus => DescribeAccountKmsStatusReply,
        OpenKmsService => Done,
        GetRandomPassword => GetRandomPasswordReply,
        CreateSecret => CreateSecretReply,
        DescribeSecret => DescribeSecretReply,
        ListSecrets => ListSecretsReply,
        UpdateSecret => SecretReply,
        DeleteSecret => DeleteSecretReply,
        RestoreSecret => SecretReply,
        UpdateSecretRotationPolicy => SecretReply,
        RotateSecret => RotateSecretReply,
        GetSecretValue => GetSecretValueReply [dry_run],
        BatchGetSecretValue => BatchGetSecretValueReply,
        PutSecretValue => PutSecretValueReply,
        ListSecretVersionIds => ListSecretVersionIdsReply,
        UpdateSecretVersionStage => SecretReply,
    }
}

/// Operations of the official SDK that are answered as unknown ones, as the cloud does with those it does not know; and
/// what they are for.
pub const ELSEWHERE: &[(&str, &str)] = &[
    ("ConnectKmsInstance", INSTANCES),
    ("CreateApplicationAccessPoint", ACCESS_POINTS),
    ("CreateClientKey", ACCESS_POINTS),
    ("CreateNetworkRule", ACCESS_POINTS),
    ("CreatePolicy", ACCESS_POINTS),
    ("DeleteApplicationAccessPoint", ACCESS_POINTS),
    ("DeleteClientKey", ACCESS_POINTS),
    ("DeleteNetworkRule", ACCESS_POINTS),
    ("DeletePolicy", ACCESS_POINTS),
    ("DescribeApplicationAccessPoint", ACCESS_POINTS),
    ("DescribeNetworkRule", ACCESS_POINTS),
    ("DescribePolicy", ACCESS_POINTS),
    ("GetChallenge", "enclaves"),
    ("GetClientKey", ACCESS_POINTS),
    ("GetDefaultKmsInstance", INSTANCES),
    ("GetKeyPolicy", "policies of keys"),
    ("GetKmsInstance", INSTANCES),
    ("GetKmsInstanceQuotaInfos", INSTANCES),
    ("GetManagedDataKey", "data keys that the cloud manages"),
    ("GetSecretPolicy", "policies of secrets"),
    ("ListApplicationAccessPoints", ACCESS_POINTS),
    ("ListClientKeys", ACCESS_POINTS),
    ("ListKmsInstances", INSTANCES),
    ("ListManagedDataKeyVersions", "data keys that the cloud manages"),
    ("ListNetworkRules", ACCESS_POINTS),
    ("ListPolicies", ACCESS_POINTS),
    ("ReleaseKmsInstance", INSTANCES),
    ("SetKeyPolicy", "policies of keys"),
    ("SetSecretPolicy", "policies of secrets"),
    ("UpdateApplicationAccessPoint", ACCESS_POINTS),
    ("UpdateKmsInstanceBindVpc", INSTANCES),
    ("UpdateNetworkRule", ACCESS_POINTS),
    ("UpdatePolicy", ACCESS_POINTS),
];

const INSTANCES: &str = "KMS instances";
const ACCESS_POINTS: &str = "application access points, with their network rules, policies and client keys";

/// The answer of an action that has nothing to say: the request id alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}

#[cfg(test)]
mod tests {
    use super::*;

    /// A DryRun that the table forgets would be done.
    #[test]
    fn every_action_tells_of_its_shared_parameters() {
        for (action, told) in SHARED {
            let parameters = Request::parameters(Product::Kms, action).unwrap();
            for (parameter, name) in [("DryRun", "dry_run"), ("EncryptionContext", "encryption_context")] {
                assert_eq!(parameters.contains(&parameter), told.contains(&name), "{parameter} of {action}");
            }
        }
        let with = |name| SHARED.iter().filter(|(_, told)| told.contains(&name)).count();
        assert_eq!((with("dry_run"), with("encryption_context")), (15, 6));
    }
}
