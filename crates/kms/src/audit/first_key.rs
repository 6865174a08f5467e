//! Finds the first key of a trail, for `bulla audit verify --public-key`.

use std::fs::File;
use std::io;
use std::path::Path;

use super::line::{Content, KeyLine};
use super::lines::{Lines, Next};
use super::seal::PublicKey;
use super::sources::{CERTIFICATES, ReadError, TrailFile, is_damage};

/// Returns the oldest public key that the trail in a directory still names and that leads to its newest file: that of its first line,
/// which is kept after its file was deleted, or the last one that no earlier key certifies. None if the directory contains no
/// trail.
///
/// # Errors
/// [`ReadError`].
pub fn first_key(directory: &Path) -> Result<Option<PublicKey>, ReadError> {
    let failed = |source| ReadError { path: directory.to_owned(), source };
    let sources = match TrailFile::all(&[directory.to_owned()]) {
        Err(error) if error.source.kind() == io::ErrorKind::NotFound => return Ok(None),
        sources => sources?,
    };
    let mut of_files = First::default();
    for source in sources {
        match source.lines() {
            // Deleted since it was listed: by now its first line is among the certificates.
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => {}
            lines => of_files.read_line(&mut lines?).map(drop).map_err(failed)?,
        }
    }
    let mut first = First::default();
    match File::open(directory.join(CERTIFICATES)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        file => {
            let mut lines = file.and_then(Lines::new).map_err(failed)?;
            while first.read_line(&mut lines).map_err(failed)? {}
        }
    }
    first.extend(of_files);
    Ok(first.key)
}

/// The first key after some certificates.
#[derive(Default)]
struct First {
    key: Option<PublicKey>,
    /// Whether it certifies itself, so that no earlier key leads to it.
    is_own: bool,
}

impl First {
    /// Adds the next line. Returns `false` at the end. A damaged line names no key.
    fn read_line<R: io::BufRead>(&mut self, lines: &mut Lines<R>) -> io::Result<bool> {
        let line = match lines.next() {
            Ok(Next::Line(line)) => line,
            Ok(Next::Torn(_) | Next::End) => return Ok(false),
            Err(error) if is_damage(&error) => return Ok(false),
            Err(error) => return Err(error),
        };
        if let Ok(Content::Key(KeyLine { key, public_key, .. })) = serde_json::from_slice(line) {
            self.extend(Self { key: key.parse().ok(), is_own: key == public_key });
        }
        Ok(true)
    }

    /// Adds later certificates.
    fn extend(&mut self, later: Self) {
        if later.key.is_some() && (later.is_own || self.key.is_none()) {
            *self = later;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::{Directory, first_number};
    use super::super::housekeeping::tidy;
    use super::super::testing::{Memory, Setup, at};
    use super::*;

    fn of(memory: &Memory) -> Option<PublicKey> {
        let directory = tempfile::tempdir().unwrap();
        memory.dump(directory.path());
        first_key(directory.path()).unwrap()
    }

    #[test]
    fn the_first_key_outlasts_the_file_that_it_began() {
        assert_eq!(first_key(Path::new("/nowhere")).unwrap(), None);
        let memory = Memory::default();
        assert_eq!(of(&memory), None);
        let setup = Setup::new();
        let mut trail = setup.open(&memory, None).unwrap();
        let first = trail.public_key();
        for round in 0..4 {
            assert_eq!(of(&memory), Some(first), "{round}");
            trail.append(&setup.lines(20)).unwrap();
            assert!(trail.rotate_if_due(round, at(1)).unwrap());
        }
        assert_ne!(trail.public_key(), first);
        let current = first_number(memory.trail_files().last().unwrap()).unwrap().0;
        for total in [u64::MAX, 1] {
            tidy(&memory, current, total).unwrap(); // compressed, and then deleted
            assert_eq!(of(&memory), Some(first));
        }
        assert_eq!(memory.trail_files().len(), 1);
    }

    #[test]
    fn a_key_that_no_earlier_one_certifies_is_the_first_one_of_what_follows() {
        let memory = Memory::default();
        let setup = Setup::new();
        let mut trail = setup.open(&memory, None).unwrap();
        trail.append(&setup.lines(20)).unwrap();
        assert!(trail.rotate_if_due(1, at(1)).unwrap());
        drop(trail);
        memory.remove("seal-key").unwrap();
        let mut trail = setup.open(&memory, None).unwrap();
        let first = trail.public_key();
        assert_eq!((of(&memory), trail.new_first_key()), (Some(first), Some(first)));
        for total in [u64::MAX, 1] {
            trail.append(&setup.lines(20)).unwrap();
            assert!(trail.rotate_if_due(2, at(1)).unwrap());
            let current = first_number(memory.trail_files().last().unwrap()).unwrap().0;
            tidy(&memory, current, total).unwrap();
            assert_eq!(of(&memory), Some(first));
        }
    }
}
