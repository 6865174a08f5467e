//! The requests and replies of SetAccountAlias, GetAccountAlias, ClearAccountAlias.

use serde::{Deserialize, Serialize};

/// Sets the alias of the account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetAccountAlias {
    /// 3 to 32 lower-case letters, digits and single hyphens between them.
    pub account_alias: String,
}

/// Returns the alias of the account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GetAccountAlias {}

/// Removes the alias of the account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClearAccountAlias {}

/// The reply to [`GetAccountAlias`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetAccountAliasReply {
    /// The alias; empty if there is none.
    #[serde(default)]
    pub account_alias: String,
}
