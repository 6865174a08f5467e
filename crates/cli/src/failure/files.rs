//! Failures of one file: exit code and advice for each error of the file commands.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use bulla_envelope::native::{HeaderFlaw, OpenError, SealError, UnlockError};
use bulla_envelope::{DecryptError, EncryptError, text_format};
use bulla_files::output::{OutputError, directory_of};
use bulla_files::{FileError, Format};

use super::{Exit, Failure, with_causes};

/// Where a result is written. A file may have the name of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination<'a> {
    File(&'a Path),
    StandardOutput,
}

impl<'a> Destination<'a> {
    fn io(self, error: &io::Error) -> Failure {
        match self {
            Self::File(path) => Failure::io(path, error),
            Self::StandardOutput => Failure::output(error),
        }
    }

    /// Returns its name in messages.
    fn path(self) -> &'a Path {
        match self {
            Self::File(path) => path,
            Self::StandardOutput => Path::new("standard output"),
        }
    }
}

impl<'a, P: AsRef<Path> + ?Sized> From<&'a P> for Destination<'a> {
    fn from(path: &'a P) -> Self {
        Self::File(path.as_ref())
    }
}

impl Failure {
    /// Returns the failure of one file.
    pub(crate) fn of_file<'a>(error: &FileError, from: &Path, to: impl Into<Destination<'a>>) -> Self {
        let to = to.into();
        match error {
            FileError::Source(error) => Self::io(from, error),
            FileError::Output(error) => Self::of_output(error, to.path()),
            FileError::Encrypt(error) => Self::of_encrypt(error, from, to),
            FileError::Decrypt(error) => Self::of_decrypt(error, from, to),
            FileError::Spool(error) => Self::spooling(from, error),
            FileError::ReadBack => {
                let hint =
                    "the source was kept; check the disk, and whether another program writes to these files";
                Self::new(Exit::Other, error.to_string(), hint).about(to.path())
            }
            error => {
                let (exit, hint) = exit_and_hint(error);
                Self::new(exit, with_causes(error), hint).about(from)
            }
        }
    }

    fn of_encrypt(error: &EncryptError, from: &Path, to: Destination<'_>) -> Self {
        match error {
            EncryptError::Kms(error) => Self::from(error), // the same for a whole tree, so the file is not named
            EncryptError::Native(error) => Self::of_seal(error, from, to),
            EncryptError::Text(error) => Self::of_text_seal(error, from, to),
            error => Self::new(Exit::Other, with_causes(error), "").about(from),
        }
    }

    fn of_decrypt(error: &DecryptError, from: &Path, to: Destination<'_>) -> Self {
        match error {
            DecryptError::Kms(error) => Self::from(error).about(from),
            DecryptError::Unlock(error) => Self::of_unlock(error).about(from),
            DecryptError::Native(error) => Self::of_open(error, from, to),
            DecryptError::Text(error) => Self::of_text_open(error, from, to),
            error => Self::new(Exit::Other, with_causes(error), "").about(from),
        }
    }

    fn of_seal(error: &SealError, from: &Path, to: Destination<'_>) -> Self {
        let hint = match error {
            SealError::Read(error) => return Self::io(from, error),
            SealError::Write(error) => return to.io(error),
            SealError::Changed if to == Destination::StandardOutput => {
                "encrypt it again while no program writes to it; discard what was printed"
            }
            _ => seal_hint(error),
        };
        Self::new(Exit::Other, with_causes(error), hint).about(from)
    }

    fn of_open(error: &OpenError, from: &Path, to: Destination<'_>) -> Self {
        let hint = match error {
            OpenError::Read(error) => return Self::io(from, error),
            OpenError::Write(error) => return to.io(error),
            // Chunks before a damaged one are printed already.
            OpenError::Truncated | OpenError::Size | OpenError::Damaged(_)
                if to == Destination::StandardOutput =>
            {
                "get another copy of the file; what was printed, if anything, is a verified beginning"
            }
            _ => open_hint(error),
        };
        Self::new(open_exit(error), with_causes(error), hint).about(from)
    }

    fn of_output(error: &OutputError, path: &Path) -> Self {
        let name = path.display();
        let (what, hint) = match error {
            OutputError::Io(error) => return Self::io(path, error),
            OutputError::Directory(error) => return Self::io(directory_of(path), error),
            OutputError::Exists => {
                let hint = "use --force to replace it, or name another output with -o";
                return Self::new(Exit::OutputExists, format!("{name} exists already"), hint);
            }
            OutputError::NameTooLong => return Self::name_too_long(path),
            OutputError::NoFiles => {
                let what = format!("no file can be created in {}", directory_of(path).display());
                return Self::new(Exit::Usage, what, "name the output with -o, or print it with -o -");
            }
            OutputError::Twice => {
                let what = format!("{name} is the output of two files, in the two formats");
                return Self::new(
                    Exit::OutputExists,
                    what,
                    "decrypt one of them separately, to another output with -o",
                );
            }
            OutputError::IsInput => (format!("{name} is the input itself"), "name another output with -o"),
            OutputError::NotADirectory => (format!("{name} is not a directory"), "name a directory with -o"),
            OutputError::IsDirectory => (format!("{name} is a directory"), "name a file with -o"),
            _ => (format!("{name} is not a file"), "write to it with -o - and a redirection"),
        };
        Self::new(Exit::Usage, what, hint)
    }

    /// The suffix may be what makes the name too long.
    fn name_too_long(path: &Path) -> Self {
        let length = path.file_name().map_or(0, OsStr::len);
        let suffix = match Format::by_suffix(path) {
            Some(format) => format!(" with the suffix {}", format.suffix()),
            None => String::new(),
        };
        let what = format!("{}: the name of the output is too long: {length} bytes{suffix}", path.display());
        let hint = "name a shorter output with -o; a file of a tree can be encrypted separately that way";
        Self::new(Exit::Other, what, hint)
    }

    fn of_unlock(error: &UnlockError) -> Self {
        let (exit, hint) = match error {
            UnlockError::Context => {
                (Exit::Context, "leave -c out: the file stores its own, which `bulla inspect` prints")
            }
            UnlockError::NotAllowed { .. } => {
                (Exit::Context, "nothing was written; check where the file comes from")
            }
            UnlockError::KeyMismatch { .. } => {
                (Exit::Context, "get another copy of the file: its header was edited; nothing was written")
            }
            _ => (Exit::Damaged, "get another copy of the file; nothing was written"),
        };
        Self::new(exit, error.to_string(), hint)
    }

    fn of_text_seal(error: &text_format::SealError, input: &Path, output: Destination<'_>) -> Self {
        match error {
            text_format::SealError::Read(error) => Self::io(input, error),
            text_format::SealError::Write(error) => output.io(error),
            text_format::SealError::Thread(_) => {
                Self::new(Exit::Other, with_causes(error), FEWER_THREADS).about(input)
            }
            _ => Self::new(Exit::Other, with_causes(error), "").about(input),
        }
    }

    fn of_text_open(error: &text_format::OpenError, input: &Path, output: Destination<'_>) -> Self {
        match error {
            text_format::OpenError::Read(error) => Self::io(input, error),
            text_format::OpenError::Write(error) => output.io(error),
            text_format::OpenError::Thread(_) => {
                Self::new(Exit::Other, with_causes(error), FEWER_THREADS).about(input)
            }
            text_format::OpenError::Changed => {
                Self::new(Exit::Damaged, error.to_string(), "decrypt it again while no program writes to it")
                    .about(input)
            }
            text_format::OpenError::NotTextFormat(_) => {
                let hint = "name a file that was encrypted, such as NAME.cipher; nothing was written";
                Self::new(Exit::Damaged, error.to_string(), hint).about(input)
            }
            _ => {
                let hint = "get another copy of the file; nothing was written";
                Self::new(Exit::Damaged, error.to_string(), hint).about(input)
            }
        }
    }
}

