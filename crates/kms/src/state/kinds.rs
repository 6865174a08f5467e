//! The table of all kinds of records. Adding a kind needs a line here, its type with its `Record`, and an index if it is
//! found by more than its id.

use std::collections::BTreeMap;
use std::sync::Arc;

use bulla_keys::record::{self, Record, Revision};
use bulla_keys::root::RootKeys;
use bulla_keys::{
    Alias, AliasName, Key, KeyId, KeyVersion, KeyVersionId, Secret, SecretName, SecretValue, SecretValueId,
    SystemRandom,
};

use super::index::{
    AccessKeyIndex, AliasIndex, GroupIndex, ImportTokenIndex, KeyIndex, KeyPolicyIndex, RoleIndex,
    SecretIndex, SecretPolicyIndex, UserIndex, VersionIndex,
};
use super::kind::{Id, KeptKind, Kind, Table};
use super::outbox::{OutboxLine, OutboxNumber, SealNote};
use super::records::{AccessKey, AccessKeyUse, ImportToken, KeyUse, Private, TokenFacts, TokenId};
#[cfg(test)]
use super::sample::{Sample, SampleIndex};
use crate::people::{Account, Group, KeyPolicy, ManagedPolicy, MfaDevice, NameKey, Role, SecretPolicy, User};
use crate::sessions::{Epoch, StsKey};
use crate::store::{Change, RowChange, StoreError, StoredRow};

