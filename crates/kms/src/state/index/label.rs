//! What keys and secrets are searched for.

use aws_lc_rs::digest::{SHA256, digest};
use bulla_keys::Tags;

use crate::state::ranked::Index;

/// What is searched for, as a digest: long values take no more room than short ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Label([u8; 16]);

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

/// What something with these tags is searched for, value by value.
pub(super) fn tag_labels(tags: &Tags) -> impl Iterator<Item = Label> {
    let tagged = (!tags.is_empty()).then_some(Label::TAGGED);
    tagged
        .into_iter()
        .chain(tags.iter().flat_map(|(key, value)| [Label::tag_key(key), Label::tag(key, value)]))
}
