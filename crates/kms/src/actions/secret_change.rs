//! Changes one secret: the common part of actions such as UpdateSecret and RestoreSecret.

use bulla_keys::{Secret, SecretRefusal};
use bulla_wire::Error;
use bulla_wire::kms::SecretReply;

use crate::refusal::secret_refused;
use crate::session::Session;

/// Applies `transition` to the secret with this name or ARN, at the time of the request, and writes the result.
///
/// # Errors
/// Forbidden.ResourceNotFound; the API error for a refused transition.
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
