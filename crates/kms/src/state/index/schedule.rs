//! The index of records by the time of their scheduled work, which maintenance reads.

use bulla_keys::{Key, Secret};
use imbl::OrdSet;

use crate::state::kind::Row;
use crate::state::kinds::Tables;
use crate::state::snapshot::Snapshot;

/// Records by the time of their next scheduled work.
#[derive(Clone)]
pub(super) struct Schedule<I: Ord + Clone> {
    due: OrdSet<(i64, I)>,
    /// The number of records with a scheduled removal.
    ending: usize,
}

/// The scheduled work of one record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) due: Option<i64>,
    /// Whether it includes a removal.
    pub(super) ends: bool,
}

/// A key or secret with scheduled work.
#[derive(Clone, Copy)]
pub(crate) enum Due<'a> {
    Key(&'a Row<Key>),
    Secret(&'a Row<Secret>),
}

impl<I: Ord + Clone> Schedule<I> {
    pub(super) fn replace(&mut self, id: &I, old: Option<Plan>, new: Option<Plan>) {
        if old == new {
            return;
        }
        if let Some(Plan { due, ends }) = old {
            self.ending -= usize::from(ends);
            due.into_iter().for_each(|at| drop(self.due.remove(&(at, id.clone()))));
        }
        if let Some(Plan { due, ends }) = new {
            self.ending += usize::from(ends);
            due.into_iter().for_each(|at| drop(self.due.insert((at, id.clone()))));
        }
    }

    /// Returns the ids whose work is due at `now`, earliest first.
    pub(super) fn due(&self, now: i64) -> impl Iterator<Item = &(i64, I)> {
        self.due.iter().take_while(move |(at, _)| *at <= now)
    }

    pub(super) fn has_endings(&self) -> bool {
        self.ending > 0
    }
}

impl<I: Ord + Clone> Default for Schedule<I> {
    fn default() -> Self {
        Self { due: OrdSet::new(), ending: 0 }
    }
}

impl Snapshot {
    /// Returns the keys and secrets whose scheduled work is due at `now`, earliest first.
    pub(crate) fn due(&self, now: i64) -> impl Iterator<Item = Due<'_>> {
        let Tables { keys, secrets, .. } = &self.tables;
        let keys = keys.index.schedule.due(now).filter_map(|(at, id)| Some((at, Due::Key(self.get(id)?))));
        let secrets =
            secrets.index.schedule.due(now).filter_map(|(at, name)| Some((at, Due::Secret(self.get(name)?))));
        let mut keys = keys.peekable();
        let mut secrets = secrets.peekable();
        std::iter::from_fn(move || {
            let is_key_first = match (keys.peek(), secrets.peek()) {
                (Some((key_at, _)), Some((secret_at, _))) => key_at <= secret_at,
                (key, _) => key.is_some(),
            };
            let next = if is_key_first { keys.next() } else { secrets.next() };
            next.map(|(_, due)| due)
        })
    }

    /// Returns the keys with scheduled work, earliest first.
    pub(crate) fn scheduled_keys(&self) -> impl Iterator<Item = &Row<Key>> {
        self.tables.keys.index.schedule.due(i64::MAX).filter_map(|(_, id)| self.get(id))
    }

    /// Returns the secrets with a scheduled deletion, earliest first.
    pub(crate) fn scheduled_secrets(&self) -> impl Iterator<Item = &Row<Secret>> {
        self.tables.secrets.index.schedule.due(i64::MAX).filter_map(|(_, name)| self.get(name))
    }

    /// Whether any key, material, secret or import token has a scheduled removal or expiry.
    pub(crate) fn has_endings(&self) -> bool {
        let Tables { keys, secrets, import_tokens, .. } = &self.tables;
        keys.index.schedule.has_endings()
            || secrets.index.schedule.has_endings()
            || !import_tokens.rows.is_empty()
    }
}
