//! Finds the lines that the trail has already: after a crash, the outbox of the store may still contain lines that were
//! written, and so may that of a backup.

use std::collections::HashSet;

use super::chain::{Framed, Hash};
use super::files::{Directory, LogFile, first_number};
use super::housekeeping::Turn;
use super::line::Members;
use super::lines::{Lines, Next};
use super::sources::{ReadError, TrailFile, is_damage};
use super::trail::Trail;
use super::trail_error::TrailError;

impl<D: Directory> Trail<D> {
    /// Returns those of `lines` that the trail has. The outbox keeps a line until a seal that covers it is durable, and then
    /// deletes it with the commit that records the seal, so they follow the seal that the store has recorded.
    pub(crate) fn written<'l>(&self, lines: &'l [Members]) -> Result<HashSet<&'l str>, TrailError> {
        let mut missing: HashSet<&str> = lines.iter().map(Members::as_str).collect();
        let mut found = HashSet::new();
        let _turn = Turn::wait(&self.directory.path("")); // no file is renamed after it was listed
        for name in self.files_since_noted()? {
            if missing.is_empty() {
                break;
            }
            let failed = |error| TrailError::new(&self.directory.path(&name), error);
            let file = self.directory.open(&name).map_err(failed)?;
            let mut in_file = file.reader().and_then(Lines::new).map_err(failed)?;
            loop {
                match in_file.next() {
                    Ok(Next::Line(line)) => {
                        found.extend(Framed::parse(line).and_then(|line| missing.take(line.members)));
                    }
                    Ok(Next::Torn(_) | Next::End) => break,
                    Err(error) if is_damage(&error) => break, // what cannot be read is written again
                    Err(error) => return Err(failed(error)),
                }
            }
        }
        Ok(found)
    }

    /// Returns the files with lines after the seal that the store has recorded, and at least the two newest, newest first.
    fn files_since_noted(&self) -> Result<Vec<String>, TrailError> {
        let names =
            self.directory.names().map_err(|error| TrailError::new(&self.directory.path(""), error))?;
        let mut files: Vec<_> =
            names.into_iter().filter_map(|name| Some((first_number(&name)?.0, name))).collect();
        files.sort();
        let is_old = |(first, _): &&(u64, String)| *first <= self.noted;
        let old = files.iter().filter(is_old).count().saturating_sub(1).min(files.len().saturating_sub(2));
        Ok(files.drain(old..).rev().map(|(_, name)| name).collect())
    }
}

impl TrailFile {
    /// Removes the lines of this file from `missing`, which holds the members of lines. A line that does not follow the one
    /// before counts as missing, with all after it, because opening the trail cuts them off; so does what cannot be read.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn remove_from(&self, missing: &mut HashSet<Box<str>>) -> Result<(), ReadError> {
        let mut last: Option<(Hash, Box<str>)> = None;
        let read = self.for_each(|line| {
            let framed = Framed::parse(line);
            let follows = |line: &Framed<'_>| last.as_ref().is_none_or(|(hash, _)| *hash == line.prev);
            let Some(framed) = framed.filter(follows) else {
                last = None; // only the next line proves a line
                return false;
            };
            if let Some((_, proven)) = last.replace((Hash::of(line), framed.members.into())) {
                missing.remove(&proven);
            }
            !missing.is_empty()
        });
        if let Some((_, members)) = last {
            missing.remove(&members);
        }
        read.or_else(|error| if error.is_damage() { Ok(()) } else { Err(error) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::housekeeping::tidy;
    use super::super::testing::{Memory, Setup, at};

    #[test]
    fn lines_in_a_damaged_compressed_file_count_as_unwritten() {
        let setup = Setup::new();
        let memory = Memory::default();
        let mut trail = setup.open(&memory, None).unwrap();
        trail.append(&setup.lines(20)).unwrap();
        assert!(trail.rotate_if_due(1, at(1)).unwrap());
        tidy(&memory, 23, u64::MAX).unwrap();
        let lines = [setup.line("event-0"), setup.line("event-19")];
        assert_eq!(trail.written(&lines).unwrap().len(), 2);
        memory.edit(&memory.trail_files()[0], |content| content.truncate(content.len() / 2));
        assert!(!trail.written(&lines).unwrap().contains(lines[1].as_str()));
    }
}
