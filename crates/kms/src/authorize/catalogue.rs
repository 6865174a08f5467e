//! Keys and secrets as one caller may see them: what a query may tell of each, and so what it may be found by.
//!
//! The ids of keys and the order in which they were made are told for the permission to list keys. Everything else of a
//! key is reached by a [`SeenKey`], which asks for the permission of the action that tells it: `kms:DescribeKey` for what
//! the key is, `kms:ListAliases`, or `kms:ListAliasesByKeyId` for the key, for its aliases, `kms:ListResourceTags` for its
//! tags. So a search or an order by what the caller may not see has nothing to look at.

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

use super::ahead::{ahead, touch};
use super::inquiry::Asker;
use super::{Allowed, Container, Permission, Resource, Series, View};
use crate::state::{Age, KeyLists, Row, Snapshot};

/// All keys, for the permission to list them.
pub(crate) struct KeyCatalogue {
    snapshot: Arc<Snapshot>,
    asker: Asker,
}

/// All secrets, for the permission to list them.
pub(crate) struct SecretCatalogue {
    snapshot: Arc<Snapshot>,
    asker: Asker,
}

/// A part of all keys, by their ids.
#[derive(Clone, Copy)]
pub(crate) struct KeyPart {
    /// The last one before the part.
    after: Option<KeyId>,
    /// The last one of the part.
    through: Option<KeyId>,
}

/// The place of the first alias of each key among all aliases, in the order of the ids of the keys.
pub(crate) struct AliasRanks(Vec<(KeyId, u32)>);

/// What the caller may see of keys.
pub(crate) struct KeySight<'c> {
    snapshot: &'c Snapshot,
    details: Extent<'c>,
    aliases: Extent<'c>,
    tags: Extent<'c>,
}

/// What the caller may see of secrets.
pub(crate) struct SecretSight<'c> {
    snapshot: &'c Snapshot,
    details: Extent<'c>,
}

/// A key of a list.
pub(crate) struct SeenKey<'c, 's> {
    sight: &'s KeySight<'c>,
    row: &'c Row<Key>,
    /// In order, if they were looked up with the key.
    aliases: Option<Vec<&'c AliasName>>,
    /// The place of the first alias among all aliases, if it was looked up with the key.
    alias_rank: Option<u32>,
}

/// What is looked up with each key of a list, which costs less than to look it up for each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct With {
    pub(crate) aliases: bool,
    pub(crate) descriptions: bool,
    pub(crate) tags: bool,
}

/// For which resources the caller has a permission.
struct Extent<'c> {
    is_whole: bool,
    series: Series<'c>,
    /// By what keys are told apart that have no policy of their own.
    distinction: Distinction,
    /// What was answered about keys by what tells them apart: nothing, and tags.
    of_untagged: Cell<Option<bool>>,
    by_tags: RefCell<HashMap<&'c Tags, bool>>,
}

impl<'v> View<'v> {
    /// All keys, each as far as the caller may see it. `snapshot` gives the state in which they are looked for.
    ///
    /// # Errors
    /// Forbidden.NoPermission without the permission to list keys.
    pub(crate) fn key_catalogue(
        &self,
        snapshot: impl FnOnce() -> Arc<Snapshot>,
    ) -> Result<KeyCatalogue, Error> {
        self.asking(Permission::of::<ListKeys>()).container(Container::Keys)?;
        Ok(KeyCatalogue { snapshot: snapshot(), asker: self.inquiry.asker() })
    }

    /// All secrets, each as far as the caller may see it.
    ///
    /// # Errors
    /// Forbidden.NoPermission without the permission to list secrets.
    pub(crate) fn secret_catalogue(&self, snapshot: &Arc<Snapshot>) -> Result<SecretCatalogue, Error> {
        self.asking(Permission::of::<ListSecrets>()).container(Container::Secrets)?;
        Ok(SecretCatalogue { snapshot: Arc::clone(snapshot), asker: self.inquiry.asker() })
    }
}

