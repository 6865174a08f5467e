//! Housekeeping: compresses closed files, and deletes the oldest ones when all files together exceed their limit.
//!
//! It takes seconds for a large file. So the trail returns the work as a value ([`Housekeeping`]), which another thread can
//! run while the trail is written. If it is killed at any step, it can be run again. Before a file is deleted, its first
//! line is kept. These certificates link the first key of a trail, which its operator may have noted, to the remaining
//! files.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::files::{Directory, Disk, LogFile, first_number};
use super::key_files::UNFINISHED;
use super::lines::{Lines, Next};
use super::sources::CERTIFICATES;
use super::trail::Limits;
use super::trail_error::TrailError;

/// Work on closed files of a trail.
#[derive(Clone, Debug)]
pub struct Housekeeping {
    pub(super) path: PathBuf,
    /// The number of the first line of the current file: it and later files are unchanged.
    pub(super) current: u64,
    pub(super) limits: Limits,
}

/// The result of housekeeping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Files that were compressed.
    pub compressed: usize,
    /// Files that were deleted.
    pub deleted: usize,
    /// Bytes of all remaining files.
    pub bytes: u64,
}

impl Housekeeping {
    /// Compresses closed files, and deletes the oldest ones beyond the limit.
    ///
    /// # Errors
    /// [`TrailError`], after doing everything that was possible: a full disk does not prevent the deletion of old files.
    pub fn run(&self) -> Result<Tidied, TrailError> {
        let _turn = Turn::wait(&self.path);
        let directory = Disk::open(&self.path)?;
        tidy(&directory, self.current, self.limits.total).map_err(|error| TrailError::new(&self.path, error))
    }
}

/// The right to rename and delete closed files of a trail, which one thread of this process has at a time: the next file may be
/// closed, or the trail opened again, before the work on the last one has ended. Two threads that compressed the same file
/// would rename and delete each other's files.
pub(super) struct Turn(PathBuf);

impl Turn {
    /// Waits until no other thread has it.
    pub(super) fn wait(path: &Path) -> Self {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = RETURNED.wait_while(taken, |taken| !taken.insert(path.clone()));
        drop(wait.unwrap_or_else(PoisonError::into_inner));
        Self(path)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TAKEN.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
        RETURNED.notify_all();
    }
}

static TAKEN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
static RETURNED: Condvar = Condvar::new();

/// A file of the trail, or a part that was cut off one.
struct Closed {
    name: String,
    first: u64,
    is_compressed: bool,
    len: u64,
}

pub(super) fn tidy(directory: &impl Directory, current: u64, total: u64) -> io::Result<Tidied> {
    let mut tidied = Tidied::default();
    let compressed = closed(directory)?.iter().try_for_each(|file| {
        if !file.is_compressed && file.first < current {
            compress(directory, &file.name)?;
            tidied.compressed += 1;
        }
        Ok(())
    });
    let files = closed(directory)?;
    tidied.bytes = files.iter().map(|file| file.len).sum();
    for file in files.iter().filter(|file| file.first < current) {
        if tidied.bytes <= total {
            break;
        }
        keep_certificate(directory, &file.name)?;
        directory.remove(&file.name)?;
        let _ = directory.remove(&format!("audit-{:020}.cut", file.first)); // usually it does not exist
        tidied.bytes -= file.len;
        tidied.deleted += 1;
    }
    directory.sync()?;
    compressed.map(|()| tidied)
}

/// All files of the trail, oldest first.
fn closed<D: Directory>(directory: &D) -> io::Result<Vec<Closed>> {
    let mut files = Vec::new();
    for name in directory.names()? {
        if let Some((first, is_compressed)) = first_number(&name) {
            let len = directory.open(&name)?.len()?;
            files.push(Closed { name, first, is_compressed, len });
        }
    }
    files.sort_by_key(|file| file.first);
    Ok(files)
}

