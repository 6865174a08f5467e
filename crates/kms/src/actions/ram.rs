//! The actions of Resource Access Management (RAM), one file for each family: users, passwords for the console, access keys,
//! MFA devices, groups and their members, roles, policies and their attachments, tags, and the alias of the account.

pub(super) mod access_keys;
pub(super) mod account;
pub(super) mod attachments;
mod entity;
pub(super) mod groups;
pub(super) mod login_profiles;
pub(super) mod members;
pub(super) mod mfa_devices;
mod page;
pub(super) mod policies;
pub(super) mod policy_versions;
mod refusal;
pub(super) mod roles;
mod root_access_keys;
mod tag_list;
pub(super) mod tags;
pub(super) mod users;
