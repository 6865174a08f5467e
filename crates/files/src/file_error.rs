//! Why a file was not encrypted, decrypted or rewrapped.

use std::error::Error;
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::{fmt, io};

use bulla_envelope::native::{OpenError, SealError, UnlockError};
use bulla_envelope::{DecryptError, EncryptError, text_format};

use crate::output::OutputError;

/// Why a file failed, by the step that failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileError {
    /// The source could not be opened, or its metadata not be read.
    Source(io::Error),
    /// The source is not a regular file but a device, pipe, socket or directory.
    Special,
    /// The output could not be written.
    Output(OutputError),
    /// Encryption failed in either format, or the KMS did not issue or wrap a key.
    Encrypt(EncryptError),
    /// Decryption failed in either format, or the KMS did not unwrap a key.
    Decrypt(DecryptError),
    /// The list of keys to encrypt or rewrap for is empty. The KMS was not called.
    NoKeys,
    /// A `.bulla` file has the text format, which protects less, and the caller did not choose that format.
    UnexpectedText,
    /// The text format does not support several wrapped keys, or replacing them.
    NotInText,
    /// The output could not be verified by reading it back. The source was not removed.
    ReadBack,
    /// The output is complete, but the source could not be removed.
    NotRemoved(io::Error),
    /// The source was replaced twice during its removal. The second replacement has its name; the first one is kept under `name`.
    SetAside {
        /// The hidden name.
        name: OsString,
    },
    /// Another process has locked the file or its output, and may be about to change or remove it. The file was not changed.
    InUse,
    /// One of two slots is damaged: the file opens, but is not intact.
    DamagedSlot,
    /// The file has keys that this KMS does not open at present. A new data key would make the file unreadable for them.
    Foreign {
        /// The ids of the keys, as the file names them.
        keys: Vec<String>,
    },
    /// The data from a pipe could not be spooled.
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
            Self::NoKeys => f.write_str("no key is named, and without one the file could never be opened"),
            Self::UnexpectedText => {
                f.write_str("it is named .bulla but is in the text format, which protects less")
            }
            Self::NotInText => f.write_str("the text format holds one wrapped key, which cannot be replaced"),
            Self::ReadBack => f.write_str("the output does not read back as what was written"),
            Self::NotRemoved(_) => f.write_str("the output is done, but the source cannot be removed"),
            Self::SetAside { name } => {
                write!(
                    f,
                    "the source was replaced while it was removed; the replacement is kept as {}",
                    name.display()
                )
            }
            Self::InUse => f.write_str("another process is using it or its output"),
            Self::DamagedSlot => f.write_str("one of its two slots of wrapped keys is damaged"),
            Self::Foreign { keys } => {
                write!(f, "it is also for keys that this KMS does not open now: {}", keys.join(", "))
            }
            Self::Spool(_) => f.write_str("the data from the pipe cannot be buffered"),
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

/// Returns a file with its metadata, if it is a regular file.
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
