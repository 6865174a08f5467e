//! Changes one key: the common part of actions such as EnableKey and UpdateKeyDescription.

use bulla_keys::{Key, Refusal};
use bulla_wire::Error;
use bulla_wire::kms::Done;

use crate::refusal::key_refused;
use crate::session::Session;

/// Applies `transition` to the key with this id, at the time of the request, and writes the result.
///
/// # Errors
/// Like [`View::key_by_id`](crate::authorize::View::key_by_id); the API error for a refused transition.
pub(super) async fn change_key<A>(
    session: &Session<'_, A>,
    key_id: &str,
    transition: impl Fn(&Key, i64) -> Result<Key, Refusal>,
) -> Result<Done, Error> {
    session
        .change(|state| {
            let key = state.key_by_id(key_id)?;
            let changed = transition(&key.record, state.now()).map_err(key_refused)?;
            Ok(key.replaced(changed).answering(Done {}))
        })
        .await
}
