//! The counters of a running engine, for metrics. Reading them delays no request.

use std::collections::BTreeMap;

use crate::histogram::Histogram;
use crate::key_uses::UseTotals;
use crate::{AuditFigures, Kms};

/// The counters at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Statistics {
    /// The number of records of each kind in memory, by its name in the store. Values of secrets are not in memory.
    pub records: BTreeMap<&'static str, usize>,
    /// The number of stored nonces, which prevent replays.
    pub nonces: usize,
    /// The maximum number of nonces.
    pub nonces_limit: usize,
    /// The transactions since the start.
    pub commits: CommitCounts,
    /// Uses of keys since the start.
    pub key_uses: UseTotals,
    /// The progress of the audit trail; none without one.
    pub audit: Option<AuditFigures>,
}

/// Counts of transactions, each of which writes all changes that waited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitCounts {
    /// The durations of transactions that became durable.
    pub durable: Histogram,
    /// The number that failed, or conflicted with a write of another process.
    pub failed: u64,
}

impl Kms {
    /// Returns the counters of the engine.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics {
            records: self.state.published().counts(),
            nonces: self.nonces.count(),
            nonces_limit: self.nonces.limit(),
            commits: self.state.commit_counts(),
            key_uses: self.key_uses.totals(),
            audit: self.audit_figures(),
        }
    }

    /// Whether changes can be written once the store is in its place. If not, only a restart helps. For a missing store a
    /// restart would be wrong: it loses what only memory still holds.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.state.is_running()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use bulla_wire::kms::{CreateAlias, CreateKey};
    use bulla_wire::{Action, Error, ErrorCode, Reply, Request};

    use super::*;
    use crate::{Options, Role, SystemClock};

    fn records(kms: &Kms, kind: &str) -> usize {
        kms.statistics().records[kind]
    }

    fn call(kms: &Kms, request: impl Into<Request>) -> Result<Reply, Error> {
        pollster::block_on(kms.call(request.into(), &kms.owner()))
    }

    #[test]
    fn records_and_commits_are_counted() {
        let data = tempfile::tempdir().unwrap();
        let kms = Kms::open(&Options::new(data.path(), Role::Command), SystemClock).unwrap();
        // A new store records in a commit of its own since when uses are counted, and does not wait for it.
        pollster::block_on(kms.state.catch_up()).unwrap_or_else(|_| panic!("the store fails"));
        let before = kms.statistics();
        assert_eq!(records(&kms, "key"), 0);
        let created = CreateKey::reply(call(&kms, CreateKey::default()).unwrap()).unwrap();
        let alias = CreateAlias { alias_name: "alias/a".into(), key_id: created.key_metadata.key_id };
        call(&kms, alias).unwrap();
        assert_eq!((records(&kms, "key"), records(&kms, "version"), records(&kms, "alias")), (1, 1, 1));
        let after = kms.statistics();
        assert_eq!(after.commits.durable.count(), before.commits.durable.count() + 2);
        assert!(after.commits.durable.sum() > before.commits.durable.sum());
        assert_eq!(after.commits.failed, 0);
        assert_eq!(after.nonces, 0, "the owner signs nothing");

        fs::remove_file(data.path().join("store.redb")).unwrap();
        let refused = call(&kms, CreateKey::default()).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::ServiceUnavailableTemporary);
        let lost = kms.statistics().commits;
        assert_eq!((lost.failed, lost.durable), (1, after.commits.durable));
        assert!(kms.is_running() && !kms.is_ready(), "no restart brings the store back");
    }
}
