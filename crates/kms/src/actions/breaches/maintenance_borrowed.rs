//! An action that passes for maintenance.

use crate::maintenance::{MAINTENANCE, Maintenance};

fn breach() -> Maintenance {
    MAINTENANCE
}
