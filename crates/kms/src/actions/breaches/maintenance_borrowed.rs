//! Borrows the proof of maintenance for an action.

use crate::maintenance::{MAINTENANCE, Maintenance};

fn breach() -> Maintenance {
    MAINTENANCE
}
