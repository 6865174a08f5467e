//! Labels: the values of tags and descriptions that keys and secrets are searched for.

use aws_lc_rs::digest::{SHA256, digest};
use bulla_keys::Tags;

use crate::state::ranked::Index;

/// A value to search for, as a digest, so that long values take no more memory than short ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Label([u8; 16]);

impl Label {
    /// The label of every record.
    pub(crate) const ALL: Self = Self([0; 16]);
    /// The label of records with tags.
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

#[derive(Clone, Copy)]
pub(super) enum Edit {
    Add,
    Remove,
}

impl Edit {
    pub(super) fn apply<P: Ord + Clone, K: Ord + Clone>(self, index: &mut Index<P, K>, entry: (P, K)) {
        match self {
            Self::Add => index.insert(entry),
            Self::Remove => index.remove(&entry),
        }
    }
}

/// Returns the labels of a record with these tags.
pub(super) fn tag_labels(tags: &Tags) -> impl Iterator<Item = Label> {
    let tagged = (!tags.is_empty()).then_some(Label::TAGGED);
    tagged
        .into_iter()
        .chain(tags.iter().flat_map(|(key, value)| [Label::tag_key(key), Label::tag(key, value)]))
}
