//! TagResource, UntagResource, ListResourceTags, TagResources, UntagResources, ListTagResources.

use serde::{Deserialize, Serialize};

use crate::numbered::{Numbered, NumberedTags};

/// Tags a key or a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagResource {
    /// The key's id.
    #[serde(default)]
    pub key_id: Option<String>,
    /// Or the secret's name.
    #[serde(default)]
    pub secret_name: Option<String>,
    /// Or a certificate's id; there are none.
    #[serde(default)]
    pub certificate_id: Option<String>,
    /// JSON list of `TagKey` and `TagValue`.
    pub tags: String,
}

/// Takes tags from a key or a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UntagResource {
    /// The key's id.
    #[serde(default)]
    pub key_id: Option<String>,
    /// Or the secret's name.
    #[serde(default)]
    pub secret_name: Option<String>,
    /// Or a certificate's id; there are none.
    #[serde(default)]
    pub certificate_id: Option<String>,
    /// JSON list of names.
    pub tag_keys: String,
}

/// Lists the tags of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListResourceTags {
    /// The key's id; no alias.
    pub key_id: String,
}

/// The answer to [`ListResourceTags`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListResourceTagsReply {
    /// The tags.
    pub tags: KeyTagList,
}

/// The list inside [`ListResourceTagsReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyTagList {
    /// The tags, by name.
    pub tag: Vec<KeyTagEntry>,
}

/// One tag of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyTagEntry {
    /// The key's id.
    pub key_id: String,
    /// The tag's name.
    pub tag_key: String,
    /// Its value.
    pub tag_value: String,
}

/// Tags several keys or secrets at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagResources {
    /// The region.
    pub region_id: String,
    /// `key` or `secret`.
    pub resource_type: String,
    /// The ids of up to 50 of them.
    pub resource_id: Numbered,
    /// Up to 20 tags.
    pub tag: NumberedTags,
}

/// Takes tags from several keys or secrets at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UntagResources {
    /// The region.
    pub region_id: String,
    /// `key` or `secret`.
    pub resource_type: String,
    /// The ids of up to 50 of them.
    pub resource_id: Numbered,
    /// Up to 20 names.
    #[serde(default)]
    pub tag_key: Option<Numbered>,
    /// All tags, if no names are given.
    #[serde(default)]
    pub all: Option<bool>,
}

/// Finds tagged keys or secrets, 200 tags a page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagResources {
    /// The region.
    pub region_id: String,
    /// `key` or `secret`.
    pub resource_type: String,
    /// Only these.
    #[serde(default)]
    pub resource_id: Option<Numbered>,
    /// Only with all of these tags; a name without a value takes any.
    #[serde(default)]
    pub tag: Option<NumberedTags>,
    /// Where the page before ended.
    #[serde(default)]
    pub next_token: Option<String>,
}

/// The answer to [`ListTagResources`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagResourcesReply {
    /// Where this page ended; empty on the last.
    pub next_token: String,
    /// The tags of this page.
    pub tag_resources: TagResourceList,
}

/// The list inside [`ListTagResourcesReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagResourceList {
    /// The tags, resource by resource.
    pub tag_resource: Vec<TagResourceEntry>,
}

/// One tag of one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagResourceEntry {
    /// The key's id or the secret's name.
    pub resource_id: String,
    /// `key` or `secret`.
    pub resource_type: String,
    /// The tag's name.
    pub tag_key: String,
    /// Its value.
    pub tag_value: String,
}
