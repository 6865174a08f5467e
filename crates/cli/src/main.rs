//! bulla: encrypts files and disks with the keys of a key management service (KMS), and is that service.
//!
//! [`main`] converts the outcome into an exit code, and [`run`] dispatches to the commands. The command line is parsed
//! by [`args`]. Each command has a file in [`commands`]. Every error becomes a [`Failure`]: what happened, what to do,
//! and the exit code.

mod account;
mod args;
mod commands;
mod control;
mod dates;
mod disk;
mod embedded;
mod failure;
mod formats;
mod kms;
mod location;
mod messages;
mod names;
mod paths;
mod principals;
mod process;
mod progress;
mod report;
mod results;
mod streams;

use std::env;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use bulla_wire::Product;
use clap::Parser;
use mimalloc::MiMalloc;

use crate::args::{Args, Command};
use crate::failure::Failure;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    process::keep_secrets_in();
    process::outlive_file_size_limits();
    match process::without_panics(|| run(parse()?)) {
        Ok(()) if bulla_kms::was_store_damaged() => Failure::damaged_store().report(),
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Parses the command line. A mistake ends the process; requested help is printed like any other output.
fn parse() -> Result<Args, Failure> {
    Args::try_parse().or_else(|parse_error| {
        if parse_error.use_stderr() {
            // The message repeats the command line, which may contain a file name that an attacker chose.
            if env::args_os().any(|typed| messages::steers_a_terminal(&typed.to_string_lossy())) {
                let _ = io::stderr()
                    .write_all(messages::on_its_lines(&parse_error.render().to_string()).as_bytes());
                std::process::exit(parse_error.exit_code());
            }
            parse_error.exit();
        }
        let printed = if io::stdout().is_terminal() {
            parse_error.print() // with its styles
        } else {
            streams::write_out(parse_error.render().to_string().as_bytes())
        };
        printed.map_err(|error| Failure::output(&error))?;
        std::process::exit(0)
    })
}

fn run(args: Args) -> Result<(), Failure> {
    let kms = args.kms;
    match args.command {
        Command::Encrypt(encrypt) => commands::encrypt::run(&kms, encrypt),
        Command::Decrypt(decrypt) => commands::decrypt::run(&kms, decrypt),
        Command::Verify(verify) => commands::verify::run(&kms, &verify),
        Command::Cat(cat) => commands::cat::run(&kms, &cat),
        Command::Inspect(inspect) => commands::inspect::run(&inspect),
        Command::Rewrap(rewrap) => commands::rewrap::run(&kms, &rewrap),
        Command::Rekey(rekey) => commands::rewrap::rekey(&kms, &rekey),
        Command::Disk(command) => commands::disk::run(&kms, &command),
        Command::Key(command) => commands::key::run(&kms, command),
        Command::Alias(command) => commands::alias::run(&kms, command),
        Command::User(command) => commands::people::user::run(&kms, command),
        Command::Group(command) => commands::people::group::run(&kms, command),
        Command::Role(command) => commands::people::role::run(&kms, command),
        Command::Policy(command) => commands::policy::run(&kms, command),
        Command::AccessKey(command) => commands::people::access_key::run(&kms, command),
        Command::Kms(call) => commands::api::run(&kms, Product::Kms, &call),
        Command::Ram(call) => commands::api::run(&kms, Product::Ram, &call),
        Command::Sts(call) => commands::api::run(&kms, Product::Sts, &call),
        Command::Whoami(whoami) => commands::whoami::run(&kms, &whoami),
        Command::Audit(command) => commands::audit::run(&kms, &command),
        Command::Console(console) => commands::console::run(&kms, console),
        Command::Serve(serve) => commands::serve::run(*serve),
        Command::Status(status) => commands::status::run(&status),
        Command::Store(store) => commands::store::run(&kms, store),
        Command::Backup(command) => commands::backup::run(&kms, command),
        Command::Completions { shell } => commands::manual::completions(shell),
        Command::Man { command } => commands::manual::page(&command),
    }
}
