//! Verifies one file of a trail.
//!
//! The decompression of a damaged file returns changed lines before it fails. Such a file is verified again up to the first of
//! them: its one fault says how far it can be read.

use std::fs::File;
use std::io::{self, Seek};

use super::super::lines::Next;
use super::super::sources::{ReadError, TrailFile, is_damage};
use super::{Fault, FaultKind, Verifier};

impl Verifier {
    pub(super) fn read(&mut self, source: &TrailFile, file: io::Result<File>) -> Result<(), ReadError> {
        if self.report.is_torn {
            self.report.is_torn = false;
            self.fault(FaultKind::Torn { after: self.last().number });
        }
        self.path = source.path().to_owned();
        self.report.files += 1;
        self.is_first = true;
        self.read_lines(source, file).map_err(|error| ReadError { path: self.path.clone(), source: error })
    }

    fn read_lines(&mut self, source: &TrailFile, file: io::Result<File>) -> io::Result<()> {
        let mut file = file?;
        let before = self.clone();
        let Some(sound) = self.read_up_to(u64::MAX, source, &file)? else { return Ok(()) };
        *self = before;
        file.rewind()?;
        self.read_up_to(sound, source, &file)?;
        self.fault(FaultKind::Undecompressed { after: self.last().number });
        if self.report.last.is_none() {
            self.unread = Some(source.first()).filter(|first| *first > 0);
        }
        Ok(())
    }

    /// Verifies at most `count` lines. If the compressed file is damaged, returns the number of lines before the first one that
    /// this has changed.
    fn read_up_to(&mut self, count: u64, source: &TrailFile, file: &File) -> io::Result<Option<u64>> {
        let mut changed = None;
        let mut read = 0;
        let mut lines = source.lines_in(file)?;
        while read < count {
            match lines.next() {
                Ok(Next::Line(line)) => {
                    let fault_count = self.report.faults.len();
                    self.line(line);
                    let new = &self.report.faults[fault_count..];
                    changed = changed.or_else(|| first_changed(new, read, source.first()));
                    read += 1;
                }
                Ok(Next::End) => break,
                Ok(Next::Torn(_)) => self.report.is_torn = true,
                Err(error) if is_damage(&error) => return Ok(Some(changed.unwrap_or(read))),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// Returns the index in its file of the first line that was changed, according to the faults of the line `index`. Other faults
/// concern the files before, whose numbers are lower than `first`, or the trail.
fn first_changed(faults: &[Fault], index: u64, first: u64) -> Option<u64> {
    faults.iter().find_map(|fault| match fault.kind {
        FaultKind::Missing { to, .. } if to < first => None,
        FaultKind::Changed { .. } => index.checked_sub(1),
        FaultKind::NewKey { .. } | FaultKind::Unexpected { .. } => None,
        _ => Some(index),
    })
}
