//! Writes the trail: lines, seals, and one file after another.
//!
//! A failed write leaves no incomplete line: the file is truncated to its last complete line, at once or before the next
//! write. After an error, the trail accepts no lines until [`Trail::resume`] has recorded in it how many were missed.

mod next_file;

use std::collections::BTreeSet;
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bulla_keys::root::RootKeys;

use self::next_file::keep_next;
pub(super) use self::next_file::{Beginning, begin_file};
use super::chain::Position;
use super::files::{Directory, Disk, LogFile, first_number};
use super::housekeeping::{Housekeeping, Turn};
use super::line::{Content, Gap, GapReason, Identity, Line, Members, SealLine, Time};
use super::seal::{PublicKey, SealKey};
use super::trail_error::TrailError;
use crate::store::{Loss, LostFile};

/// The files of the trail, open for writing. One thread uses it at a time; times are arguments.
#[derive(Debug)]
pub struct Trail<D: Directory = Disk> {
    pub(super) directory: D,
    pub(super) identity: Identity,
    pub(super) roots: Arc<RootKeys>,
    pub(super) limits: Limits,
    pub(super) current: Current<D::File>,
    /// The numbers of the first lines of earlier files, oldest first. Housekeeping may have deleted the oldest.
    pub(super) closed: Vec<u64>,
    /// The key of the current file.
    pub(super) key: SealKey,
    /// The key of the next file, and when that was begun; the current file accepts no more lines.
    pub(super) next: Option<(SealKey, Time)>,
    /// Whether the current file is begun but the key of the previous one not destroyed yet.
    pub(super) is_old_key_kept: bool,
    /// Why the trail accepts no lines until it is resumed.
    pub(super) stopped: Option<Stopped>,
    pub(super) buffer: Vec<u8>,
    /// Lines for other sinks, which [`Trail::take_copy`] returns; none if there are no other sinks.
    pub(super) copy: Option<Vec<u8>>,
    /// The last line that only other sinks have.
    pub(super) elsewhere: Option<Position>,
    /// The number of the next file, if it may be there although beginning it has failed.
    pub(super) half_begun: Option<u64>,
    /// The public key that opening the trail has introduced, if no earlier key certifies it.
    pub(super) new_first_key: Option<PublicKey>,
    pub(super) gaps: Vec<Gap>,
    /// The number of lost lines, in those gaps and in later ones.
    pub(super) lost: u64,
    /// The number of losses that the trail has recorded, in earlier runs too.
    pub(super) losses: u64,
    /// The number of the last seal that the store had recorded when the trail was opened, or 0.
    pub(super) noted: u64,
}

/// The parameters of [`Trail::open`].
#[derive(Clone, Debug)]
pub struct Opening {
    /// The origin of the trail.
    pub identity: Identity,
    /// The keys of the store, which wrap the private key of the seals.
    pub roots: Arc<RootKeys>,
    /// The limits on files.
    pub limits: Limits,
    /// The last seal that the store has recorded. A trail that does not reach it has lost lines.
    pub noted: Option<Position>,
    /// Lines of earlier runs that the files did not accept, as the store has recorded.
    pub unwritten: Option<Unwritten>,
    /// The current time.
    pub now: Time,
}

/// Lines that the files did not accept before the process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unwritten {
    /// The highest number that other sinks may have. Without other sinks, the number of the last line in the files.
    pub up_to: u64,
    /// The number of such lines; 0 if it is unknown.
    pub lines: u64,
}

impl Unwritten {
    /// Adds their gap to those after the line `last`, unless the trail has continued since. Lines up to `end` were written.
    pub(super) fn add_to(self, gaps: &mut Vec<Gap>, last: u64, end: u64) {
        let lines = (self.lines > 0).then_some(self.lines);
        let missed = |from, to| Gap { reason: GapReason::Missed, from, to, lines };
        if self.up_to > end {
            // First, because its line follows the numbers that it names.
            gaps.insert(0, missed(Some(last + 1), Some(self.up_to)));
        } else if self.up_to == end && self.lines > 0 {
            gaps.push(missed(None, None));
        }
    }
}