/// Returns exit code and advice for an error of the file itself.
fn exit_and_hint(error: &FileError) -> (Exit, &'static str) {
    match error {
        FileError::NoKeys => (Exit::Usage, "name at least one key with -k; nothing was written"),
        FileError::UnexpectedText => (Exit::Damaged, "if that is intended, add --format text"),
        FileError::DamagedSlot => {
            (Exit::Damaged, "the other slot still opens the file; `bulla rewrap` repairs it")
        }
        FileError::Special => (Exit::Other, "name regular files; other kinds are not read"),
        FileError::Foreign { .. } => (
            Exit::Usage,
            "these keys could no longer open it: name with -k every key that must; nothing was written",
        ),
        FileError::NotRemoved(_) => (Exit::Other, "remove it yourself, or leave out --remove-source"),
        FileError::SetAside { .. } => (Exit::Other, "keep one of the two, and delete the other"),
        FileError::InUse => (Exit::Other, "the file is unchanged; run this again later"),
        _ => (Exit::Other, "decrypt it and encrypt it again"),
    }
}

fn seal_hint(error: &SealError) -> &'static str {
    match error {
        SealError::Changed => "encrypt it again while no program writes to it; nothing was written",
        SealError::Header(HeaderFlaw::SlotFull) => "use `bulla rekey`, which makes a new header",
        SealError::Header(HeaderFlaw::TooLong | HeaderFlaw::Wraps) => "name fewer keys, or a shorter context",
        SealError::TooLong => "split it and encrypt the parts",
        SealError::Thread(_) => FEWER_THREADS,
        _ => "",
    }
}

fn open_exit(error: &OpenError) -> Exit {
    match error {
        OpenError::Thread(_) => Exit::Other,
        _ => Exit::Damaged,
    }
}

fn open_hint(error: &OpenError) -> &'static str {
    match error {
        OpenError::Thread(_) => FEWER_THREADS,
        OpenError::Newer { .. } => "use a newer version of bulla; nothing was written",
        OpenError::NotNative => "name a file that was encrypted, such as NAME.bulla; nothing was written",
        _ => "get another copy of the file; nothing was written",
    }
}

const FEWER_THREADS: &str =
    "use fewer threads with --jobs, or raise the process limit of the user (`ulimit -u`)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_no_keys_is_a_mistake_of_usage() {
        let failure = Failure::of_file(&FileError::NoKeys, Path::new("a"), Path::new("b"));
        assert_eq!(failure.exit, Exit::Usage);
        let what = "a: no key is named, and without one the file could never be opened";
        assert_eq!(failure.texts(), (what, "name at least one key with -k; nothing was written"));
    }

    #[test]
    fn a_thread_that_cannot_be_started_gives_an_error_with_a_hint_in_both_formats() {
        let limit = || io::Error::from(io::ErrorKind::WouldBlock);
        for error in [
            FileError::from(SealError::Thread(limit())),
            FileError::from(OpenError::Thread(limit())),
            FileError::from(text_format::SealError::Thread(limit())),
            FileError::from(text_format::OpenError::Thread(limit())),
        ] {
            let failure = Failure::of_file(&error, Path::new("a"), Path::new("b"));
            assert_eq!((failure.exit, failure.texts().1), (Exit::Other, FEWER_THREADS), "{error}");
        }
    }
}
