//! Finds the first key of a trail, for `bulla audit verify --public-key`.

use std::fs::File;
use std::io;
use std::path::Path;

use super::line::{Content, KeyLine};
use super::lines::{Lines, Next};
use super::seal::PublicKey;
use super::sources::{CERTIFICATES, ReadError, TrailFile};

/// Returns the oldest public key that the trail in a directory still names: that of its first line, which is kept after its
/// file was deleted. None if the directory contains no trail.
///
/// # Errors
/// [`ReadError`].
pub fn first_key(directory: &Path) -> Result<Option<PublicKey>, ReadError> {
    let failed = |source| ReadError { path: directory.to_owned(), source };
    let oldest = match TrailFile::all(&[directory.to_owned()]) {
        Err(error) if error.source.kind() == io::ErrorKind::NotFound => return Ok(None),
        sources => sources?.into_iter().next(),
    };
    let of_file = match oldest.map(|source| source.lines()).transpose() {
        // Deleted since it was listed: by now its first line is among the certificates.
        Err(error) if error.source.kind() == io::ErrorKind::NotFound => None,
        lines => lines?.map(signer_of_first_line).transpose().map_err(failed)?.flatten(),
    };
    let certificates = match File::open(directory.join(CERTIFICATES)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        file => Some(file.and_then(Lines::new).map_err(failed)?),
    };
    let of_deleted = certificates.map(signer_of_first_line).transpose().map_err(failed)?.flatten();
    Ok(of_deleted.or(of_file))
}

/// Returns the key that signs the certificate in the first line. The first key of a trail signs its own.
fn signer_of_first_line<R: io::BufRead>(mut lines: Lines<R>) -> io::Result<Option<PublicKey>> {
    let Next::Line(line) = lines.next()? else { return Ok(None) };
    let Ok(Content::Key(KeyLine { key, .. })) = serde_json::from_slice(line) else { return Ok(None) };
    Ok(key.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::super::files::first_number;
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
}
