//! The committer, beside the doors of the state.

use crate::state::State;

fn breach(state: &State) {
    let _ = &state.committer;
}
