//! The query DescribeKeyUses: how often the versions of a key were used.

use bulla_wire::{Error, Timestamp};

use crate::key_uses::UseCounts;
use crate::session::Session;

/// Asks how often the versions of a key were used.
#[derive(Clone, Debug, Default)]
pub struct DescribeKeyUses {
    /// The key's id, ARN or alias.
    pub key_id: String,
}

/// How often the versions of a key were used. Needs the permission to describe the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUses {
    /// Since when uses are counted in this store; earlier uses are unknown.
    pub counted_since: Timestamp,
    /// Newest first.
    pub versions: Vec<VersionUses>,
}

/// How often a version of a key was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionUses {
    /// Its id.
    pub key_version_id: String,
    /// Encryptions, including those of data keys and secrets.
    pub encryptions: u64,
    /// All other operations with the key: decryptions, signatures, verifications.
    pub other_operations: u64,
    /// When it was last used; none if it was never used.
    pub last_used: Option<Timestamp>,
}

impl KeyUses {
    /// Returns when the key was last used, in any version.
    #[must_use]
    pub fn last_used(&self) -> Option<Timestamp> {
        self.versions.iter().filter_map(|version| version.last_used).max()
    }
}

pub(super) async fn describe(session: &Session<'_, DescribeKeyUses>) -> Result<KeyUses, Error> {
    let key = session.key(&session.request.key_id)?;
    let versions = session.versions_of(&key).after(None).map(|version| {
        let UseCounts { encryptions, others, last_used } = session.uses_of(&key, &version.record);
        VersionUses {
            key_version_id: version.record.id.to_string(),
            encryptions,
            other_operations: others,
            last_used: last_used.map(Timestamp::from_unix),
        }
    });
    Ok(KeyUses {
        counted_since: Timestamp::from_unix(session.uses_counted_since(&key)),
        versions: versions.collect(),
    })
}
