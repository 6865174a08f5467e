//! The requests and replies of CreateRole, GetRole, UpdateRole, DeleteRole, ListRoles.

use serde::{Deserialize, Serialize};

use super::tags::{EntryTagList, Tag};
use crate::flat::MaybeEmpty;
use crate::json_list::JsonList;
use crate::timestamp::Timestamp;

/// Creates a role without any permission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateRole {
    /// 1 to 64 letters, digits, `.` and `-`.
    pub role_name: String,
    /// The trust policy, which names the principals that may assume the role.
    pub assume_role_policy_document: String,
    /// 1 to 1024 characters.
    #[serde(default)]
    pub description: Option<String>,
    /// 3600 to 43200 seconds; 3600 if absent.
    #[serde(default)]
    pub max_session_duration: Option<u32>,
    /// Whether users may switch to the role in the console; `true` is refused.
    #[serde(default)]
    pub allow_console_login: Option<bool>,
    /// The tags, as JSON text.
    #[serde(default)]
    pub tag: Option<JsonList<Tag>>,
}

/// Returns a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetRole {
    /// The name of the role.
    pub role_name: String,
}

/// Changes a role. An absent parameter keeps its value; an empty description clears it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateRole {
    /// The name of the role.
    pub role_name: String,
    /// As in [`CreateRole`].
    #[serde(default)]
    pub new_assume_role_policy_document: Option<String>,
    /// As in [`CreateRole`].
    #[serde(default, deserialize_with = "MaybeEmpty::if_present")]
    pub new_description: Option<MaybeEmpty>,
    /// As in [`CreateRole`].
    #[serde(default)]
    pub new_max_session_duration: Option<u32>,
    /// As in [`CreateRole`].
    #[serde(default)]
    pub new_allow_console_login: Option<bool>,
    /// Whether to end all sessions of the role now. This parameter is an addition of bulla: in the cloud, a policy ends sessions.
    #[serde(default)]
    pub end_sessions: Option<bool>,
}

/// Deletes a role without policies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteRole {
    /// The name of the role.
    pub role_name: String,
}

/// Lists the roles of the account, page by page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListRoles {
    /// The marker in the reply with the previous page.
    pub marker: Option<String>,
    /// 1 to 1000; 100 if absent.
    pub max_items: Option<u32>,
    /// Lists only roles with all of these tags, as JSON text.
    pub tag: Option<JsonList<Tag>>,
}

/// The reply to [`CreateRole`], [`GetRole`] and [`UpdateRole`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RoleReply {
    /// The role.
    pub role: Role,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Role {
    /// The id. Ids of deleted roles are not reused.
    pub role_id: String,
    /// The name, as it was spelled when the role was created.
    pub role_name: String,
    /// `acs:ram::<account>:role/<name>`, with the name in lower case.
    pub arn: String,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// The trust policy as it was written; absent in the reply to [`ListRoles`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assume_role_policy_document: Option<String>,
    /// The maximum duration of a session in seconds.
    #[serde(default)]
    pub max_session_duration: u32,
    /// The time of CreateRole.
    pub create_date: Timestamp,
    /// When it last changed; absent in the reply to [`CreateRole`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_date: Option<Timestamp>,
    /// Whether the role belongs to one of the cloud's services; only in the reply to [`GetRole`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_service_linked_role: Option<bool>,
    /// The tags; only in the reply to [`ListRoles`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<EntryTagList>,
}

/// The reply to [`ListRoles`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListRolesReply {
    /// The roles of this page.
    pub roles: RoleList,
    /// Whether there are more pages.
    pub is_truncated: bool,
    /// The marker for the next page; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
}

/// The list inside [`ListRolesReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RoleList {
    /// The roles.
    pub role: Vec<Role>,
}
