//! Builds a change without a proof of permission.

use bulla_keys::KeyId;

use crate::state::{Changes, Write};

fn breach(id: KeyId) -> Changes {
    Changes { writes: vec![(Write::NoKey(id), 1)], line: None }
}
