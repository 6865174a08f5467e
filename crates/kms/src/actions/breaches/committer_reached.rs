//! Reaches the committer without the methods of the state.

use crate::state::State;

fn breach(state: &State) {
    let _ = &state.committer;
}
