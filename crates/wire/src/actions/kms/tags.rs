//! The requests and replies of TagResource, UntagResource, ListResourceTags, TagResources, UntagResources, ListTagResources.

use serde::{Deserialize, Serialize};

use crate::numbered::{Numbered, NumberedTags};

/// Tags a key or a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagResource {
    /// The id of the key.
    #[serde(default)]
    pub key_id: Option<String>,
    /// The name of the secret, instead of a key.
    #[serde(default)]
    pub secret_name: Option<String>,
    /// The id of a certificate; always refused, because there are none.
    #[serde(default)]
    pub certificate_id: Option<String>,
    /// The tags: a JSON list of objects with `TagKey` and `TagValue`.
    pub tags: String,
}

/// Removes tags from a key or a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UntagResource {
    /// The id of the key.
    #[serde(default)]
    pub key_id: Option<String>,
    /// The name of the secret, instead of a key.
    #[serde(default)]
    pub secret_name: Option<String>,
    /// The id of a certificate; always refused, because there are none.
    #[serde(default)]
    pub certificate_id: Option<String>,
    /// JSON list of tag keys.
    pub tag_keys: String,
}

/// Lists the tags of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListResourceTags {
    /// The id of the key; not an alias.
    pub key_id: String,
}

/// The reply to [`ListResourceTags`].
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
    /// The tags, sorted by name.
    pub tag: Vec<KeyTagEntry>,
}

/// One tag of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyTagEntry {
    /// The id of the key.
    pub key_id: String,
    /// The key of the tag.
    pub tag_key: String,
    /// The value of the tag.
    pub tag_value: String,
}

/// Tags several keys or secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagResources {
    /// The region.
    pub region_id: String,
    /// `key` or `secret`.
    pub resource_type: String,
    /// Up to 50 ids of keys or names of secrets.
    pub resource_id: Numbered,
    /// Up to 20 tags.
    pub tag: NumberedTags,
}

/// Removes tags from several keys or secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UntagResources {
    /// The region.
    pub region_id: String,
    /// `key` or `secret`.
    pub resource_type: String,
    /// Up to 50 ids of keys or names of secrets.
    pub resource_id: Numbered,
    /// Up to 20 tag keys.
    #[serde(default)]
    pub tag_key: Option<Numbered>,
    /// Whether to remove all tags, if no tag keys are given.
    #[serde(default)]
    pub all: Option<bool>,
}

/// Finds tagged keys or secrets. A page has up to 200 tags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagResources {
    /// The region.
    pub region_id: String,
    /// `key` or `secret`.
    pub resource_type: String,
    /// Lists only these keys or secrets.
    #[serde(default)]
    pub resource_id: Option<Numbered>,
    /// Lists only keys or secrets with all of these tags. A tag without a value matches any value.
    #[serde(default)]
    pub tag: Option<NumberedTags>,
    /// The token in the reply with the previous page.
    #[serde(default)]
    pub next_token: Option<String>,
}

/// The reply to [`ListTagResources`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagResourcesReply {
    /// The token for the next page; empty on the last page.
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

/// A tag of a resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagResourceEntry {
    /// The id of the key, or the name of the secret.
    pub resource_id: String,
    /// `key` or `secret`.
    pub resource_type: String,
    /// The key of the tag.
    pub tag_key: String,
    /// The value of the tag.
    pub tag_value: String,
}
