//! DescribeRegions.

use bulla_wire::actions::{DescribeRegions, DescribeRegionsReply, Region, RegionList};

use crate::Kms;
use crate::authorize::Allowed;

pub(super) fn describe(kms: &Kms, _request: &Allowed<DescribeRegions>) -> DescribeRegionsReply {
    DescribeRegionsReply { regions: RegionList { region: vec![Region { region_id: kms.region().into() }] } }
}
