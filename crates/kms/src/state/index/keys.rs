//! The index of keys, in the order of lists: once for all, and once for each value that filters search for, so that the cost
//! of a page of a search depends on the page. Also keys by their scheduled work.

use std::ops::Bound;
use std::sync::Arc;

use bulla_keys::{Key, KeyId, KeySpec, KeyState, KeyUsage, ProtectionLevel};
use imbl::OrdSet;

use super::label::{Edit, Label, tag_labels};
use super::makers::{Made, Makers};
use super::schedule::{Plan, Schedule};
use crate::state::kind::{self, Row};
use crate::state::ranked::Index;
use crate::state::snapshot::Snapshot;

/// The position of a key in lists: oldest first.
pub(crate) type Age = (i64, KeyId);

/// The keys with a label and a class; without a class, those of all classes.
pub(crate) type Group = (Label, Option<ClassId>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClassId(u32);

/// The combination of the few-valued properties of a key. A key has exactly one class, so the lists of classes are disjoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyClass {
    pub(crate) state: KeyState,
    pub(crate) spec: KeySpec,
    pub(crate) usage: KeyUsage,
    pub(crate) protection: ProtectionLevel,
    pub(crate) creator: Box<str>,
}

/// The lists of keys.
#[derive(Clone, Default)]
pub(crate) struct KeyLists {
    by_group: Index<Group, Age>,
    /// By class id. A class remains after its last key is gone: there are few.
    classes: Arc<Vec<KeyClass>>,
    /// By tags, sorted by id.
    tagged: Index<Label, KeyId>,
    /// When imported material expires.
    expiring: OrdSet<(i64, KeyId)>,
    /// The time for which keys are in their classes. Material expires after 1970.
    settled: i64,
}

/// The lists of keys, and their scheduled work.
#[derive(Clone, Default)]
pub(crate) struct KeyIndex {
    lists: KeyLists,
    pub(super) schedule: Schedule<KeyId>,
    makers: Makers,
}

impl kind::Index<Key> for KeyIndex {
    fn replace(&mut self, old: Option<&Key>, new: Option<&Key>) {
        let plan = |key: &Key| Plan { due: key.due(), ends: key.ends() };
        if let Some(key) = new.or(old) {
            self.schedule.replace(&key.id, old.map(plan), new.map(plan));
        }
        self.makers.replace(old, new);
        self.lists.replace(old, new);
    }
}

impl Made for Key {
    fn makers(snapshot: &Snapshot) -> &Makers {
        &snapshot.tables.keys.index.makers
    }
}

impl Snapshot {
    pub(crate) fn key(&self, id: KeyId) -> Option<&Row<Key>> {
        self.get(&id)
    }

    pub(crate) fn key_lists(&self) -> &KeyLists {
        &self.tables.keys.index.lists
    }

    /// Moves keys whose material expires between `now` and the time of the last call to the lists of their current state.
    pub(crate) fn settle(&mut self, now: i64) {
        if !self.key_lists().is_settled(now) {
            let keys = &mut self.tables.keys;
            keys.index.lists.settle(now, |id| keys.rows.get(&id).map(|row| &*row.record));
        }
    }
}

impl KeyClass {
    pub(crate) fn is_of_service(&self) -> bool {
        *self.creator == *Key::SECRETS_SERVICE
    }

    pub(crate) fn of(key: &Key, now: i64) -> Self {
        let Key { spec, usage, protection, creator, .. } = key;
        let spec = *spec;
        let usage = *usage;
        let protection = *protection;
        Self { state: key.state(now), spec, usage, protection, creator: creator.clone() }
    }
}

impl KeyLists {
    /// Keys by label and class.
    pub(crate) fn by_group(&self) -> &Index<Group, Age> {
        &self.by_group
    }

    /// Keys that have tags, by [`Label::TAGGED`], [`Label::tag_key`] and [`Label::tag`].
    pub(crate) fn tagged(&self) -> &Index<Label, KeyId> {
        &self.tagged
    }

    pub(crate) fn classes(&self) -> impl Iterator<Item = (ClassId, &KeyClass)> {
        (0..).map(ClassId).zip(self.classes.iter())
    }

    /// Replaces a key in the lists.
    pub(crate) fn replace(&mut self, old: Option<&Key>, new: Option<&Key>) {
        if let (Some(old), Some(new)) = (old, new)
            && self.are_listed_alike(old, new)
        {
            return;
        }
        old.into_iter().for_each(|key| self.edit(key, Edit::Remove));
        new.into_iter().for_each(|key| self.edit(key, Edit::Add));
    }

    /// Whether no material expires between `now` and the time for which keys are in their classes.
    pub(crate) fn is_settled(&self, now: i64) -> bool {
        self.expiring_until(now).next().is_none()
    }

    /// The time for which keys are in their classes.
    pub(crate) fn settled(&self) -> i64 {
        self.settled
    }

    /// Moves keys to their classes at `now`.
    pub(crate) fn settle<'k>(&mut self, now: i64, key: impl Fn(KeyId) -> Option<&'k Key>) {
        let moving: Vec<&Key> = self.expiring_until(now).filter_map(|(_, id)| key(*id)).collect();
        moving.iter().for_each(|key| self.edit(key, Edit::Remove));
        self.settled = now;
        moving.iter().for_each(|key| self.edit(key, Edit::Add));
    }

    fn expiring_until(&self, now: i64) -> impl Iterator<Item = &(i64, KeyId)> {
        let from = self.settled.min(now);
        let until = self.settled.max(now);
        // Material cannot be used from the second in which it expires.
        let after = |time: i64| Bound::Excluded((time, KeyId::from_bytes([u8::MAX; 16])));
        let until = (until, KeyId::from_bytes([u8::MAX; 16]));
        self.expiring.range((after(from), Bound::Included(until)))
    }

    fn are_listed_alike(&self, old: &Key, new: &Key) -> bool {
        let class = |key| KeyClass::of(key, self.settled);
        old.created == new.created
            && old.material_expires() == new.material_expires()
            && class(old) == class(new)
            && old.tags == new.tags
    }

    fn edit(&mut self, key: &Key, edit: Edit) {
        let age = (key.created, key.id);
        let class = Some(self.class(key));
        edit.apply(&mut self.by_group, ((Label::ALL, None), age));
        edit.apply(&mut self.by_group, ((Label::ALL, class), age));
        for (name, value) in key.tags.iter() {
            edit.apply(&mut self.by_group, ((Label::tag_key(name), class), age));
            edit.apply(&mut self.by_group, ((Label::tag_value(value), class), age));
        }
        for label in tag_labels(&key.tags) {
            edit.apply(&mut self.tagged, (label, key.id));
        }
        match (key.material_expires(), edit) {
            (None, _) => {}
            (Some(at), Edit::Add) => drop(self.expiring.insert((at, key.id))),
            (Some(at), Edit::Remove) => drop(self.expiring.remove(&(at, key.id))),
        }
    }

    /// Returns the class of a key, adding it if it is new.
    fn class(&mut self, key: &Key) -> ClassId {
        let class = KeyClass::of(key, self.settled);
        let position = self.classes.iter().position(|existing| *existing == class);
        let id = position.unwrap_or_else(|| {
            Arc::make_mut(&mut self.classes).push(class);
            self.classes.len() - 1
        });
        ClassId(u32::try_from(id).expect("classes are few"))
    }
}