/// Replaces a plain file with a compressed one, even if a compressed one exists already.
fn compress<D: Directory>(directory: &D, name: &str) -> io::Result<()> {
    let compressed = format!("{name}.gz");
    let unfinished = format!("{compressed}{UNFINISHED}");
    let _ = directory.remove(&unfinished); // left by a failure; usually it does not exist
    let written = write_compressed(directory, name, &unfinished).and_then(|()| {
        directory.rename(&unfinished, &compressed)?;
        directory.sync()?;
        directory.remove(name)?;
        directory.sync()
    });
    if written.is_err() {
        let _ = directory.remove(&unfinished); // report the first error
    }
    written
}

fn write_compressed<D: Directory>(directory: &D, name: &str, to: &str) -> io::Result<()> {
    let plain = directory.open(name)?;
    let mut file = Appending(directory.create(to)?);
    let mut encoder = GzEncoder::new(BufWriter::with_capacity(BUFFER, &mut file), Compression::fast());
    io::copy(&mut plain.reader()?, &mut encoder)?;
    encoder.finish()?.flush()?;
    file.0.sync()
}

/// Keeps the first line of a file that is about to be deleted, unless it is kept already.
fn keep_certificate<D: Directory>(directory: &D, name: &str) -> io::Result<()> {
    let file = directory.open(name)?;
    let mut lines = Lines::new(file.reader()?)?;
    let Ok(Next::Line(certificate)) = lines.next() else { return Ok(()) }; // damaged, and reported by then
    let mut kept = match directory.open(CERTIFICATES) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => directory.create(CERTIFICATES)?,
        file => file?,
    };
    let mut content = Vec::new();
    kept.reader()?.read_to_end(&mut content)?;
    let whole = content.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if whole < content.len() {
        kept.truncate(whole as u64)?; // for a line that was interrupted by a stop
    }
    if content[..whole].split(|byte| *byte == b'\n').any(|line| line == certificate) {
        return Ok(());
    }
    kept.append(&[certificate, b"\n"].concat())?;
    kept.sync()?;
    directory.sync()
}

/// Adapts a file of the trail to the traits of std and flate2.
struct Appending<F>(F);

