//! The actions of the Key Management Service. Each family of actions has a file with its requests and replies.

mod aliases;
mod asymmetric;
mod data_keys;
mod import;
mod key_backups;
mod key_uses;
mod keys;
mod mac;
mod policies;
mod secret_values;
mod secrets;
mod service;
mod tags;
mod versions;

pub use aliases::*;
pub use asymmetric::*;
pub use data_keys::*;
pub use import::*;
pub use key_backups::*;
pub use key_uses::*;
pub use keys::*;
pub use mac::*;
pub use policies::*;
pub use secret_values::*;
pub use secrets::*;
pub use service::*;
pub use tags::*;
pub use versions::*;

pub use super::Done;
use super::table::{Rules, actions};
use crate::error::{Error, ErrorCode};

actions! {
    Kms, "2016-01-20";
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
    DescribeKeyUses => DescribeKeyUsesReply,
    DescribeKeyBackups => DescribeKeyBackupsReply,
    GetParametersForImport => GetParametersForImportReply,
    ImportKeyMaterial => Done,
    DeleteKeyMaterial => Done,
    GetKeyPolicy => PolicyReply,
    SetKeyPolicy => Done,
    GetKeyDefaultPolicy => PolicyReply,
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
    GetSecretPolicy => PolicyReply,
    SetSecretPolicy => Done,
}

const RULES: Rules = Rules {
    missing: ErrorCode::Missing,
    invalid: ErrorCode::InvalidParameter,
    denied: |_, resource| Error::with(ErrorCode::ForbiddenNoPermission, format!(" for {resource}")),
    internal: ErrorCode::InternalFailure,
    unsigned: &[],
    is_global: false,
};

/// The operations of the official SDK that bulla does not implement, each with the feature that it belongs to. The server answers
/// them like unknown operations, as the cloud does.
const NOT_IMPLEMENTED: &[(&str, &str)] = &[
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
    ("GetKmsInstance", INSTANCES),
    ("GetKmsInstanceQuotaInfos", INSTANCES),
    ("GetManagedDataKey", "data keys that the cloud manages"),
    ("ListApplicationAccessPoints", ACCESS_POINTS),
    ("ListClientKeys", ACCESS_POINTS),
    ("ListKmsInstances", INSTANCES),
    ("ListManagedDataKeyVersions", "data keys that the cloud manages"),
    ("ListNetworkRules", ACCESS_POINTS),
    ("ListPolicies", ACCESS_POINTS),
    ("ReleaseKmsInstance", INSTANCES),
    ("UpdateApplicationAccessPoint", ACCESS_POINTS),
    ("UpdateKmsInstanceBindVpc", INSTANCES),
    ("UpdateNetworkRule", ACCESS_POINTS),
    ("UpdatePolicy", ACCESS_POINTS),
];

const INSTANCES: &str = "KMS instances";
const ACCESS_POINTS: &str = "application access points, with their network rules, policies and client keys";
