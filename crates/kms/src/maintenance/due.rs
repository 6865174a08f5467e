//! Scheduled work: rotations of keys, the expiry of imported material, and deletions of keys and secrets. A server runs it
//! once a second, a command once.
//!
//! Overdue rotations happen wherever the store is open. Keys, material and secrets are removed only by a server, and only
//! while its clock is trusted: a clock that was set by more than an hour would remove what is due days later. Removals are then
//! suspended until the clock is back, or an operator confirms it ([`Options::accept_clock`]). Expiry always follows the
//! believed time.
//!
//! [`Options::accept_clock`]: crate::Options::accept_clock

use bulla_keys::{Key, KeyId, SecretName};
use bulla_wire::Error;

use super::MAINTENANCE;
use crate::Kms;
use crate::clock::Times;
use crate::lifecycle::{
    TOKENS_KEPT, Writes, remove_key, remove_material, remove_secret, remove_token, rotate_if_due,
};
use crate::people::SecretPolicy;
use crate::role::Role;
use crate::state::{Answered, Changes, CommitError, Due, Row, Snapshot, TokenId};

/// The result of [`Kms::run_due`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MaintenanceReport {
    /// The number of rotated keys, expired materials, and deleted keys and secrets.
    pub changed: usize,
    /// Whether removals are suspended, because the clock is not trusted.
    pub held: bool,
    /// By how many seconds the clock was set ahead since the last call, or back, if negative; 0 for less than two.
    pub clock_step: i64,
    /// By how many seconds the clock is behind the believed time; 0 for less than an hour. Removals are then suspended.
    pub clock_behind: i64,
}

impl Kms {
    /// Runs the scheduled work that is due. A server calls it once a second, a command once.
    ///
    /// # Errors
    /// InternalFailure if the store fails; a later call does the remaining work.
    pub async fn run_due(&self) -> Result<MaintenanceReport, Error> {
        let (times, believed) = self.check_clock();
        self.write_uses_if_due().await;
        self.mark_time(); // so that a later start knows since when the clock was not checked
        let may_remove = believed && self.options.role == Role::Server;
        let mut report = MaintenanceReport {
            changed: 0,
            held: !believed,
            clock_step: self.clock.step(),
            clock_behind: times.behind(),
        };
        loop {
            let submitted = self.submit_due(times, may_remove)?;
            let mut progress = 0;
            for answer in submitted {
                match answer.await.unwrap_or(Err(CommitError::Closed)) {
                    Ok(()) => progress += 1,
                    Err(CommitError::Conflict) => {} // another change came first: the next round decides again
                    Err(error) => return Err(error.into()),
                }
            }
            report.changed += progress;
            if progress == 0 {
                return Ok(report);
            }
        }
    }

    /// Submits the next due changes, up to a maximum number.
    fn submit_due(&self, times: Times, may_remove: bool) -> Result<Vec<Answered>, Error> {
        let snapshot = self.state.snapshot()?;
        // Keys rotate by the later of the two times; removals need both times to agree.
        let now = times.latest();
        let tokens = snapshot.import_tokens_until(times.believed - TOKENS_KEPT);
        let tokens = tokens.map(|row| Scheduled::Token(row.record.id));
        let due = snapshot.due(now).filter(|due| may_remove || !due.removes_by(now)).map(|due| match due {
            Due::Key(row) => Scheduled::Key(row.record.id),
            Due::Secret(row) => Scheduled::Secret(row.record.name.clone()),
        });
        let scheduled = tokens.chain(due).take(AT_ONCE);
        scheduled.filter_map(|scheduled| self.submit(&scheduled, now, may_remove).transpose()).collect()
    }

    /// Submits what is due for one record, if it still is. Uses one reading of the clock throughout, because the clock may be
    /// set meanwhile.
    fn submit(&self, scheduled: &Scheduled, now: i64, may_remove: bool) -> Result<Option<Answered>, Error> {
        let (decision, answered) = self.state.stage(now, |snapshot| {
            let changes = match scheduled {
                Scheduled::Token(id) => snapshot.import_token(id).map(|row| Ok(vec![remove_token(row)])),
                Scheduled::Key(id) => snapshot.key(*id).map(|row| self.due(snapshot, row, now, may_remove)),
                Scheduled::Secret(name) => snapshot.secret(name).map(|row| {
                    let is_due = row.record.delete_at().is_some_and(|at| at <= now);
                    Ok(if is_due && may_remove {
                        remove_secret(row, snapshot.get::<SecretPolicy>(name))
                    } else {
                        vec![]
                    })
                }),
            };
            let changes = MAINTENANCE.changes(changes.unwrap_or_else(|| Ok(vec![]))?);
            let changes = self.with_event(changes, scheduled, now, snapshot);
            let changes_something = !changes.is_empty();
            Ok::<_, Error>(changes.answering(changes_something))
        })?;
        let changes_something = decision.transpose()?.unwrap_or_default();
        Ok(changes_something.then_some(answered))
    }

    /// Adds the line of the audit trail to the changes. An expired import token has none.
    fn with_event(&self, changes: Changes, scheduled: &Scheduled, now: i64, snapshot: &Snapshot) -> Changes {
        match scheduled {
            Scheduled::Token(_) => changes,
            Scheduled::Key(id) => {
                let key = snapshot.key(*id).map(|row| &row.record);
                let is_due = |at: Option<i64>| at.is_some_and(|at| at <= now);
                let (event, detail) = match key {
                    Some(key) if is_due(key.delete_at()) => {
                        ("key-deleted", self.held_by_backups(key.created))
                    }
                    Some(key) if is_due(key.material_expires()) => ("key-material-expired", None),
                    _ => ("key-rotated", None),
                };
                let resources = [("key", &*id.to_string())];
                self.auditor.with_event(changes, event, self.clock.raw(), &resources, detail)
            }
            Scheduled::Secret(name) => {
                let resources = [("secret", name.as_str())];
                self.auditor.with_event(changes, "secret-deleted", self.clock.raw(), &resources, None)
            }
        }
    }

    /// Returns what is due for one key; nothing if that is a removal and removals are suspended.
    fn due(&self, snapshot: &Snapshot, row: &Row<Key>, now: i64, may_remove: bool) -> Result<Writes, Error> {
        let is_due = |at: Option<i64>| at.is_some_and(|at| at <= now);
        let key = &row.record;
        let is_deletion_due = is_due(key.delete_at());
        let is_empty = is_due(key.material_expires());
        if (is_deletion_due || is_empty) && !may_remove {
            Ok(vec![])
        } else if is_deletion_due {
            Ok(remove_key(snapshot, row))
        } else if is_empty {
            remove_material(snapshot.version(key.primary), row)
        } else {
            rotate_if_due(snapshot.next_version_of(key.id), &self.keyring, key, row.revision, now)
        }
    }
}

/// A record with scheduled work.
enum Scheduled {
    Token(TokenId),
    Key(KeyId),
    Secret(SecretName),
}

impl Due<'_> {
    /// Whether the work that is due at `now` is a removal.
    fn removes_by(&self, now: i64) -> bool {
        match self {
            Self::Key(row) => [row.record.delete_at(), row.record.material_expires()]
                .into_iter()
                .flatten()
                .any(|at| at <= now),
            Self::Secret(_) => true,
        }
    }
}

/// Maximum changes in one commit.
const AT_ONCE: usize = 256;
