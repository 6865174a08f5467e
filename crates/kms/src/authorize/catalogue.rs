//! The keys and secrets that one caller may see: which details a query may return for each, and therefore search by.
//!
//! The permission to list keys reveals their ids and the order in which they were created. All other details of a key are
//! reached through a [`SeenKey`], which checks the permission of the action that returns them: `kms:DescribeKey` for the key
//! itself; `kms:ListAliases`, or `kms:ListAliasesByKeyId` for the key, for its aliases; `kms:ListResourceTags` for its tags.
//! So a search or a sort order cannot use details that the caller may not see.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hint::black_box;
use std::iter::{self, Peekable};
use std::sync::Arc;

use bulla_access::Distinction;
use bulla_keys::{Alias, AliasName, Key, KeyId, Secret, Tags};
use bulla_wire::Error;
use bulla_wire::kms::{
    DescribeKey, DescribeSecret, ListAliases, ListAliasesByKeyId, ListKeys, ListResourceTags, ListSecrets,
};

use super::inquiry::Asker;
use super::prefetch::{prefetch, touch};
use super::{Allowed, Container, Permission, Resource, Series, View};
use crate::state::{Age, KeyLists, Row, Snapshot};

/// All keys. Needs the permission to list them.
pub(crate) struct KeyCatalogue {
    snapshot: Arc<Snapshot>,
    asker: Asker,
}

/// All secrets. Needs the permission to list them.
pub(crate) struct SecretCatalogue {
    snapshot: Arc<Snapshot>,
    asker: Asker,
}

/// A range of keys by id.
#[derive(Clone, Copy)]
pub(crate) struct KeyPart {
    /// The last key before the range.
    after: Option<KeyId>,
    /// The last key of the range.
    through: Option<KeyId>,
}

/// The position of the first alias of each key among all aliases, in the order of the ids of the keys.
pub(crate) struct AliasRanks(Vec<(KeyId, u32)>);

/// The keys with the caller's permissions for their details, resolved once.
pub(crate) struct KeySight<'c> {
    snapshot: &'c Snapshot,
    details: Extent<'c>,
    aliases: Extent<'c>,
    tags: Extent<'c>,
}

/// The secrets with the caller's permissions for their details, resolved once.
pub(crate) struct SecretSight<'c> {
    snapshot: &'c Snapshot,
    details: Extent<'c>,
}

/// A key in a list.
pub(crate) struct SeenKey<'c, 's> {
    sight: &'s KeySight<'c>,
    row: &'c Row<Key>,
    /// Sorted, if they were loaded with the key.
    aliases: Option<Vec<&'c AliasName>>,
    /// The position of the first alias among all aliases, if it was loaded with the key.
    alias_rank: Option<u32>,
}

/// What is loaded together with each key of a list, which costs less than loading it later for each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct With {
    pub(crate) aliases: bool,
    pub(crate) descriptions: bool,
    pub(crate) tags: bool,
}

/// The resources that the caller has a permission for.
struct Extent<'c> {
    is_whole: bool,
    series: Series<'c>,
    /// What the answer can depend on for keys without a policy of their own.
    distinction: Distinction,
    /// Cached answers for keys that policies cannot distinguish: those without tags, and those with the same tags.
    of_untagged: Cell<Option<bool>>,
    by_tags: RefCell<HashMap<&'c Tags, bool>>,
}

impl<'v> View<'v> {
    /// Returns all keys, with the details that the caller may see. `snapshot` returns the state to search.
    ///
    /// # Errors
    /// Forbidden.NoPermission without the permission to list keys.
    pub(crate) fn key_catalogue(
        &self,
        snapshot: impl FnOnce() -> Arc<Snapshot>,
    ) -> Result<KeyCatalogue, Error> {
        self.with_permission(Permission::of::<ListKeys>()).container(Container::Keys)?;
        Ok(KeyCatalogue { snapshot: snapshot(), asker: self.inquiry.asker() })
    }

    /// Returns all secrets, with the details that the caller may see.
    ///
    /// # Errors
    /// Forbidden.NoPermission without the permission to list secrets.
    pub(crate) fn secret_catalogue(&self, snapshot: &Arc<Snapshot>) -> Result<SecretCatalogue, Error> {
        self.with_permission(Permission::of::<ListSecrets>()).container(Container::Secrets)?;
        Ok(SecretCatalogue { snapshot: Arc::clone(snapshot), asker: self.inquiry.asker() })
    }
}

impl KeyCatalogue {
    /// The number of keys.
    pub(crate) fn count(&self) -> usize {
        self.snapshot.count::<Key>()
    }

