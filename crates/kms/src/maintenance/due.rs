//! Scheduled work: new versions of keys, the end of imported material, the end of keys and secrets.
//!
//! A version that is overdue is made wherever the store is open. Keys, material and secrets end on a server only, and
//! only while its clock can be believed: one that was set by more than an hour would take away what is still to be had
//! for days. Then nothing ends until the clock is back, or an operator says that it is right
//! ([`Options::accept_clock`]), and whatever expires goes by the believed time.
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

/// What [`Kms::run_due`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MaintenanceReport {
    /// Keys that changed, and keys and secrets that ended.
    pub changed: usize,
    /// Whether nothing ends, because the clock cannot be believed.
    pub held: bool,
    /// By how many seconds the clock was set ahead since the last call, or back, if negative; 0 for less than two.
    pub clock_step: i64,
    /// By how many seconds the clock is behind the time that expiries go by; 0 for less than an hour. Nothing ends then.
    pub clock_behind: i64,
}

impl Kms {
    /// Runs the scheduled work that is due; called once a second by a server, and once by a command.
    ///
    /// # Errors
    /// InternalFailure if the store fails; what was not done is done by a later call.
    pub async fn run_due(&self) -> Result<MaintenanceReport, Error> {
        let (times, believed) = self.check_clock();
        self.write_uses_if_due().await;
        self.mark_time(); // so that a later start knows how long nobody looked at the clock
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
                    Err(CommitError::Conflict) => {} // somebody else has changed it: it is looked at again
                    Err(error) => return Err(error.into()),
                }
            }
            report.changed += progress;
            if progress == 0 {
                return Ok(report);
            }
        }
    }

    /// Hands over the next changes that are due, up to a number.
    fn submit_due(&self, times: Times, may_remove: bool) -> Result<Vec<Answered>, Error> {
        let snapshot = self.state.snapshot()?;
        // Keys rotate by whatever the clock says; what ends does so only while both times are the same.
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

    /// Hands over what is due for one record, if that is still so. All by the time of the one look at the clock: it may
    /// be set while this works.
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

    /// The changes with their line of the audit trail. An import token ends without one.
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

    /// What is due for one key; nothing if it would take something away and nothing `ends`.
    fn due(&self, snapshot: &Snapshot, row: &Row<Key>, now: i64, may_remove: bool) -> Result<Writes, Error> {
        let is_due = |at: Option<i64>| at.is_some_and(|at| at <= now);
        let key = &row.record;
        let is_over = is_due(key.delete_at());
        let is_empty = is_due(key.material_expires());
        if (is_over || is_empty) && !may_remove {
            Ok(vec![])
        } else if is_over {
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
    /// Whether what is due at `now` takes something away.
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

/// Changes that wait for one commit together.
const AT_ONCE: usize = 256;
