//! Looking at every key: for texts and orders that no list answers.

use std::cmp::Ordering;

use bulla_keys::{AliasName, KeyId};

use super::{FindKeys, KeyOrder, STATES};
use crate::actions::Page;
use crate::authorize::{KeyCatalogue, SeenKey};
use crate::queries::text::Needle;
use crate::state::Age;

/// The keys on a page, and how many there are.
pub(super) fn scan(catalogue: &KeyCatalogue, query: &FindKeys, page: Page) -> (Vec<KeyId>, u64) {
    let sight = catalogue.look();
    let wanted = Wanted { query, text: query.text.as_deref().map(Needle::new), now: catalogue.now() };
    let places = page.places();
    let mut first = First::new(places.end, query.descending);
    for key in sight.keys().filter(|key| wanted.matches(key)) {
        first.push(Found { field: wanted.field(&key), age: key.age() });
    }
    let (found, total) = first.sorted();
    let ids = found.iter().skip(places.start).map(|found| found.age.1).collect();
    (ids, total)
}

/// What is searched for.
struct Wanted<'q> {
    query: &'q FindKeys,
    text: Option<Needle>,
    now: i64,
}

impl Wanted<'_> {
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
        let Some(prefix) = &self.query.alias_prefix else { return true };
        let prefix = prefix.strip_prefix(AliasName::PREFIX).unwrap_or(prefix);
        key.aliases().is_some_and(|names| names.iter().any(|name| short(name).starts_with(prefix)))
    }

    fn has_tag(&self, key: &SeenKey<'_, '_>) -> bool {
        let Some(tag) = &self.query.tag else { return true };
        let value = key.tags().and_then(|tags| tags.get(&tag.key));
        value.is_some_and(|value| tag.value.as_ref().is_none_or(|wanted| wanted == value))
    }

    fn has_text(&self, key: &SeenKey<'_, '_>) -> bool {
        let Some(text) = &self.text else { return true };
        let is_whole = text.as_str().starts_with(AliasName::PREFIX);
        let is_named = |name: &&AliasName| text.is_in(if is_whole { name.as_str() } else { short(name) });
        key.id().to_ascii().starts_with(text.as_str().as_bytes())
            || key.aliases().is_some_and(|names| names.iter().any(is_named))
            || key.details().is_some_and(|key| text.is_in(key.record.description.as_str()))
    }

    /// What the key is ordered by; none if the caller may not see it.
    fn field<'c>(&self, key: &SeenKey<'c, '_>) -> Option<Field<'c>> {
        match self.query.order {
            KeyOrder::Created => Some(Field::Age),
            KeyOrder::Id => Some(Field::Id(key.id())),
            KeyOrder::Alias => key.aliases()?.first().map(|name| Field::Alias(name)),
            KeyOrder::State => {
                let state = key.details()?.record.state(self.now);
                STATES.iter().position(|known| *known == state).map(Field::State)
            }
        }
    }
}

/// An alias without its prefix.
fn short(name: &AliasName) -> &str {
    name.as_str().strip_prefix(AliasName::PREFIX).unwrap_or_default()
}

/// A key that matches.
struct Found<'c> {
    field: Option<Field<'c>>,
    age: Age,
}

/// What a key is ordered by. All keys of a search have the same kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Field<'c> {
    Age,
    Id(KeyId),
    Alias(&'c AliasName),
    State(usize),
}

impl Found<'_> {
    fn cmp(&self, other: &Self, descending: bool) -> Ordering {
        match (self.field, other.field) {
            (None, None) => self.age.cmp(&other.age),
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(field), Some(of_other)) => {
                let order = field.cmp(&of_other).then_with(|| self.age.cmp(&other.age));
                if descending { order.reverse() } else { order }
            }
        }
    }
}

/// The first keys in order, of any number of keys, in memory for about twice as many.
struct First<'c> {
    limit: usize,
    descending: bool,
    found: Vec<Found<'c>>,
    total: u64,
}

impl<'c> First<'c> {
    fn new(limit: usize, descending: bool) -> Self {
        Self { limit, descending, found: Vec::new(), total: 0 }
    }

    fn push(&mut self, found: Found<'c>) {
        self.total += 1;
        self.found.push(found);
        if self.found.len() > self.limit.saturating_mul(2).max(MIN_FOUND) {
            let descending = self.descending;
            self.found.select_nth_unstable_by(self.limit, |one, other| one.cmp(other, descending));
            self.found.truncate(self.limit);
        }
    }

    fn sorted(mut self) -> (Vec<Found<'c>>, u64) {
        self.found.sort_unstable_by(|one, other| one.cmp(other, self.descending));
        self.found.truncate(self.limit);
        (self.found, self.total)
    }
}

/// Fewer are not worth being cut.
const MIN_FOUND: usize = 1024;
