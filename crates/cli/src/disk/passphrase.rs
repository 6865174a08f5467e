//! Passphrases that users type or keep in key files, as cryptsetup reads them.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::failure::{Exit, Failure};

/// The bytes that open a key slot.
pub(crate) struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// The limit of cryptsetup for typed passphrases, in bytes.
    const MAX_TYPED: usize = 512;
    /// The limit of cryptsetup for key files.
    const MAX_FILE: usize = 8 << 20;

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads all bytes of a key file (`-` is standard input), or prompts for a passphrase.
    pub(crate) fn ask(key_file: Option<&Path>, what: &str) -> Result<Self, Failure> {
        let bytes = match key_file {
            // The buffer of standard input would keep a copy.
            Some(path) if path == Path::new("-") => read_all(path, unbuffered_stdin(path)?)?,
            Some(path) => read_all(path, File::open(path).map_err(|error| Failure::io(path, &error))?)?,
            None => typed(what)?,
        };
        if bytes.is_empty() {
            let hint = "type it, or name a file that has it with --key-file";
            return Err(Failure::new(Exit::Usage, "the passphrase is empty", hint));
        }
        Ok(Self(bytes))
    }

    /// Prompts for a new passphrase twice.
    pub(crate) fn ask_twice(what: &str) -> Result<Self, Failure> {
        let first = Self::ask(None, what)?;
        let again = Self::ask(None, &format!("{what}, again"))?;
        if first.bytes() == again.bytes() {
            return Ok(first);
        }
        Err(Failure::new(Exit::Usage, "the two passphrases differ", "type the same one twice"))
    }
}

/// Prompts for a line at the terminal, with echo.
pub(crate) fn ask_line(question: &str) -> Result<String, Failure> {
    let terminal = Terminal::open()?;
    Ok(String::from_utf8_lossy(&terminal.line(question)?).into_owned())
}

/// Writes a text to the terminal, regardless of redirections.
pub(crate) fn show(text: &str) -> Result<(), Failure> {
    let terminal = Terminal::open()?;
    (&terminal.0).write_all(text.as_bytes()).map_err(|error| Failure::io(Path::new(TTY), &error))
}

fn unbuffered_stdin(path: &Path) -> Result<File, Failure> {
    let stdin = io::stdin().as_fd().try_clone_to_owned();
    stdin.map(File::from).map_err(|error| Failure::io(path, &error))
}

fn read_all(path: &Path, file: impl Read) -> Result<Zeroizing<Vec<u8>>, Failure> {
    // The capacity is exact, so the bytes are never moved and no copy stays in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(Passphrase::MAX_FILE + 1));
    let limit = u64::try_from(Passphrase::MAX_FILE).unwrap_or(u64::MAX) + 1;
    file.take(limit).read_to_end(&mut bytes).map_err(|error| Failure::io(path, &error))?;
    if bytes.len() > Passphrase::MAX_FILE {
        let what = format!("{} has more than 8 MiB, the most that cryptsetup reads", path.display());
        return Err(Failure::new(Exit::Usage, what, "name the key file of the volume"));
    }
    Ok(bytes)
}

fn typed(what: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let terminal = Terminal::open()?;
    let silent = terminal.silence();
    let line = terminal.line(&format!("{what}: "));
    drop(silent);
    let _ = (&terminal.0).write_all(b"\n");
    line
}

/// The terminal of the session, even if standard input is redirected.
struct Terminal(File);

impl Terminal {
    fn open() -> Result<Self, Failure> {
        let opened = OpenOptions::new().read(true).write(true).open(TTY);
        opened.map(Self).map_err(|_| {
            let hint = "name a file that has it with --key-file (- for standard input)";
            Failure::new(Exit::Usage, "there is no terminal for a prompt", hint)
        })
    }

    /// Turns echo off until the returned value is dropped. Keys that stop or abort a program are read as characters
    /// meanwhile, because the program would leave a terminal without echo, or one that shows the rest of a passphrase.
    fn silence(&self) -> Option<Silent> {
        let before = tcgetattr(&self.0).ok()?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        for key in [SpecialCodeIndex::VQUIT, SpecialCodeIndex::VSUSP] {
            silent.special_codes[key] = 0; // no key
        }
        let terminal = self.0.try_clone().ok()?;
        *silenced() = Some((terminal, before));
        tcsetattr(&self.0, OptionalActions::Flush, &silent).ok()?;
        Some(Silent)
    }

    fn line(&self, question: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let io = |error: io::Error| Failure::io(Path::new(TTY), &error);
        (&self.0).write_all(question.as_bytes()).map_err(io)?;
        let mut line = Zeroizing::new(Vec::with_capacity(Passphrase::MAX_TYPED + 2));
        let limit = u64::try_from(Passphrase::MAX_TYPED).unwrap_or(u64::MAX) + 2;
        BufReader::with_capacity(1, &self.0).take(limit).read_until(b'\n', &mut line).map_err(io)?;
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if line.len() > Passphrase::MAX_TYPED {
            let what = format!("more than {} bytes were typed", Passphrase::MAX_TYPED);
            return Err(Failure::new(
                Exit::Usage,
                what,
                "put a longer passphrase into a file for --key-file",
            ));
        }
        Ok(line)
    }
}

/// Turns echo on again when dropped.
struct Silent;

impl Drop for Silent {
    fn drop(&mut self) {
        restore_terminal();
    }
}

/// Turns echo on again, also when a signal ends the program during a prompt.
pub(crate) fn restore_terminal() {
    if let Some((terminal, before)) = silenced().take() {
        let _ = tcsetattr(terminal, OptionalActions::Flush, &before);
    }
}

/// Returns the terminal without echo, and its former settings.
fn silenced() -> MutexGuard<'static, Option<(File, Termios)>> {
    static SILENCED: Mutex<Option<(File, Termios)>> = Mutex::new(None);
    SILENCED.lock().unwrap_or_else(PoisonError::into_inner)
}

const TTY: &str = "/dev/tty";
