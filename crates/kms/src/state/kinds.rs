//! The one table of records. A new kind of record is a line here, its type with its `Record`, and an index if it is found
//! by more than its id.

use std::sync::Arc;

use bulla_keys::record::{self, Record, Revision};
use bulla_keys::root::RootKeys;
use bulla_keys::{
    Alias, AliasName, Key, KeyId, KeyVersion, KeyVersionId, Secret, SecretName, SecretValue, SecretValueId,
    SystemRandom,
};

use super::index::{AliasIndex, ImportTokenIndex, KeyIndex, SecretIndex, VersionIndex};
use super::kind::{Id, Kind, Table};
use super::records::{AccessKey, ImportToken, Private, TokenId};
#[cfg(test)]
use super::sample::{Sample, SampleIndex};
use crate::store::{Change, RowChange, StoreError, StoredRow};

/// For each line: its map in a snapshot, its record with the field that is its id, the three things that a change does to
/// a row (put, delete, or keep it because the decision rests on it), and its index.
macro_rules! records {
    ($(
        $(#[$attribute:meta])*
        $map:ident: $Record:ident by $id:ident $Id:ty, $Put:ident $Delete:ident $Keep:ident, $Index:ty;
    )*) => {
        /// What a change does to one row.
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
        }

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
                type Kept = Arc<Self>;
                type Index = $Index;

                fn id(&self) -> &$Id {
                    &self.$id
                }

                fn table(tables: &Tables) -> &Table<Self> {
                    &tables.$map
                }
            }
        )*

        impl Tables {
            /// Takes in one change, with the revision that its row has now.
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
                }
            }
        }

        impl Write {
            /// What a row of the store holds.
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

            /// That another process has deleted a row.
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

            /// The change of the row in the store, sealed.
            pub(super) fn row(&self, roots: &RootKeys, expected: Revision) -> RowChange {
                match self {
                    $(
                        $(#[$attribute])*
                        Self::$Put(record) => put(roots, record, expected),
                        $(#[$attribute])*
                        Self::$Delete(id) => unsealed::<$Record>(id, expected, Change::Delete),
                        $(#[$attribute])*
                        Self::$Keep(id) => unsealed::<$Record>(id, expected, Change::Keep),
                    )*
                }
            }
        }
    };
}

records! {
    keys: Key by id KeyId, Key NoKey SameKey, KeyIndex;
    versions: KeyVersion by id KeyVersionId, Version NoVersion SameVersion, VersionIndex;
    aliases: Alias by name AliasName, Alias NoAlias SameAlias, AliasIndex;
    secrets: Secret by name SecretName, Secret NoSecret SameSecret, SecretIndex;
    secret_values: SecretValue by id SecretValueId, SecretValue NoSecretValue SameSecretValue, ();
    import_tokens: ImportToken by id TokenId, ImportToken NoImportToken SameImportToken, ImportTokenIndex;
    access_keys: AccessKey by id Box<str>, AccessKey NoAccessKey SameAccessKey, ();
    private: Private by name Box<str>, Private NoPrivate SamePrivate, ();
    #[cfg(test)]
    samples: Sample by name Box<str>, Sample NoSample SameSample, SampleIndex;
}

fn put<R: Kind>(roots: &RootKeys, record: &R, expected: Revision) -> RowChange {
    let revision = record::next_revision(expected, &SystemRandom);
    let sealed = record::seal(roots, revision, record, &SystemRandom);
    RowChange { revision, ..unsealed::<R>(record.id(), expected, Change::Put(sealed)) }
}

fn unsealed<R: Kind>(id: &R::Id, expected: Revision, change: Change) -> RowChange {
    let primary_key = id.as_key().to_vec();
    RowChange { table: R::TABLE, primary_key, expected, revision: expected, change }
}

fn open<R: Kind>(roots: &RootKeys, row: &StoredRow) -> Result<R, StoreError> {
    let StoredRow { table, primary_key, revision, value } = row;
    record::open(roots, primary_key, *revision, value).map_err(|_| unknown(table, primary_key))
}

fn unknown(table: &str, primary_key: &[u8]) -> StoreError {
    StoreError::Row { table: table.into(), primary_key: primary_key.into() }
}
