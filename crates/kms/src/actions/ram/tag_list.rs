//! Parses and prints tags in requests and replies of RAM.

use bulla_keys::Tags;
use bulla_wire::ram::{EntryTag, EntryTagList, Tag};
use bulla_wire::{Error, JsonList};

use super::refusal::incorrect;

/// Parses the tags of a request for a role or policy.
///
/// # Errors
/// InvalidParameter.Tag for an invalid or repeated name, and for more tags than the maximum.
pub(super) fn parse(new: Option<&JsonList<Tag>>) -> Result<Tags, Error> {
    let mut tags = Tags::default();
    for Tag { key, value } in new.into_iter().flat_map(|new| &new.0) {
        if tags.get(key).is_some() {
            return Err(incorrect("Tag"));
        }
        tags.set(key, value.as_deref().unwrap_or_default()).map_err(|_| incorrect("Tag"))?;
    }
    Ok(tags)
}

/// Returns the tags for lists of roles and policies.
pub(super) fn entries(tags: &Tags) -> EntryTagList {
    let entry = |(name, value): (&str, &str)| EntryTag { tag_key: name.into(), tag_value: value.into() };
    EntryTagList { tag: tags.iter().map(entry).collect() }
}

/// The tags that a listed record must have: all of them. A tag without a value matches any value.
pub(super) struct TagFilter(Vec<Tag>);

impl TagFilter {
    pub(super) fn new(tags: Option<&JsonList<Tag>>) -> Result<Self, Error> {
        let tags = tags.map_or(&[][..], |tags| &tags.0);
        if tags.len() <= Tags::MAX { Ok(Self(tags.to_vec())) } else { Err(incorrect("Tag")) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn matches(&self, tags: &Tags) -> bool {
        self.0.iter().all(|Tag { key, value }| {
            let required = value.as_deref().filter(|value| !value.is_empty());
            tags.get(key).is_some_and(|found| required.is_none_or(|required| required == found))
        })
    }
}
