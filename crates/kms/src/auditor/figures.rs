//! The progress of a trail that is being written: how far it is sealed, and how many lines it has missed.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{AuditOptions, SinkHealth};
use crate::Kms;
use crate::audit::Position;

/// The progress of an audit trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditFigures {
    /// The newest seal.
    pub sealed: Position,
    /// How long the oldest unsealed line has waited; zero if there is none.
    pub lag: Duration,
    /// The number of lines of requests that the files have missed since the start.
    pub missed: u64,
    /// The number of lines that the files had and that were found lost, at the start or since.
    pub lost: u64,
}

/// An audit trail that is being written.
pub(crate) struct TrailInUse {
    /// The directory of its files.
    pub(crate) directory: PathBuf,
    pub(crate) figures: AuditFigures,
    /// The sinks, the files first.
    pub(crate) sinks: Vec<SinkHealth>,
}

/// The counters of [`AuditFigures`].
pub(super) struct Figures {
    sealed: Position,
    /// Lines that were found lost.
    pub(super) lost: u64,
    /// When the first line came that no thread has taken yet.
    waiting_since: Option<Instant>,
    /// When the first line came that was taken since the last seal was begun.
    unsealed_since: Option<Instant>,
    /// When the first line came that is covered by the seal which is not durable yet.
    sealing_since: Option<Instant>,
}

impl Kms {
    /// How far the audit trail is, if there is one.
    #[must_use]
    pub fn audit_figures(&self) -> Option<AuditFigures> {
        let waiting = &self.auditor.trail.as_ref()?.waiting;
        let missed = waiting.health.sinks().first().map_or(0, |files| files.missed);
        Some(waiting.figures(|figures| figures.read(missed)))
    }

    /// The audit trail, if there is one.
    pub(crate) fn audit_trail(&self) -> Option<TrailInUse> {
        let directory = self.audit_options()?.directory.clone();
        Some(TrailInUse { directory, figures: self.audit_figures()?, sinks: self.audit_sinks() })
    }

    /// How the audit trail is written, if there is one.
    #[must_use]
    pub fn audit_options(&self) -> Option<&AuditOptions> {
        self.options.audit.as_ref()
    }

    /// Has everything written, synced and sealed that came before, and returns the newest seal; none without a trail.
    ///
    /// # Errors
    /// Why the trail takes no lines.
    pub async fn seal_audit(&self) -> Result<Option<Position>, String> {
        let Some(running) = &self.auditor.trail else { return Ok(None) };
        let sealed = running.waiting.request_seal().await;
        sealed.unwrap_or_else(|_| Err(running.waiting.health.fault().unwrap_or_default())).map(Some)
    }
}

impl Figures {
    /// Records that a line waits.
    pub(super) fn line_came(&mut self) {
        self.waiting_since.get_or_insert_with(Instant::now);
    }

    /// Records that all lines were taken.
    pub(super) fn lines_taken(&mut self) {
        let since = self.waiting_since.take();
        self.unsealed_since = self.unsealed_since.or(since);
    }

    /// Records that a seal over all taken lines is begun.
    pub(super) fn seal_begins(&mut self) {
        let since = self.unsealed_since.take();
        self.sealing_since = self.sealing_since.or(since); // of a failed attempt
    }

    /// Records that the seal is durable.
    pub(super) fn sealed(&mut self, sealed: Position) {
        self.sealed = sealed;
        self.sealing_since = None;
    }

    pub(super) fn read(&self, missed: u64) -> AuditFigures {
        let oldest = self.sealing_since.or(self.unsealed_since).or(self.waiting_since);
        let lag = oldest.map_or(Duration::ZERO, |since| since.elapsed());
        AuditFigures { sealed: self.sealed, lag, missed, lost: self.lost }
    }
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            sealed: Position::START,
            lost: 0,
            waiting_since: None,
            unsealed_since: None,
            sealing_since: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use bulla_wire::kms::DescribeKey;

    use super::*;
    use crate::{Options, Role, SystemClock};

    #[test]
    fn a_requested_seal_covers_all_earlier_lines() {
        let data = tempfile::tempdir().unwrap();
        let mut options = Options::new(data.path(), Role::Command);
        options.audit = Some(AuditOptions::new(data.path().join("audit"), "node"));
        let kms = Kms::open(&options, SystemClock).unwrap();
        let figures = || kms.audit_figures().unwrap();
        let mut before = figures().sealed;
        for _ in 0..5 {
            let request = DescribeKey { key_id: "alias/none".into() }.into();
            pollster::block_on(kms.call(request, &kms.owner())).unwrap_err();
            let sealed = pollster::block_on(kms.seal_audit()).unwrap().unwrap();
            assert!(sealed.number >= before.number + 2, "the line and the seal");
            assert_eq!((figures().sealed, figures().lag, figures().missed), (sealed, Duration::ZERO, 0));
            before = sealed;
        }
        options.audit = None;
        drop(kms);
        let kms = Kms::open(&options, SystemClock).unwrap();
        assert_eq!((kms.audit_figures(), pollster::block_on(kms.seal_audit())), (None, Ok(None)));
    }

    #[test]
    fn the_lag_is_that_of_the_oldest_line_without_a_seal() {
        let mut figures = Figures::default();
        let lag = |figures: &Figures| figures.read(0).lag;
        assert_eq!(lag(&figures), Duration::ZERO);
        figures.lines_taken();
        assert_eq!(lag(&figures), Duration::ZERO, "there was none");
        figures.line_came();
        figures.lines_taken();
        figures.seal_begins();
        figures.line_came();
        std::thread::sleep(Duration::from_millis(2));
        assert!(lag(&figures) >= Duration::from_millis(2));
        figures.sealed(Position { number: 7, ..Position::START });
        assert_eq!((figures.read(3).sealed.number, figures.read(3).missed), (7, 3));
        assert!(lag(&figures) > Duration::ZERO, "the second line is not sealed");
        figures.lines_taken();
        figures.seal_begins();
        figures.line_came(); // the seal fails, and the next one covers both
        figures.lines_taken();
        figures.seal_begins();
        assert!(lag(&figures) > Duration::ZERO);
        figures.sealed(Position::START);
        assert_eq!(lag(&figures), Duration::ZERO);
    }
}
