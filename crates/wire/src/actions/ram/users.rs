//! The requests and replies of CreateUser, GetUser, UpdateUser, DeleteUser, ListUsers.

use serde::{Deserialize, Serialize};

use crate::flat::MaybeEmpty;
use crate::timestamp::Timestamp;

/// Creates a user without any permission.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateUser {
    /// 1 to 64 letters, digits, `.`, `_` and `-`.
    pub user_name: String,
    /// 1 to 128 characters.
    #[serde(default)]
    pub display_name: Option<String>,
    /// `<country code>-<number>`.
    #[serde(default)]
    pub mobile_phone: Option<String>,
    /// The e-mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// Up to 128 characters.
    #[serde(default)]
    pub comments: Option<String>,
}

/// Returns a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetUser {
    /// The name of the user.
    pub user_name: String,
}

/// Changes a user. An absent parameter keeps its value; an empty one clears it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateUser {
    /// The name of the user.
    pub user_name: String,
    /// The new name; the user keeps id, access keys and policies.
    #[serde(default)]
    pub new_user_name: Option<String>,
    /// As in [`CreateUser`].
    #[serde(default)]
    pub new_display_name: Option<String>,
    /// As in [`CreateUser`].
    #[serde(default, deserialize_with = "MaybeEmpty::if_present")]
    pub new_mobile_phone: Option<MaybeEmpty>,
    /// As in [`CreateUser`].
    #[serde(default, deserialize_with = "MaybeEmpty::if_present")]
    pub new_email: Option<MaybeEmpty>,
    /// As in [`CreateUser`].
    #[serde(default, deserialize_with = "MaybeEmpty::if_present")]
    pub new_comments: Option<MaybeEmpty>,
}

/// Deletes a user without group, access key, login profile or policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteUser {
    /// The name of the user.
    pub user_name: String,
}

/// Lists the users of the account, page by page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListUsers {
    /// The marker in the reply with the previous page.
    pub marker: Option<String>,
    /// 1 to 1000; 100 if absent.
    pub max_items: Option<u32>,
}

/// The reply to [`CreateUser`], [`GetUser`] and [`UpdateUser`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UserReply {
    /// The user.
    pub user: User,
}

/// The reply to [`ListUsers`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUsersReply {
    /// The users of this page.
    pub users: UserList,
    /// Whether there are more pages.
    pub is_truncated: bool,
    /// The marker for the next page; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
}

/// The list inside [`ListUsersReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UserList {
    /// The users.
    pub user: Vec<User>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct User {
    /// The id. Ids of deleted users are not reused.
    pub user_id: String,
    /// The name, which is part of the user's ARN.
    pub user_name: String,
    /// The display name.
    #[serde(default)]
    pub display_name: String,
    /// `<country code>-<number>`, or empty.
    #[serde(default)]
    pub mobile_phone: String,
    /// The e-mail address, or empty.
    #[serde(default)]
    pub email: String,
    /// Free text.
    #[serde(default)]
    pub comments: String,
    /// The time of CreateUser.
    pub create_date: Timestamp,
    /// When it last changed; absent in the reply to [`CreateUser`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_date: Option<Timestamp>,
    /// The time of the last sign-in to the console, empty if there was none; only in the reply to [`GetUser`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login_date: Option<String>,
}
