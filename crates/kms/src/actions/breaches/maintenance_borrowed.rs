//! Uses the existing proof of maintenance in an action.

use crate::maintenance::{MAINTENANCE, Maintenance};

fn breach() -> Maintenance {
    MAINTENANCE
}
