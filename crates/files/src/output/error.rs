//! Why a file cannot be put at a path.

use std::error::Error;
use std::{fmt, io};

/// Why a file cannot be put at a path.
#[derive(Debug)]
#[non_exhaustive]
pub enum OutputError {
    /// Something is there, and was not to be replaced.
    Exists,
    /// It is the output of another file of the same tree.
    Twice,
    /// It is the input itself, by whatever name.
    IsInput,
    /// A directory is there.
    IsDirectory,
    /// A device, pipe or socket is there, or a link into /proc, such as `/dev/stdout`.
    NotAFile,
    /// Its directory is one of /proc, where no file can be made.
    NoFiles,
    /// Its name has more bytes than the file system takes.
    NameTooLong,
    /// A file is there, and not the directory that the files of a tree would go to.
    NotADirectory,
    /// The directory where it goes cannot be opened, or no file be made in it.
    Directory(io::Error),
    /// It could not be looked at, written or named.
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
            Self::Directory(_) => "no file can be made in the directory of the output",
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
