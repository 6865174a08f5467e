//! DescribeRegions, DescribeAccountKmsStatus, OpenKmsService, GetRandomPassword.

use serde::{Deserialize, Serialize};

use crate::secret::SecretText;

/// Lists the regions of the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribeRegions {}

/// The answer to [`DescribeRegions`].
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
    /// The region of this server.
    pub region: Vec<Region>,
}

/// One region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Region {
    /// Its name, such as `cn-hangzhou`.
    pub region_id: String,
}

/// Asks whether the account may use the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribeAccountKmsStatus {}

/// The answer to [`DescribeAccountKmsStatus`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeAccountKmsStatusReply {
    /// `Enabled`, `NotEnabled`, `InDebt` or `Suspended`.
    pub account_status: String,
}

/// Asks the cloud to sell the service. Here it is open from the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenKmsService {}

/// Asks for a random password.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetRandomPassword {
    /// 8 to 128; 32 if absent.
    #[serde(default)]
    pub password_length: Option<u32>,
    /// Characters that it must not hold.
    #[serde(default)]
    pub exclude_characters: Option<String>,
    /// No lower-case letters.
    #[serde(default)]
    pub exclude_lowercase: Option<bool>,
    /// No upper-case letters.
    #[serde(default)]
    pub exclude_uppercase: Option<bool>,
    /// No digits.
    #[serde(default)]
    pub exclude_numbers: Option<bool>,
    /// No punctuation.
    #[serde(default)]
    pub exclude_punctuation: Option<bool>,
    /// At least one character of each type that is left.
    #[serde(default)]
    pub require_each_included_type: Option<bool>,
}

/// The answer to [`GetRandomPassword`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetRandomPasswordReply {
    /// The password.
    pub random_password: SecretText,
}
