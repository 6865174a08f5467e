//! The header of a store: which store it is, and the root key, wrapped once by each provider.

use bulla_keys::StoreId;
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

/// What has to be known before anything can be unsealed. Changing it by hand makes the slots unopenable.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Header {
    /// [`Header::VERSION`] of the program that made the store.
    #[n(0)]
    pub(crate) version: u32,
    #[n(1)]
    pub(crate) store: StoreId,
    /// Counts changes of the root key.
    #[n(2)]
    pub(crate) generation: u32,
    /// The root key, wrapped once by each provider; any one of them opens the store.
    #[n(3)]
    pub(crate) slots: Vec<Slot>,
}

/// The root key, wrapped by one provider key.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Slot {
    #[n(0)]
    pub(crate) provider: Provider,
    #[n(1)]
    pub(crate) wrapped: ByteVec,
}

/// Where a provider key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(crate) enum Provider {
    /// A root key file.
    #[n(0)]
    File,
}

impl Header {
    /// 2 since keys have more than the first version knew: it would write them without. A store of version 1 becomes one
    /// of version 2 when it is opened, and older programs refuse it.
    pub(crate) const VERSION: u32 = 2;
}
