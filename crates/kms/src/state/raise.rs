//! Raises the rows of an older store to this version: access keys get their owner, and their secrets are sealed separately.
//! All other rows are unchanged.

use bulla_keys::record::{self, Record, Revision, next_revision};
use bulla_keys::root::RootKeys;
use bulla_keys::{SystemRandom, access_key};
use bulla_wire::SecretText;
use minicbor::{Decode, Encode};

use super::kinds::{Write, put};
use super::records::{AccessKey, AccessKeyOwner, secret_text};
use crate::store::{RowChange, StoreError, StoredRow};

/// The version of the rows in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowFormat {
    /// The rows of this version.
    Current,
    /// Rows of an earlier version too. A successful start raises the store at its end, unless it is read-only.
    Older,
}

impl RowFormat {
    /// Opens a row for a snapshot, raised to this version.
    ///
    /// # Errors
    /// Like [`Write::open`].
    pub(super) fn open(self, roots: &RootKeys, row: &StoredRow) -> Result<(Write, Revision), StoreError> {
        match self {
            Self::Older if let Some(key) = raised(roots, row) => {
                Ok((Write::AccessKey(key), next_revision(row.revision, &SystemRandom)))
            }
            Self::Older | Self::Current => Ok((Write::open(roots, row)?, row.revision)),
        }
    }
}

/// Returns the change that raises a row, if it has an earlier version.
pub(super) fn change(roots: &RootKeys, row: &StoredRow) -> Option<RowChange> {
    raised(roots, row).map(|key| put(roots, &key, row.revision))
}

/// Returns an access key of an earlier version, raised to this version.
fn raised(roots: &RootKeys, row: &StoredRow) -> Option<AccessKey> {
    if row.table != AccessKey::TABLE {
        return None;
    }
    let OldAccessKey { id, secret, active, created } =
        record::open(roots, &row.primary_key, row.revision, &row.value).ok()?;
    let sealed_secret = access_key::seal(roots, &id, secret.expose(), &SystemRandom).into();
    Some(AccessKey { id, active, created, owner: AccessKeyOwner::Root, sealed_secret })
}

/// An access key in stores up to version 3: its secret is in plaintext inside the sealed record, and its owner is root.
#[derive(Encode, Decode)]
#[cbor(map)]
struct OldAccessKey {
    #[n(0)]
    id: Box<str>,
    #[n(1)]
    #[cbor(with = "secret_text")]
    secret: SecretText,
    #[n(2)]
    active: bool,
    #[n(3)]
    created: i64,
}

impl Record for OldAccessKey {
    const TABLE: &'static str = AccessKey::TABLE;
    fn primary_key(&self) -> &[u8] {
        self.id.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use bulla_keys::StoreId;
    use bulla_keys::root::RootKey;

    use super::*;

    fn row<R: Record>(roots: &RootKeys, record: &R) -> StoredRow {
        let value = record::seal(roots, 7, record, &SystemRandom);
        StoredRow { table: R::TABLE.into(), primary_key: record.primary_key().into(), revision: 7, value }
    }

    fn opened(write: Write) -> AccessKey {
        let Write::AccessKey(key) = write else { panic!("{write:?}") };
        key
    }

    #[test]
    fn an_access_key_of_an_earlier_version_is_raised_to_one_of_root() {
        let roots = RootKey::random(&SystemRandom).keys(StoreId::random(&SystemRandom), 1);
        let secret = String::from("secret").into();
        let old = OldAccessKey { id: "BULLA1".into(), secret, active: true, created: 9 };
        let old = row(&roots, &old);
        let (write, revision) = RowFormat::Older.open(&roots, &old).unwrap();
        let key = opened(write);
        assert_eq!((key.owner, key.active, key.created, revision), (AccessKeyOwner::Root, true, 9, 8));
        assert_eq!(*access_key::open(&roots, "BULLA1", &key.sealed_secret).unwrap(), "secret");

        let change = change(&roots, &old).unwrap();
        assert_eq!((change.expected, change.revision), (Some(7), 8));
        RowFormat::Current.open(&roots, &old).unwrap_err();
    }

    /// After a start that was killed between rows and header, or with a header that was rolled back, rows already have this
    /// version.
    #[test]
    fn an_access_key_of_this_version_stays_as_it_is() {
        let roots = RootKey::random(&SystemRandom).keys(StoreId::random(&SystemRandom), 1);
        let sealed_secret = access_key::seal(&roots, "BULLA1", "secret", &SystemRandom).into();
        let id = "BULLA1".into();
        let key = AccessKey { id, active: true, created: 9, owner: AccessKeyOwner::Root, sealed_secret };
        let row = row(&roots, &key);
        let (write, revision) = RowFormat::Older.open(&roots, &row).unwrap();
        assert_eq!((opened(write), revision), (key, 7));
        assert!(change(&roots, &row).is_none());
    }
}
