//! Reads facts about a store that no server has open, without changing it: for `bulla status` while the server is stopped,
//! and for finding a key by alias.

use std::collections::BTreeMap;

use bulla_keys::KeyId;

use crate::Options;
use crate::data::Inspected;
use crate::open_error::OpenError;
use crate::provider::Providers;
use crate::provider_error::KeyLocation;
use crate::state::Snapshot;

/// Facts about a store.
#[derive(Clone, Debug)]
pub struct StoreSummary {
    /// Its epoch; 0 in a store of an earlier version, which has none.
    pub epoch: u64,
    /// The number of its last commit; 0 in a store of an earlier version.
    pub commit: u64,
    /// The number of records of each kind, by its name in the store. Values of secrets are not counted.
    pub records: BTreeMap<&'static str, usize>,
    /// Where the provider found the key that opened the store.
    pub root_key: KeyLocation,
}

/// Reads a store that no server has open, and changes nothing in it. Waits for a command that has it open, as [`Kms::open`] does.
///
/// # Errors
/// [`OpenError`], as for opening the store for use.
///
/// [`Kms::open`]: crate::Kms::open
pub fn inspect_store(options: &Options) -> Result<StoreSummary, OpenError> {
    let snapshot = read(options)?;
    let anchor = snapshot.anchor();
    Ok(StoreSummary {
        epoch: anchor.map_or(0, |anchor| anchor.epoch),
        commit: anchor.map_or(0, |anchor| anchor.commit),
        records: snapshot.counts(),
        root_key: Providers::configured(options).first().location(),
    })
}

/// Returns the id of the key that an alias names, in a store that no server has open; none if no key has it. Reads the store
/// as [`inspect_store`] does.
///
/// # Errors
/// Like [`inspect_store`].
pub fn key_of_alias(options: &Options, alias: &str) -> Result<Option<KeyId>, OpenError> {
    let snapshot = read(options)?;
    Ok(snapshot.alias(alias).map(|row| row.record.key))
}

fn read(options: &Options) -> Result<Snapshot, OpenError> {
    let Inspected { store, roots, format, .. } = &Inspected::open(options)?;
    let failed = |source| OpenError::Store { path: options.data.clone(), source };
    Snapshot::read(store, roots, *format).map_err(failed)
}
