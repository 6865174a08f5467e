//! Why a file cannot be published at a path.

use std::error::Error;
use std::{fmt, io};

/// Why a file cannot be published at a path.
#[derive(Debug)]
#[non_exhaustive]
pub enum OutputError {
    /// A file exists there and may not be replaced.
    Exists,
    /// The path is the output of another file of the same tree.
    Twice,
    /// The path leads to the input itself.
    IsInput,
    /// A directory exists there.
    IsDirectory,
    /// The path is a device, pipe or socket, or a link into /proc, such as `/dev/stdout`.
    NotAFile,
    /// The directory is in /proc, where no file can be created.
    NoFiles,
    /// The name is longer than the file system allows.
    NameTooLong,
    /// A file exists where the directory for the files of a tree would be.
    NotADirectory,
    /// The directory cannot be opened, or no file can be created in it.
    Directory(io::Error),
    /// The path could not be examined, or the file not be written or named.
    Io(io::Error),
}

impl From<io::Error> for OutputError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for OutputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exists => "the output exists already",
            Self::Twice => "two files of the tree have the same output",
            Self::IsInput => "the output is the input itself",
            Self::IsDirectory => "the output is a directory",
            Self::NotAFile => "the output is not a file",
            Self::NotADirectory => "the output is not a directory",
            Self::NoFiles => "the output would be in a directory that holds no files",
            Self::NameTooLong => "the name of the output is too long",
            Self::Directory(_) => "no file can be created in the directory of the output",
            Self::Io(_) => "the output cannot be written",
        })
    }
}

impl Error for OutputError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Directory(error) | Self::Io(error) => Some(error),
            _ => None,
        }
    }
}
