//! bulla: envelope encryption of files, and the KMS behind it.
//!
//! `main` turns the outcome into an exit code; `run` is the table of contents. What was typed is [`args`];
//! each command has a file in [`commands`]; every error becomes a [`Failure`]: what happened, what to do, and
//! the exit code.

#![forbid(unsafe_code)]

mod args;
mod commands;
mod embedded;
mod failure;
mod kms;
mod messages;
mod names;
mod process;
mod progress;
mod report;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};
use crate::failure::Failure;

fn main() -> ExitCode {
    process::keep_secrets_in();
    process::outlive_file_size_limits();
    let args = Args::parse();
    match process::without_panics(|| run(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(args: Args) -> Result<(), Failure> {
    let place = args.kms;
    match args.command {
        Command::Encrypt(encrypt) => commands::encrypt::run(&place, &encrypt),
        Command::Decrypt(decrypt) => commands::decrypt::run(&place, &decrypt),
        Command::Verify(verify) => commands::verify::run(&place, &verify),
        Command::Cat(cat) => commands::cat::run(&place, &cat),
        Command::Inspect(inspect) => commands::inspect::run(&inspect),
        Command::Rewrap(rewrap) => commands::rewrap::run(&place, &rewrap),
        Command::Rekey(rekey) => commands::rewrap::rekey(&place, &rekey),
        Command::Key(command) => commands::key::run(&place, command),
        Command::Alias(command) => commands::alias::run(&place, command),
        Command::Kms(call) => commands::kms::run(&place, &call),
        Command::Serve(serve) => commands::serve::run(serve),
        Command::Completions { shell } => commands::manual::completions(shell),
        Command::Man { command } => commands::manual::page(command.as_deref()),
    }
}
