//! The requests and replies of CreateGroup, GetGroup, UpdateGroup, DeleteGroup, ListGroups, AddUserToGroup, RemoveUserFromGroup,
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

/// Returns a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetGroup {
    /// The name of the group.
    pub group_name: String,
}

/// Changes a group; an absent parameter keeps its value, an empty one clears it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateGroup {
    /// The name of the group.
    pub group_name: String,
    /// The new name; the group keeps id, users and policies.
    #[serde(default)]
    pub new_group_name: Option<String>,
    /// As in [`CreateGroup`].
    #[serde(default, deserialize_with = "MaybeEmpty::if_present")]
    pub new_comments: Option<MaybeEmpty>,
}

/// Deletes a group that has no user and no policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteGroup {
    /// The name of the group.
    pub group_name: String,
}

/// Lists the groups of the account, page by page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListGroups {
    /// The marker in the reply with the previous page.
    pub marker: Option<String>,
    /// 1 to 1000; 100 if absent.
    pub max_items: Option<u32>,
}

/// Makes a user a member of a group. The policies of the group then apply to the user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AddUserToGroup {
    /// The name of the user.
    pub user_name: String,
    /// The name of the group.
    pub group_name: String,
}

/// Removes a user from a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RemoveUserFromGroup {
    /// The name of the user.
    pub user_name: String,
    /// The name of the group.
    pub group_name: String,
}

/// Lists the groups of a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListGroupsForUser {
    /// The name of the user.
    pub user_name: String,
}

/// Lists the users of a group, page by page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUsersForGroup {
    /// The name of the group.
    pub group_name: String,
    /// The marker in the reply with the previous page.
    #[serde(default)]
    pub marker: Option<String>,
    /// 1 to 1000; 100 if absent.
    #[serde(default)]
    pub max_items: Option<u32>,
}

/// The reply to [`CreateGroup`], [`GetGroup`] and [`UpdateGroup`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GroupReply {
    /// The group.
    pub group: Group,
}

/// The reply to [`ListGroups`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListGroupsReply {
    /// The groups of this page.
    pub groups: GroupList,
    /// Whether there are more pages.
    pub is_truncated: bool,
    /// The marker for the next page; absent on the last page.
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

/// A group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Group {
    /// The id; absent in old replies.
    #[serde(default)]
    pub group_id: String,
    /// The name.
    pub group_name: String,
    /// Free text.
    #[serde(default)]
    pub comments: String,
    /// The time of CreateGroup.
    pub create_date: Timestamp,
    /// When it last changed; absent in the reply to [`CreateGroup`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_date: Option<Timestamp>,
}

/// The reply to [`ListGroupsForUser`].
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

/// A group of a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct JoinedGroup {
    /// The id; absent in old replies.
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

/// The reply to [`ListUsersForGroup`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUsersForGroupReply {
    /// The users of this page.
    pub users: MemberList,
    /// Whether there are more pages; absent in old replies.
    #[serde(default)]
    pub is_truncated: bool,
    /// The marker for the next page; absent on the last page.
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

/// A user of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Member {
    /// The name of the user.
    pub user_name: String,
    /// The display name.
    #[serde(default)]
    pub display_name: String,
    /// When the user became a member.
    pub join_date: Timestamp,
}
