//! What a running engine counts, for metrics. Reading it costs no request anything.

use std::collections::BTreeMap;

use crate::histogram::Histogram;
use crate::key_uses::UseTotals;
use crate::{AuditFigures, Kms};

/// The figures of one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Statistics {
    /// How many records of each kind are in memory, by its name in the store. Values of secrets are not in memory.
    pub records: BTreeMap<&'static str, usize>,
    /// Nonces that are kept, so that no request is accepted twice.
    pub nonces: usize,
    /// How many there may be.
    pub nonces_limit: usize,
    /// The transactions since the start.
    pub commits: CommitCounts,
    /// Uses of keys since the start.
    pub key_uses: UseTotals,
    /// How far the audit trail is; none without one.
    pub audit: Option<AuditFigures>,
}

/// What became of transactions, each of which writes all changes that waited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitCounts {
    /// How long those took that are durable.
    pub durable: Histogram,
    /// How many failed, or conflicted with what another process has written.
    pub failed: u64,
}

impl Kms {
    /// What the engine counts.
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

    /// Whether changes can be written once the store is in its place. If not, nothing but a restart helps; a store that is
    /// lost is another matter, because a restart then loses what only memory still holds.
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
        // A new store notes in a commit of its own since when uses are counted, and does not wait for it.
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
