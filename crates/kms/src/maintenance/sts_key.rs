//! The key that seals session tokens, made for the first session of a store.

use std::sync::Arc;

use bulla_wire::Error;

use super::MAINTENANCE;
use crate::Kms;
use crate::sessions::StsKey;
use crate::state::{Changes, Snapshot, Write};

impl Kms {
    /// The newest key for tokens, made durably if there is none yet.
    ///
    /// # Errors
    /// InternalFailure with its cause if the store fails; ServiceUnavailableTemporary.
    pub(crate) async fn sts_key(&self) -> Result<Arc<StsKey>, Error> {
        if let Some(key) = newest(&*self.state.snapshot()?) {
            return Ok(key);
        }
        let now = self.now();
        let made = Arc::new(self.keyring.sts_key(now));
        let decide = |snapshot: &Snapshot| match newest(snapshot) {
            Some(key) => Changes::none().answering(key),
            None => {
                MAINTENANCE.changes([(Write::StsKey(StsKey::clone(&made)), 0)]).answering(Arc::clone(&made))
            }
        };
        self.state.commit(now, |snapshot| Ok(decide(snapshot))).await
    }
}

fn newest(snapshot: &Snapshot) -> Option<Arc<StsKey>> {
    snapshot.rows_after::<StsKey>(None).last().map(|row| Arc::clone(&row.record))
}
