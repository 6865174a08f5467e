//! CreateRole, GetRole, UpdateRole, DeleteRole, ListRoles.

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
    /// The trust policy: who may assume the role.
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
    /// The tags, as one JSON text.
    #[serde(default)]
    pub tag: Option<JsonList<Tag>>,
}

/// Returns one role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetRole {
    /// The role's name.
    pub role_name: String,
}

/// Changes a role; an absent parameter keeps its value, an empty description clears it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateRole {
    /// The role's name.
    pub role_name: String,
    /// As in [`CreateRole`].
    #[serde(default)]
    pub new_assume_role_policy_document: Option<String>,
    /// As in [`CreateRole`].
    #[serde(default, deserialize_with = "MaybeEmpty::given")]
    pub new_description: Option<MaybeEmpty>,
    /// As in [`CreateRole`].
    #[serde(default)]
    pub new_max_session_duration: Option<u32>,
    /// As in [`CreateRole`].
    #[serde(default)]
    pub new_allow_console_login: Option<bool>,
    /// Whether all sessions of the role end now. A parameter of bulla: the cloud ends sessions by a policy.
    #[serde(default)]
    pub end_sessions: Option<bool>,
}

/// Deletes a role that has no policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteRole {
    /// The role's name.
    pub role_name: String,
}

/// Lists the roles of the account, a page at a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListRoles {
    /// Where the previous page ended.
    pub marker: Option<String>,
    /// 1 to 1000; 100 if absent.
    pub max_items: Option<u32>,
    /// Only roles with all of these tags, as one JSON text.
    pub tag: Option<JsonList<Tag>>,
}

/// The answer to [`CreateRole`], [`GetRole`] and [`UpdateRole`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RoleReply {
    /// The role.
    pub role: Role,
}

/// One role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Role {
    /// The id, which no other role ever gets.
    pub role_id: String,
    /// The name, as it was written at its creation.
    pub role_name: String,
    /// `acs:ram::<account>:role/<name>`, with the name in lower case.
    pub arn: String,
    /// Any text.
    #[serde(default)]
    pub description: String,
    /// The trust policy as it was written; absent in the answer to [`ListRoles`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assume_role_policy_document: Option<String>,
    /// The longest session, in seconds.
    #[serde(default)]
    pub max_session_duration: u32,
    /// The time of CreateRole.
    pub create_date: Timestamp,
    /// The time of the last change; absent in the answer to [`CreateRole`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_date: Option<Timestamp>,
    /// Whether it is a role of one of the cloud's services; only in the answer to [`GetRole`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_service_linked_role: Option<bool>,
    /// The tags; only in the answer to [`ListRoles`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<EntryTagList>,
}

/// The answer to [`ListRoles`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListRolesReply {
    /// The roles of this page.
    pub roles: RoleList,
    /// Whether there are more.
    pub is_truncated: bool,
    /// Where this page ended; absent on the last.
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
