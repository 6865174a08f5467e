//! Inputs and outputs on the command line: one rule for every flag and argument.
//!
//! `-` is a standard stream. A file named `-` is written as `./-`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use clap::builder::{MapValueParser, PathBufValueParser, TypedValueParser, ValueParserFactory};

use crate::failure::{Exit, Failure};
use crate::streams::standard_input;

/// A stream of bytes to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileOrStdin {
    Stdin,
    /// A file, pipe or device, by its path.
    File(PathBuf),
}

/// An input of a command, classified when the command line is parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Source(FileOrStdin),
    /// A directory: all files below it.
    Tree(PathBuf),
}

/// Where a result is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Output {
    /// No output was named: beside a source that has a path, otherwise standard output.
    #[default]
    Beside,
    Stdout,
    /// A file, or the top directory for the results of a tree.
    Path(PathBuf),
}

impl FileOrStdin {
    /// Returns its name in messages.
    pub(crate) fn name(&self) -> &Path {
        match self {
            Self::Stdin => Path::new("standard input"),
            Self::File(path) => path,
        }
    }

    /// Opens it for reading, including directories.
    pub(crate) fn open_any(&self) -> io::Result<File> {
        match self {
            Self::Stdin => standard_input(),
            Self::File(path) => File::open(path),
        }
    }

    /// Opens it for reading, unless it is a directory.
    pub(crate) fn open(&self) -> Result<File, Failure> {
        let failed = |error| Failure::io(self.name(), &error);
        let file = self.open_any().map_err(failed)?;
        if file.metadata().map_err(failed)?.is_dir() {
            let what = format!("{} is a directory", self.name().display());
            return Err(Failure::new(Exit::Usage, what, "name the files in it"));
        }
        Ok(file)
    }
}

impl Input {
    /// Returns the path as typed.
    pub(crate) fn typed(&self) -> &Path {
        match self {
            Self::Source(FileOrStdin::Stdin) => Path::new(STREAM),
            Self::Source(FileOrStdin::File(path)) | Self::Tree(path) => path,
        }
    }
}

impl From<PathBuf> for FileOrStdin {
    fn from(typed: PathBuf) -> Self {
        if is_stream(&typed) { Self::Stdin } else { Self::File(typed) }
    }
}

impl From<PathBuf> for Input {
    fn from(typed: PathBuf) -> Self {
        match FileOrStdin::from(typed) {
            FileOrStdin::File(path) if path.is_dir() => Self::Tree(path),
            source => Self::Source(source),
        }
    }
}

impl From<PathBuf> for Output {
    fn from(typed: PathBuf) -> Self {
        if is_stream(&typed) { Self::Stdout } else { Self::Path(typed) }
    }
}

macro_rules! typed_as_path {
    ($($name:ident),*) => {$(
        impl ValueParserFactory for $name {
            type Parser = MapValueParser<PathBufValueParser, fn(PathBuf) -> Self>;

            fn value_parser() -> Self::Parser {
                PathBufValueParser::new().map(Self::from)
            }
        }
    )*};
}

typed_as_path!(FileOrStdin, Input, Output);

/// Returns the length of an open file if it is a regular file.
pub(crate) fn file_len(file: &File) -> Option<u64> {
    file.metadata().ok().filter(|file| file.is_file()).map(|file| file.len())
}

fn is_stream(typed: &Path) -> bool {
    typed.as_os_str() == STREAM
}

const STREAM: &str = "-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dash_is_a_stream_and_every_other_path_is_itself() {
        assert_eq!(FileOrStdin::from(PathBuf::from("-")), FileOrStdin::Stdin);
        assert_eq!(Input::from(PathBuf::from("-")), Input::Source(FileOrStdin::Stdin));
        assert_eq!(Output::from(PathBuf::from("-")), Output::Stdout);
        for typed in ["./-", "--", "-x", " -", "/dev/stdin", "/dev/stdout", "/dev/fd/1"] {
            let path = PathBuf::from(typed);
            assert_eq!(FileOrStdin::from(path.clone()), FileOrStdin::File(path.clone()));
            assert_eq!(Input::from(path.clone()), Input::Source(FileOrStdin::File(path.clone())));
            assert_eq!(Output::from(path.clone()), Output::Path(path));
        }
    }

    #[test]
    fn directories_are_trees() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(directory.path(), &link).unwrap();
        for path in [directory.path().to_owned(), link] {
            assert_eq!(Input::from(path.clone()), Input::Tree(path));
        }
        let missing = directory.path().join("missing");
        assert_eq!(Input::from(missing.clone()), Input::Source(FileOrStdin::File(missing)));
    }
}
