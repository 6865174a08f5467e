//! What happens by itself: new versions of keys, the end of imported material, the end of keys and secrets.
//!
//! A version that is overdue is made wherever the store is open. Keys, material and secrets end on a server only, and
//! only while its clock can be believed: one that jumped by more than an hour would take away what is still to be had
//! for days. Then nothing ends until an operator says that the clock is right ([`Options::accept_clock`]). What is
//! over by the clock cannot be used meanwhile, and can still be kept.
//!
//! [`Options::accept_clock`]: crate::Options::accept_clock

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bulla_keys::record::Revision;
use bulla_keys::{Key, KeyVersionId, SystemRandom};
use bulla_wire::Error;

use crate::actions::import::without_material;
use crate::actions::secrets;
use crate::actions::versions::{NewVersion, make_secret};
use crate::committer::CommitError;
use crate::keyring::{Keyring, refused};
use crate::lock::Role;
use crate::snapshot::{Due, Row, Write};
use crate::{Kms, commit_error};

/// What [`Kms::tend`] has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tended {
    /// Keys that changed, and keys and secrets that ended.
    pub changed: usize,
    /// Whether something should have ended and did not, because the clock cannot be believed.
    pub held: bool,
}

/// Whether the clock can be believed about the end of things.
#[derive(Default)]
pub(crate) struct Belief {
    /// What the clock said last, and how much time had passed by then.
    last: Mutex<Option<(i64, Duration)>>,
    lost: AtomicBool,
}

impl Kms {
    /// Does what has come due; called every few seconds by a server, and once by a command.
    ///
    /// # Errors
    /// InternalFailure if the store fails; what was not done is done by a later call.
    pub async fn tend(&self) -> Result<Tended, Error> {
        let ends = self.ends()?;
        let mut tended = Tended::default();
        loop {
            let (submitted, held) = self.submit_due(ends)?;
            tended.held = held;
            let mut progress = 0;
            for answer in submitted {
                match answer.await.unwrap_or(Err(CommitError::Closed)) {
                    Ok(()) => progress += 1,
                    Err(CommitError::Conflict) => {} // somebody else has changed it: it is looked at again
                    Err(error) => return Err(commit_error(error)),
                }
            }
            tended.changed += progress;
            if progress == 0 {
                return Ok(tended);
            }
        }
    }

    /// Hands over the next changes that are due, up to a number, and tells whether some are held back.
    fn submit_due(&self, ends: bool) -> Result<(Vec<crate::committer::Answered>, bool), Error> {
        let snapshot = self.snapshot()?;
        let keyring = self.keyring(&snapshot);
        let (mut submitted, mut held) = (Vec::new(), false);
        for due in snapshot.due(keyring.now) {
            let changes = match due {
                Due::Key(row) => self.due(&keyring, row, ends)?,
                Due::Secret(row) => ends.then(|| secrets::removal(&keyring, row)),
            };
            match changes {
                Some(changes) => submitted.push(self.submit(changes)),
                None => held = true,
            }
            if submitted.len() == AT_ONCE {
                break;
            }
        }
        Ok((submitted, held))
    }

    /// What is due for one key; none if that is held back.
    fn due(
        &self,
        keyring: &Keyring<'_>,
        row: &Row<Key>,
        ends: bool,
    ) -> Result<Option<Vec<(Write, Revision)>>, Error> {
        let is_due = |at: Option<i64>| at.is_some_and(|at| at <= keyring.now);
        let key = &row.record;
        match () {
            () if is_due(key.delete_at()) => Ok(ends.then(|| removal(keyring, row))),
            () if is_due(key.material_expires()) => ends.then(|| without_material(keyring, row)).transpose(),
            () => self.rotation(keyring, row).map(Some),
        }
    }

    fn rotation(&self, keyring: &Keyring<'_>, row: &Row<Key>) -> Result<Vec<(Write, Revision)>, Error> {
        let (key, id) = (&row.record, KeyVersionId::random(&SystemRandom));
        let number = keyring.snapshot.next_version_of(key.id);
        let rotated = key.rotated(id, number as usize, keyring.now).map_err(refused)?;
        let new = NewVersion { key: key.id, id, number, spec: key.spec };
        let version = make_secret(self, new, keyring.now);
        Ok(vec![(Write::Key(rotated), row.revision), (Write::Version(version), 0)])
    }

    /// Whether something may end now. Looks at the clock.
    fn ends(&self) -> Result<bool, Error> {
        let jumped = self.belief.jumped(self.clock.raw_seconds(), self.clock.elapsed());
        if self.options.role != Role::Server || !self.snapshot()?.has_endings() {
            return Ok(false);
        }
        if jumped {
            self.disbelieve();
        }
        self.mark_time(self.now()); // so that a later start knows how long nobody looked at the clock
        Ok(!self.belief.lost.load(Ordering::Relaxed))
    }

    /// At the start of a server: whether an earlier run lost its belief, or time has passed that nobody saw.
    pub(crate) fn resume_belief(&self, unseen: Option<i64>) {
        if self.options.accept_clock {
            self.set_private_in_background(HELD, b"");
        } else if self.private(HELD).is_some_and(|value| !value.is_empty())
            || unseen.is_some_and(|seconds| seconds > MAX_JUMP && self.published.load().has_endings())
        {
            self.disbelieve();
        }
    }

    fn disbelieve(&self) {
        if !self.belief.lost.swap(true, Ordering::Relaxed) {
            self.set_private_in_background(HELD, b"held");
        }
    }
}

impl Belief {
    /// Whether the clock has moved on by much more than the time that has passed since the last look.
    fn jumped(&self, wall: i64, elapsed: Duration) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let jump = last.map(|(wall_then, elapsed_then)| {
            let passed = elapsed.saturating_sub(elapsed_then).as_secs();
            (wall - wall_then).saturating_sub_unsigned(passed)
        });
        *last = Some((wall, elapsed));
        jump.is_some_and(|jump| jump > MAX_JUMP)
    }
}

/// Takes a key away, with all that belongs to it.
fn removal(keyring: &Keyring<'_>, row: &Row<Key>) -> Vec<(Write, Revision)> {
    let (snapshot, id) = (keyring.snapshot, row.record.id);
    let mut writes = vec![(Write::NoKey(id), row.revision)];
    writes.extend(snapshot.versions_of(id).map(|row| (Write::NoVersion(row.record.id), row.revision)));
    let aliases = snapshot.aliases().filter(|alias| alias.record.key == id);
    writes.extend(aliases.map(|row| (Write::NoAlias(row.record.name.clone()), row.revision)));
    let tokens = snapshot.import_tokens().filter(|token| token.record.key == id);
    writes.extend(tokens.map(|row| (Write::NoImportToken(row.record.id), row.revision)));
    writes
}

/// Changes that wait for one commit together.
const AT_ONCE: usize = 256;
/// The largest step of the clock that is believed, in seconds.
const MAX_JUMP: i64 = 3600;
const HELD: &str = "clock/held";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_more_than_the_time_that_has_passed() {
        let belief = Belief::default();
        let seconds = Duration::from_secs;
        assert!(!belief.jumped(1_000_000, seconds(5)), "the first look");
        assert!(!belief.jumped(1_000_000 + 86_400, seconds(5 + 86_400)), "a day that has passed");
        assert!(!belief.jumped(1_000_000 + 86_400 + 3600, seconds(5 + 86_400)), "an hour is believed");
        assert!(belief.jumped(1_000_000 + 86_400 + 7202, seconds(6 + 86_400)), "more is not");
        assert!(!belief.jumped(0, seconds(7 + 86_400)), "back");
    }
}
