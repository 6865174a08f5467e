//! The requests and replies of TagResources, UntagResources, ListTagResources, and the tags in other requests and replies.

use serde::{Deserialize, Serialize};

use crate::json_list::JsonList;

/// The types of resources that have tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResourceType {
    /// A role.
    Role,
    /// A custom policy.
    Policy,
}

/// A tag in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// The key.
    pub key: String,
    /// The value; absent in a filter that matches any value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Tags roles or policies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagResources {
    /// The type of the resources.
    pub resource_type: ResourceType,
    /// The names of up to 50 resources, as JSON text.
    pub resource_names: JsonList<String>,
    /// Up to 20 tags, as JSON text.
    pub tag: JsonList<Tag>,
}

/// Removes tags from roles or policies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UntagResources {
    /// The type of the resources.
    pub resource_type: ResourceType,
    /// The names of up to 50 resources, as JSON text.
    pub resource_names: JsonList<String>,
    /// Up to 20 tag keys, as JSON text.
    #[serde(default)]
    pub tag_keys: Option<JsonList<String>>,
    /// Whether to remove all tags, if no tag keys are given.
    #[serde(default)]
    pub all: Option<bool>,
}

/// Finds tagged roles or policies, page by page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagResources {
    /// The type of the resources.
    pub resource_type: ResourceType,
    /// Lists only these roles or policies, as JSON text.
    #[serde(default)]
    pub resource_names: Option<JsonList<String>>,
    /// Lists only roles or policies with all of these tags, as JSON text.
    #[serde(default)]
    pub tag: Option<JsonList<Tag>>,
    /// The token in the reply with the previous page.
    #[serde(default)]
    pub next_token: Option<String>,
    /// The number of tags of a page, 1 to 100.
    #[serde(default)]
    pub page_size: Option<u32>,
}

/// The reply to [`ListTagResources`]. Unlike in other replies, its list is not wrapped in an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagResourcesReply {
    /// The tags of this page, resource by resource.
    #[serde(default)]
    pub tag_resources: Vec<TagResourceEntry>,
    /// The token for the next page; empty on the last page.
    #[serde(default)]
    pub next_token: String,
}

/// A tag of a resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagResourceEntry {
    /// The name of the role or policy.
    pub resource_name: String,
    /// The type of the resource.
    pub resource_type: ResourceType,
    /// The key of the tag.
    pub tag_key: String,
    /// The value of the tag.
    pub tag_value: String,
}

/// The tags of an entry of a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EntryTagList {
    /// The tags.
    pub tag: Vec<EntryTag>,
}

/// A tag of an entry of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EntryTag {
    /// The key of the tag.
    pub tag_key: String,
    /// The value of the tag.
    pub tag_value: String,
}
