//! What can be told of a store that no server has open.

use std::collections::BTreeMap;

use crate::data::Inspected;
use crate::open_error::OpenError;
use crate::provider::Providers;
use crate::provider_error::KeyLocation;
use crate::state::Snapshot;
use crate::{Options, StoreError};

/// A store that was read.
#[derive(Clone, Debug)]
pub struct StoreSummary {
    /// Its epoch; 0 in a store of an earlier version, which has none.
    pub epoch: u64,
    /// The number of its last commit; 0 in a store of an earlier version.
    pub commit: u64,
    /// How many records there are of each kind, by its name in the store. Values of secrets are not counted.
    pub records: BTreeMap<&'static str, usize>,
    /// Where the provider has the key that opened it.
    pub root_key: KeyLocation,
}

/// Reads a store that no server has open, and changes nothing in it. Waits for a command that has it open, as [`Kms::open`] does.
///
/// # Errors
/// [`OpenError`], as if it was opened for use.
///
/// [`Kms::open`]: crate::Kms::open
pub fn inspect_store(options: &Options) -> Result<StoreSummary, OpenError> {
    let Inspected { store, roots, format, .. } = &Inspected::open(options)?;
    let failed = |source: StoreError| OpenError::Store { path: options.data.clone(), source };
    let snapshot = Snapshot::read(store, roots, *format).map_err(failed)?;
    let anchor = snapshot.anchor();
    Ok(StoreSummary {
        epoch: anchor.map_or(0, |anchor| anchor.epoch),
        commit: anchor.map_or(0, |anchor| anchor.commit),
        records: snapshot.counts(),
        root_key: Providers::configured(options).first().location(),
    })
}
