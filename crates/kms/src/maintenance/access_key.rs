//! The first access key of a server, and a new one when it is lost.

use std::path::PathBuf;

use bulla_wire::{Error, SecretText};
use serde::Serialize;
use zeroize::Zeroizing;

use super::MAINTENANCE;
use crate::state::{AccessKey, AccessKeyOwner, Changes, Snapshot, Write};
use crate::{Kms, files};

/// How the owner of the account gets in.
#[derive(Debug, PartialEq, Eq)]
pub enum FirstAccessKey {
    /// There was an access key already.
    Existing,
    /// The one that was given was taken.
    Given,
    /// One was made and written to this file.
    Written(PathBuf),
}

impl Kms {
    /// Where the first access key is written, unless one is given.
    #[must_use]
    pub fn access_key_path(&self) -> PathBuf {
        self.options.data.join(FILE)
    }

    /// Sees to it that the owner of the account has an access key: an existing one, else `given` (id and
    /// secret), else a new one, written durably to [`Kms::access_key_path`] for its owner's eyes.
    ///
    /// # Errors
    /// InternalFailure with its cause, if the file or the store cannot be written.
    pub async fn ensure_access_key(
        &self,
        given: Option<(String, SecretText)>,
    ) -> Result<FirstAccessKey, Error> {
        if self.state.published().has_access_keys() {
            return Ok(FirstAccessKey::Existing);
        }
        let created = self.now();
        let (id, secret, outcome) = match given {
            Some((id, secret)) => (id.into(), secret, FirstAccessKey::Given),
            None => {
                let id = AccessKey::random_id();
                let secret = AccessKey::random_secret();
                // First the file, then the store: a run that is killed in between leaves a file that the next
                // run replaces, never an access key that nobody knows.
                self.write_access_key(&id, &secret)?;
                (id, secret, FirstAccessKey::Written(self.access_key_path()))
            }
        };
        let key = self.keyring.access_key(id, &secret, AccessKeyOwner::Root, created);
        let decide = || {
            let changes = MAINTENANCE.changes([(Write::AccessKey(key.clone()), 0)]);
            self.access_key_event(changes, "root-access-key-created", &[&key.id]).answering(())
        };
        self.state.commit(created, |_| Ok(decide())).await?;
        Ok(outcome)
    }

    /// Makes a new access key of root, written durably to [`Kms::access_key_path`], and deactivates all others of root. A way
    /// back in for whoever holds the data directory and the root key; the store must not be served meanwhile.
    ///
    /// # Errors
    /// InternalFailure with its cause, if the file or the store cannot be written.
    pub async fn reset_root_access_key(&self) -> Result<PathBuf, Error> {
        let created = self.now();
        let id = AccessKey::random_id();
        let secret = AccessKey::random_secret();
        self.write_access_key(&id, &secret)?; // first the file, as above
        let key = self.keyring.access_key(id, &secret, AccessKeyOwner::Root, created);
        let decide = |snapshot: &Snapshot| {
            let active: Vec<_> =
                snapshot.access_keys_of(AccessKeyOwner::Root).filter(|row| row.record.active).collect();
            let mut ids = vec![&*key.id];
            ids.extend(active.iter().map(|row| &*row.record.id));
            let deactivated = active.iter().map(|row| {
                let deactivated = AccessKey { active: false, ..AccessKey::clone(&row.record) };
                (Write::AccessKey(deactivated), row.revision)
            });
            let writes = deactivated.chain([(Write::AccessKey(key.clone()), 0)]);
            let changes = MAINTENANCE.changes(writes);
            self.access_key_event(changes, "root-access-key-reset", &ids).answering(())
        };
        self.state.commit(created, |snapshot| Ok(decide(snapshot))).await?;
        Ok(self.access_key_path())
    }

    fn access_key_event(&self, changes: Changes, event: &'static str, ids: &[&str]) -> Changes {
        let resources: Vec<_> = ids.iter().map(|id| ("access-key", *id)).collect();
        self.auditor.with_event(changes, event, self.clock.raw(), &resources, None)
    }

    fn write_access_key(&self, id: &str, secret: &SecretText) -> Result<(), Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Content<'a> {
            access_key_id: &'a str,
            access_key_secret: &'a SecretText,
        }
        let content = Content { access_key_id: id, access_key_secret: secret };
        // Large enough from the start: a text that grows leaves a part of the secret behind.
        let mut text = Zeroizing::new(Vec::with_capacity(MAX_LEN));
        serde_json::to_writer_pretty(&mut *text, &content).map_err(Error::internal)?;
        text.push(b'\n');
        files::replace_private(&self.access_key_path(), &text).map_err(Error::internal)
    }
}

const FILE: &str = "root-access-key.json";
const MAX_LEN: usize = 512;
