//! A product for the tests of this crate. Its action `TagResources` has the same name as one of the KMS, and other parameters.

use serde::{Deserialize, Serialize};

use super::Done;
use super::table::{Rules, actions};
use crate::error::{Error, ErrorCode};

actions! {
    Toy, "2000-01-01";
    TagResources => Done,
    GetToy => GetToyReply [dry_run],
}

const RULES: Rules = Rules {
    missing: ErrorCode::Missing,
    invalid: ErrorCode::InvalidParameter,
    denied: |action, _| Error::with(ErrorCode::NoPermission, format!(" {action}")),
    internal: ErrorCode::InternalFailure,
    unsigned: &[],
    is_global: false,
};

const NOT_IMPLEMENTED: &[(&str, &str)] = &[("BreakToy", "broken toys")];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagResources {
    pub resource_names: String,
    pub colour: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetToy {
    pub toy_name: String,
    pub dry_run: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetToyReply {
    pub colour: String,
}
