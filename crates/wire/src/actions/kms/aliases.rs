//! The requests and replies of CreateAlias, UpdateAlias, DeleteAlias, ListAliases, ListAliasesByKeyId.

use serde::{Deserialize, Serialize};

/// Creates an alias of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateAlias {
    /// The id of the key; not an alias.
    pub key_id: String,
    /// `alias/` followed by 1 to 255 characters.
    pub alias_name: String,
}

/// Points an alias to another key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateAlias {
    /// The id of the new key; not an alias.
    pub key_id: String,
    /// The alias.
    pub alias_name: String,
}

/// Deletes an alias, but not its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteAlias {
    /// The alias.
    pub alias_name: String,
}

/// Lists all aliases of the account, page by page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListAliases {
    /// The number of the page, from 1; 1 if absent.
    pub page_number: Option<u32>,
    /// 0 to 100; 10 if absent.
    pub page_size: Option<u32>,
}

/// Lists the aliases of one key, page by page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListAliasesByKeyId {
    /// The id of the key; not an alias.
    pub key_id: String,
    /// The number of the page, from 1; 1 if absent.
    #[serde(default)]
    pub page_number: Option<u32>,
    /// 0 to 101; 10 if absent.
    #[serde(default)]
    pub page_size: Option<u32>,
}

/// The reply to [`ListAliases`] and [`ListAliasesByKeyId`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListAliasesReply {
    /// The aliases of this page.
    pub aliases: AliasList,
    /// The number of aliases on all pages.
    pub total_count: u64,
    /// The number of this page.
    pub page_number: u32,
    /// The page size.
    pub page_size: u32,
}

/// The list inside [`ListAliasesReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AliasList {
    /// The aliases, sorted by name.
    pub alias: Vec<AliasEntry>,
}

/// An entry of the list: one alias.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AliasEntry {
    /// `alias/…`.
    pub alias_name: String,
    /// The key that the alias names.
    pub key_id: String,
    /// `acs:kms:<region>:<account>:alias/…`.
    pub alias_arn: String,
}