    /// The indexes of keys, which the filters of ListKeys use too.
    pub(crate) fn lists(&self) -> &KeyLists {
        self.snapshot.key_lists()
    }

    /// The believed time of the query.
    pub(crate) fn now(&self) -> i64 {
        self.asker.time
    }

    /// Resolves the caller's permissions for the details of keys.
    pub(crate) fn sight(&self) -> KeySight<'_> {
        let extent = |permission, whole| Extent::new(&self.asker, permission, &self.snapshot, whole);
        let every = Resource::Every(Container::Keys);
        let all_aliases = extent(Permission::of::<ListAliases>(), &Resource::Container(Container::Aliases));
        let aliases = if all_aliases.is_whole {
            all_aliases
        } else {
            extent(Permission::of::<ListAliasesByKeyId>(), &every)
        };
        KeySight {
            snapshot: &self.snapshot,
            details: extent(Permission::of::<DescribeKey>(), &every),
            aliases,
            tags: extent(Permission::of::<ListResourceTags>(), &every),
        }
    }
}

impl SecretCatalogue {
    /// The number of secrets.
    pub(crate) fn count(&self) -> usize {
        self.snapshot.count::<Secret>()
    }

    pub(crate) fn sight(&self) -> SecretSight<'_> {
        let permission = Permission::of::<DescribeSecret>();
        let every = Resource::Every(Container::Secrets);
        let details = Extent::new(&self.asker, permission, &self.snapshot, &every);
        SecretSight { snapshot: &self.snapshot, details }
    }
}

impl<'c> Extent<'c> {
    /// `whole` is the resource whose permission implies that for every single one.
    fn new(asker: &'c Asker, permission: Permission, snapshot: &'c Snapshot, whole: &Resource) -> Self {
        let series = asker.series(permission, snapshot);
        Self {
            is_whole: series.allows(whole),
            distinction: series.distinction(Container::Keys),
            series,
            of_untagged: Cell::default(),
            by_tags: RefCell::default(),
        }
    }

    fn has(&self, resource: impl FnOnce() -> Resource) -> bool {
        self.is_whole || self.series.allows(&resource())
    }

    /// Whether the caller has the permission for a key. Asks only once about keys that policies cannot distinguish.
    fn has_key(&self, row: &'c Row<Key>, snapshot: &Snapshot) -> bool {
        let ask = || self.has(|| Resource::Key(row.record.id));
        if self.is_whole || self.distinction == Distinction::Names {
            return ask();
        }
        if snapshot.key_policy(row.record.id).is_some() {
            return ask();
        }
        let tags = &row.record.tags;
        if tags.is_empty() || self.distinction == Distinction::Nothing {
            let answer = self.of_untagged.get().unwrap_or_else(ask);
            self.of_untagged.set(Some(answer));
            return answer;
        }
        *self.by_tags.borrow_mut().entry(tags).or_insert_with(ask)
    }
}

impl<'c> KeySight<'c> {
    /// Whether the caller may describe every key, so that the indexes reveal nothing beyond that.
    pub(crate) fn has_all_details(&self) -> bool {
        self.details.is_whole
    }

    /// Returns the keys of a range, in the order of their ids. `with` affects only the cost; without `ranks`, keys have no
    /// alias rank.
    pub(crate) fn keys<'s>(
        &'s self,
        part: KeyPart,
        with: With,
        ranks: Option<&'s AliasRanks>,
    ) -> impl Iterator<Item = SeenKey<'c, 's>> {
        let mut aliases = with.aliases.then(|| self.aliases_by_key(part).peekable());
        let mut ranks = ranks.map(|AliasRanks(ranks)| ranks.iter().copied().peekable());
        let has_tags = with.tags || self.is_by_tags();
        let rows = self.snapshot.rows_after::<Key>(part.after.as_ref());
        let rows = rows.take_while(move |row| part.through.is_none_or(|last| row.record.id <= last));
        let rows = prefetch(rows, |row| {
            black_box(row.record.created);
        });
        let rows = prefetch(rows, move |row| {
            if with.descriptions {
                touch(row.record.description.as_str());
            }
            if has_tags {
                row.record.tags.iter().take(1).for_each(|(name, _)| touch(name));
            }
        });
        rows.map(move |row| {
            let id = row.record.id;
            let aliases = aliases.as_mut().map(|aliases| {
                skip_before(aliases, id);
                iter::from_fn(|| Some(aliases.next_if(|(key, _)| *key == id)?.1)).collect()
            });
            let alias_rank = ranks.as_mut().and_then(|ranks| {
                skip_before(ranks, id);
                Some(ranks.next_if(|(key, _)| *key == id)?.1)
            });
            SeenKey { sight: self, row, aliases, alias_rank }
        })
    }

    /// Whether permissions for keys depend on their tags.
    fn is_by_tags(&self) -> bool {
        let extents = [&self.details, &self.aliases, &self.tags];
        extents.iter().any(|extent| !extent.is_whole && extent.distinction == Distinction::Conditions)
    }

    /// Returns one key.
    pub(crate) fn key(&self, id: KeyId) -> Option<SeenKey<'c, '_>> {
        Some(self.seen(self.snapshot.key(id)?))
    }

    /// Returns the keys with scheduled work that the caller may describe, earliest first.
    pub(crate) fn scheduled(&self) -> impl Iterator<Item = SeenKey<'c, '_>> {
        self.snapshot.scheduled_keys().map(|row| self.seen(row)).filter(|key| key.details().is_some())
    }

    fn seen(&self, row: &'c Row<Key>) -> SeenKey<'c, '_> {
        SeenKey { sight: self, row, aliases: None, alias_rank: None }
    }

    /// Returns aliases in the order of the ids of their keys, from the beginning of a range.
    fn aliases_by_key(&self, part: KeyPart) -> impl Iterator<Item = (KeyId, &'c AliasName)> + use<'c> {
        let lists = self.snapshot.alias_lists();
        let of_part = lists.from(lists.part(&part.after).end);
        let of_keys = of_part.filter_map(|(key, name)| Some(((*key)?, name)));
        prefetch(of_keys, |(_, name)| touch(name.as_str()))
    }
}

