//! The index of aliases by name and by key.

use bulla_keys::{Alias, AliasName, KeyId};

use super::makers::{Made, Makers};
use crate::state::kind::{self, Row};
use crate::state::ranked::Index;
use crate::state::snapshot::Snapshot;

/// All aliases, and those of each key.
#[derive(Clone, Default)]
pub(crate) struct AliasIndex {
    lists: Index<Option<KeyId>, AliasName>,
    makers: Makers,
}

impl kind::Index<Alias> for AliasIndex {
    fn replace(&mut self, old: Option<&Alias>, new: Option<&Alias>) {
        self.makers.replace(old, new);
        if let Some(Alias { name, key, .. }) = old {
            self.lists.remove(&(None, name.clone()));
            self.lists.remove(&(Some(*key), name.clone()));
        }
        if let Some(Alias { name, key, .. }) = new {
            self.lists.insert((None, name.clone()));
            self.lists.insert((Some(*key), name.clone()));
        }
    }
}

impl Made for Alias {
    fn makers(snapshot: &Snapshot) -> &Makers {
        &snapshot.tables.aliases.index.makers
    }
}

impl Snapshot {
    pub(crate) fn alias(&self, name: &str) -> Option<&Row<Alias>> {
        self.tables.aliases.rows.get(name)
    }

    pub(crate) fn aliases_of(&self, key: KeyId) -> impl Iterator<Item = &Row<Alias>> {
        let lists = self.alias_lists();
        lists.keys(lists.part(&Some(key))).filter_map(|name| self.get(name))
    }

    /// Returns aliases by name: those of a key, or all.
    pub(crate) fn alias_lists(&self) -> &Index<Option<KeyId>, AliasName> {
        &self.tables.aliases.index.lists
    }
}
