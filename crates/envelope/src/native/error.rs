//! Errors of the native format: one enum for sealing, one for opening, one for unlocking a file.

use std::error::Error;
use std::{fmt, io};

use crate::KeyServiceError;
use crate::cobblestone::{DamagedChunk, TooLong};

/// Why a plaintext could not be sealed in the native format, or the wraps of a header could not be replaced.
#[derive(Debug)]
#[non_exhaustive]
pub enum SealError {
    /// The plaintext could not be read.
    Read(io::Error),
    /// The output could not be written.
    Write(io::Error),
    /// The operating system could not start a thread.
    Thread(io::Error),
    /// The header cannot be written.
    Header(HeaderFlaw),
    /// The plaintext has 4 PiB or more.
    TooLong,
    /// The source changed while it was read.
    Changed,
}

/// Why an input could not be opened as the native format.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The input could not be read.
    Read(io::Error),
    /// The plaintext could not be written.
    Write(io::Error),
    /// The operating system could not start a thread.
    Thread(io::Error),
    /// The input does not begin with the magic bytes of a native file.
    NotNative,
    /// This version of bulla does not support the format version or the suite.
    Newer {
        /// The format version.
        version: u8,
        /// The suite.
        suite: u8,
    },
    /// The header is malformed.
    Header(HeaderFlaw),
    /// The input is truncated.
    Truncated,
    /// The length of the body differs from the size in the authenticated header.
    Size,
    /// A chunk is damaged or was tampered with.
    Damaged(DamagedChunk),
}

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderFlaw {
    /// A size or count is invalid.
    Prelude,
    /// The bound part is malformed.
    Bound,
    /// The header is longer than 64 KiB.
    TooLong,
    /// No slot is intact.
    Slots,
    /// The wraps do not fit into a slot.
    SlotFull,
    /// There are no wraps or more than 32, or an id or wrapped key is malformed.
    Wraps,
}

/// Why no wrapped key of a header unlocks the file.
#[derive(Debug)]
#[non_exhaustive]
pub enum UnlockError {
    /// No slot is intact.
    NoSlot,
    /// The caller requires pairs that the file's encryption context does not have.
    Context,
    /// The caller allows none of the keys that the header names.
    NotAllowed {
        /// The keys that the header names.
        keys: Vec<String>,
    },
    /// The KMS used another key than the one that the header names.
    KeyMismatch {
        /// The key in the header.
        named: String,
        /// The key in the reply of the KMS.
        answered: String,
    },
    /// The KMS unwrapped no key. Of several errors, this is the most actionable one.
    Kms(KeyServiceError),
    /// The unwrapped keys do not match this header and body, which are damaged or were tampered with.
    Commitment,
}

impl OpenError {
    /// Converts an error from [`Read`](io::Read): returns the error that the reader wrapped in the [`io::Error`], or
    /// [`OpenError::Read`] for an error of the input.
    #[must_use]
    pub fn of_read(error: io::Error) -> Self {
        error.downcast().unwrap_or_else(Self::Read)
    }
}

impl From<TooLong> for SealError {
    fn from(_: TooLong) -> Self {
        Self::TooLong
    }
}

impl From<DamagedChunk> for OpenError {
    fn from(chunk: DamagedChunk) -> Self {
        Self::Damaged(chunk)
    }
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(_) => f.write_str("the plaintext cannot be read"),
            Self::Write(_) => f.write_str("the output cannot be written"),
            Self::Thread(_) => f.write_str("a thread cannot be started"),
            Self::Header(flaw) => write!(f, "the header cannot be written: {flaw}"),
            Self::TooLong => f.write_str("a file holds less than 4 PiB"),
            Self::Changed => f.write_str("the file changed while it was being read"),
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(_) => f.write_str("the input cannot be read"),
            Self::Write(_) => f.write_str("the plaintext cannot be written"),
            Self::Thread(_) => f.write_str("a thread cannot be started"),
            Self::NotNative => f.write_str("the input was not encrypted by bulla"),
            Self::Newer { version, suite } => {
                write!(
                    f,
                    "the input has format version {version} and suite {suite}, which are not known here"
                )
            }
            Self::Header(flaw) => write!(f, "the header is damaged: {flaw}"),
            Self::Truncated => f.write_str("the input is truncated"),
            Self::Size => f.write_str("the input has another length than was encrypted"),
            Self::Damaged(chunk) => write!(f, "the input is damaged or was tampered with: {chunk}"),
        }
    }
}

impl fmt::Display for HeaderFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prelude => "its sizes are impossible",
            Self::Bound => "its bound part is not well formed",
            Self::TooLong => "it is longer than 64 KiB",
            Self::Slots => "no slot with wrapped keys is whole",
            Self::SlotFull => "the wrapped keys do not fit into its slots",
            Self::Wraps => "it takes 1 to 32 wrapped keys, with ids of printable characters",
        })
    }
}

impl fmt::Display for UnlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSlot => f.write_str("no slot with wrapped keys is whole"),
            Self::Context => f.write_str("the file was encrypted with another encryption context"),
            Self::NotAllowed { keys } => {
                write!(f, "the file names only keys that are not allowed: {}", keys.join(", "))
            }
            Self::KeyMismatch { named, answered } => {
                write!(f, "the header names the key {named}, but {answered} wrapped its data key")
            }
            Self::Kms(error) => error.fmt(f),
            Self::Commitment => f.write_str(
                "the header is damaged, was tampered with, or holds the wrapped key of another file: \
                 its commitment does not agree",
            ),
        }
    }
}

impl Error for SealError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read(source) | Self::Write(source) | Self::Thread(source) => Some(source),
            _ => None,
        }
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read(source) | Self::Write(source) | Self::Thread(source) => Some(source),
            _ => None,
        }
    }
}

impl Error for UnlockError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Kms(error) => error.source(),
            _ => None,
        }
    }
}
