//! The people and programs that share the account: users, groups, roles, their policies, access keys and MFA devices. Each
//! type is a record with its rules. A rule gets the time and the limits, and returns the changed record or the reason for
//! refusing the change; it does not touch the store.
//!
//! Rows are stored under names in lower case, so names are unique regardless of case in the whole store. All references to a
//! user, group or role use its id, which survives renaming and which a new record of the same name does not have.

mod account;
mod attachments;
mod document;
mod group;
mod id;
mod login_profile;
mod mfa_device;
mod name;
mod policy;
mod quotas;
mod resource_policy;
mod role;
pub(crate) mod text;
mod user;
mod versions;

pub(crate) use bulla_access::PrincipalId;

pub(crate) use self::account::Account;
pub(crate) use self::attachments::{AttachRefusal, Attachment, AttachmentLimits, Attachments, PolicyRef};
pub(crate) use self::document::{Document, DocumentKind, OfKey, OfRole, OfSecret};
pub(crate) use self::group::{Group, GroupConflict};
#[cfg(test)]
pub(crate) use self::id::random_principal_id;
pub(crate) use self::id::{GroupId, principal_id};
pub use self::login_profile::PasswordFault;
pub(crate) use self::login_profile::{LoginProfile, PasswordMark};
pub(crate) use self::mfa_device::{BindingMark, MfaDevice};
pub(crate) use self::name::{DeviceName, GroupName, NameFault, NameKey, PolicyName, RoleName, UserName};
pub(crate) use self::policy::{AttachedTo, ManagedPolicy, PolicyConflict};
pub use self::quotas::Quotas;
pub(crate) use self::quotas::RecordQuota;
pub(crate) use self::resource_policy::{KeyPolicy, SecretPolicy};
pub(crate) use self::role::{Role, RoleConflict};
pub(crate) use self::text::TextFault;
pub(crate) use self::user::{JoinRefusal, Membership, Profile, User, UserConflict};
pub(crate) use self::versions::{PolicyVersion, VersionRefusal, Versions};
