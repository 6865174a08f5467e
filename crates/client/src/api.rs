//! The API of a KMS, remote or in the same process.

use std::sync::Arc;

use bulla_wire::Action;

use crate::client::Client;
use crate::error::CallError;

/// A KMS that answers the actions of the API: a remote one, or an engine in the same process.
///
/// [`ApiKeyService`](crate::ApiKeyService) makes a `KeyService` of one. Calls block; one KMS serves many threads.
pub trait KmsApi: Send + Sync {
    /// Calls an action and waits for its reply.
    ///
    /// # Errors
    /// [`CallError`].
    fn call<A: Action>(&self, request: &A) -> Result<A::Reply, CallError>;

    /// Creates `key`, which was not found, if it is one that this KMS creates on its first use. Returns whether it exists
    /// now, so that the call is worth another try.
    ///
    /// # Errors
    /// [`CallError`].
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

// A pointer to a KMS is one too, so that it can be lent or shared.
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
