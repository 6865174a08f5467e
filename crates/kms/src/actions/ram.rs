//! The actions of Resource Access Management, a file for each family.

pub(super) mod account;
mod page;
mod refusal;
pub(super) mod users;
