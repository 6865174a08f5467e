//! DescribeRegions.

use serde::{Deserialize, Serialize};

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
