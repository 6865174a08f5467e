//! What a list does not tell of a key to a caller who may not describe it.

use crate::authorize::SeenKey;

fn breach(key: &SeenKey<'_, '_>) {
    let _ = &key.row.record.description;
}
