//! Builds an `Allowed` without asking the authorizer.

use bulla_keys::Key;

use crate::authorize::Allowed;
use crate::state::Row;

fn breach(key: &Row<Key>) -> Allowed<&Row<Key>> {
    Allowed { resource: key }
}
