//! Finds the files that a reader of the trail was given, in the order of their lines. It needs no store and no key.
//!
//! A server may write, compress and delete files meanwhile: a file that was compressed after it was listed is read under its
//! new name.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::Deserialize;

use super::chain::Framed;
use super::files::first_number;
use super::key_files::NEXT;
use super::line::{Content, Time};
use super::lines::{Lines, Next};

/// The first lines of deleted files.
pub(super) const CERTIFICATES: &str = "certificates.jsonl";

/// A file of the trail.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrailFile {
    /// The number of its first line, if known.
    first: u64,
    path: PathBuf,
}

/// A file or directory of the trail cannot be read.
#[derive(Debug)]
pub struct ReadError {
    /// The file or directory.
    pub path: PathBuf,
    /// The error of the system.
    pub source: io::Error,
}

/// A parsed line.
#[derive(Debug)]
pub struct Record<'l> {
    /// Its number.
    pub number: u64,
    /// The store that wrote it.
    pub store: Cow<'l, str>,
    /// The process that wrote it.
    pub node: Cow<'l, str>,
    /// The time.
    pub time: Time,
    /// The content.
    pub content: Content<'l>,
}

/// The members of all lines.
#[derive(Deserialize)]
pub(super) struct Common<'l> {
    #[serde(borrow)]
    pub(super) store: Cow<'l, str>,
    #[serde(borrow)]
    node: Cow<'l, str>,
    time: Time,
}

impl TrailFile {
    /// Returns the files of these paths, including those in directories, in the order of their first lines.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn all(paths: &[PathBuf]) -> Result<Vec<Self>, ReadError> {
        let mut found = Vec::new();
        for path in paths {
            let read = |error| ReadError { path: path.clone(), source: error };
            if fs::metadata(path).map_err(read)?.is_dir() {
                found.extend(Self::below(path).map_err(read)?);
            } else if path.file_name().is_none_or(|name| name != CERTIFICATES) {
                found.push(Self { first: first_line_number(path)?, path: path.clone() });
            }
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// Returns the files in a directory. A listing may miss a file that is renamed meanwhile, so two listings must agree.
    fn below(directory: &Path) -> io::Result<Vec<Self>> {
        let mut before = Self::list(directory)?;
        for _ in 0..MAX_LISTINGS {
            let now = Self::list(directory)?;
            if now.keys().eq(before.keys()) {
                before = now;
                break;
            }
            before = now;
        }
        Ok(before.into_iter().map(|(first, path)| Self { first, path }).collect())
    }

    /// Returns the files by the numbers of their first lines. While a file is compressed, it has two names: the plain one is
    /// returned.
    fn list(directory: &Path) -> io::Result<BTreeMap<u64, PathBuf>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            match path.file_name().and_then(|name| name.to_str()).and_then(first_number) {
                None => {}
                Some((first, false)) => drop(found.insert(first, path)),
                Some((first, true)) => drop(found.entry(first).or_insert(path)),
            }
        }
        Ok(found)
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the next file in its directory, if it exists by now.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn successor(&self) -> Result<Option<Self>, ReadError> {
        let directory = crate::files::parent(&self.path);
        let listed = Self::below(directory);
        let listed = listed.map_err(|source| ReadError { path: directory.to_owned(), source })?;
        Ok(listed.into_iter().filter(|other| other.first > self.first).min())
    }

    /// Returns the file that the last line of this one announces. A server announces a file, syncs that, and then begins it:
    /// this waits while the file that stores its key exists.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(super) fn announced(&self) -> Result<Option<Self>, ReadError> {
        let key = crate::files::parent(&self.path).join(NEXT);
        for _ in 0..MAX_WAITS {
            let is_being_begun = key.try_exists().unwrap_or_default(); // checked first: the key is renamed when the file exists
            let successor = self.successor()?;
            if successor.is_some() || !is_being_begun {
                return Ok(successor);
            }
            thread::sleep(WAIT);
        }
        self.successor()
    }

    /// Calls `visit` with each line until it returns `false`. Leaves out an incomplete line.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn for_each(&self, mut visit: impl FnMut(&[u8]) -> bool) -> Result<(), ReadError> {
        let mut lines = self.lines()?;
        loop {
            let next = lines.next().map_err(|source| ReadError { path: self.path.clone(), source })?;
            match next {
                Next::Line(line) if visit(line) => {}
                Next::Line(_) | Next::Torn(_) | Next::End => return Ok(()),
            }
        }
    }

    /// The number of its first line.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    pub(super) fn open(&self) -> io::Result<File> {
        open_file(&self.path)
    }

    pub(super) fn lines(&self) -> Result<Lines<Box<dyn BufRead>>, ReadError> {
        open(&self.path).map_err(|source| ReadError { path: self.path.clone(), source })
    }

    /// The lines of its open file.
    pub(super) fn lines_in<'f>(&self, file: &'f File) -> io::Result<Lines<Box<dyn BufRead + 'f>>> {
        Lines::named(&self.path, file)
    }
}

impl<'l> Record<'l> {
    /// Parses a line without `seq` and `prev`; its number is then 0.
    pub(crate) fn unnumbered(line: &'l [u8]) -> Option<Self> {
        let Common { store, node, time } = serde_json::from_slice(line).ok()?;
        Some(Self { number: 0, store, node, time, content: serde_json::from_slice(line).ok()? })
    }

    /// Parses a line; none if it is not a line of a trail.
    #[must_use]
    pub fn parse(line: &'l [u8]) -> Option<Self> {
        let Framed { number, .. } = Framed::parse(line)?;
        let Common { store, node, time } = serde_json::from_slice(line).ok()?;
        Some(Self { number, store, node, time, content: serde_json::from_slice(line).ok()? })
    }
}

const MAX_LISTINGS: usize = 10;
/// A file is begun within milliseconds after it was announced, unless the disk is slow.
const WAIT: Duration = Duration::from_millis(50);
const MAX_WAITS: usize = 40;

fn open(path: &Path) -> io::Result<Lines<Box<dyn BufRead>>> {
    open_file(path).and_then(|file| Lines::named(path, file))
}

/// Opens a file, or its compressed form.
fn open_file(path: &Path) -> io::Result<File> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut compressed = path.as_os_str().to_owned();
            compressed.push(".gz");
            File::open(compressed).map_err(|_| error)
        }
        file => file,
    }
}

/// Returns the number of the first line; that of the name if the line has none.
fn first_line_number(path: &Path) -> Result<u64, ReadError> {
    let read = open(path).and_then(|mut lines| match lines.next() {
        Ok(Next::Line(line)) => Ok(Framed::parse(line).map(|line| line.number)),
        Err(error) if !is_damage(&error) => Err(error),
        _ => Ok(None),
    });
    let recorded = read.map_err(|source| ReadError { path: path.to_owned(), source })?;
    let named = || path.file_name().and_then(|name| name.to_str()).and_then(first_number);
    Ok(recorded.or_else(|| named().map(|(first, _)| first)).unwrap_or_default())
}

/// Whether a read error concerns the content of a compressed file.
pub(super) fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof
    )
}

impl ReadError {
    /// Whether the content of a compressed file is damaged.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        is_damage(&self.source)
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.source)
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
