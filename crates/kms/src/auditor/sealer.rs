//! The thread of the trail: once a second it syncs and seals the written lines. It also writes the lines that no request
//! waits for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::syncing::Syncing;
use super::writer::{Begun, Shared, Writer};
use crate::audit::TrailError;

pub(super) struct Sealer {
    shared: Arc<Shared>,
    /// A seal whose sync has not returned. Until it does, no other seal begins, and a stopped trail is not resumed.
    late: Option<Syncing>,
}

impl Sealer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, late: None }
    }

    /// Runs until the trail is closed.
    pub(super) fn run(mut self) {
        let mut next_seal = Instant::now() + SEAL_EACH;
        loop {
            let is_last = self.shared.waiting.wait(next_seal.saturating_duration_since(Instant::now()));
            let requests = self.shared.waiting.take_seals();
            let Some(()) = self.shared.with(Writer::write_waiting) else { return };
            if is_last || !requests.is_empty() || Instant::now() >= next_seal {
                self.seal(is_last);
                next_seal = Instant::now() + SEAL_EACH;
            }
            for request in requests {
                let Some(sealed) = self.shared.with(|writer| writer.sealed()) else { return };
                let sealed = if self.late.is_some() { Err(LATE.into()) } else { sealed };
                let _ = request.send(sealed); // the caller may have been dropped
            }
            if is_last {
                self.shared.with(Writer::note_missed_at_end);
                return;
            }
        }
    }

    fn seal(&mut self, is_last: bool) {
        if let Err(error) = self.try_to_seal(is_last) {
            self.shared.with(|writer| writer.stop(&error));
        }
    }

    fn try_to_seal(&mut self, is_last: bool) -> Result<(), TrailError> {
        if let Some(late) = self.late.take() {
            let Some(()) = self.shared.with(|writer| writer.check_sinks()) else { return Ok(()) };
            self.finish(late, Duration::ZERO, is_last)?;
        }
        if self.late.is_some() {
            return Ok(());
        }
        let begin = |writer: &mut Writer| (writer.begin_seal(), writer.bounds_waits());
        let Some((begun, bounds_waits)) = self.shared.with(begin) else { return Ok(()) };
        let mut begun = begun?;
        if bounds_waits {
            let Ok(syncing) = Syncing::start(begun) else {
                self.shared.with(Writer::release_lines);
                return Ok(()); // the next seal covers its lines
            };
            return self.finish(syncing, SYNC_PATIENCE, is_last);
        }
        // Lines are written meanwhile, because a sync takes as long as the disk needs.
        if let Some(sealing) = &mut begun.sealing {
            sealing.sync();
        }
        self.finish_seal(begun, is_last)
    }

    /// Waits for a sync on its thread, but no longer than `limit`.
    fn finish(&mut self, mut syncing: Syncing, limit: Duration, is_last: bool) -> Result<(), TrailError> {
        if !syncing.wait(limit) {
            self.late = Some(syncing);
            self.shared.with(Writer::release_lines);
            return Ok(());
        }
        self.finish_seal(syncing.into_begun(), is_last)
    }

    fn finish_seal(&self, begun: Begun, is_last: bool) -> Result<(), TrailError> {
        self.shared.with(|writer| writer.finish_seal(begun, is_last)).unwrap_or(Ok(()))
    }
}

impl Drop for Sealer {
    /// Also after a panic, so that no request waits for a line forever.
    fn drop(&mut self) {
        self.shared.waiting.end();
    }
}

/// The interval of syncs and seals.
const SEAL_EACH: Duration = Duration::from_secs(1);
/// How long the thread waits for a sync before it writes lines for other sinks again.
const SYNC_PATIENCE: Duration = Duration::from_secs(2);
/// Why there is no seal while a sync does not return.
const LATE: &str = "a sync of the audit trail does not return: its disk hangs";
