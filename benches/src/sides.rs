//! The programs that encrypt and decrypt files: bulla, and its peers with the commands that a user would type.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Result;
use crate::process::printed;
use crate::programs;
use crate::report::left_out;
use crate::rounds::{Side, Way};

/// Whether a command waits until its output is on the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    No,
    Yes,
}

/// Returns bulla with the native format, and the embedded KMS with its store in the folder.
pub(crate) fn bulla(folder: &Path, sync: Sync) -> Side {
    let folder = folder.to_owned();
    side(BULLA, MANY, move |way, from, to| bulla_command(&folder, sync, way, from, to))
}

/// Returns the other build of bulla, with the same store.
pub(crate) fn before(folder: &Path, sync: Sync) -> Result<Side> {
    let program = programs::before()?;
    let folder = folder.to_owned();
    Ok(side(BEFORE, MANY, move |way, from, to| {
        arguments(programs::with_embedded_kms(&program, &folder), sync, way, from, to)
    }))
}

pub(crate) fn bulla_command(folder: &Path, sync: Sync, way: Way, from: &str, to: &str) -> Command {
    arguments(programs::bulla_in(folder), sync, way, from, to)
}

fn arguments(mut bulla: Command, sync: Sync, way: Way, from: &str, to: &str) -> Command {
    bulla.args([way.name(), from, "-o", to]);
    if sync == Sync::No {
        bulla.arg("--no-sync");
    }
    bulla
}

/// Returns `cp`, which copies the file or tree both for encryption and decryption.
pub(crate) fn cp(sync: Sync) -> Side {
    side(CP, MANY, move |_, from, to| match sync {
        Sync::No => words("cp -r", &[from, to]),
        Sync::Yes => {
            let mut both = Command::new("sh");
            both.args(["-c", "cp -r \"$0\" \"$1\" && sync \"$1\"", from, to]);
            both
        }
    })
}

/// Returns age with a key pair, whose private key is in the folder.
pub(crate) fn age(folder: &Path) -> Result<Option<Side>> {
    if !(installed(AGE) && installed("age-keygen")) {
        return Ok(None);
    }
    printed(words("age-keygen -o age-key", &[]).current_dir(folder))?;
    let recipient = printed(words("age-keygen -y age-key", &[]).current_dir(folder))?;
    let recipient = String::from_utf8(recipient)?.trim().to_owned();
    Ok(Some(side(AGE, MANY, move |way, from, to| match way {
        Way::Encrypt => words("age -r", &[&recipient, "-o", to, from]),
        Way::Decrypt => words("age -d -i age-key -o", &[to, from]),
    })))
}

/// Returns the peers without a target: other programs, and libraries for Python.
pub(crate) fn others(folder: &Path) -> Result<Vec<Side>> {
    let mut sides: Vec<_> = [openssl(), gpg(folder)?].into_iter().flatten().collect();
    match programs::python() {
        Ok(python) => sides.extend(SCRIPTS.map(|(name, script)| {
            let python = python.clone();
            side(name, FEW, move |way, from, to| {
                let mut command = Command::new(&python);
                command.arg(programs::script(script)).args([way.name(), from, to]);
                command
            })
        })),
        Err(error) => SCRIPTS.iter().for_each(|(name, _)| left_out(name, &error.to_string())),
    }
    Ok(sides)
}

/// Returns openssl with AES-256-CTR, which does not authenticate.
fn openssl() -> Option<Side> {
    installed("openssl").then(|| {
        side("openssl", FEW, |way, from, to| match way {
            Way::Encrypt => words("openssl enc -aes-256-ctr -pbkdf2 -pass pass:x -in", &[from, "-out", to]),
            Way::Decrypt => {
                words("openssl enc -d -aes-256-ctr -pbkdf2 -pass pass:x -in", &[from, "-out", to])
            }
        })
    })
}

/// Returns GnuPG with a passphrase. Its home is in the folder, and its agent exits when the folder is deleted.
fn gpg(folder: &Path) -> Result<Option<Side>> {
    if !installed("gpg") {
        return Ok(None);
    }
    let home = folder.join("gnupg");
    DirBuilder::new().mode(0o700).create(&home)?;
    Ok(Some(side("gpg", FEW, move |way, from, to| {
        let mut gpg = words("gpg --batch --passphrase x --pinentry-mode loopback -o", &[to]);
        match way {
            Way::Encrypt => gpg.args(["--cipher-algo", "AES256", "--compress-algo", "none", "--symmetric"]),
            Way::Decrypt => gpg.arg("--decrypt"),
        };
        gpg.arg(from).env("GNUPGHOME", &home);
        gpg
    })))
}

/// Whether a program is installed. Prints a note if it is not.
fn installed(program: &str) -> bool {
    let started = words(program, &["--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if started.is_err() {
        left_out(program, "it is not installed");
    }
    started.is_ok()
}

/// Splits a command at its spaces, and appends arguments.
fn words(command: &str, more: &[&str]) -> Command {
    let mut words = command.split(' ');
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).args(more);
    command
}

/// Creates a side from the function that returns its commands.
pub(crate) fn side(
    name: &'static str,
    rounds: usize,
    command: impl Fn(Way, &str, &str) -> Command + 'static,
) -> Side {
    Side { name, rounds, command: Box::new(command) }
}

pub(crate) const BULLA: &str = "bulla";
pub(crate) const BEFORE: &str = "before";
pub(crate) const CP: &str = "cp";
pub(crate) const AGE: &str = "age";
/// Names and scripts.
const SCRIPTS: [(&str, &str); 2] =
    [("PyCryptodome", "peers/pycryptodome.py"), ("cryptography", "peers/cobblestone.py")];
/// Number of rounds of the sides that have a target.
const MANY: usize = 15;
/// Number of rounds of the others, which are slow.
const FEW: usize = 3;
