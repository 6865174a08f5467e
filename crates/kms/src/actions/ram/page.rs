//! Pages of RAM's lists: `Marker` and `MaxItems`. A page begins after the last entry of the page before, even if that entry
//! was deleted meanwhile, so deletions never make a page skip entries.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bulla_wire::Error;

use super::refusal::incorrect;

/// The requested page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// The key of the last entry of the page before.
    pub(super) after: Option<String>,
    size: usize,
}

/// The entries of one page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Paged<T> {
    pub(super) entries: Vec<T>,
    /// The marker of the next page; none after the last one.
    pub(super) marker: Option<String>,
}

/// An optional parameter, with its name.
struct Parameter<T> {
    name: &'static str,
    value: Option<T>,
}

impl Page {
    /// # Errors
    /// InvalidParameter.Marker for a marker that no page returns, InvalidParameter.MaxItems.
    pub(super) fn new(marker: Option<&str>, max_items: Option<u32>) -> Result<Self, Error> {
        let marker = Parameter { name: "Marker", value: marker };
        Self::of(marker, Parameter { name: "MaxItems", value: max_items }, MAX_ITEMS)
    }

    /// Returns the requested page of a list of tags.
    ///
    /// # Errors
    /// InvalidParameter.NextToken, InvalidParameter.PageSize.
    pub(super) fn of_tags(next_token: Option<&str>, page_size: Option<u32>) -> Result<Self, Error> {
        let marker = Parameter { name: "NextToken", value: next_token };
        Self::of(marker, Parameter { name: "PageSize", value: page_size }, MAX_TAGS)
    }

    fn of(marker: Parameter<&str>, size: Parameter<u32>, max: u32) -> Result<Self, Error> {
        let after = marker.value.map(|text| parse(text).ok_or_else(|| incorrect(marker.name))).transpose()?;
        let items = size.value.unwrap_or(DEFAULT_ITEMS);
        if !(1..=max).contains(&items) {
            return Err(incorrect(size.name));
        }
        Ok(Self { after, size: items as usize })
    }

    /// Takes the entries of this page from the list of all entries after [`Page::after`], in the order of their keys.
    pub(super) fn take<T>(
        &self,
        mut entries: impl Iterator<Item = T>,
        key: impl FnOnce(&T) -> &str,
    ) -> Paged<T> {
        let page: Vec<_> = entries.by_ref().take(self.size).collect();
        let last = page.last().filter(|_| entries.next().is_some());
        let marker = last.map(|last| BASE64_URL_SAFE_NO_PAD.encode(key(last)));
        Paged { entries: page, marker }
    }
}

impl<T> Paged<T> {
    pub(super) fn is_truncated(&self) -> bool {
        self.marker.is_some()
    }
}

fn parse(marker: &str) -> Option<String> {
    String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(marker).ok()?).ok()
}

const DEFAULT_ITEMS: u32 = 100;
const MAX_ITEMS: u32 = 1000;
const MAX_TAGS: u32 = 100;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn page(marker: Option<&str>, names: &BTreeSet<&'static str>) -> Paged<&'static str> {
        let page = Page::new(marker, Some(2)).unwrap();
        let after = page.after.clone().unwrap_or_default();
        page.take(names.iter().copied().filter(|name| **name > *after), |name| name)
    }

    #[test]
    fn a_page_begins_after_the_last_entry_of_the_previous_page_even_if_that_was_deleted() {
        let mut names = BTreeSet::from(["a", "b", "c", "d", "e"]);
        let first = page(None, &names);
        assert_eq!((&*first.entries, first.is_truncated()), (&["a", "b"][..], true));
        names.remove("b");
        let second = page(first.marker.as_deref(), &names);
        assert_eq!(second.entries, ["c", "d"]);
        let last = page(second.marker.as_deref(), &names);
        assert_eq!(last, Paged { entries: vec!["e"], marker: None });
        names.remove("e");
        let last = page(first.marker.as_deref(), &names);
        assert_eq!(last, Paged { entries: vec!["c", "d"], marker: None }, "a full page may be the last");
    }

    #[test]
    fn a_page_has_1_to_1000_entries_and_follows_a_marker() {
        assert_eq!(Page::new(None, None).unwrap(), Page { after: None, size: 100 });
        assert_eq!(Page::new(None, Some(1000)).unwrap().size, 1000);
        for (marker, max_items, parameter) in [
            (None, Some(0), "MaxItems"),
            (None, Some(1001), "MaxItems"),
            (Some("no marker?"), None, "Marker"),
        ] {
            let refused = Page::new(marker, max_items).unwrap_err();
            assert_eq!(refused.code_text(), format!("InvalidParameter.{parameter}"));
        }
    }
}
