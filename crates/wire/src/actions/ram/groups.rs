//! CreateGroup, GetGroup, UpdateGroup, DeleteGroup, ListGroups, AddUserToGroup, RemoveUserFromGroup,
//! ListGroupsForUser, ListUsersForGroup.

use serde::{Deserialize, Serialize};

use crate::flat::MaybeEmpty;
use crate::timestamp::Timestamp;

/// Creates a group without users and policies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateGroup {
    /// 1 to 64 letters, digits, `.`, `_` and `-`.
    pub group_name: String,
    /// Up to 128 characters.
    #[serde(default)]
    pub comments: Option<String>,
}

/// Returns one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetGroup {
    /// The group's name.
    pub group_name: String,
}

/// Changes a group; an absent parameter keeps its value, an empty one clears it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateGroup {
    /// The group's name.
    pub group_name: String,
    /// The next name; the group keeps id, users and policies.
    #[serde(default)]
    pub new_group_name: Option<String>,
    /// As in [`CreateGroup`].
    #[serde(default, deserialize_with = "MaybeEmpty::given")]
    pub new_comments: Option<MaybeEmpty>,
}

/// Deletes a group that has no user and no policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteGroup {
    /// The group's name.
    pub group_name: String,
}

/// Lists the groups of the account, a page at a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListGroups {
    /// Where the previous page ended.
    pub marker: Option<String>,
    /// 1 to 1000; 100 if absent.
    pub max_items: Option<u32>,
}

/// Makes a user a member of a group, whose policies the user gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AddUserToGroup {
    /// The user's name.
    pub user_name: String,
    /// The group's name.
    pub group_name: String,
}

/// Ends the membership of a user in a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RemoveUserFromGroup {
    /// The user's name.
    pub user_name: String,
    /// The group's name.
    pub group_name: String,
}

/// Lists the groups of one user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListGroupsForUser {
    /// The user's name.
    pub user_name: String,
}

/// Lists the users of one group, a page at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUsersForGroup {
    /// The group's name.
    pub group_name: String,
    /// Where the previous page ended.
    #[serde(default)]
    pub marker: Option<String>,
    /// 1 to 1000; 100 if absent.
    #[serde(default)]
    pub max_items: Option<u32>,
}

/// The answer to [`CreateGroup`], [`GetGroup`] and [`UpdateGroup`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GroupReply {
    /// The group.
    pub group: Group,
}

/// The answer to [`ListGroups`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListGroupsReply {
    /// The groups of this page.
    pub groups: GroupList,
    /// Whether there are more.
    pub is_truncated: bool,
    /// Where this page ended; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
}

/// The list inside [`ListGroupsReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GroupList {
    /// The groups.
    pub group: Vec<Group>,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Group {
    /// The id; absent in old answers.
    #[serde(default)]
    pub group_id: String,
    /// The name.
    pub group_name: String,
    /// Any text.
    #[serde(default)]
    pub comments: String,
    /// The time of CreateGroup.
    pub create_date: Timestamp,
    /// The time of the last change; absent in the answer to [`CreateGroup`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_date: Option<Timestamp>,
}

/// The answer to [`ListGroupsForUser`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListGroupsForUserReply {
    /// The groups.
    pub groups: JoinedGroupList,
}

/// The list inside [`ListGroupsForUserReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct JoinedGroupList {
    /// The groups.
    pub group: Vec<JoinedGroup>,
}

/// One group of a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct JoinedGroup {
    /// The id; absent in old answers.
    #[serde(default)]
    pub group_id: String,
    /// The name.
    pub group_name: String,
    /// The comments of the group.
    #[serde(default)]
    pub comments: String,
    /// When the user became a member.
    pub join_date: Timestamp,
}

/// The answer to [`ListUsersForGroup`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUsersForGroupReply {
    /// The users of this page.
    pub users: MemberList,
    /// Whether there are more; absent in old answers.
    #[serde(default)]
    pub is_truncated: bool,
    /// Where this page ended; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
}

/// The list inside [`ListUsersForGroupReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MemberList {
    /// The users.
    pub user: Vec<Member>,
}

/// One user of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Member {
    /// The user's name.
    pub user_name: String,
    /// The name that people see.
    #[serde(default)]
    pub display_name: String,
    /// When the user became a member.
    pub join_date: Timestamp,
}
