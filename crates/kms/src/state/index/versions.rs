//! The index of key versions by key.

use std::cmp::Reverse;

use bulla_keys::{KeyId, KeyVersion, KeyVersionId};

use crate::state::kind::{self, Row};
use crate::state::ranked::Index;
use crate::state::snapshot::Snapshot;

/// The versions of each key, newest first.
#[derive(Clone, Default)]
pub(crate) struct VersionIndex(Index<KeyId, (Reverse<u32>, KeyVersionId)>);

impl kind::Index<KeyVersion> for VersionIndex {
    fn replace(&mut self, old: Option<&KeyVersion>, new: Option<&KeyVersion>) {
        let entry = |version: &KeyVersion| (version.key, (Reverse(version.number), version.id));
        old.into_iter().for_each(|version| self.0.remove(&entry(version)));
        new.into_iter().for_each(|version| self.0.insert(entry(version)));
    }
}

impl Snapshot {
    pub(crate) fn version(&self, id: KeyVersionId) -> Option<&Row<KeyVersion>> {
        self.get(&id)
    }

    /// Returns the versions of a key, newest first.
    pub(crate) fn versions_of(&self, key: KeyId) -> impl Iterator<Item = &Row<KeyVersion>> {
        let versions = self.versions_by_key();
        versions.keys(versions.part(&key)).filter_map(|(_, id)| self.version(*id))
    }

    /// Returns the versions of all keys, sorted by key and then newest first.
    pub(crate) fn versions_by_key(&self) -> &Index<KeyId, (Reverse<u32>, KeyVersionId)> {
        &self.tables.versions.index.0
    }

    /// Returns the number of the next version of a key.
    pub(crate) fn next_version_of(&self, key: KeyId) -> u32 {
        self.versions_of(key).next().map_or(0, |row| row.record.number + 1)
    }
}
