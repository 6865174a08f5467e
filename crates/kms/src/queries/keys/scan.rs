//! Scans every key, for texts and sort orders that no index supports.

use std::cmp::Ordering;
use std::panic::resume_unwind;
use std::thread;

use bulla_keys::{AliasName, Key, KeyId};

use super::{FindKeys, KeyOrder, STATES};
use crate::actions::Page;
use crate::authorize::{AliasRanks, KeyCatalogue, KeyPart, SeenKey, With};
use crate::queries::text::Needle;

/// Returns the keys on a page, and the total number.
pub(super) fn scan(catalogue: &KeyCatalogue, query: &FindKeys, page: Page) -> (Vec<KeyId>, u64) {
    let criteria = Wanted::new(query, catalogue.now());
    let places = page.places();
    let ranks = (query.order == KeyOrder::Alias).then(|| catalogue.alias_ranks());
    let first = |part| first_of(catalogue, &criteria, part, ranks.as_ref(), places.end);
    let is_long = catalogue.count() > WORTH_A_THREAD;
    let (found, total) = if is_long { in_halves(&first) } else { first(KeyPart::ALL) }.sorted();
    let ids = found.iter().skip(places.start).map(|key| key.id).collect();
    (ids, total)
}

/// Returns the first of all keys, found by this thread and another one. If no thread can be started, this one scans all.
fn in_halves(first: &(impl Fn(KeyPart) -> First + Sync)) -> First {
    let [one, other] = KeyPart::halves();
    thread::scope(|scope| {
        let beside = thread::Builder::new().name("search".into()).spawn_scoped(scope, move || first(one));
        let mut found = first(other);
        let beside = match beside {
            Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_) => first(one),
        };
        found.absorb(beside);
        found
    })
}

/// Returns the first matching keys of a range.
fn first_of(
    catalogue: &KeyCatalogue,
    criteria: &Wanted<'_>,
    part: KeyPart,
    ranks: Option<&AliasRanks>,
    limit: usize,
) -> First {
    let sight = catalogue.sight();
    let mut first = First::new(limit, criteria.query.descending);
    for key in sight.keys(part, criteria.with(), ranks).filter(|key| criteria.matches(key)) {
        first.push(criteria.sort_key(&key));
    }
    first
}

/// The search criteria.
struct Wanted<'q> {
    query: &'q FindKeys,
    text: Option<Needle>,
    alias_part: Option<Needle>,
    /// Whether an id may begin with the text.
    is_id: bool,
    now: i64,
}

impl<'q> Wanted<'q> {
    fn new(query: &'q FindKeys, now: i64) -> Self {
        let text = query.text.as_deref().map(Needle::new);
        let alias_part = query.alias_part.as_deref().map(Needle::new);
        let is_of_id = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
        let is_id = text.as_ref().is_some_and(|text| text.as_str().bytes().all(is_of_id));
        Self { query, text, alias_part, is_id, now }
    }

    fn with(&self) -> With {
        With {
            aliases: self.text.is_some() || self.alias_part.is_some(),
            descriptions: self.text.is_some(),
            tags: self.query.tag.is_some(),
        }
    }

    fn matches(&self, key: &SeenKey<'_, '_>) -> bool {
        self.has_details(key) && self.has_alias(key) && self.has_tag(key) && self.has_text(key)
    }

    fn has_details(&self, key: &SeenKey<'_, '_>) -> bool {
        let FindKeys { state, spec, usage, origin, .. } = self.query;
        if state.is_none() && spec.is_none() && usage.is_none() && origin.is_none() {
            return true;
        }
        key.details().is_some_and(|key| {
            let key = &key.record;
            state.is_none_or(|state| state == key.state(self.now))
                && spec.is_none_or(|spec| spec == key.spec)
                && usage.is_none_or(|usage| usage == key.usage)
                && origin.is_none_or(|origin| origin == key.origin)
        })
    }