/// The limits on the size of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a file before another one is begun.
    pub file: u64,
    /// Bytes of all files together, beyond which the oldest are deleted. The current file is never deleted.
    pub total: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file: 100 << 20, total: 10 << 30 }
    }
}

/// A seal that is not durable yet.
#[derive(Debug)]
pub struct Sealing<F> {
    file: F,
    position: Position,
    commit: u64,
    synced: io::Result<()>,
}

/// The current file.
#[derive(Debug)]
pub(super) struct Current<F> {
    pub(super) name: String,
    pub(super) file: F,
    /// Another handle of the file for syncing a seal, except while one syncs: a process without free descriptors can still
    /// seal.
    pub(super) for_seal: Option<F>,
    /// The number of its first line.
    pub(super) first: u64,
    /// Its length up to its last complete line.
    pub(super) len: u64,
    pub(super) last: Position,
    pub(super) synced: Position,
    /// The last seal.
    pub(super) sealed: Position,
    /// The commit of that seal; 0 before the first one of the file.
    pub(super) sealed_commit: u64,
    /// The epoch of that seal; 0 likewise.
    pub(super) sealed_epoch: u64,
}

/// Why a trail accepts no lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// A write failed, or a check of the file did not return; a part of a write may still be there.
    Unwritten(io::ErrorKind),
    /// The file was moved or changed, or what was written to it may not be durable.
    Ended(Loss),
}

impl Trail {
    /// Opens the trail in this directory, or begins one. Records what is missing, which [`Trail::gaps`] returns.
    ///
    /// # Errors
    /// [`TrailError`].
    pub fn open(path: &Path, opening: Opening) -> Result<Self, TrailError> {
        let _turn = Turn::wait(path); // an earlier trail of this process may still compress files
        Self::open_in(Disk::open(path)?, opening)
    }

    /// Lets a test hang the disk.
    #[cfg(test)]
    pub(crate) fn latch(&self) -> super::disk_thread::Latch {
        self.directory.latch()
    }
}

impl<D: Directory> Trail<D> {
    /// Appends lines with one write. They are durable after [`Trail::sync`] or [`Trail::seal`].
    ///
    /// # Errors
    /// [`TrailError`]; none of the lines is in the trail.
    pub fn append(&mut self, lines: &[Members]) -> Result<Position, TrailError> {
        self.check()?;
        self.begin_next()?;
        let mut last = self.begin_write();
        for members in lines {
            last = last.append(members.as_str(), &mut self.buffer);
        }
        self.write(last)?;
        Ok(last)
    }

    /// Makes all appended lines durable, and returns the position of the last one.
    ///
    /// # Errors
    /// [`TrailError`]. Lines that were appended since the last success may be lost, even if a later call succeeds.
    pub fn sync(&mut self) -> Result<Position, TrailError> {
        self.check()?;
        if self.current.synced != self.current.last {
            if let Err(error) = self.current.file.sync() {
                return Err(self.not_durable(error));
            }
            self.current.synced = self.current.last;
        }
        Ok(self.current.synced)
    }

    /// Appends a seal over all lines. It is valid once it is durable: after [`Sealing::sync`], which does not use the trail,
    /// so that lines can be appended meanwhile, and [`Trail::finish_seal`]. `commit` is the number of a durable commit.
    /// Returns none if there is nothing new to seal.
    ///
    /// # Errors
    /// [`TrailError`].
    pub fn begin_seal(&mut self, commit: u64, now: Time) -> Result<Option<Sealing<D::File>>, TrailError> {
        self.check()?;
        self.begin_next()?;
        if self.current.sealed == self.current.last {
            return Ok(None);
        }
        self.write_seal(commit, None, now)?;
        let position = self.current.last;
        let file = match self.current.for_seal.take() {
            Some(file) => file,
            None => self.current.file.share().map_err(|error| TrailError::new(&self.path(), error))?,
        };
        let synced = Err(io::Error::other("it is not synced"));
        Ok(Some(Sealing { file, position, commit, synced }))
    }

