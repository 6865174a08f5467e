//! CreateAlias, UpdateAlias, DeleteAlias, ListAliases, ListAliasesByKeyId.

use serde::{Deserialize, Serialize};

/// Gives a key a second name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateAlias {
    /// The key's id; no alias.
    pub key_id: String,
    /// `alias/` and 1 to 255 characters.
    pub alias_name: String,
}

/// Points an alias at another key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateAlias {
    /// The id of the new key; no alias.
    pub key_id: String,
    /// The alias.
    pub alias_name: String,
}

/// Takes an alias away; its key stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteAlias {
    /// The alias.
    pub alias_name: String,
}

/// Lists all aliases of the account, a page at a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListAliases {
    /// From 1; 1 if absent.
    pub page_number: Option<u32>,
    /// 0 to 100; 10 if absent.
    pub page_size: Option<u32>,
}

/// Lists the aliases of one key, a page at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListAliasesByKeyId {
    /// The key's id; no alias.
    pub key_id: String,
    /// From 1; 1 if absent.
    #[serde(default)]
    pub page_number: Option<u32>,
    /// 0 to 101; 10 if absent.
    #[serde(default)]
    pub page_size: Option<u32>,
}

/// The answer to [`ListAliases`] and [`ListAliasesByKeyId`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListAliasesReply {
    /// The aliases of this page.
    pub aliases: AliasList,
    /// How many aliases there are on all pages.
    pub total_count: u64,
    /// This page.
    pub page_number: u32,
    /// How many aliases a page holds.
    pub page_size: u32,
}

/// The list inside [`ListAliasesReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AliasList {
    /// The aliases, by name.
    pub alias: Vec<AliasEntry>,
}

/// One alias of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AliasEntry {
    /// `alias/…`.
    pub alias_name: String,
    /// The key it stands for.
    pub key_id: String,
    /// `acs:kms:<region>:<account>:alias/…`.
    pub alias_arn: String,
}
