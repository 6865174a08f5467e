//! The trait of a KMS that implements the API, remote or in the same process.

use std::sync::Arc;

use bulla_wire::Action;

use crate::client::Client;
use crate::error::CallError;

/// A KMS that implements the actions of the API: a remote one, or an engine in the same process.
///
/// [`ApiKeyService`](crate::ApiKeyService) makes it a `KeyService`. Calls block, and several threads may share a KMS.
pub trait KmsApi: Send + Sync {
    /// Calls an action and waits for its reply.
    ///
    /// # Errors
    /// [`CallError`] if the call fails.
    fn call<A: Action>(&self, request: &A) -> Result<A::Reply, CallError>;

    /// Creates `key`, which does not exist, if this KMS creates that key on first use. Returns whether the key exists now, so
    /// that the caller can try again.
    ///
    /// # Errors
    /// [`CallError`] if the key cannot be created.
    fn create_on_first_use(&self, key: &str) -> Result<bool, CallError> {
        let _ = key;
        Ok(false)
    }
}

impl KmsApi for Client {
    fn call<A: Action>(&self, request: &A) -> Result<A::Reply, CallError> {
        Self::call(self, request)
    }
}

// Pointers to a KMS implement the trait too, so that callers can lend or share a KMS.
macro_rules! by_pointer {
    ($($pointer:ty),+) => {$(
        impl<T: KmsApi> KmsApi for $pointer {
            fn call<A: Action>(&self, request: &A) -> Result<A::Reply, CallError> {
                (**self).call(request)
            }

            fn create_on_first_use(&self, key: &str) -> Result<bool, CallError> {
                (**self).create_on_first_use(key)
            }
        }
    )+};
}

by_pointer!(&T, Box<T>, Arc<T>);
