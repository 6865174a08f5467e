//! TagResources, UntagResources, ListTagResources, and the tags in other requests and answers.

use serde::{Deserialize, Serialize};

use crate::json_list::JsonList;

/// What has tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResourceType {
    /// A role.
    Role,
    /// A custom policy.
    Policy,
}

/// One tag of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// The name.
    pub key: String,
    /// The value; absent in filters that take any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Tags roles or policies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagResources {
    /// The type of all of them.
    pub resource_type: ResourceType,
    /// The names of up to 50 of them, as one JSON text.
    pub resource_names: JsonList<String>,
    /// Up to 20 tags, as one JSON text.
    pub tag: JsonList<Tag>,
}

/// Removes tags from roles or policies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UntagResources {
    /// The type of all of them.
    pub resource_type: ResourceType,
    /// The names of up to 50 of them, as one JSON text.
    pub resource_names: JsonList<String>,
    /// Up to 20 names of tags, as one JSON text.
    #[serde(default)]
    pub tag_keys: Option<JsonList<String>>,
    /// All tags, if no names are given.
    #[serde(default)]
    pub all: Option<bool>,
}

/// Finds tagged roles or policies, a page at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagResources {
    /// The type of all of them.
    pub resource_type: ResourceType,
    /// Only these, as one JSON text.
    #[serde(default)]
    pub resource_names: Option<JsonList<String>>,
    /// Only with all of these tags, as one JSON text.
    #[serde(default)]
    pub tag: Option<JsonList<Tag>>,
    /// Where the previous page ended.
    #[serde(default)]
    pub next_token: Option<String>,
    /// 1 to 100 tags.
    #[serde(default)]
    pub page_size: Option<u32>,
}

/// The answer to [`ListTagResources`]. Its list has no element around it, unlike those of other answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagResourcesReply {
    /// The tags of this page, resource by resource.
    #[serde(default)]
    pub tag_resources: Vec<TagResourceEntry>,
    /// Where this page ended; empty on the last.
    #[serde(default)]
    pub next_token: String,
}

/// One tag of one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagResourceEntry {
    /// The name of the role or policy.
    pub resource_name: String,
    /// Its type.
    pub resource_type: ResourceType,
    /// The tag's name.
    pub tag_key: String,
    /// Its value.
    pub tag_value: String,
}

/// The tags of one entry of a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EntryTagList {
    /// The tags.
    pub tag: Vec<EntryTag>,
}

/// One tag of one entry of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EntryTag {
    /// The tag's name.
    pub tag_key: String,
    /// Its value.
    pub tag_value: String,
}
