//! The thread of the trail: once a second it syncs and seals what was written, and it writes what no request writes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::writer::{Begun, Shared};
use crate::audit::TrailError;

pub(super) struct Sealer(pub(super) Arc<Shared>);

impl Sealer {
    /// Runs until there will be no more lines.
    pub(super) fn run(self) {
        let mut next_seal = Instant::now() + SEAL_EACH;
        loop {
            let is_last = self.0.waiting.wait(next_seal.saturating_duration_since(Instant::now()));
            let wanted = self.0.waiting.take_seals();
            let Some(mut writer) = self.0.lock() else { return };
            writer.write_waiting();
            drop(writer);
            if is_last || !wanted.is_empty() || Instant::now() >= next_seal {
                self.seal(is_last);
                next_seal = Instant::now() + SEAL_EACH;
            }
            for request in wanted {
                let Some(writer) = self.0.lock() else { return };
                let _ = request.send(writer.sealed()); // the caller may have gone away
            }
            if is_last {
                return;
            }
        }
    }

    fn seal(&self, is_last: bool) {
        if let Err(error) = self.try_to_seal(is_last)
            && let Some(writer) = self.0.lock()
        {
            writer.stop(&error);
        }
    }

    /// Lines are written meanwhile: a sync takes as long as the disk needs.
    fn try_to_seal(&self, is_last: bool) -> Result<(), TrailError> {
        let Some(mut writer) = self.0.lock() else { return Ok(()) };
        let begun = writer.begin_seal();
        drop(writer);
        let mut begun: Begun = begun?;
        if let Some(sealing) = &mut begun.sealing {
            sealing.sync();
        }
        let Some(mut writer) = self.0.lock() else { return Ok(()) };
        writer.finish_seal(begun, is_last)
    }
}

impl Drop for Sealer {
    /// Also after a panic: a request must not wait for a line that is not written.
    fn drop(&mut self) {
        self.0.waiting.end();
    }
}

/// How often what was written is synced and sealed.
const SEAL_EACH: Duration = Duration::from_secs(1);
