//! Reads details of a listed key without the permission to describe it.

use crate::authorize::SeenKey;

fn breach(key: &SeenKey<'_, '_>) {
    let _ = &key.row.record.description;
}
