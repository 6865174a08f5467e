//! Keys and secrets as one caller may see them: what a query may tell of each, and so what it may be found by.
//!
//! The ids of keys and the order in which they were made are told for the permission to list keys. Everything else of a
//! key is reached by a [`SeenKey`], which asks for the permission of the action that tells it: `kms:DescribeKey` for what
//! the key is, `kms:ListAliases`, or `kms:ListAliasesByKeyId` for the key, for its aliases, `kms:ListResourceTags` for its
//! tags. So a search or an order by what the caller may not see has nothing to look at.

use std::iter::Peekable;
use std::sync::Arc;

use bulla_keys::{AliasName, Key, KeyId, Secret, Tags};
use bulla_wire::Error;
use bulla_wire::kms::{
    DescribeKey, DescribeSecret, ListAliases, ListAliasesByKeyId, ListKeys, ListResourceTags, ListSecrets,
};

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
    /// In order.
    aliases: Vec<&'c AliasName>,
}

/// For which resources the caller has a permission.
struct Extent<'c> {
    is_whole: bool,
    series: Series<'c>,
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
    /// The lists of keys, by which also ListKeys filters.
    pub(crate) fn lists(&self) -> &KeyLists {
        self.snapshot.key_lists()
    }

    /// The believed time of the query.
    pub(crate) fn now(&self) -> i64 {
        self.asker.time
    }

    /// Looks which permissions the caller has for all keys.
    pub(crate) fn look(&self) -> KeySight<'_> {
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

    pub(crate) fn look(&self) -> SecretSight<'_> {
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
        Self { is_whole: series.allows(whole), series }
    }

    fn has(&self, resource: impl FnOnce() -> Resource) -> bool {
        self.is_whole || self.series.allows(&resource())
    }
}

impl<'c> KeySight<'c> {
    /// Whether the caller may describe every key, so that the lists tell nothing else.
    pub(crate) fn has_all_details(&self) -> bool {
        self.details.is_whole
    }

    /// All keys, in the order of their ids.
    pub(crate) fn keys(&self) -> impl Iterator<Item = SeenKey<'c, '_>> {
        let mut aliases = self.aliases_by_key().peekable();
        self.snapshot.rows_after::<Key>(None).map(move |row| self.seen(row, &mut aliases))
    }

    /// One key.
    pub(crate) fn key(&self, id: KeyId) -> Option<SeenKey<'c, '_>> {
        let row = self.snapshot.key(id)?;
        let aliases = self.snapshot.aliases_of(id).map(|alias| &alias.record.name).collect();
        Some(SeenKey { sight: self, row, aliases })
    }

    /// Keys with scheduled work that the caller may describe, earliest first.
    pub(crate) fn scheduled(&self) -> impl Iterator<Item = SeenKey<'c, '_>> {
        let keys = self.snapshot.scheduled_keys().filter_map(|row| self.key(row.record.id));
        keys.filter(|key| key.details().is_some())
    }

    /// Aliases in the order of the ids of their keys.
    fn aliases_by_key(&self) -> impl Iterator<Item = (KeyId, &'c AliasName)> + use<'c> {
        let lists = self.snapshot.alias_lists();
        let all = lists.from(lists.part(&None).end);
        all.filter_map(|(key, name)| Some(((*key)?, name)))
    }

    fn seen(
        &self,
        row: &'c Row<Key>,
        aliases: &mut Peekable<impl Iterator<Item = (KeyId, &'c AliasName)>>,
    ) -> SeenKey<'c, '_> {
        let id = row.record.id;
        while aliases.next_if(|(key, _)| *key < id).is_some() {} // of keys that are gone
        let mut of_key = Vec::new();
        while let Some((_, name)) = aliases.next_if(|(key, _)| *key == id) {
            of_key.push(name);
        }
        SeenKey { sight: self, row, aliases: of_key }
    }
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
        self.sight.details.has(|| self.resource()).then(|| Allowed::new(self.row))
    }

    /// Its aliases in order, if the caller may list them.
    pub(crate) fn aliases(&self) -> Option<&[&'c AliasName]> {
        self.sight.aliases.has(|| self.resource()).then_some(&self.aliases)
    }

    /// Its tags, if the caller may list them.
    pub(crate) fn tags(&self) -> Option<&'c Tags> {
        self.sight.tags.has(|| self.resource()).then_some(&self.row.record.tags)
    }

    fn resource(&self) -> Resource {
        Resource::Key(self.id())
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
