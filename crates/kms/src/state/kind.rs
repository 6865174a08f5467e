//! The traits of kinds of records in memory, and the generic table of rows with its index.

use std::fmt::Debug;
use std::sync::Arc;

use bulla_keys::record::{Record, Revision};
use bulla_keys::{AliasName, KeyId, KeyVersionId, SecretName, SecretValueId};
use imbl::OrdMap;
use minicbor::bytes::ByteArray;

use super::kinds::Tables;
use crate::people::NameKey;

/// A kind of record: one line of the table in `kinds.rs`.
pub(crate) trait Kind: Record + Debug + 'static {
    type Id: Id;

    fn id(&self) -> &Self::Id;
}

/// A kind of which a snapshot keeps at least a part.
pub(crate) trait KeptKind: Kind {
    /// What it keeps of a record: usually the whole record in an [`Arc`].
    type Kept: Kept<Self>;
    /// `()` if its rows are found only by id.
    type Index: Index<<Self::Kept as Kept<Self>>::Facts>;

    fn table(tables: &Tables) -> &Table<Self>;
}

/// The id of a row.
pub(crate) trait Id: Ord + Clone + Debug + 'static {
    /// Returns the primary key of the row in the store.
    fn as_key(&self) -> &[u8];
    /// Parses a primary key; none if no row can have it.
    fn from_key(key: &[u8]) -> Option<Self>;
}

/// What a snapshot keeps of records of the kind `R`.
pub(crate) trait Kept<R>: Clone + Debug {
    /// The properties that the index uses.
    type Facts;

    fn of(record: R) -> Self;
    fn facts(&self) -> &Self::Facts;
}

/// An index of the rows of a table, for lookups other than by id.
pub(crate) trait Index<F>: Clone + Default {
    /// Replaces `old` by `new`. If both are given, they have the same id.
    fn replace(&mut self, old: Option<&F>, new: Option<&F>);
}

/// What a snapshot keeps of a record, with the revision of its row.
#[derive(Debug)]
pub(crate) struct Row<R: KeptKind> {
    pub(crate) record: R::Kept,
    pub(crate) revision: Revision,
}

/// All rows of one kind. Clones share all entries but the changed ones.
#[derive(Clone)]
pub(crate) struct Table<R: KeptKind> {
    pub(super) rows: OrdMap<R::Id, Row<R>>,
    pub(super) index: R::Index,
}

impl<R: KeptKind> Table<R> {
    pub(super) fn put(&mut self, record: R, revision: Revision) {
        let id = record.id().clone();
        let kept = R::Kept::of(record);
        self.index.replace(self.rows.get(&id).map(|row| row.record.facts()), Some(kept.facts()));
        self.rows.insert(id, Row { record: kept, revision });
    }

    pub(super) fn delete(&mut self, id: &R::Id) {
        if let Some(old) = self.rows.remove(id) {
            self.index.replace(Some(old.record.facts()), None);
        }
    }
}

impl<R: KeptKind> Default for Table<R> {
    fn default() -> Self {
        Self { rows: OrdMap::new(), index: R::Index::default() }
    }
}

impl<R: KeptKind> Clone for Row<R> {
    fn clone(&self) -> Self {
        Self { record: self.record.clone(), revision: self.revision }
    }
}

impl<R: Debug> Kept<R> for Arc<R> {
    type Facts = R;

    fn of(record: R) -> Self {
        Self::new(record)
    }

    fn facts(&self) -> &R {
        self
    }
}

impl<R> Index<R> for () {
    fn replace(&mut self, _: Option<&R>, _: Option<&R>) {}
}

macro_rules! ids_of_bytes {
    ($($Id:ty)*) => {$(
        impl Id for $Id {
            fn as_key(&self) -> &[u8] {
                self.as_bytes()
            }

            fn from_key(key: &[u8]) -> Option<Self> {
                key.try_into().ok().map(Self::from_bytes)
            }
        }
    )*};
}

macro_rules! ids_of_text {
    ($($Id:ty)*) => {$(
        impl Id for $Id {
            fn as_key(&self) -> &[u8] {
                self.as_str().as_bytes()
            }

            fn from_key(key: &[u8]) -> Option<Self> {
                str::from_utf8(key).ok()?.parse().ok()
            }
        }
    )*};
}

ids_of_bytes! { KeyId KeyVersionId SecretValueId }
ids_of_text! { AliasName SecretName }

impl<const N: usize> Id for ByteArray<N> {
    fn as_key(&self) -> &[u8] {
        &**self
    }

    fn from_key(key: &[u8]) -> Option<Self> {
        <[u8; N]>::try_from(key).ok().map(Self::from)
    }
}

impl Id for NameKey {
    fn as_key(&self) -> &[u8] {
        self.as_str().as_bytes()
    }

    fn from_key(key: &[u8]) -> Option<Self> {
        let text = str::from_utf8(key).ok()?;
        Some(Self::of(text)).filter(|name| name.as_str() == text)
    }
}

impl Id for Box<str> {
    fn as_key(&self) -> &[u8] {
        self.as_bytes()
    }

    fn from_key(key: &[u8]) -> Option<Self> {
        str::from_utf8(key).ok().map(Self::from)
    }
}