/// Each line of a kept kind has: its map in the snapshot; the record and the field that is its id; the three writes of a row
/// (put, delete, and keep, because a decision depends on it); what is kept; and the index. A row of a kind that is not kept
/// is written once, and deleted with the row that refers to it.
macro_rules! records {
    (
        kept {$(
            $(#[$attribute:meta])*
            $map:ident: $Record:ident by $($id:ident).+ $Id:ty,
            $Put:ident $Delete:ident $Keep:ident, $Kept:ty, $Index:ty;
        )*}
        not_kept {$(
            $Other:ident by $other_id:ident $OtherId:ty, $OtherPut:ident $OtherDelete:ident;
        )*}
    ) => {
        /// A write of one row.
        #[derive(Clone, Debug)]
        #[allow(dead_code, reason = "not every kind is deleted or rested on")]
        pub(crate) enum Write {
            $(
                $(#[$attribute])*
                $Put($Record),
                $(#[$attribute])*
                $Delete($Id),
                $(#[$attribute])*
                $Keep($Id),
            )*
            $(
                $OtherPut($Other),
                $OtherDelete($OtherId),
            )*
        }

        /// The tables whose rows a snapshot does not keep.
        pub(super) const NOT_KEPT: &[&str] = &[$($Other::TABLE),*];

        /// The rows of all kinds.
        #[derive(Clone, Default)]
        pub(crate) struct Tables {
            $(
                $(#[$attribute])*
                pub(super) $map: Table<$Record>,
            )*
        }

        $(
            $(#[$attribute])*
            impl Kind for $Record {
                type Id = $Id;

                fn id(&self) -> &$Id {
                    &self.$($id).+
                }
            }

            $(#[$attribute])*
            impl KeptKind for $Record {
                type Kept = $Kept;
                type Index = $Index;

                fn table(tables: &Tables) -> &Table<Self> {
                    &tables.$map
                }
            }
        )*

        $(
            impl Kind for $Other {
                type Id = $OtherId;

                fn id(&self) -> &$OtherId {
                    &self.$other_id
                }
            }
        )*

        impl Tables {
            /// Applies one write, with the new revision of the row.
            pub(super) fn apply(&mut self, write: Write, revision: Revision) {
                match write {
                    $(
                        $(#[$attribute])*
                        Write::$Put(record) => self.$map.put(record, revision),
                        $(#[$attribute])*
                        Write::$Delete(id) => self.$map.delete(&id),
                        $(#[$attribute])*
                        Write::$Keep(_) => {}
                    )*
                    $(Write::$OtherPut(_) | Write::$OtherDelete(_) => {})*
                }
            }

            /// The number of rows of each kind.
            pub(super) fn counts(&self) -> BTreeMap<&'static str, usize> {
                let mut counts = BTreeMap::new();
                $(
                    $(#[$attribute])*
                    counts.insert($Record::TABLE, self.$map.rows.len());
                )*
                counts
            }
        }

        impl Write {
            /// Whether it changes nothing, because a decision only depends on the row.
            pub(crate) fn is_kept(&self) -> bool {
                match self {
                    $(
                        $(#[$attribute])*
                        Self::$Keep(_) => true,
                    )*
                    _ => false,
                }
            }

            /// Opens a row of the store, for a snapshot.
            ///
            /// # Errors
            /// [`StoreError::Row`]: it does not unseal, or its table is unknown.
            pub(super) fn open(roots: &RootKeys, row: &StoredRow) -> Result<Self, StoreError> {
                match &*row.table {
                    $(
                        $(#[$attribute])*
                        $Record::TABLE => open(roots, row).map(Self::$Put),
                    )*
                    _ => Err(unknown(&row.table, &row.primary_key)),
                }
            }

            /// Returns the write for a row that another process has deleted.
            ///
            /// # Errors
            /// [`StoreError::Row`]: its table or primary key is unknown.
            pub(super) fn deleted(table: &str, primary_key: &[u8]) -> Result<Self, StoreError> {
                let write = match table {
                    $(
                        $(#[$attribute])*
                        $Record::TABLE => <$Id as Id>::from_key(primary_key).map(Self::$Delete),
                    )*
                    _ => None,
                };
                write.ok_or_else(|| unknown(table, primary_key))
            }

            /// Returns the change of the row in the store, sealed.
            pub(super) fn row(&self, roots: &RootKeys, expected: Revision) -> RowChange {
                match self {
                    $(
                        $(#[$attribute])*
                        Self::$Put(record) => put(roots, record, expected),
                        $(#[$attribute])*
                        Self::$Delete(id) => unsealed::<$Record>(id, Some(expected), Change::Delete),
                        $(#[$attribute])*
                        Self::$Keep(id) => unsealed::<$Record>(id, Some(expected), Change::Keep),
                    )*
                    $(
                        Self::$OtherPut(record) => put(roots, record, expected),
                        Self::$OtherDelete(id) => unsealed::<$Other>(id, None, Change::Delete),
                    )*
                }
            }
        }
    };
}

records! {
    kept {
        keys: Key by id KeyId, Key NoKey SameKey, Arc<Key>, KeyIndex;
        versions: KeyVersion by id KeyVersionId, Version NoVersion SameVersion, Arc<KeyVersion>, VersionIndex;
        aliases: Alias by name AliasName, Alias NoAlias SameAlias, Arc<Alias>, AliasIndex;
        secrets: Secret by name SecretName, Secret NoSecret SameSecret, Arc<Secret>, SecretIndex;
        import_tokens: ImportToken by id TokenId,
            ImportToken NoImportToken SameImportToken, TokenFacts, ImportTokenIndex;
        access_keys: AccessKey by id Box<str>, AccessKey NoAccessKey SameAccessKey, Arc<AccessKey>, AccessKeyIndex;
        users: User by name.key NameKey, User NoUser SameUser, Arc<User>, UserIndex;
        groups: Group by name.key NameKey, Group NoGroup SameGroup, Arc<Group>, GroupIndex;
        roles: Role by name.key NameKey, Role NoRole SameRole, Arc<Role>, RoleIndex;
        mfa_devices: MfaDevice by name.key NameKey,
            MfaDevice NoMfaDevice SameMfaDevice, Arc<MfaDevice>, ();
        policies: ManagedPolicy by name.key NameKey, Policy NoPolicy SamePolicy, Arc<ManagedPolicy>, ();
        key_policies: KeyPolicy by key KeyId, KeyPolicy NoKeyPolicy SameKeyPolicy, Arc<KeyPolicy>, KeyPolicyIndex;
        secret_policies: SecretPolicy by secret SecretName,
            SecretPolicy NoSecretPolicy SameSecretPolicy, Arc<SecretPolicy>, SecretPolicyIndex;
        account: Account by name Box<str>, Account NoAccount SameAccount, Arc<Account>, ();
        sts_keys: StsKey by epoch Epoch, StsKey NoStsKey SameStsKey, Arc<StsKey>, ();
        access_key_uses: AccessKeyUse by id Box<str>,
            AccessKeyUse NoAccessKeyUse SameAccessKeyUse, Arc<AccessKeyUse>, ();
        key_uses: KeyUse by version KeyVersionId, KeyUse NoKeyUse SameKeyUse, Arc<KeyUse>, ();
        private: Private by name Box<str>, Private NoPrivate SamePrivate, Arc<Private>, ();
        outbox: OutboxLine by number OutboxNumber,
            OutboxLine NoOutboxLine SameOutboxLine, Arc<OutboxLine>, ();
        seal_notes: SealNote by node Box<str>, SealNote NoSealNote SameSealNote, Arc<SealNote>, ();
        #[cfg(test)]
        samples: Sample by name Box<str>, Sample NoSample SameSample, Arc<Sample>, SampleIndex;
    }
    not_kept {
        SecretValue by id SecretValueId, SecretValue NoSecretValue;
    }
}

pub(super) fn put<R: Kind>(roots: &RootKeys, record: &R, expected: Revision) -> RowChange {
    let revision = record::next_revision(expected, &SystemRandom);
    let sealed = record::seal(roots, revision, record, &SystemRandom);
    RowChange { revision, ..unsealed::<R>(record.id(), Some(expected), Change::Put(sealed)) }
}

fn unsealed<R: Kind>(id: &R::Id, expected: Option<Revision>, change: Change) -> RowChange {
    let primary_key = id.as_key().to_vec();
    let revision = expected.unwrap_or_default();
    RowChange { table: R::TABLE, primary_key, expected, revision, change }
}

fn open<R: Kind>(roots: &RootKeys, row: &StoredRow) -> Result<R, StoreError> {
    let StoredRow { table, primary_key, revision, value } = row;
    record::open(roots, primary_key, *revision, value).map_err(|_| unknown(table, primary_key))
}

fn unknown(table: &str, primary_key: &[u8]) -> StoreError {
    StoreError::Row { table: table.into(), primary_key: primary_key.into() }
}
