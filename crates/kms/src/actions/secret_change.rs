//! A change of one secret.

use bulla_keys::{Secret, SecretRefusal};
use bulla_wire::Error;
use bulla_wire::kms::SecretReply;

use crate::refusal::secret_refused;
use crate::session::Session;

/// Replaces a secret, named by its name or ARN, by what `transition` makes of it at the time of the request.
///
/// # Errors
/// Forbidden.ResourceNotFound; the answer to a refusal.
pub(super) async fn change_secret<A>(
    session: &Session<'_, A>,
    name: &str,
    transition: impl Fn(&Secret, i64) -> Result<Secret, SecretRefusal>,
) -> Result<SecretReply, Error> {
    session
        .change(|state| {
            let secret = state.secret(name)?;
            let changed = transition(&secret.record, state.now()).map_err(secret_refused)?;
            let reply = SecretReply { secret_name: changed.name.to_string() };
            Ok(secret.replaced(changed).answering(reply))
        })
        .await
}