impl KeyCatalogue {
    /// Returns the position of the first alias of each key among all aliases.
    pub(crate) fn alias_ranks(&self) -> AliasRanks {
        let rows = self.snapshot.rows_after::<Alias>(None);
        let rows = prefetch(rows, |row| {
            black_box(row.record.key);
        });
        let mut ranks: Vec<_> = rows.zip(0..).map(|(row, rank)| (row.record.key, rank)).collect();
        ranks.sort_unstable();
        ranks.dedup_by_key(|(key, _)| *key);
        AliasRanks(ranks)
    }
}

impl KeyPart {
    pub(crate) const ALL: Self = Self { after: None, through: None };

    /// Returns two ranges that together contain all keys, of about the same size, because ids are random.
    pub(crate) fn halves() -> [Self; 2] {
        let mut middle = [0xff; 16];
        middle[0] = 0x7f;
        let middle = Some(KeyId::from_bytes(middle));
        [Self { after: None, through: middle }, Self { after: middle, through: None }]
    }
}

/// Skips entries of keys before this one.
fn skip_before<T>(list: &mut Peekable<impl Iterator<Item = (KeyId, T)>>, id: KeyId) {
    while list.next_if(|(key, _)| *key < id).is_some() {}
}

impl<'c> SeenKey<'c, '_> {
    pub(crate) fn id(&self) -> KeyId {
        self.row.record.id
    }

    /// Its position in lists.
    pub(crate) fn age(&self) -> Age {
        (self.row.record.created, self.row.record.id)
    }

    /// Returns the key, if the caller may describe it.
    pub(crate) fn details(&self) -> Option<Allowed<&'c Row<Key>>> {
        self.is_in(&self.sight.details).then(|| Allowed::new(self.row))
    }

    /// Returns its aliases, sorted, if the caller may list them.
    pub(crate) fn aliases(&self) -> Option<Cow<'_, [&'c AliasName]>> {
        self.is_in(&self.sight.aliases).then(|| match &self.aliases {
            Some(aliases) => Cow::from(aliases),
            None => {
                let aliases = self.sight.snapshot.aliases_of(self.id());
                aliases.map(|alias| &alias.record.name).collect()
            }
        })
    }

    /// Returns the position of its first alias among all aliases, if it has one, the caller may list aliases, and it was
    /// loaded.
    pub(crate) fn alias_rank(&self) -> Option<u32> {
        self.alias_rank.filter(|_| self.is_in(&self.sight.aliases))
    }

    /// Returns its tags, if the caller may list them.
    pub(crate) fn tags(&self) -> Option<&'c Tags> {
        self.is_in(&self.sight.tags).then_some(&self.row.record.tags)
    }

    fn is_in(&self, extent: &Extent<'c>) -> bool {
        extent.has_key(self.row, self.sight.snapshot)
    }
}

impl<'c> SecretSight<'c> {
    /// Returns the secrets with a scheduled deletion that the caller may describe, earliest first.
    pub(crate) fn scheduled(&self) -> impl Iterator<Item = &'c Row<Secret>> {
        self.snapshot
            .scheduled_secrets()
            .filter(|row| self.details.has(|| Resource::Secret(row.record.name.as_str().into())))
    }
}
