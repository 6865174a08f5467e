//! The actions of Resource Access Management, a file for each family.

pub(super) mod account;
#[allow(dead_code, reason = "the lists come next")]
mod page;
mod refusal;
