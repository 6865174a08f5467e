//! Aliases by name and by key.

use bulla_keys::{Alias, AliasName, KeyId};

use crate::state::kind::{self, Row};
use crate::state::ranked::Index;
use crate::state::snapshot::Snapshot;

/// All aliases, and those of a key.
#[derive(Clone, Default)]
pub(crate) struct AliasIndex(Index<Option<KeyId>, AliasName>);

impl kind::Index<Alias> for AliasIndex {
    fn replace(&mut self, old: Option<&Alias>, new: Option<&Alias>) {
        if let Some(Alias { name, key }) = old {
            self.0.remove(&(None, name.clone()));
            self.0.remove(&(Some(*key), name.clone()));
        }
        if let Some(Alias { name, key }) = new {
            self.0.insert((None, name.clone()));
            self.0.insert((Some(*key), name.clone()));
        }
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

    /// Aliases by name: those of a key, or all.
    pub(crate) fn alias_lists(&self) -> &Index<Option<KeyId>, AliasName> {
        &self.tables.aliases.index.0
    }
}
