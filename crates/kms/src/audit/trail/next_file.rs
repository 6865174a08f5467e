//! The next file of a trail: its key, its first lines, and the end of the key before.

use std::io;
use std::mem;

use bulla_keys::root::RootKeys;

use super::{Current, Stopped, Trail};
use crate::audit::chain::Position;
use crate::audit::files::{Directory, LogFile, file_name};
use crate::audit::key_files::{self, NEXT, write_new};
use crate::audit::line::{Content, Gap, Identity, KeyLine, Line, Members, Time};
use crate::audit::seal::SealKey;
use crate::audit::trail_error::TrailError;

impl<D: Directory> Trail<D> {
    /// Begins another file without a last line in the current one, whose lines may be lost.
    pub(super) fn leave_file(&mut self, missed: u64, is_lost: bool, now: Time) -> Result<(), TrailError> {
        self.directory.renew()?; // the directory may have been removed
        let lost = if is_lost { Some(self.lost_files()?) } else { None };
        let (key, _) = self.next.get_or_insert_with(|| (SealKey::random(), now));
        keep_next(&self.directory, key, &self.roots)?;
        self.begin_file(missed, lost)
    }

    /// Returns the lines of the current file and of those directly before it that are gone too.
    fn lost_files(&self) -> Result<Gap, TrailError> {
        let files = self.files().map_err(|error| TrailError::new(&self.directory.path(""), error))?;
        let is_lost = |first: &&u64| files.range(*first..).all(|left| *left >= self.current.first);
        let from = self.closed.iter().find(is_lost).copied().unwrap_or(self.current.first);
        Ok(Gap::lost(from, self.current.last.number))
    }

    /// Begins the next file, if its key exists, after the current one is durable.
    pub(super) fn begin_next(&mut self) -> Result<(), TrailError> {
        if self.next.is_none() {
            return Ok(());
        }
        self.sync()?;
        self.begin_file(0, None)
    }

    /// Begins the next file and writes, in one piece with its first line, which lines are missing before it.
    pub(super) fn begin_file(&mut self, missed: u64, lost: Option<Gap>) -> Result<(), TrailError> {
        self.try_to_begin_file(missed, lost).inspect_err(|error| {
            // Other sinks may get lines now, so the trail must accept none before it has recorded that.
            self.stopped.get_or_insert(Stopped::Unwritten(error.kind()));
        })
    }

    fn try_to_begin_file(&mut self, missed: u64, lost: Option<Gap>) -> Result<(), TrailError> {
        let last = self.current.last;
        let number = self.elsewhere().unwrap_or(last).number + 1;
        self.remove_half_begun(number)?;
        let Some((key, now)) = self.next.take() else { return Ok(()) };
        let lost_lines = lost.as_ref().map_or(0, Gap::lost_lines);
        let lost_from = lost.as_ref().and_then(|lost| lost.from);
        let missed = self.missed(missed);
        let leaves_numbers_out = number > last.number + 1;
        // The second line names the numbers that the first one leaves out.
        let gaps = if leaves_numbers_out { [missed, lost] } else { [lost, missed] };
        let gaps: Vec<_> =
            gaps.into_iter().flatten().map(|gap| self.members(now, Content::Gap(gap))).collect();
        let beginning = Beginning {
            before: last,
            number,
            key: &key,
            signer: &self.key,
            losses: self.losses,
            now,
            lines: &gaps,
        };
        match begin_file(&self.directory, &self.identity, &beginning) {
            Ok((current, lines)) => {
                self.closed.push(self.current.first);
                self.closed.retain(|first| lost_from.is_none_or(|from| *first < from));
                self.current = current;
                if let Some(copy) = &mut self.copy {
                    copy.extend_from_slice(&lines);
                }
                self.elsewhere = None;
                self.half_begun = None;
                self.lost += lost_lines;
                self.losses += u64::from(lost_from.is_some());
                self.key = key;
                self.is_old_key_kept = true;
                let _ = self.destroy_old_key(); // if it fails, that of the next seal does
                Ok(())
            }
            Err(error) => {
                self.next = Some((key, now));
                self.half_begun = Some(number);
                Err(error)
            }
        }
    }

    /// Removes what a failed attempt left of the next file if that has another number by now: other sinks got lines since.
    fn remove_half_begun(&mut self, number: u64) -> Result<(), TrailError> {
        let Some(begun) = self.half_begun.filter(|begun| *begun != number) else { return Ok(()) };
        let name = file_name(begun);
        match self.directory.remove(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(TrailError::new(&self.directory.path(&name), error))
            }
            _ => {
                self.half_begun = None;
                Ok(())
            }
        }
    }

    /// Destroys the key of the previous file, if that was not done yet.
    pub(in crate::audit) fn destroy_old_key(&mut self) -> Result<(), TrailError> {
        if mem::take(&mut self.is_old_key_kept)
            && let Err(error) = key_files::advance(&self.directory)
        {
            self.is_old_key_kept = true;
            return Err(TrailError::new(&self.directory.path(key_files::CURRENT), error));
        }
        Ok(())
    }
}

pub(super) fn keep_next(
    directory: &impl Directory,
    key: &SealKey,
    roots: &RootKeys,
) -> Result<(), TrailError> {
    key_files::keep(directory, NEXT, key, roots)
        .map_err(|error| TrailError::new(&directory.path(NEXT), error))
}

/// The beginning of a file.
pub(in crate::audit) struct Beginning<'b> {
    /// The last line of the file before.
    pub(in crate::audit) before: Position,
    /// The number of the first line. If it is not the next one, the second line names the numbers that are missing.
    pub(in crate::audit) number: u64,
    /// The key of the file, and that of the file before, which certifies it.
    pub(in crate::audit) key: &'b SealKey,
    pub(in crate::audit) signer: &'b SealKey,
    /// The number of losses that were recorded before.
    pub(in crate::audit) losses: u64,
    pub(in crate::audit) now: Time,
    /// The lines after the certificate.
    pub(in crate::audit) lines: &'b [Members],
}

/// Creates a file whose first line is the certificate of its key. Also returns its lines.
pub(in crate::audit) fn begin_file<D: Directory>(
    directory: &D,
    identity: &Identity,
    beginning: &Beginning<'_>,
) -> Result<(Current<D::File>, Vec<u8>), TrailError> {
    let Beginning { before, number, key, signer, losses, now, lines } = *beginning;
    let certificate = KeyLine {
        epoch: identity.epoch,
        public_key: key.public().to_string().into(),
        key: signer.public().to_string().into(),
        losses,
        signature: None,
    };
    let members = Members::new(identity, &Line { time: now, content: Content::Key(certificate) });
    let signed = signer.sign(before.hash, number, &members);
    let mut bytes = Vec::new();
    let sealed = before.append_as(number, signed.as_str(), &mut bytes);
    let last = lines.iter().fold(sealed, |last, members| last.append(members.as_str(), &mut bytes));
    let name = file_name(number);
    let file = write_new(directory, &name, &bytes)
        .map_err(|error| TrailError::new(&directory.path(&name), error))?;
    let len = bytes.len() as u64;
    let current = Current {
        name,
        for_seal: file.share().ok(), // otherwise when there is a seal
        file,
        first: number,
        len,
        last,
        synced: last,
        sealed,
        sealed_commit: 0,
        sealed_epoch: 0,
    };
    Ok((current, bytes))
}
