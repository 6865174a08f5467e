//! The requests and replies of DescribeRegions, DescribeAccountKmsStatus, OpenKmsService, GetRandomPassword.

use serde::{Deserialize, Serialize};

use crate::secret::SecretText;

/// Lists the regions of the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribeRegions {}

/// The reply to [`DescribeRegions`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeRegionsReply {
    /// The regions.
    pub regions: RegionList,
}

/// The list inside [`DescribeRegionsReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RegionList {
    /// The region of this server, the only one.
    pub region: Vec<Region>,
}

/// One region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Region {
    /// The name of the region, such as `cn-hangzhou`.
    pub region_id: String,
}

/// Returns whether the account may use the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribeAccountKmsStatus {}

/// The reply to [`DescribeAccountKmsStatus`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeAccountKmsStatusReply {
    /// `Enabled`, `NotEnabled`, `InDebt` or `Suspended`.
    pub account_status: String,
}

/// Activates the service for the account, in the cloud. In bulla it is always active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenKmsService {}

/// Returns a random password.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetRandomPassword {
    /// The length, 8 to 128; 32 if absent.
    #[serde(default)]
    pub password_length: Option<u32>,
    /// Characters that the password must not contain.
    #[serde(default)]
    pub exclude_characters: Option<String>,
    /// Whether to exclude lower-case letters.
    #[serde(default)]
    pub exclude_lowercase: Option<bool>,
    /// Whether to exclude upper-case letters.
    #[serde(default)]
    pub exclude_uppercase: Option<bool>,
    /// Whether to exclude digits.
    #[serde(default)]
    pub exclude_numbers: Option<bool>,
    /// Whether to exclude punctuation.
    #[serde(default)]
    pub exclude_punctuation: Option<bool>,
    /// Whether to include at least one character of each type that is not excluded.
    #[serde(default)]
    pub require_each_included_type: Option<bool>,
}

/// The reply to [`GetRandomPassword`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetRandomPasswordReply {
    /// The password.
    pub random_password: SecretText,
}
