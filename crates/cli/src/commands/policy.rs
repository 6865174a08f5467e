//! `bulla policy`: policies of an account, and what they amount to.

mod check;
mod records;

use crate::account::Account;
use crate::args::{KmsFlags, Policy};
use crate::failure::Failure;

pub(crate) fn run(kms: &KmsFlags, command: Policy) -> Result<(), Failure> {
    match command {
        Policy::Check(check) => check::run(&check),
        command => records::run(&Account::connect(kms)?, command),
    }
}
