//! Where records are kept.

mod file;
mod overlay;
mod redb;

pub(crate) use self::file::{Access, Pinned, StoreFile, open_with};
pub use self::file::{Loss, LostFile};
pub(crate) use self::redb::{Change, Conflict, RowChange, Store};
pub use self::redb::{StoreError, is_panic_caught, was_store_damaged};
