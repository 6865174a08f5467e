//! State that the program around the engine keeps in the store, sealed like everything else.

use bulla_wire::Error;
use zeroize::Zeroizing;

use crate::committer::{CommitError, Transaction};
use crate::records::Private;
use crate::snapshot::Write;
use crate::{Kms, commit_error};

impl Kms {
    /// The value that was kept under `name`.
    #[must_use]
    pub fn private(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        Some(Zeroizing::new(self.published.load().private(name)?.record.value.to_vec()))
    }

    /// Keeps a value under `name`, durably.
    ///
    /// # Errors
    /// InternalFailure if the store fails.
    pub async fn set_private(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        loop {
            match self.committer.commit(self.private_change(name, value)).await {
                Err(CommitError::Conflict) => {}
                result => return result.map_err(commit_error),
            }
        }
    }

    /// As [`Kms::set_private`], but nobody waits for it, and a conflict or failure is nobody's concern.
    pub(crate) fn set_private_in_background(&self, name: &str, value: &[u8]) {
        drop(self.committer.submit(self.private_change(name, value)));
    }

    fn private_change(&self, name: &str, value: &[u8]) -> Transaction {
        let expected = self.published.load().private(name).map_or(0, |row| row.revision);
        let write = Write::Private(Private { name: name.into(), value: value.to_vec().into() });
        Transaction { rows: vec![write.row(&self.roots, expected)], writes: vec![write] }
    }
}