impl KeyCatalogue {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.snapshot.count::<Key>()
    }

    /// The lists of keys, by which also ListKeys filters.
    pub(crate) fn lists(&self) -> &KeyLists {
        self.snapshot.key_lists()
    }

    /// The believed time of the query.
    pub(crate) fn now(&self) -> i64 {
        self.asker.time
    }

    /// Looks which permissions the caller has for all keys.
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
    /// How many there are.
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
    /// `whole` is what the caller has to have the permission for to have it for each resource.
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

    /// Keys that policies do not tell apart are asked about once.
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
    /// Whether the caller may describe every key, so that the lists tell nothing else.
    pub(crate) fn has_all_details(&self) -> bool {
        self.details.is_whole
    }

    /// The keys of a part, in the order of their ids. `with` decides on the cost alone; without `ranks` keys have none.
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
        let rows = ahead(rows, |row| {
            black_box(row.record.created);
        });
        let rows = ahead(rows, move |row| {
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

    /// One key.
    pub(crate) fn key(&self, id: KeyId) -> Option<SeenKey<'c, '_>> {
        Some(self.seen(self.snapshot.key(id)?))
    }

    /// Keys with scheduled work that the caller may describe, earliest first.
    pub(crate) fn scheduled(&self) -> impl Iterator<Item = SeenKey<'c, '_>> {
        self.snapshot.scheduled_keys().map(|row| self.seen(row)).filter(|key| key.details().is_some())
    }

    fn seen(&self, row: &'c Row<Key>) -> SeenKey<'c, '_> {
        SeenKey { sight: self, row, aliases: None, alias_rank: None }
    }

    /// Aliases in the order of the ids of their keys, from those of a part on.
    fn aliases_by_key(&self, part: KeyPart) -> impl Iterator<Item = (KeyId, &'c AliasName)> + use<'c> {
        let lists = self.snapshot.alias_lists();
        let of_part = lists.from(lists.part(&part.after).end);
        let of_keys = of_part.filter_map(|(key, name)| Some(((*key)?, name)));
        ahead(of_keys, |(_, name)| touch(name.as_str()))
    }
}

impl KeyCatalogue {
    /// The place of the first alias of each key among all aliases.
    pub(crate) fn alias_ranks(&self) -> AliasRanks {
        let rows = self.snapshot.rows_after::<Alias>(None);
        let rows = ahead(rows, |row| {
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

    /// All keys in two parts that are about as large, because ids are random.
    pub(crate) fn halves() -> [Self; 2] {
        let mut middle = [0xff; 16];
        middle[0] = 0x7f;
        let middle = Some(KeyId::from_bytes(middle));
        [Self { after: None, through: middle }, Self { after: middle, through: None }]
    }
}

/// Passes over what belongs to keys before this one.
fn skip_before<T>(list: &mut Peekable<impl Iterator<Item = (KeyId, T)>>, id: KeyId) {
    while list.next_if(|(key, _)| *key < id).is_some() {}
}

impl<'c> SeenKey<'c, '_> {
    pub(crate) fn id(&self) -> KeyId {
        self.row.record.id
    }

    /// Where it stands in lists.
    pub(crate) fn age(&self) -> Age {
        (self.row.record.created, self.row.record.id)
    }

    /// The key, if the caller may describe it.
    pub(crate) fn details(&self) -> Option<Allowed<&'c Row<Key>>> {
        self.is_in(&self.sight.details).then(|| Allowed::new(self.row))
    }

    /// Its aliases in order, if the caller may list them.
    pub(crate) fn aliases(&self) -> Option<Cow<'_, [&'c AliasName]>> {
        self.is_in(&self.sight.aliases).then(|| match &self.aliases {
            Some(aliases) => Cow::from(aliases),
            None => {
                let aliases = self.sight.snapshot.aliases_of(self.id());
                aliases.map(|alias| &alias.record.name).collect()
            }
        })
    }

    /// The place of its first alias among all aliases, if it has one, the caller may list them, and it was looked up.
    pub(crate) fn alias_rank(&self) -> Option<u32> {
        self.alias_rank.filter(|_| self.is_in(&self.sight.aliases))
    }

    /// Its tags, if the caller may list them.
    pub(crate) fn tags(&self) -> Option<&'c Tags> {
        self.is_in(&self.sight.tags).then_some(&self.row.record.tags)
    }

    fn is_in(&self, extent: &Extent<'c>) -> bool {
        extent.has_key(self.row, self.sight.snapshot)
    }
}

impl<'c> SecretSight<'c> {
    /// Secrets that will be deleted and that the caller may describe, earliest first.
    pub(crate) fn scheduled(&self) -> impl Iterator<Item = &'c Row<Secret>> {
        self.snapshot
            .scheduled_secrets()
            .filter(|row| self.details.has(|| Resource::Secret(row.record.name.as_str().into())))
    }
}
