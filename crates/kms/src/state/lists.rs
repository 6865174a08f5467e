//! The lists of a snapshot: keys and secrets in the order of their lists, once for all and once for each thing that
//! filters search for, so that the page of a search costs by the page as well.

use std::ops::Bound;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use bulla_keys::{Key, KeyId, KeySpec, KeyState, KeyUsage, ProtectionLevel, Secret, SecretName, Tags};
use imbl::OrdSet;

use super::ranked::Index;

/// Where a key stands in lists: oldest first.
pub(crate) type Age = (i64, KeyId);

/// Keys with a label that are alike; of all classes, if none is given.
pub(crate) type Group = (Label, Option<ClassId>);

/// What is searched for, as a digest: long values take no more room than short ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Label([u8; 16]);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClassId(u32);

/// What a few values describe of a key. A key has one class, so lists of classes have no key in common.
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
    /// By their ids. A class stays after its last key: there are few.
    classes: Arc<Vec<KeyClass>>,
    /// By tags, in the order of ids.
    tagged: Index<Label, KeyId>,
    /// When imported material ends.
    expiring: OrdSet<(i64, KeyId)>,
    /// The time by which keys are in their classes. Material expires after 1970.
    settled: i64,
}

/// The lists of secrets, by name.
#[derive(Clone, Default)]
pub(crate) struct SecretLists {
    by_label: Index<Label, SecretName>,
}

impl Label {
    /// On everything.
    pub(crate) const ALL: Self = Self([0; 16]);
    /// On what has tags.
    pub(crate) const TAGGED: Self = Self([1; 16]);

    pub(crate) fn tag_key(key: &str) -> Self {
        Self::new(0, [key, ""])
    }

    pub(crate) fn tag_value(value: &str) -> Self {
        Self::new(1, [value, ""])
    }

    pub(crate) fn tag(key: &str, value: &str) -> Self {
        Self::new(2, [key, value])
    }

    pub(crate) fn description(text: &str) -> Self {
        Self::new(3, [text, ""])
    }

    fn new(kind: u8, texts: [&str; 2]) -> Self {
        let mut bytes = vec![kind];
        bytes.extend((texts[0].len() as u64).to_be_bytes());
        texts.iter().for_each(|text| bytes.extend(text.as_bytes()));
        let mut label = [0; 16];
        label.copy_from_slice(&digest(&SHA256, &bytes).as_ref()[..16]);
        Self(label)
    }
}

impl KeyClass {
    pub(crate) fn is_of_service(&self) -> bool {
        *self.creator == *Key::SECRETS_SERVICE
    }

    pub(crate) fn of(key: &Key, now: i64) -> Self {
        let Key { spec, usage, protection, creator, .. } = key;
        let (spec, usage, protection) = (*spec, *usage, *protection);
        Self { state: key.state(now), spec, usage, protection, creator: creator.clone() }
    }
}

impl KeyLists {
    /// Keys by what is searched for.
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

    /// Notes that a key is there now in place of another one.
    pub(crate) fn replace(&mut self, old: Option<&Key>, new: Option<&Key>) {
        if let (Some(old), Some(new)) = (old, new)
            && self.are_listed_alike(old, new)
        {
            return;
        }
        old.into_iter().for_each(|key| self.edit(key, Edit::Remove));
        new.into_iter().for_each(|key| self.edit(key, Edit::Add));
    }

    /// Whether no material expires between `now` and the time by which keys are in their classes.
    pub(crate) fn is_settled(&self, now: i64) -> bool {
        self.expiring_until(now).next().is_none()
    }

    /// The time by which keys are in their classes.
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
        let (from, until) = (self.settled.min(now), self.settled.max(now));
        // Material is over from the second in which it expires.
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
        let (age, class) = ((key.created, key.id), Some(self.class(key)));
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

    /// The class of a key, which is noted if it is the first of it.
    fn class(&mut self, key: &Key) -> ClassId {
        let class = KeyClass::of(key, self.settled);
        let known = self.classes.iter().position(|known| *known == class);
        let id = known.unwrap_or_else(|| {
            Arc::make_mut(&mut self.classes).push(class);
            self.classes.len() - 1
        });
        ClassId(u32::try_from(id).expect("classes are few"))
    }
}

impl SecretLists {
    /// Secrets by what is searched for: [`Label::ALL`], descriptions, and tags in every way.
    pub(crate) fn by_label(&self) -> &Index<Label, SecretName> {
        &self.by_label
    }

    /// Notes that a secret is there now in place of another one of the same name.
    pub(crate) fn replace(&mut self, old: Option<&Secret>, new: Option<&Secret>) {
        if let (Some(old), Some(new)) = (old, new)
            && (&old.description, &old.tags) == (&new.description, &new.tags)
        {
            return;
        }
        old.into_iter().for_each(|secret| self.edit(secret, Edit::Remove));
        new.into_iter().for_each(|secret| self.edit(secret, Edit::Add));
    }

    fn edit(&mut self, secret: &Secret, edit: Edit) {
        let values = secret.tags.iter().map(|(_, value)| Label::tag_value(value));
        let labels = [Label::ALL, Label::description(secret.description.as_str())].into_iter();
        for label in labels.chain(tag_labels(&secret.tags)).chain(values) {
            edit.apply(&mut self.by_label, (label, secret.name.clone()));
        }
    }
}

#[derive(Clone, Copy)]
enum Edit {
    Add,
    Remove,
}

impl Edit {
    fn apply<P: Ord + Clone, K: Ord + Clone>(self, index: &mut Index<P, K>, entry: (P, K)) {
        match self {
            Self::Add => index.insert(entry),
            Self::Remove => index.remove(&entry),
        }
    }
}

/// What something with these tags is searched for, value by value.
fn tag_labels(tags: &Tags) -> impl Iterator<Item = Label> {
    let tagged = (!tags.is_empty()).then_some(Label::TAGGED);
    tagged
        .into_iter()
        .chain(tags.iter().flat_map(|(key, value)| [Label::tag_key(key), Label::tag(key, value)]))
}
