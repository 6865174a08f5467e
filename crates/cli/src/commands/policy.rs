//! `bulla policy`: the policies of an account, and the permissions that result from them.

mod action;
mod check;
mod explain;
mod library;
mod question;
mod records;
mod resource;
mod who_can;

use crate::account::Account;
use crate::args::{KmsFlags, Policy};
use crate::failure::Failure;

pub(crate) fn run(kms: &KmsFlags, command: Policy) -> Result<(), Failure> {
    match command {
        Policy::Check(check) => check::run(&check),
        Policy::Explain { principal, question } => {
            explain::run(&Account::connect(kms)?, principal, &question)
        }
        Policy::WhoCan { question } => who_can::run(&Account::connect(kms)?, &question),
        command => records::run(&Account::connect(kms)?, command),
    }
}
