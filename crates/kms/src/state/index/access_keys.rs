//! The index of access keys by owner.

use crate::state::kind::{self, Row};
use crate::state::ranked::Index;
use crate::state::records::{AccessKey, AccessKeyOwner};
use crate::state::snapshot::Snapshot;

/// The access keys of each owner, oldest first.
#[derive(Clone, Default)]
pub(crate) struct AccessKeyIndex(Index<AccessKeyOwner, (i64, Box<str>)>);

impl kind::Index<AccessKey> for AccessKeyIndex {
    fn replace(&mut self, old: Option<&AccessKey>, new: Option<&AccessKey>) {
        let entry = |key: &AccessKey| (key.owner, (key.created, key.id.clone()));
        old.into_iter().for_each(|key| self.0.remove(&entry(key)));
        new.into_iter().for_each(|key| self.0.insert(entry(key)));
    }
}

impl Snapshot {
    /// Returns the access keys of an owner, oldest first.
    pub(crate) fn access_keys_of(&self, owner: AccessKeyOwner) -> impl Iterator<Item = &Row<AccessKey>> {
        let keys = &self.tables.access_keys.index.0;
        keys.keys(keys.part(&owner)).filter_map(|(_, id)| self.get(id))
    }
}
