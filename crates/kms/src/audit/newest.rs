//! Searches the trail backwards from its newest line, in pages, for the console.
//!
//! A page ends at a line, and the next one begins before the number of that line, so pages remain the same while the trail
//! grows. Plain files are read backwards from the place where the page begins. A compressed file can only be read from its
//! beginning, and is read up to that place.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::Path;

use super::backwards::{Backwards, is_compressed};
use super::chain::Framed;
use super::conditions::Conditions;
use super::line::{Content, Time};
use super::lines::{Lines, Next};
use super::sources::{ReadError, Record, TrailFile, is_damage};

/// The parameters of a search.
#[derive(Clone, Debug)]
pub struct NewestFirst {
    /// The conditions that lines must fulfil.
    pub conditions: Conditions,
    /// Only lines before the one with this number. Default: all lines.
    pub before: Option<u64>,
    /// Maximum number of lines.
    pub count: usize,
}

/// The result of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundLines {
    /// Newest first.
    pub lines: Vec<FoundLine>,
    /// The part that was not searched.
    pub rest: Rest,
}

/// A found line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundLine {
    /// Its number.
    pub number: u64,
    /// The line as in the file, without its LF: JSON.
    pub text: String,
}

/// The part of the trail that was not searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// None: the search has reached the beginning of the trail.
    Nothing,
    /// The search has found the maximum number of lines.
    Older {
        /// The next page ends before this line.
        before: u64,
    },
    /// The search was stopped.
    Unsearched {
        /// It has searched the line with this number, and all newer ones.
        before: u64,
        /// The time of that line.
        back_to: Time,
    },
}

impl NewestFirst {
    /// Searches the trail in a directory. After each piece of a file, it calls `may_go_on` with the number of bytes read so
    /// far, and stops if that returns false. A compressed file is one piece.
    ///
    /// # Errors
    /// [`ReadError`]. Damaged lines, and files that are deleted meanwhile, are skipped.
    pub fn search(
        &self,
        directory: &Path,
        may_go_on: impl FnMut(u64) -> bool,
    ) -> Result<FoundLines, ReadError> {
        let mut search = Search { query: self, may_go_on, found: Vec::new(), reached: None, read: 0 };
        for source in TrailFile::all(&[directory.to_owned()])?.iter().rev() {
            if self.before.is_some_and(|before| source.first() >= before) {
                continue;
            }
            let failed = |error| ReadError { path: source.path().to_owned(), source: error };
            let rest = match source.open() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                file => file.and_then(|file| search.file(file)).map_err(failed)?,
            };
            if let Some(rest) = rest {
                return Ok(FoundLines { lines: search.found, rest });
            }
        }
        Ok(FoundLines { lines: search.found, rest: Rest::Nothing })
    }
}

struct Search<'w, G> {
    query: &'w NewestFirst,
    may_go_on: G,
    found: Vec<FoundLine>,
    /// The oldest line that was searched.
    reached: Option<Reached>,
    /// Bytes.
    read: u64,
}

#[derive(Clone, Copy)]
struct Reached {
    number: u64,
    time: Time,
}

impl<G: FnMut(u64) -> bool> Search<'_, G> {
    /// Searches a file; returns the rest if the search is over.
    fn file(&mut self, file: File) -> io::Result<Option<Rest>> {
        if is_compressed(&file)? {
            self.compressed(file)?;
            return Ok(self.rest());
        }
        let mut pieces = Backwards::open(file, self.query.before)?;
        while let Some(piece) = pieces.next()? {
            for line in piece.lines().rev() {
                if let Some(found) = self.query.visit(line) {
                    self.found.push(found);
                    if self.is_full() {
                        return Ok(self.rest());
                    }
                }
            }
            self.read += piece.len();
            self.reached = piece.lines().find_map(|line| self.query.reached(line)).or(self.reached);
            if let Some(rest) = self.rest() {
                return Ok(Some(rest));
            }
        }
        Ok(None)
    }

    /// Searches a compressed file from its beginning, and keeps the newest lines.
    fn compressed(&mut self, file: File) -> io::Result<()> {
        let room = self.query.count - self.found.len();
        let mut newest = VecDeque::with_capacity(room);
        let mut lines = Lines::new(file)?;
        let mut reached = None;
        loop {
            let line = match lines.next() {
                Ok(Next::Line(line)) if !self.query.begins_behind(line) => line,
                Ok(_) => break,
                Err(error) if is_damage(&error) => break,
                Err(error) => return Err(error),
            };
            self.read += line.len() as u64 + 1;
            reached = reached.or_else(|| self.query.reached(line));
            if let Some(found) = self.query.visit(line) {
                if newest.len() == room {
                    newest.pop_front();
                }
                newest.push_back(found);
            }
        }
        self.reached = reached.or(self.reached);
        self.found.extend(newest.into_iter().rev());
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.found.len() >= self.query.count
    }

    /// Returns the rest, if the search is over.
    fn rest(&mut self) -> Option<Rest> {
        if let Some(last) = self.found.last().filter(|_| self.is_full()) {
            return Some(Rest::Older { before: last.number });
        }
        let Reached { number, time } = self.reached?;
        let is_stopped = !(self.may_go_on)(self.read);
        is_stopped.then_some(Rest::Unsearched { before: number, back_to: time })
    }
}

impl NewestFirst {
    /// Returns the line, if it matches.
    fn visit(&self, line: &[u8]) -> Option<FoundLine> {
        let text = str::from_utf8(line).ok().filter(|text| self.conditions.may_hold_for(text))?;
        let record = Record::parse(line)?;
        let is_event = !matches!(record.content, Content::Key(_) | Content::Seal(_));
        let is_wanted = is_event && self.is_in_front(record.number) && self.conditions.hold_for(&record);
        is_wanted.then(|| FoundLine { number: record.number, text: text.to_owned() })
    }

    fn reached(&self, line: &[u8]) -> Option<Reached> {
        let record = Record::parse(line)?;
        self.is_in_front(record.number).then_some(Reached { number: record.number, time: record.time })
    }

    fn begins_behind(&self, line: &[u8]) -> bool {
        self.before.is_some() && Framed::parse(line).is_some_and(|line| !self.is_in_front(line.number))
    }

    fn is_in_front(&self, number: u64) -> bool {
        self.before.is_none_or(|before| number < before)
    }
}

#[cfg(test)]
mod tests;
