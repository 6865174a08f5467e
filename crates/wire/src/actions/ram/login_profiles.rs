//! The requests and replies of CreateLoginProfile, GetLoginProfile, UpdateLoginProfile, DeleteLoginProfile.

use serde::{Deserialize, Serialize};

use crate::secret::SecretText;
use crate::timestamp::Timestamp;

/// Lets a user sign in to the console with a password.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateLoginProfile {
    /// The name of the user.
    pub user_name: String,
    /// The password as plaintext.
    pub password: SecretText,
    /// Whether the user has to change the password at the next sign-in; `false` if absent.
    #[serde(default)]
    pub password_reset_required: Option<bool>,
    /// Whether the user has to bind a device for multi-factor authentication at the next sign-in; `false` if absent.
    #[serde(default, rename = "MFABindRequired")]
    pub mfa_bind_required: Option<bool>,
}

/// Returns how a user can sign in to the console.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetLoginProfile {
    /// The name of the user.
    pub user_name: String,
}

/// Changes how a user can sign in to the console. An absent parameter keeps its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateLoginProfile {
    /// The name of the user.
    pub user_name: String,
    /// The new password as plaintext.
    #[serde(default)]
    pub password: Option<SecretText>,
    /// As in [`CreateLoginProfile`].
    #[serde(default)]
    pub password_reset_required: Option<bool>,
    /// As in [`CreateLoginProfile`].
    #[serde(default, rename = "MFABindRequired")]
    pub mfa_bind_required: Option<bool>,
}

/// Prevents a user from signing in to the console.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteLoginProfile {
    /// The name of the user.
    pub user_name: String,
}

/// The reply to [`CreateLoginProfile`] and [`GetLoginProfile`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoginProfileReply {
    /// The login profile, without its password.
    pub login_profile: LoginProfile,
}

/// How a user can sign in to the console.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoginProfile {
    /// The name of the user.
    pub user_name: String,
    /// Whether the user has to change the password at the next sign-in.
    #[serde(default)]
    pub password_reset_required: bool,
    /// Whether the user has to bind a device for multi-factor authentication at the next sign-in.
    #[serde(default, rename = "MFABindRequired")]
    pub mfa_bind_required: bool,
    /// The time of CreateLoginProfile.
    pub create_date: Timestamp,
}
