//! The key that seals session tokens. It is created for the first session in each epoch of a store.

use std::sync::Arc;

use bulla_wire::Error;

use super::MAINTENANCE;
use crate::Kms;
use crate::sessions::{StsKey, sts_epoch};
use crate::state::{Changes, Snapshot, Write};

impl Kms {
    /// Returns the key for tokens, after creating it durably if this epoch of the store has none.
    ///
    /// # Errors
    /// InternalFailure with its cause if the store fails; ServiceUnavailableTemporary.
    pub(crate) async fn sts_key(&self) -> Result<Arc<StsKey>, Error> {
        let snapshot = self.state.snapshot()?;
        if let Some(key) = of_this_epoch(&snapshot) {
            return Ok(key);
        }
        let now = self.now();
        let made = Arc::new(self.keyring.sts_key(sts_epoch(snapshot.epoch()), now));
        drop(snapshot);
        let decide = |snapshot: &Snapshot| match of_this_epoch(snapshot) {
            Some(key) => Changes::none().answering(key),
            None => {
                MAINTENANCE.changes([(Write::StsKey(StsKey::clone(&made)), 0)]).answering(Arc::clone(&made))
            }
        };
        self.state.commit(now, |snapshot| Ok(decide(snapshot))).await
    }
}

fn of_this_epoch(snapshot: &Snapshot) -> Option<Arc<StsKey>> {
    let row = snapshot.get::<StsKey>(&sts_epoch(snapshot.epoch()))?;
    Some(Arc::clone(&row.record))
}