    /// Records that a synced seal is durable, and returns its position.
    ///
    /// # Errors
    /// [`TrailError`]. Lines that were appended since the last success may be lost, even if a later call succeeds.
    pub fn finish_seal(&mut self, sealing: Sealing<D::File>) -> Result<Position, TrailError> {
        let Sealing { file, position, commit, synced } = sealing;
        if let Err(error) = synced {
            return Err(self.not_durable(error));
        }
        self.current.for_seal = Some(file);
        self.check()?;
        self.current.synced = position;
        self.current.sealed = position;
        self.current.sealed_commit = commit;
        self.current.sealed_epoch = self.identity.epoch;
        self.destroy_old_key()?;
        Ok(position)
    }

    /// Calls [`Trail::begin_seal`] and [`Trail::finish_seal`], with the sync between them. Returns the position of the seal.
    ///
    /// # Errors
    /// The errors of both.
    pub fn seal(&mut self, commit: u64, now: Time) -> Result<Option<Position>, TrailError> {
        let Some(mut sealing) = self.begin_seal(commit, now)? else { return Ok(None) };
        sealing.sync();
        self.finish_seal(sealing).map(Some)
    }

    /// Bounds the wait for an operation on the files, so that other sinks get lines while the disk hangs.
    ///
    /// # Errors
    /// The thread for it cannot be started; nothing is changed.
    pub fn bound_waits(&self, limit: Option<Duration>) -> io::Result<()> {
        self.directory.bound_waits(limit)
    }

    /// Sets whether to keep copies of written lines for other sinks.
    pub fn copy_lines(&mut self, is_wanted: bool) {
        self.copy = is_wanted.then(|| self.copy.take().unwrap_or_default());
    }

    /// Returns the lines since the last call.
    pub fn take_copy(&mut self) -> Vec<u8> {
        self.copy.as_mut().map(mem::take).unwrap_or_default()
    }

    /// Gives the next numbers to lines that the file does not accept, for other sinks only. When the file accepts lines
    /// again, it gets a line about the missing numbers.
    pub fn append_elsewhere(&mut self, lines: &[Members]) {
        let last = self.elsewhere().unwrap_or(self.current.last);
        let Some(copy) = &mut self.copy else { return };
        self.elsewhere = Some(lines.iter().fold(last, |last, members| last.append(members.as_str(), copy)));
    }

    /// Begins another file if the current one is large enough. Returns whether it did; then [`Trail::housekeeping`] should
    /// run.
    ///
    /// # Errors
    /// [`TrailError`]; the next call continues where this one failed.
    pub fn rotate_if_due(&mut self, commit: u64, now: Time) -> Result<bool, TrailError> {
        if self.next.is_none() && self.current.len < self.limits.file {
            return Ok(false);
        }
        self.check()?;
        if self.next.is_none() {
            let next = SealKey::random();
            keep_next(&self.directory, &next, &self.roots)?;
            let public = next.public();
            self.write_seal(commit, Some(public), now)?;
            self.next = Some((next, now)); // also if the sync fails: the file has named this key
            self.sync()?;
            self.current.sealed = self.current.last;
            self.current.sealed_commit = commit;
            self.current.sealed_epoch = self.identity.epoch;
        }
        self.begin_next()?;
        if let Ok(left) = self.files() {
            self.closed.retain(|first| left.contains(first));
        }
        Ok(true)
    }

    /// Checks that the current file is in its place and contains what was written to it, and that nothing failed since the
    /// trail was resumed.
    ///
    /// # Errors
    /// [`TrailError`].
    pub fn check(&mut self) -> Result<(), TrailError> {
        if self.stopped.is_none() {
            self.stopped = self.find_loss().err().map(Stopped::by);
        }
        match self.stopped {
            None => Ok(()),
            Some(Stopped::Ended(loss)) => Err(self.lost(loss)),
            Some(Stopped::Unwritten(kind)) => Err(TrailError::new(&self.path(), kind.into())),
        }
    }

