//! Creates the first access key of a server, and a new one of root if the old one is lost.

use std::path::PathBuf;

use bulla_wire::{Error, SecretText};
use serde::Serialize;
use zeroize::Zeroizing;

use super::MAINTENANCE;
use crate::state::{AccessKey, AccessKeyOwner, Changes, Snapshot, Write};
use crate::{Kms, files};

/// How the owner of the account gets the first access key.
#[derive(Debug, PartialEq, Eq)]
pub enum FirstAccessKey {
    /// An access key existed already.
    Existing,
    /// The given access key was stored.
    Given,
    /// An access key was created and written to this file.
    Written(PathBuf),
}

impl Kms {
    /// The path of the file for the first access key.
    #[must_use]
    pub fn access_key_path(&self) -> PathBuf {
        self.options.data.join(FILE)
    }

    /// Ensures that the owner of the account has an access key: an existing one, otherwise `configured` (id and secret),
    /// otherwise a new one, which is written durably to [`Kms::access_key_path`], readable by its owner alone.
    ///
    /// # Errors
    /// InternalFailure with its cause, if the file or the store cannot be written.
    pub async fn ensure_access_key(
        &self,
        configured: Option<(String, SecretText)>,
    ) -> Result<FirstAccessKey, Error> {
        if self.state.published().has_access_keys() {
            return Ok(FirstAccessKey::Existing);
        }
        let created = self.now();
        let (id, secret, outcome) = match configured {
            Some((id, secret)) => (id.into(), secret, FirstAccessKey::Given),
            None => {
                let id = AccessKey::random_id();
                let secret = AccessKey::random_secret();
                // The file is written first. If the run is killed before the store is written, the next run replaces the
                // file; in the other order, an access key would exist whose secret is lost.
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

    /// Creates a new access key of root, writes it durably to [`Kms::access_key_path`], and deactivates all others of root.
    /// It restores access for an operator who has the data directory and the root key. No server may have the store open
    /// meanwhile.
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
        // Allocated in full, because a growing text leaves a part of the secret in memory.
        let mut text = Zeroizing::new(Vec::with_capacity(MAX_LEN));
        serde_json::to_writer_pretty(&mut *text, &content).map_err(Error::internal)?;
        text.push(b'\n');
        files::replace_private(&self.access_key_path(), &text).map_err(Error::internal)
    }
}

const FILE: &str = "root-access-key.json";
const MAX_LEN: usize = 512;
