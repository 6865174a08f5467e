//! The actions of Resource Access Management, a file for each family.

pub(super) mod account;
pub(super) mod groups;
pub(super) mod members;
mod page;
mod refusal;
pub(super) mod users;