    /// Continues after an error, if its cause is gone: in the current file if that is intact, otherwise in another one.
    /// `missed` is the number of lines that could not be written meanwhile; the trail records them, and lines that were lost.
    /// Returns the last line.
    ///
    /// # Errors
    /// [`TrailError`]: the trail still accepts no lines.
    pub fn resume(&mut self, missed: u64, now: Time) -> Result<Position, TrailError> {
        let _ = self.check(); // its result is in `stopped`
        match self.stopped {
            None => {}
            Some(Stopped::Unwritten(_)) => {
                // Includes data of a write that failed because it did not return: while it has not, this fails as well.
                let cut = self.current.file.truncate(self.current.len);
                cut.map_err(|error| TrailError::new(&self.path(), error))?;
            }
            Some(Stopped::Ended(loss)) => {
                self.leave_file(missed, !matches!(loss, Loss::Unreadable(_)), now)?;
                self.stopped = None;
                return Ok(self.current.last);
            }
        }
        self.stopped = None;
        if self.next.is_some() {
            self.sync()?;
            self.begin_file(missed, None)?;
            return Ok(self.current.last);
        }
        let Some(gap) = self.missed(missed) else { return Ok(self.current.last) };
        let number = self.elsewhere().unwrap_or(self.current.last).number + 1;
        let members = self.members(now, Content::Gap(gap));
        let last = self.begin_write().append_as(number, members.as_str(), &mut self.buffer);
        self.write(last)?;
        self.elsewhere = None;
        Ok(last)
    }

    /// How many lines are missing, and which numbers they have in other sinks. None if no lines are missing.
    fn missed(&self, missed: u64) -> Option<Gap> {
        let to = self.elsewhere().map(|last| last.number);
        (missed > 0 || to.is_some()).then(|| Gap {
            reason: GapReason::Missed,
            from: to.map(|_| self.current.last.number + 1),
            to,
            lines: (missed > 0).then_some(missed),
        })
    }

    /// The last line that other sinks have after those of the file, if there is one.
    fn elsewhere(&self) -> Option<Position> {
        self.elsewhere.filter(|last| last.number > self.current.last.number)
    }

    /// The last line that the files or other sinks have.
    #[must_use]
    pub fn last_anywhere(&self) -> u64 {
        self.elsewhere().unwrap_or(self.current.last).number
    }

    /// Returns the work on closed files, for any thread: after a rotation, and once after the trail was opened.
    #[must_use]
    pub fn housekeeping(&self) -> Housekeeping {
        Housekeeping { path: self.directory.path(""), current: self.current.first, limits: self.limits }
    }

    /// The last line that was appended.
    #[must_use]
    pub fn last(&self) -> Position {
        self.current.last
    }

    /// The last seal.
    #[must_use]
    pub fn sealed(&self) -> Position {
        self.current.sealed
    }

    /// The number of the first line of the current file, which identifies the file.
    #[must_use]
    pub fn file(&self) -> u64 {
        self.current.first
    }

    /// The commit of the last seal in the current file, which the store has reached. 0 if the file has no seal yet.
    #[must_use]
    pub fn sealed_commit(&self) -> u64 {
        self.current.sealed_commit
    }

    /// The epoch of the store at the last seal in the current file; 0 if the file has no seal yet.
    #[must_use]
    pub fn sealed_epoch(&self) -> u64 {
        self.current.sealed_epoch
    }

    /// Sets the epoch of the store for further lines.
    pub fn set_epoch(&mut self, epoch: u64) {
        self.identity.epoch = epoch;
    }

