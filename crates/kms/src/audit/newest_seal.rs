//! The newest seal of a trail, as it is in the files: readers without the key of the seals do not verify it.

use std::io;
use std::path::Path;

use super::backwards::{Backwards, is_compressed};
use super::housekeeping::Turn;
use super::line::Content;
use super::sources::{ReadError, Record, TrailFile};

/// How far a store had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) epoch: u64,
    pub(crate) commit: u64,
}

impl Progress {
    /// The highest epoch that a store can have: it counts restores. A seal with a later one is forged, and a store in its epoch could
    /// never be restored again.
    pub(crate) const MAX_EPOCH: u64 = 1 << 32;
}

/// Returns how far the store had come at the newest seal of the trail in `directory`; none if no file has one. Reads a plain file from
/// its end, so that a command need not read all of it.
///
/// # Errors
/// [`ReadError`].
pub(crate) fn newest_seal(directory: &Path) -> Result<Option<Progress>, ReadError> {
    let _turn = Turn::wait(directory); // an earlier trail of this process may still compress files
    for source in TrailFile::all(&[directory.to_owned()])?.iter().rev() {
        if let Some(sealed) = newest_in(source)? {
            return Ok(Some(sealed));
        }
    }
    Ok(None)
}

fn newest_in(source: &TrailFile) -> Result<Option<Progress>, ReadError> {
    let failed = |error: io::Error| ReadError { path: source.path().to_owned(), source: error };
    let file = source.open().map_err(failed)?;
    if is_compressed(&file).map_err(failed)? {
        let mut newest = None;
        source.for_each(|line| {
            newest = of_line(line).or(newest);
            true
        })?;
        return Ok(newest);
    }
    let mut pieces = Backwards::open(file, None).map_err(failed)?;
    while let Some(piece) = pieces.next().map_err(failed)? {
        if let Some(sealed) = piece.lines().rev().find_map(of_line) {
            return Ok(Some(sealed));
        }
    }
    Ok(None)
}

fn of_line(line: &[u8]) -> Option<Progress> {
    match Record::parse(line)?.content {
        Content::Seal(seal) => Some(Progress { epoch: seal.epoch, commit: seal.commit }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::first_number;
    use super::super::housekeeping::tidy;
    use super::super::testing::{Memory, Setup, at};
    use super::*;

    fn of(memory: &Memory) -> Option<u64> {
        let directory = tempfile::tempdir().unwrap();
        memory.dump(directory.path());
        newest_seal(directory.path()).unwrap().map(|sealed| sealed.commit)
    }

    #[test]
    fn the_newest_seal_is_found_in_the_newest_file_that_has_one() {
        let setup = Setup::new();
        let memory = Memory::default();
        assert_eq!(of(&memory), None);
        let mut trail = setup.open(&memory, None).unwrap();
        trail.append(&setup.lines(20)).unwrap();
        trail.seal(3, at(1)).unwrap();
        trail.append(&setup.lines(20)).unwrap();
        assert_eq!(of(&memory), Some(3), "lines follow it");
        trail.seal(4, at(2)).unwrap();
        assert_eq!(of(&memory), Some(4));
        assert!(trail.rotate_if_due(5, at(3)).unwrap());
        assert_eq!(of(&memory), Some(5), "the new file has none yet");
        let current = first_number(memory.trail_files().last().unwrap()).unwrap().0;
        assert_eq!(tidy(&memory, current, u64::MAX).unwrap().compressed, 1);
        assert_eq!(of(&memory), Some(5), "of a compressed file");
        trail.append(&setup.lines(1)).unwrap();
        trail.seal(6, at(4)).unwrap();
        assert_eq!(of(&memory), Some(6));
    }
}
