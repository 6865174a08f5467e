//! The console of a whole server under attack: what is refused, and that nothing has changed then.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "../common/mod.rs"]
mod common;

mod answers;
mod bounds;
mod endings;
mod forged;
mod forms;
mod mfa;
mod sessions;
#[path = "../../../kms/tests/support/totp.rs"]
mod totp;
mod unavailable;
mod visitor;
