//! Parses the parameter Tags of KMS actions: a list of tags as JSON.

use bulla_keys::{TagProblem, Tags};
use bulla_wire::{Error, ErrorCode};
use serde::Deserialize;

use super::json;

/// Parses a JSON list of `TagKey` and `TagValue`.
///
/// # Errors
/// InvalidParameter naming Tags; Rejected.LimitExceeded for more tags than the maximum.
pub(super) fn parse(text: &str) -> Result<Tags, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct Entry {
        tag_key: String,
        #[serde(default)]
        tag_value: String,
    }

    let mut tags = Tags::default();
    for Entry { tag_key, tag_value } in &json::list(text, "Tags")? {
        if tags.get(tag_key).is_some() {
            return Err(Error::invalid("Tags"));
        }
        tags.set(tag_key, tag_value).map_err(|problem| refused(problem, "Tags"))?;
    }
    Ok(tags)
}

/// The error for tags that a record refuses.
pub(super) fn refused(problem: TagProblem, parameter: &str) -> Error {
    match problem {
        TagProblem::Spelling => Error::invalid(parameter),
        TagProblem::TooMany => ErrorCode::RejectedLimitExceeded.into(),
    }
}
