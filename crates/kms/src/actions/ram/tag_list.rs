//! Tags in requests and answers.

use bulla_keys::Tags;
use bulla_wire::ram::{EntryTag, EntryTagList, Tag};
use bulla_wire::{Error, JsonList};

use super::refusal::incorrect;

/// The tags that a request gives to something.
///
/// # Errors
/// InvalidParameter.Tag for a name that is not good or there twice, and for more than something may have.
pub(super) fn given(new: Option<&JsonList<Tag>>) -> Result<Tags, Error> {
    let mut tags = Tags::default();
    for Tag { key, value } in new.into_iter().flat_map(|new| &new.0) {
        if tags.get(key).is_some() {
            return Err(incorrect("Tag"));
        }
        tags.set(key, value.as_deref().unwrap_or_default()).map_err(|_| incorrect("Tag"))?;
    }
    Ok(tags)
}

/// Tags in lists of roles and policies.
pub(super) fn entries(tags: &Tags) -> EntryTagList {
    let entry = |(name, value): (&str, &str)| EntryTag { tag_key: name.into(), tag_value: value.into() };
    EntryTagList { tag: tags.iter().map(entry).collect() }
}

/// The tags that something must have to be listed: all of them. One without a value stands for any.
pub(super) struct TagFilter(Vec<Tag>);

impl TagFilter {
    pub(super) fn new(wanted: Option<&JsonList<Tag>>) -> Result<Self, Error> {
        let wanted = wanted.map_or(&[][..], |wanted| &wanted.0);
        if wanted.len() <= Tags::MAX { Ok(Self(wanted.to_vec())) } else { Err(incorrect("Tag")) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn matches(&self, tags: &Tags) -> bool {
        self.0.iter().all(|Tag { key, value }| {
            let wanted = value.as_deref().filter(|value| !value.is_empty());
            tags.get(key).is_some_and(|found| wanted.is_none_or(|wanted| wanted == found))
        })
    }
}