    /// The public key of the seals of the current file.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.key.public()
    }

    /// The public key of the first seals, if a chain of keys began when the trail was opened: the trail is new, or its key was
    /// lost.
    #[must_use]
    pub fn new_first_key(&self) -> Option<PublicKey> {
        self.new_first_key
    }

    /// The gaps when the trail was opened.
    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// The number of lines that were lost when the trail was opened and since, according to its gaps.
    #[must_use]
    pub fn lost_lines(&self) -> u64 {
        self.lost
    }

    fn write_seal(&mut self, commit: u64, next: Option<PublicKey>, now: Time) -> Result<(), TrailError> {
        let seal = SealLine {
            epoch: self.identity.epoch,
            commit,
            key: self.key.public().to_string().into(),
            next: next.map(|next| next.to_string().into()),
            signature: None,
        };
        let members = self.members(now, Content::Seal(seal));
        let before = self.begin_write();
        let signed = self.key.sign(before.hash, before.number + 1, &members);
        let last = before.append(signed.as_str(), &mut self.buffer);
        self.write(last)
    }

    pub(super) fn members(&self, time: Time, content: Content<'_>) -> Members {
        Members::new(&self.identity, &Line { time, content })
    }

    /// Clears the buffer, and returns the position that its first line follows.
    pub(super) fn begin_write(&mut self) -> Position {
        self.buffer.clear();
        self.current.last
    }

    /// Writes the buffer, whose last line becomes the last one of the trail.
    pub(super) fn write(&mut self, last: Position) -> Result<(), TrailError> {
        let current = &mut self.current;
        if let Err(error) = current.file.append(&self.buffer) {
            self.stopped = Some(Stopped::Unwritten(error.kind()));
            let _ = current.file.truncate(current.len); // if this fails too, resuming tries again
            return Err(TrailError::new(&self.path(), error));
        }
        current.len += self.buffer.len() as u64;
        current.last = last;
        if let Some(copy) = &mut self.copy {
            copy.extend_from_slice(&self.buffer);
        }
        Ok(())
    }

    /// The numbers of the first lines of the files in the directory.
    pub(super) fn files(&self) -> io::Result<BTreeSet<u64>> {
        Ok(self.directory.names()?.iter().filter_map(|name| Some(first_number(name)?.0)).collect())
    }

    fn find_loss(&self) -> Result<(), Loss> {
        let len = self.directory.len_at(&self.current.name, &self.current.file)?;
        if len == self.current.len { Ok(()) } else { Err(Loss::Overwritten) }
    }

    /// A sync failed, so only another file is certain to become durable.
    fn not_durable(&mut self, source: io::Error) -> TrailError {
        self.stopped = Some(Stopped::Ended(Loss::Unreadable(source.kind())));
        TrailError::new(&self.path(), source)
    }

    fn lost(&self, loss: Loss) -> TrailError {
        TrailError::Lost(LostFile { path: self.path(), loss })
    }

    fn path(&self) -> PathBuf {
        self.directory.path(&self.current.name)
    }
}

impl Stopped {
    /// If a check of the file did not return, it proves no loss.
    fn by(loss: Loss) -> Self {
        match loss {
            Loss::Unreadable(kind @ io::ErrorKind::TimedOut) => Self::Unwritten(kind),
            loss => Self::Ended(loss),
        }
    }
}

impl<F: LogFile> Sealing<F> {
    /// Makes the seal and all lines before it durable. [`Trail::finish_seal`] returns the error if that failed.
    pub fn sync(&mut self) {
        self.synced = self.file.sync();
    }
}

impl Gap {
    pub(super) fn lost(from: u64, to: u64) -> Self {
        Self { reason: GapReason::Lost, from: Some(from), to: Some(to), lines: None }
    }

    /// Whether something durable was lost.
    pub(super) fn is_loss(&self) -> bool {
        !matches!(self.reason, GapReason::Missed | GapReason::Cut)
    }

    /// The number of lost lines.
    pub(super) fn lost_lines(&self) -> u64 {
        match (self.reason, self.from, self.to) {
            (GapReason::Lost, Some(from), Some(to)) => (to + 1).saturating_sub(from),
            _ => 0,
        }
    }

    /// Whether a line with this number may follow the line `last`, because the gap covers those between.
    pub(super) fn explains(&self, last: u64, number: u64) -> bool {
        last < number && self.from == last.checked_add(1) && self.to == number.checked_sub(1)
    }
}

#[cfg(test)]
mod hangs;
#[cfg(test)]
mod power_cuts;
#[cfg(test)]
mod tests;