    fn has_alias(&self, key: &SeenKey<'_, '_>) -> bool {
        self.alias_part.as_ref().is_none_or(|part| is_named(part, key))
    }

    fn has_tag(&self, key: &SeenKey<'_, '_>) -> bool {
        let Some(tag) = &self.query.tag else { return true };
        let value = key.tags().and_then(|tags| tags.get(&tag.key));
        value.is_some_and(|value| tag.value.as_ref().is_none_or(|required| required == value))
    }

    fn has_text(&self, key: &SeenKey<'_, '_>) -> bool {
        let Some(text) = &self.text else { return true };
        self.is_id && key.id().to_ascii().starts_with(text.as_str().as_bytes())
            || is_named(text, key)
            || key.details().is_some_and(|key| text.is_in(key.record.description.as_str()))
    }

    /// The position of the key in the order.
    fn sort_key(&self, key: &SeenKey<'_, '_>) -> SortKey {
        let (created, id) = key.age();
        let state =
            |key: &Key| STATES.iter().zip(0..).find(|(candidate, _)| **candidate == key.state(self.now));
        let (field, created) = match self.query.order {
            KeyOrder::Created => (Some(0), created),
            KeyOrder::Id => (Some(0), 0),
            KeyOrder::Alias => (key.alias_rank(), created),
            KeyOrder::State => {
                let state = key.details().and_then(|key| state(&key.record));
                (state.map(|(_, number)| number), created)
            }
        };
        SortKey { field, created, id }
    }
}

/// Whether a text is a part of an alias of the key. The prefix of the alias counts only if the text begins with it.
fn is_named(text: &Needle, key: &SeenKey<'_, '_>) -> bool {
    let is_whole = text.as_str().starts_with(AliasName::PREFIX);
    let is_in = |name: &&AliasName| text.is_in(if is_whole { name.as_str() } else { short(name) });
    key.aliases().is_some_and(|names| names.iter().any(is_in))
}

/// Returns an alias without its prefix.
fn short(name: &AliasName) -> &str {
    name.as_str().strip_prefix(AliasName::PREFIX).unwrap_or_default()
}

/// The position of a key in ascending order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct SortKey {
    /// The detail that it is sorted by, as a number; none if the caller may not see it.
    field: Option<u32>,
    created: i64,
    id: KeyId,
}

impl SortKey {
    /// Keys without the detail that they are sorted by are last in both directions.
    fn cmp_in(&self, other: &Self, descending: bool) -> Ordering {
        match (self.field.is_some(), other.field.is_some()) {
            (true, true) if descending => other.cmp(self),
            (has, has_other) => has_other.cmp(&has).then_with(|| self.cmp(other)),
        }
    }
}

/// Collects the first keys in order, from any number of keys, in memory for about twice as many.
struct First {
    limit: usize,
    descending: bool,
    found: Vec<SortKey>,
    total: u64,
}

impl First {
    fn new(limit: usize, descending: bool) -> Self {
        Self { limit, descending, found: Vec::new(), total: 0 }
    }

    fn push(&mut self, key: SortKey) {
        self.total += 1;
        self.found.push(key);
        if self.found.len() > self.limit.saturating_mul(2).max(MIN_FOUND) {
            let descending = self.descending;
            self.found.select_nth_unstable_by(self.limit, |one, other| one.cmp_in(other, descending));
            self.found.truncate(self.limit);
        }
    }

    /// Adds the keys of another collection.
    fn absorb(&mut self, other: Self) {
        self.total += other.total;
        self.found.extend(other.found);
    }

    fn sorted(mut self) -> (Vec<SortKey>, u64) {
        self.found.sort_unstable_by(|one, other| one.cmp_in(other, self.descending));
        self.found.truncate(self.limit);
        (self.found, self.total)
    }
}

/// Fewer are not worth truncating.
const MIN_FOUND: usize = 1024;
/// Scanning fewer keys takes less time than starting a thread.
const WORTH_A_THREAD: usize = if cfg!(test) { 20 } else { 10_000 };
