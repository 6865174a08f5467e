//! An action that passes for maintenance.

use crate::maintenance::Maintenance;

fn breach() -> Maintenance {
    Maintenance { _private: () }
}
