//! Reads the value of a secret without asking the authorizer.

use bulla_keys::{Secret, SecretVersion};
use bulla_wire::kms::GetSecretValue;

use crate::session::Session;
use crate::state::Row;

async fn breach(session: &Session<'_, GetSecretValue>, secret: &Row<Secret>, version: &SecretVersion) {
    let _ = session.values(&[(secret, version)]).await;
}
