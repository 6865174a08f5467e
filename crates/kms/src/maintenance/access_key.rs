//! The first access key of a server.

use std::path::PathBuf;

use bulla_wire::{Error, SecretText};
use serde::Serialize;
use zeroize::Zeroizing;

use super::MAINTENANCE;
use crate::state::{AccessKey, Write};
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
        let (key, outcome) = match given {
            Some((id, secret)) => {
                (AccessKey { id: id.into(), secret, active: true, created }, FirstAccessKey::Given)
            }
            None => {
                let key = AccessKey::random(created);
                // First the file, then the store: a run that is killed in between leaves a file that the next
                // run replaces, never an access key that nobody knows.
                self.write_access_key(&key)?;
                (key, FirstAccessKey::Written(self.access_key_path()))
            }
        };
        let decide = || MAINTENANCE.changes([(Write::AccessKey(key.clone()), 0)]).answering(());
        self.state.commit(created, |_| Ok(decide())).await?;
        Ok(outcome)
    }

    fn write_access_key(&self, key: &AccessKey) -> Result<(), Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Content<'a> {
            access_key_id: &'a str,
            access_key_secret: &'a SecretText,
        }
        let content = Content { access_key_id: &key.id, access_key_secret: &key.secret };
        // Large enough from the start: a text that grows leaves a part of the secret behind.
        let mut text = Zeroizing::new(Vec::with_capacity(MAX_LEN));
        serde_json::to_writer_pretty(&mut *text, &content).map_err(Error::internal)?;
        text.push(b'\n');
        files::replace_private(&self.access_key_path(), &text).map_err(Error::internal)
    }
}

const FILE: &str = "root-access-key.json";
const MAX_LEN: usize = 512;
