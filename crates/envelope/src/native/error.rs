//! Errors of the native format: one enum for sealing, one for opening, one for the keys of a file.

use std::error::Error;
use std::{fmt, io};

use crate::KeyServiceError;
use crate::cobblestone::{DamagedChunk, TooLong};

/// Why a plaintext was not sealed in the native format, or a header got no other wraps.
#[derive(Debug)]
#[non_exhaustive]
pub enum SealError {
    /// The plaintext could not be read.
    Read(io::Error),
    /// The output could not be written.
    Write(io::Error),
    /// The operating system started no thread.
    Thread(io::Error),
    /// The header cannot be written.
    Header(HeaderFlaw),
    /// The plaintext has 4 PiB or more.
    TooLong,
    /// The source changed while it was being read.
    Changed,
}

/// Why an input was not opened as the native format.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The input could not be read.
    Read(io::Error),
    /// The plaintext could not be written.
    Write(io::Error),
    /// The operating system started no thread.
    Thread(io::Error),
    /// The input does not begin as a native file does.
    NotNative,
    /// The version or the suite is not known to this version of bulla.
    Newer {
        /// The format's version.
        version: u8,
        /// The suite.
        suite: u8,
    },
    /// The header is not well formed.
    Header(HeaderFlaw),
    /// The input ends too early.
    Truncated,
    /// The body has another size than the header says, and the header is genuine.
    Size,
    /// A chunk is damaged, or was tampered with.
    Damaged(DamagedChunk),
}

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderFlaw {
    /// Sizes or counts that cannot be.
    Prelude,
    /// The bound part is not well formed.
    Bound,
    /// It has more than 64 KiB.
    TooLong,
    /// No slot is whole.
    Slots,
    /// The wraps do not fit into a slot.
    SlotFull,
    /// No wraps, more than 32, or ids and wrapped keys that are none.
    Wraps,
}

/// Why no wrapped key of a header opened the file.
#[derive(Debug)]
#[non_exhaustive]
pub enum UnlockError {
    /// No slot is whole.
    NoSlot,
    /// The caller named pairs that are not in the file's encryption context.
    Context,
    /// None of the keys that the header names may be used.
    NotAllowed {
        /// The keys that the header names.
        keys: Vec<String>,
    },
    /// The header names one key, and the KMS used another.
    KeyMismatch {
        /// What the header says.
        named: String,
        /// What the KMS answered.
        answered: String,
    },
    /// The KMS unwrapped no key; of several reasons, the one that most can be done about.
    Kms(KeyServiceError),
    /// The unwrapped keys do not belong to this header and body: damaged, or tampered with.
    Commitment,
}

impl OpenError {
    /// The error of a plaintext that was read through [`Read`](io::Read): the one that the reader put into the
    /// [`io::Error`], or [`OpenError::Read`] for an error of the input.
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
            Self::Truncated => f.write_str("the input is cut off"),
            Self::Size => f.write_str("the input has another length than was encrypted"),
            Self::Damaged(chunk) => write!(f, "the input is damaged or was tampered with: {chunk}"),
        }
    }
}

impl fmt::Display for HeaderFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prelude => "its sizes cannot be",
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
                write!(f, "the header names the key {named}, but its wrapped key is of {answered}")
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
