//! The query FindKeys: searches keys by text, state and so on, sorted and in pages.
//!
//! Filters and sort orders use only details that the entry of a key shows. Details that the caller may not see are treated as
//! absent: no filter matches them, and sorting by them puts the key last. Only the order by creation is that of ListKeys,
//! which reveals it to all who may list keys.

mod scan;

use bulla_keys::{KeyId, KeyOrigin, KeySpec, KeyState, KeyUsage, Tags};
use bulla_wire::Error;
use bulla_wire::kms::KeyMetadata;

use self::scan::scan;
use crate::actions::{Joined, Page, full_key_metadata};
use crate::authorize::{KeyCatalogue, SeenKey, View};
use crate::session::Session;
use crate::state::{Age, Group, KeyClass, Label};

/// Finds keys that match all criteria; without criteria, all keys.
#[derive(Clone, Debug, Default)]
pub struct FindKeys {
    /// The beginning of an id, or a part of an alias or of the description, in any case. The empty text matches all keys.
    pub text: Option<String>,
    /// The state.
    pub state: Option<KeyState>,
    /// The spec.
    pub spec: Option<KeySpec>,
    /// The usage.
    pub usage: Option<KeyUsage>,
    /// The origin of the material.
    pub origin: Option<KeyOrigin>,
    /// A part of an alias, in any case. The prefix of the alias is ignored, unless the text begins with `alias/`.
    pub alias_part: Option<String>,
    /// A tag.
    pub tag: Option<WantedTag>,
    /// The sort order.
    pub order: KeyOrder,
    /// Whether the order is reversed. Keys without the detail that they are sorted by remain last.
    pub descending: bool,
    /// Begins with 1, which is the default.
    pub page_number: Option<u32>,
    /// 1 to 100. Default: 10.
    pub page_size: Option<u32>,
}

/// A tag to search for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedTag {
    /// The key of the tag.
    pub key: String,
    /// Its value. Default: any.
    pub value: Option<String>,
}

/// The detail that keys are sorted by. Equal keys are sorted by creation, then by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyOrder {
    /// The time of creation, oldest first.
    #[default]
    Created,
    /// The first alias.
    Alias,
    /// The state: Enabled, Disabled, PendingDeletion, PendingImport.
    State,
    /// The id.
    Id,
}

/// A page of keys.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundKeys {
    /// The number of matches on all pages.
    pub total: u64,
    /// The keys of the page.
    pub keys: Vec<KeyEntry>,
}

/// The details of a key that the caller may see.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyEntry {
    /// The id.
    pub key_id: String,
    /// The ARN.
    pub arn: String,
    /// The metadata that DescribeKey returns; none without `kms:DescribeKey` for the key.
    pub metadata: Option<KeyMetadata>,
    /// The aliases, sorted; none without `kms:ListAliases`, or `kms:ListAliasesByKeyId` for the key.
    pub aliases: Option<Vec<String>>,
    /// The tags, sorted; none without `kms:ListResourceTags` for the key.
    pub tags: Option<Vec<(String, String)>>,
}

pub(super) async fn find(session: &Session<'_, FindKeys>) -> Result<FoundKeys, Error> {
    let query = session.request;
    let page = Page::new(query.page_number, query.page_size, 1..=100)?;
    let catalogue = session.key_catalogue()?;
    let listed =
        query.segments(&catalogue).map(|segments| listed(&catalogue, &segments, page, query.descending));
    let (catalogue, (ids, total)) = match listed {
        Some(page) => (catalogue, page),
        // May take long in a large store, so it runs on another thread, and other requests do not wait.
        None => {
            let query = query.clone();
            let search = move || {
                let page = scan(&catalogue, &query, page);
                (catalogue, page)
            };
            session.search(search).await?
        }
    };
    let sight = catalogue.sight();
    let keys = ids.into_iter().filter_map(|id| Some(entry(session, &sight.key(id)?))).collect();
    Ok(FoundKeys { total, keys })
}

fn entry(view: &View<'_>, key: &SeenKey<'_, '_>) -> KeyEntry {
    let tags = |tags: &Tags| tags.iter().map(|(key, value)| (key.into(), value.into())).collect();
    KeyEntry {
        key_id: key.id().to_string(),
        arn: view.arn(&format_args!("key/{}", key.id())),
        metadata: key.details().map(|key| full_key_metadata(view, &key)),
        aliases: key.aliases().map(|names| names.iter().map(ToString::to_string).collect()),
        tags: key.tags().map(tags),
    }
}

impl FindKeys {
    /// Returns the index lists whose concatenation is the answer; none if the keys must be scanned.
    fn segments(&self, catalogue: &KeyCatalogue) -> Option<Vec<Vec<Group>>> {
        let Self { text, state, spec, usage, origin, alias_part, tag, order, .. } = self;
        let has_text = text.as_ref().is_some_and(|text| !text.is_empty());
        let is_unlisted = has_text || origin.is_some() || alias_part.is_some() || tag.is_some();
        let is_whole = state.is_none() && spec.is_none() && usage.is_none();
        match order {
            _ if is_unlisted => None,
            KeyOrder::Created if is_whole => Some(vec![vec![(Label::ALL, None)]]),
            KeyOrder::Alias | KeyOrder::Id => None,
            // Lists of classes reveal the details of all keys.
            KeyOrder::Created | KeyOrder::State if !catalogue.sight().has_all_details() => None,
            KeyOrder::Created => Some(vec![self.classes(catalogue, |_| true)]),
            KeyOrder::State => {
                let mut states = STATES;
                if self.descending {
                    states.reverse();
                }
                Some(states.map(|state| self.classes(catalogue, |class| class.state == state)).into())
            }
        }
    }

    fn classes(&self, catalogue: &KeyCatalogue, is_in: impl Fn(&KeyClass) -> bool) -> Vec<Group> {
        let classes = catalogue.lists().classes().filter(|(_, class)| {
            is_in(class)
                && self.state.is_none_or(|state| state == class.state)
                && self.spec.is_none_or(|spec| spec == class.spec)
                && self.usage.is_none_or(|usage| usage == class.usage)
        });
        classes.map(|(id, _)| (Label::ALL, Some(id))).collect()
    }
}

/// Returns the keys on a page of concatenated lists, and the total number.
fn listed(
    catalogue: &KeyCatalogue,
    segments: &[Vec<Group>],
    page: Page,
    descending: bool,
) -> (Vec<KeyId>, u64) {
    let index = catalogue.lists().by_group();
    let mut places = page.places();
    let mut total = 0;
    let mut found: Vec<&Age> = Vec::new();
    for parts in segments {
        let list = Joined::new(index, parts);
        let len = list.len();
        let start = places.start.min(len);
        let end = places.end.min(len);
        if descending {
            let mut slice = list.slice(len - end..len - start);
            slice.reverse();
            found.extend(slice);
        } else {
            found.extend(list.slice(start..end));
        }
        places = places.start - start..places.end - end;
        total += len;
    }
    (found.into_iter().map(|(_, id)| *id).collect(), total as u64)
}

const STATES: [KeyState; 4] =
    [KeyState::Enabled, KeyState::Disabled, KeyState::PendingDeletion, KeyState::PendingImport];
