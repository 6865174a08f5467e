//! The actions of Resource Access Management. Each family of actions has a file with its requests and replies.

mod access_keys;
mod account;
mod attachments;
mod groups;
mod login_profiles;
mod mfa_devices;
mod policies;
mod roles;
mod tags;
mod users;

pub use access_keys::*;
pub use account::*;
pub use attachments::*;
pub use groups::*;
pub use login_profiles::*;
pub use mfa_devices::*;
pub use policies::*;
pub use roles::*;
pub use tags::*;
pub use users::*;

pub use super::Done;
use super::table::{Rules, actions};
use crate::error::{Error, ErrorCode};

actions! {
    Ram, "2015-05-01";
    CreateUser => UserReply,
    GetUser => UserReply,
    UpdateUser => UserReply,
    DeleteUser => Done,
    ListUsers => ListUsersReply,
    CreateLoginProfile => LoginProfileReply,
    GetLoginProfile => LoginProfileReply,
    UpdateLoginProfile => Done,
    DeleteLoginProfile => Done,
    CreateVirtualMFADevice => CreateVirtualMFADeviceReply,
    DeleteVirtualMFADevice => Done,
    ListVirtualMFADevices => ListVirtualMFADevicesReply,
    BindMFADevice => Done,
    UnbindMFADevice => UnbindMFADeviceReply,
    GetUserMFAInfo => GetUserMFAInfoReply,
    CreateAccessKey => CreateAccessKeyReply,
    UpdateAccessKey => Done,
    DeleteAccessKey => Done,
    ListAccessKeys => ListAccessKeysReply,
    GetAccessKeyLastUsed => GetAccessKeyLastUsedReply,
    CreateGroup => GroupReply,
    GetGroup => GroupReply,
    UpdateGroup => GroupReply,
    DeleteGroup => Done,
    ListGroups => ListGroupsReply,
    AddUserToGroup => Done,
    RemoveUserFromGroup => Done,
    ListGroupsForUser => ListGroupsForUserReply,
    ListUsersForGroup => ListUsersForGroupReply,
    CreatePolicy => PolicyReply,
    GetPolicy => GetPolicyReply,
    UpdatePolicyDescription => PolicyReply,
    DeletePolicy => Done,
    ListPolicies => ListPoliciesReply,
    CreatePolicyVersion => PolicyVersionReply,
    GetPolicyVersion => PolicyVersionReply,
    DeletePolicyVersion => Done,
    ListPolicyVersions => ListPolicyVersionsReply,
    SetDefaultPolicyVersion => Done,
    AttachPolicyToUser => Done,
    DetachPolicyFromUser => Done,
    AttachPolicyToGroup => Done,
    DetachPolicyFromGroup => Done,
    AttachPolicyToRole => Done,
    DetachPolicyFromRole => Done,
    ListPoliciesForUser => AttachedPoliciesReply,
    ListPoliciesForGroup => AttachedPoliciesReply,
    ListPoliciesForRole => AttachedPoliciesReply,
    ListEntitiesForPolicy => ListEntitiesForPolicyReply,
    CreateRole => RoleReply,
    GetRole => RoleReply,
    UpdateRole => RoleReply,
    DeleteRole => Done,
    ListRoles => ListRolesReply,
    SetAccountAlias => Done,
    GetAccountAlias => GetAccountAliasReply,
    ClearAccountAlias => Done,
    TagResources => Done,
    UntagResources => Done,
    ListTagResources => ListTagResourcesReply,
}

const RULES: Rules = Rules {
    missing: ErrorCode::MissingParameter,
    invalid: ErrorCode::ParameterIncorrect,
    denied: |action, resource| {
        Error::with(ErrorCode::NoPermission, format!(" Resource: {resource} Action: {action}"))
    },
    internal: ErrorCode::InternalErrorOfRam,
    unsigned: &[],
    is_global: true,
};

/// The operations of the official SDK that bulla does not implement, each with the feature that it belongs to.
const NOT_IMPLEMENTED: &[(&str, &str)] = &[
    ("ChangePassword", PASSWORDS),
    ("CreateServiceLinkedRole", SERVICE_ROLES),
    ("DecodeDiagnosticMessage", "encoded diagnostic messages"),
    ("DeleteServiceLinkedRole", SERVICE_ROLES),
    ("GetPasswordPolicy", PASSWORDS),
    ("GetSecurityPreference", PREFERENCES),
    ("GetServiceLinkedRoleTemplate", SERVICE_ROLES),
    ("SetPasswordPolicy", PASSWORDS),
    ("SetSecurityPreference", PREFERENCES),
];

const PASSWORDS: &str = "rules for passwords, and users who change their own";
const PREFERENCES: &str = "what all users may do for themselves";
const SERVICE_ROLES: &str = "roles of the cloud's services";
