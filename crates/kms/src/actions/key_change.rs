//! A change of one key.

use bulla_keys::{Key, Refusal};
use bulla_wire::Error;
use bulla_wire::kms::Done;

use crate::refusal::key_refused;
use crate::session::Session;

/// Replaces a key, named by its id, by what `transition` makes of it at the time of the request.
///
/// # Errors
/// As [`View::key_by_id`](crate::authorize::View::key_by_id); the answer to a refusal.
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