impl<F: LogFile> Write for Appending<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const BUFFER: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use std::thread;

    use super::super::chain::Position;
    use super::super::testing::{Memory, Setup, at};
    use super::super::verify::{Report, verify};
    use super::super::{PublicKey, Trail};
    use super::*;

    /// Under load, the next file is closed while the last one is being compressed.
    #[test]
    fn work_that_overlaps_is_done_once() {
        let setup = Setup::new();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit");
        let mut trail = Trail::open(&path, setup.opening.clone()).unwrap();
        for round in 0..4 {
            trail.append(&setup.lines(20_000)).unwrap();
            assert!(trail.rotate_if_due(round, at(1)).unwrap());
        }
        let work = trail.housekeeping();
        drop(trail);
        let tidied: Vec<_> = thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(|| work.run().unwrap()));
            drop(Trail::open(&path, setup.opening.clone()).unwrap());
            threads.map(|thread| thread.join().unwrap().compressed).into()
        });
        assert_eq!(tidied.iter().sum::<usize>(), 4, "{tidied:?}");
        let report = verify(&[path], None, None).unwrap();
        assert_eq!(report.faults, []);
    }

    /// A trail of five files.
    fn written(setup: &Setup, memory: &Memory) -> (Trail<Memory>, PublicKey) {
        let mut trail = setup.open(memory, None).unwrap();
        let first_key = trail.public_key();
        for round in 0..4 {
            trail.append(&setup.lines(20)).unwrap();
            assert!(trail.rotate_if_due(round, at(1)).unwrap());
        }
        (trail, first_key)
    }

    fn verified(memory: &Memory, anchor: impl Into<Option<PublicKey>>) -> Report {
        let directory = tempfile::tempdir().unwrap();
        memory.dump(directory.path());
        verify(&[directory.path().to_owned()], anchor.into(), None).unwrap()
    }

    fn current(memory: &Memory) -> u64 {
        first_number(memory.trail_files().last().unwrap()).unwrap().0
    }

    #[test]
    fn closed_files_are_compressed_and_the_oldest_deleted() {
        let setup = Setup::new();
        let memory = Memory::default();
        let (mut trail, first_key) = written(&setup, &memory);
        let plain: u64 = memory.trail_files().iter().map(|name| memory.get(name).unwrap().len() as u64).sum();
        let tidied = tidy(&memory, current(&memory), u64::MAX).unwrap();
        assert!(tidied.compressed == 4 && tidied.deleted == 0 && tidied.bytes < plain / 2, "{tidied:?}");
        let report = verified(&memory, first_key);
        assert!(report.is_sound() && report.first == Some(1) && report.files == 5, "{report:?}");
        let tidied = tidy(&memory, current(&memory), 1).unwrap();
        assert_eq!((tidied.compressed, tidied.deleted), (0, 4), "the current one stays");
        trail.append(&setup.lines(1)).unwrap();
        let report = verified(&memory, first_key);
        assert!(report.is_sound() && report.first == Some(current(&memory)), "{report:?}");
        // Without the certificates, the first key is not linked to the file.
        memory.remove(CERTIFICATES).unwrap();
        assert!(!verified(&memory, first_key).is_sound());
        assert!(verified(&memory, trail.public_key()).is_sound());
    }

    #[test]
    fn a_loss_stays_reported_when_the_file_that_records_it_is_deleted() {
        let setup = Setup::new();
        let memory = Memory::default();
        drop(written(&setup, &memory));
        memory.remove(memory.trail_files().last().unwrap()).unwrap();
        let mut trail = setup.open(&memory, Some(Position { number: 200, ..Position::START })).unwrap();
        assert_eq!(trail.gaps().len(), 1);
        for round in 0..3 {
            trail.append(&setup.lines(20)).unwrap();
            assert!(trail.rotate_if_due(round, at(1)).unwrap());
            trail = setup.open(&memory, None).unwrap();
        }
        assert_eq!(verified(&memory, None).earlier_losses, 0, "its line is there");
        tidy(&memory, current(&memory), 1).unwrap();
        let report = verified(&memory, None);
        assert!(!report.is_sound() && report.earlier_losses == 1, "{report:?}");
        assert_eq!((&*report.faults, &*report.gaps), (&[][..], &[][..]));
    }

    #[test]
    fn it_can_be_stopped_at_any_step() {
        let setup = Setup::new();
        let memory = Memory::default();
        let (trail, first_key) = written(&setup, &memory);
        let last = trail.last();
        drop(trail);
        let before = memory.steps();
        let run = |memory: &Memory| tidy(memory, last.number, 3000);
        let copy = memory.after_kill();
        run(&copy).unwrap();
        assert!(copy.trail_files().len() < 5 && copy.steps() > 20, "{before} {:?}", copy.trail_files());
        for step in 0..copy.steps() {
            let memory = memory.after_kill();
            memory.stop_before(step);
            run(&memory).unwrap_err();
            for memory in [memory.after_power_cut(10), memory.after_kill()] {
                let report = verified(&memory, first_key);
                assert!(report.is_sound(), "step {step}: {report:?}");
                run(&memory).unwrap();
                let report = verified(&memory, first_key);
                assert!(report.is_sound() && report.last == Some(last), "step {step}: {report:?}");
                setup.open(&memory, Some(last)).unwrap();
                assert_eq!(memory.trail_files(), copy.trail_files(), "step {step}");
            }
        }
    }

    #[test]
    fn a_full_disk_does_not_keep_old_files_from_being_deleted() {
        let setup = Setup::new();
        let memory = Memory::default();
        let (_, first_key) = written(&setup, &memory);
        memory.limit(Some(600)); // too little for a certificate
        assert_eq!(tidy(&memory, current(&memory), 20_000).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(memory.trail_files().len(), 4);
        assert!(verified(&memory, first_key).is_sound());
    }
}
