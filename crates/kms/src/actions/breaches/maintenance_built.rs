//! Builds the proof of maintenance for an action.

use crate::maintenance::Maintenance;

fn breach() -> Maintenance {
    Maintenance { _private: () }
}
