//! Private state: named values that no action returns, sealed like all records. The server stores values there, such as the
//! key of its CA, and the engine its time mark.

use bulla_wire::Error;
use zeroize::Zeroizing;

use super::MAINTENANCE;
use crate::Kms;
use crate::state::{Decision, Private, Snapshot, Write};

impl Kms {
    /// Returns the value with this name.
    #[must_use]
    pub fn private(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        Some(Zeroizing::new(self.state.published().private(name)?.record.value.to_vec()))
    }

    /// Writes a value durably under `name`.
    ///
    /// # Errors
    /// InternalFailure if the store fails.
    pub async fn set_private(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        self.state.commit(self.now(), |snapshot| Ok(private_change(snapshot, name, value))).await
    }

    /// Writes a value, fire and forget: errors are ignored, because the value is written again later.
    pub(crate) fn set_private_in_background(&self, name: &str, value: &[u8]) {
        let decide = |snapshot: &Snapshot| Ok::<_, Error>(private_change(snapshot, name, value));
        drop(self.state.stage(self.now(), decide));
    }
}

fn private_change(snapshot: &Snapshot, name: &str, value: &[u8]) -> Decision<()> {
    let expected = snapshot.private(name).map_or(0, |row| row.revision);
    let private = Private { name: name.into(), value: value.to_vec().into() };
    MAINTENANCE.changes([(Write::Private(private), expected)]).answering(())
}
