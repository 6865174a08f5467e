//! Errors of the text format: one enum for sealing, one for opening.

use std::error::Error;
use std::{fmt, io};

/// Why a plaintext could not be sealed in the text format. The cause is in `source()`, not in the text.
#[derive(Debug)]
#[non_exhaustive]
pub enum SealError {
    /// The plaintext could not be read.
    Read(io::Error),
    /// The output could not be written.
    Write(io::Error),
    /// The operating system could not start the second thread.
    Thread(io::Error),
    /// The wrapped key from the KMS cannot be a line.
    CiphertextBlob(LineFlaw),
}

/// Why an input could not be opened as the text format. The cause is in `source()`, not in the text.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The input could not be read.
    Read(io::Error),
    /// The plaintext could not be written.
    Write(io::Error),
    /// The operating system could not start the second thread.
    Thread(io::Error),
    /// The first line is not a wrapped key, so the input has another format.
    NotTextFormat(LineFlaw),
    /// The input is truncated.
    Truncated {
        /// The line in which it ends, from 1.
        line: u8,
    },
    /// A line is damaged.
    Damaged {
        /// The line, from 1.
        line: u8,
        /// What is wrong with it.
        flaw: LineFlaw,
    },
    /// The authentication tag does not match: the input is damaged, was tampered with, or belongs to another data key.
    Tampered,
    /// The input changed after its tag was verified.
    Changed,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineFlaw {
    /// The line is empty.
    Empty,
    /// The line is longer than this line can be.
    TooLong {
        /// The maximum length.
        limit: usize,
    },
    /// The line is not base64 of the standard alphabet with padding.
    NotBase64,
    /// The line is base64 of another number of bytes.
    Length {
        /// The number of bytes.
        bytes: usize,
        /// The number of bytes that the line must have.
        expected: usize,
    },
    /// The format does not have this line.
    Surplus,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(_) => f.write_str("the plaintext cannot be read"),
            Self::Write(_) => f.write_str("the output cannot be written"),
            Self::Thread(_) => f.write_str("a second thread cannot be started"),
            Self::CiphertextBlob(flaw) => write!(f, "the wrapped key that the KMS answered {flaw}"),
        }
    }
}

impl Error for SealError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read(source) | Self::Write(source) | Self::Thread(source) => Some(source),
            Self::CiphertextBlob(_) => None,
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(_) => f.write_str("the input cannot be read"),
            Self::Write(_) => f.write_str("the plaintext cannot be written"),
            Self::Thread(_) => f.write_str("a second thread cannot be started"),
            Self::NotTextFormat(flaw) => {
                write!(f, "the input is not in the four-line text format: its first line {flaw}")
            }
            Self::Truncated { line } => write!(f, "the input is truncated in line {line} of 4"),
            Self::Damaged { line, flaw } => write!(f, "the input is damaged: line {line} {flaw}"),
            Self::Tampered => f.write_str(
                "the input is damaged, was tampered with, or belongs to another data key: \
                 its authentication tag does not agree",
            ),
            Self::Changed => f.write_str("the input changed while it was being decrypted"),
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

/// Formats the flaw as the predicate of a sentence about the line.
impl fmt::Display for LineFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::TooLong { limit } => write!(f, "is longer than {limit} characters"),
            Self::NotBase64 => f.write_str("is not base64"),
            Self::Length { bytes, expected } => write!(f, "holds {bytes} bytes instead of {expected}"),
            Self::Surplus => f.write_str("is one too many"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_one_sentence_without_a_stop() {
        let flaw = LineFlaw::Length { bytes: 15, expected: 16 };
        for (error, text) in [
            (
                OpenError::NotTextFormat(LineFlaw::TooLong { limit: 9 }),
                "the input is not in the four-line text format: its first line is longer than 9 characters",
            ),
            (OpenError::Truncated { line: 3 }, "the input is truncated in line 3 of 4"),
            (
                OpenError::Damaged { line: 2, flaw },
                "the input is damaged: line 2 holds 15 bytes instead of 16",
            ),
            (
                OpenError::Damaged { line: 5, flaw: LineFlaw::Surplus },
                "the input is damaged: line 5 is one too many",
            ),
        ] {
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn the_cause_is_kept() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        assert!(SealError::Write(full()).source().is_some());
        assert!(OpenError::Write(full()).source().is_some());
        assert!(OpenError::Tampered.source().is_none());
    }
}
