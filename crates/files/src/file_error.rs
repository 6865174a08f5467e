//! Why one file was not encrypted, decrypted or given other keys.

use std::error::Error;
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::{fmt, io};

use bulla_envelope::native::{OpenError, SealError, UnlockError};
use bulla_envelope::{DecryptError, EncryptError, text_format};

use crate::output::OutputError;

/// What went wrong, by where it did.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileError {
    /// The source could not be opened or looked at.
    Source(io::Error),
    /// The source is no file that could be encrypted or decrypted: a device, pipe, socket or directory.
    Special,
    /// The output.
    Output(OutputError),
    /// Encryption in either format, or the KMS that was asked for its keys.
    Encrypt(EncryptError),
    /// Decryption of either format, or the KMS that was asked to unwrap its key.
    Decrypt(DecryptError),
    /// The list of keys to encrypt or rewrap for is empty; the KMS was not called.
    NoKeys,
    /// A `.bulla` file that holds the text format, which protects less, and nobody said so.
    UnexpectedText,
    /// The text format has no place for what was asked: several keys, or other ones.
    NotInText,
    /// The output did not read back as what was written; the source is still there.
    ReadBack,
    /// The output is good, but the source could not be removed.
    NotRemoved(io::Error),
    /// A new version of the source took its name while the old one was removed, and then another one did: that has the
    /// name, and the first is kept beside it.
    SetAside {
        /// The hidden name where it is kept.
        name: OsString,
    },
    /// Another process has locked the file or its output, and may be about to change or remove it; nothing was done to it.
    InUse,
    /// One of two slots is damaged: the file opens, but is not as it was written.
    DamagedSlot,
    /// Keys of the file that this KMS does not open now; under a new data key they would lose it.
    Foreign {
        /// Their ids, as the file names them.
        keys: Vec<String>,
    },
    /// A pipe could not be kept to be read twice.
    Spool(io::Error),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(_) => f.write_str("the source cannot be opened"),
            Self::Special => f.write_str("it is not a regular file"),
            Self::Output(error) => error.fmt(f),
            Self::Encrypt(error) => error.fmt(f),
            Self::Decrypt(error) => error.fmt(f),
            Self::NoKeys => f.write_str("no key is named, and without one nobody could open the file"),
            Self::UnexpectedText => {
                f.write_str("it is called .bulla but holds the text format, which protects less")
            }
            Self::NotInText => f.write_str("the text format holds one wrapped key, which cannot be replaced"),
            Self::ReadBack => f.write_str("the output does not read back as what was written"),
            Self::NotRemoved(_) => f.write_str("the output is done, but the source cannot be removed"),
            Self::SetAside { name } => {
                write!(
                    f,
                    "a new version of the source came while it was removed; it is kept as {}",
                    name.display()
                )
            }
            Self::InUse => f.write_str("another process works on it or on its output"),
            Self::DamagedSlot => f.write_str("one of its two slots of wrapped keys is damaged"),
            Self::Foreign { keys } => {
                write!(f, "it is also for keys that this KMS does not open now: {}", keys.join(", "))
            }
            Self::Spool(_) => f.write_str("what comes through the pipe cannot be kept"),
        }
    }
}

impl Error for FileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Source(error) | Self::Spool(error) | Self::NotRemoved(error) => Some(error),
            Self::Output(error) => error.source(),
            Self::Encrypt(error) => error.source(),
            Self::Decrypt(error) => error.source(),
            _ => None,
        }
    }
}

/// A file, if it is a regular one, and what is known of it.
pub(crate) fn regular(file: File) -> Result<(File, Metadata), FileError> {
    let metadata = file.metadata().map_err(FileError::Source)?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(FileError::Special) }
}

macro_rules! from {
    ($($error:ty => $variant:ident),* $(,)?) => {
        $(impl From<$error> for FileError {
            fn from(error: $error) -> Self {
                Self::$variant(error.into())
            }
        })*
    };
}

from! {
    OutputError => Output,
    EncryptError => Encrypt,
    SealError => Encrypt,
    text_format::SealError => Encrypt,
    DecryptError => Decrypt,
    OpenError => Decrypt,
    UnlockError => Decrypt,
    text_format::OpenError => Decrypt,
}
