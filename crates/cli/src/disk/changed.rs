//! The result of a change, key slot by key slot. A KMS cannot open what another KMS wrapped, so some key slots may stay
//! unchanged.

use super::header::SlotId;
use super::volume::Volume;
use crate::failure::{Exit, Failure};
use crate::messages::note;

/// The results of the changed key slots, and why the others are unchanged.
pub(crate) struct Changed<T> {
    pub(crate) done: Vec<T>,
    left: Vec<(SlotId, Failure)>,
}

impl<T> Changed<T> {
    /// Changes one key slot after the other.
    ///
    /// # Errors
    /// The failure of the first key slot, if none could be changed.
    pub(super) fn each<S>(
        slots: impl IntoIterator<Item = (SlotId, S)>,
        change: impl Fn(SlotId, &S) -> Result<T, Failure>,
    ) -> Result<Self, Failure> {
        let mut done = Vec::new();
        let mut left = Vec::new();
        for (slot, of_slot) in slots {
            match change(slot, &of_slot) {
                Ok(one) => done.push(one),
                Err(failure) => left.push((slot, failure)),
            }
        }
        if done.is_empty() && !left.is_empty() { Err(left.swap_remove(0).1) } else { Ok(Self { done, left }) }
    }

    /// Reports the unchanged key slots, and fails if there are any.
    pub(crate) fn check_whole(&self, volume: &Volume) -> Result<(), Failure> {
        for (slot, failure) in &self.left {
            note(format_args!("key slot {slot} of {volume} could not be changed: {}", failure.texts().0));
        }
        if self.left.is_empty() {
            return Ok(());
        }
        let all = self.done.len() + self.left.len();
        let what = format!("{} of {all} key slots of {volume} could not be changed", self.left.len());
        let hint = format!(
            "if another KMS opens them (`bulla disk status {volume}` names it), run this with it; what is done stays done"
        );
        Err(Failure::new(Exit::SomeFailed, what, hint))
    }
}
