//! Builds another proof of maintenance in an action.

use crate::maintenance::Maintenance;

fn breach() -> Maintenance {
    Maintenance { _private: () }
}
