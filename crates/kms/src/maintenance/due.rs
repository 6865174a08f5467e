//! What happens by itself: new versions of keys, the end of imported material, the end of keys and secrets.
//!
//! A version that is overdue is made wherever the store is open. Keys, material and secrets end on a server only, and
//! only while its clock can be believed: one that jumped by more than an hour would take away what is still to be had
//! for days. Then nothing ends until the clock is back, or an operator says that it is right
//! ([`Options::accept_clock`]), and whatever expires goes by the believed time.
//!
//! [`Options::accept_clock`]: crate::Options::accept_clock

use bulla_keys::record::Revision;
use bulla_keys::{Key, KeyId, KeyVersionId, SecretName, SystemRandom};
use bulla_wire::Error;

use crate::actions::import::{TOKENS_KEPT, without_material};
use crate::actions::secrets;
use crate::actions::versions::{NewVersion, make_secret};
use crate::clock::Times;
use crate::keyring::{Keyring, refused};
use crate::lock::Role;
use crate::state::{Answered, Changes, CommitError, Due, ImportToken, Row, TokenId, Write};
use crate::{Kms, commit_error};

/// What [`Kms::tend`] has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tended {
    /// Keys that changed, and keys and secrets that ended.
    pub changed: usize,
    /// Whether nothing ends, because the clock cannot be believed.
    pub held: bool,
    /// By how many seconds the clock was set ahead since the last call, or back, if negative; 0 for less than two.
    pub clock_step: i64,
    /// By how many seconds the clock is behind the time that expiries go by; 0 for less than an hour. They wait for it.
    pub clock_behind: i64,
}

impl Kms {
    /// Does what has come due; called every few seconds by a server, and once by a command.
    ///
    /// # Errors
    /// InternalFailure if the store fails; what was not done is done by a later call.
    pub async fn tend(&self) -> Result<Tended, Error> {
        let (times, believed) = self.check_clock();
        self.mark_time(); // so that a later start knows how long nobody looked at the clock
        let ends = believed && self.options.role == Role::Server;
        let mut tended = Tended {
            changed: 0,
            held: !believed,
            clock_step: self.clock.step(),
            clock_behind: times.behind(),
        };
        loop {
            let submitted = self.submit_due(times, ends)?;
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

    /// Hands over the next changes that are due, up to a number.
    fn submit_due(&self, times: Times, ends: bool) -> Result<Vec<Answered>, Error> {
        let snapshot = self.snapshot()?;
        // Keys rotate by whatever the clock says; what ends does so only while both times are the same.
        let now = times.latest();
        let tokens = snapshot.import_tokens_until(times.believed - TOKENS_KEPT);
        let tokens = tokens.map(|row| Scheduled::Token(row.record.id));
        let due = snapshot.due(now).filter(|due| ends || !due.ends_by(now)).map(|due| match due {
            Due::Key(row) => Scheduled::Key(row.record.id),
            Due::Secret(row) => Scheduled::Secret(row.record.name.clone()),
        });
        let submitted = tokens.chain(due).take(AT_ONCE).map(|scheduled| self.submit((now, ends), &scheduled));
        submitted.filter_map(Result::transpose).collect()
    }

    /// Hands over what is due for one record, if that is still so.
    fn submit(&self, (now, ends): (i64, bool), scheduled: &Scheduled) -> Result<Option<Answered>, Error> {
        let mut changes_something = false;
        let (decision, answered) = self.stage(|keyring| {
            // All by the time of the one look at the clock: it may be set while this works.
            let keyring = &Keyring { now, ..*keyring };
            let changes = match scheduled {
                Scheduled::Token(id) => keyring.snapshot.import_token(id).map(|row| Ok(vec![no_token(row)])),
                Scheduled::Key(id) => keyring.snapshot.key(*id).map(|row| self.due(keyring, row, ends)),
                Scheduled::Secret(name) => keyring.snapshot.secret(name).map(|row| {
                    let is_due = row.record.delete_at().is_some_and(|at| at <= now);
                    Ok(if is_due && ends { secrets::removal(keyring, row) } else { vec![] })
                }),
            };
            let changes = changes.unwrap_or_else(|| Ok(vec![]))?;
            changes_something = !changes.is_empty();
            Ok(changes)
        })?;
        decision?;
        Ok(changes_something.then_some(answered))
    }

    /// What is due for one key; nothing if it would take something away and nothing `ends`.
    fn due(&self, keyring: &Keyring<'_>, row: &Row<Key>, ends: bool) -> Result<Changes, Error> {
        let is_due = |at: Option<i64>| at.is_some_and(|at| at <= keyring.now);
        let key = &row.record;
        match () {
            () if (is_due(key.delete_at()) || is_due(key.material_expires())) && !ends => Ok(vec![]),
            () if is_due(key.delete_at()) => Ok(removal(keyring, row)),
            () if is_due(key.material_expires()) => without_material(keyring, row),
            () if is_due(key.due()) => self.rotation(keyring, row),
            () => Ok(vec![]),
        }
    }

    /// What a policy wants of a key now: a new version, if it is overdue.
    pub(crate) fn rotation_if_due(&self, keyring: &Keyring<'_>, row: &Row<Key>) -> Result<Changes, Error> {
        let is_due = row.record.next_rotation().is_some_and(|at| at <= keyring.now);
        if is_due { self.rotation(keyring, row) } else { Ok(vec![]) }
    }

    fn rotation(&self, keyring: &Keyring<'_>, row: &Row<Key>) -> Result<Changes, Error> {
        let (key, id) = (&row.record, KeyVersionId::random(&SystemRandom));
        let number = keyring.snapshot.next_version_of(key.id);
        let rotated = key.rotated(id, number as usize, keyring.now).map_err(refused)?;
        let new = NewVersion { key: key.id, id, number, spec: key.spec };
        let version = make_secret(self, new, keyring.now);
        Ok(vec![(Write::Key(rotated), row.revision), (Write::Version(version), 0)])
    }
}

/// A record with scheduled work.
enum Scheduled {
    Token(TokenId),
    Key(KeyId),
    Secret(SecretName),
}

impl Due<'_> {
    /// Whether what is due at `now` takes something away.
    fn ends_by(&self, now: i64) -> bool {
        match self {
            Self::Key(row) => [row.record.delete_at(), row.record.material_expires()]
                .into_iter()
                .flatten()
                .any(|at| at <= now),
            Self::Secret(_) => true,
        }
    }
}

/// Takes a key away, with all that belongs to it.
fn removal(keyring: &Keyring<'_>, row: &Row<Key>) -> Changes {
    let (snapshot, id) = (keyring.snapshot, row.record.id);
    let mut writes = vec![(Write::NoKey(id), row.revision)];
    writes.extend(snapshot.versions_of(id).map(|row| (Write::NoVersion(row.record.id), row.revision)));
    let aliases = snapshot.aliases_of(id);
    writes.extend(aliases.map(|row| (Write::NoAlias(row.record.name.clone()), row.revision)));
    writes.extend(snapshot.import_tokens_of(id).map(no_token));
    writes
}

fn no_token(row: &Row<ImportToken>) -> (Write, Revision) {
    (Write::NoImportToken(row.record.id), row.revision)
}

/// Changes that wait for one commit together.
const AT_ONCE: usize = 256;
