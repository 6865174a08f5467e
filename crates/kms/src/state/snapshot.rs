//! A snapshot: the state that requests read, all in memory and consistent.
//!
//! A snapshot never changes. The committer makes the next one, which shares all entries but the changed ones, and publishes
//! it before it answers. So a request that begins after an answer sees the answered change.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Instant;

use bulla_keys::Anchor;
use bulla_keys::record::Revision;

use super::kind::{KeptKind, Row};
use super::kinds::{Tables, Write};
use super::records::{AccessKey, Private};
use crate::store::Version;

/// All records at one moment.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    pub(super) tables: Tables,
    /// The version of the store that it holds.
    pub(super) version: Version,
    /// The anchor of that state, which is durable; none for a store of an earlier version that cannot be raised.
    pub(super) anchor: Option<Anchor>,
    /// When its lease expires. None if this process is the only writer.
    valid_until: Option<Instant>,
}

impl Snapshot {
    pub(crate) fn is_valid(&self, now: Instant) -> bool {
        self.valid_until.is_none_or(|end| now < end)
    }

    /// Returns the row with this id.
    pub(crate) fn get<R: KeptKind>(&self, id: &R::Id) -> Option<&Row<R>> {
        R::table(&self.tables).rows.get(id)
    }

    /// Returns the rows of a kind after `after`, sorted by id; all of them without it.
    pub(crate) fn rows_after<R: KeptKind>(
        &self,
        after: Option<&R::Id>,
    ) -> impl Iterator<Item = &Row<R>> + use<'_, R> {
        self.rows_from(after.map_or(Bound::Unbounded, Bound::Excluded))
    }

    /// Returns the rows of a kind from a bound on, sorted by id.
    pub(crate) fn rows_from<R: KeptKind>(
        &self,
        start: Bound<&R::Id>,
    ) -> impl Iterator<Item = &Row<R>> + use<'_, R> {
        let rows = R::table(&self.tables).rows.range::<_, R::Id>((start, Bound::Unbounded));
        rows.map(|(_, row)| {
            #[cfg(test)]
            super::VISITS.set(super::VISITS.get() + 1);
            row
        })
    }

    /// Returns the greatest id of a kind.
    pub(crate) fn last_id<R: KeptKind>(&self) -> Option<&R::Id> {
        R::table(&self.tables).rows.get_max().map(|(id, _)| id)
    }

    /// The number of rows of a kind.
    pub(crate) fn count<R: KeptKind>(&self) -> usize {
        R::table(&self.tables).rows.len()
    }

    /// The number of rows of each kind.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, usize> {
        self.tables.counts()
    }

    pub(crate) fn access_key(&self, id: &str) -> Option<&AccessKey> {
        self.tables.access_keys.rows.get(id).map(|row| &*row.record)
    }

    pub(crate) fn has_access_keys(&self) -> bool {
        !self.tables.access_keys.rows.is_empty()
    }

    /// Whether the account, a role, a key or a secret has a policy: policies contain ARNs.
    pub(crate) fn has_policies(&self) -> bool {
        let Tables { policies, roles, key_policies, secret_policies, .. } = &self.tables;
        let is_empty = [
            policies.rows.is_empty(),
            roles.rows.is_empty(),
            key_policies.rows.is_empty(),
            secret_policies.rows.is_empty(),
        ];
        is_empty.contains(&false)
    }

    pub(crate) fn private(&self, name: &str) -> Option<&Row<Private>> {
        self.tables.private.rows.get(name)
    }

    /// The anchor of this state; none for a store of an earlier version that cannot be raised.
    pub(crate) fn anchor(&self) -> Option<Anchor> {
        self.anchor
    }

    /// The epoch of the store; the first epoch if there is no anchor.
    pub(crate) fn epoch(&self) -> u64 {
        self.anchor.map_or(1, |anchor| anchor.epoch)
    }

    /// Replaces the anchor, unless it has that of a later commit.
    pub(super) fn take_anchor(&mut self, anchor: Option<Anchor>) {
        self.anchor = [self.anchor, anchor].into_iter().flatten().max_by_key(|anchor| anchor.commit);
    }

    /// Applies one write, with the new revision of its row.
    pub(crate) fn apply(&mut self, write: Write, revision: Revision) {
        self.tables.apply(write, revision);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bulla_keys::Description;
    use bulla_wire::kms::{CreateSecret, DeleteSecret, PutSecretValue};
    use bulla_wire::{Error, Request};

    use super::*;
    use crate::state::{Changes, CommitError};
    use crate::{Kms, Options, Role, SystemClock};

    #[test]
    fn a_snapshot_ends_with_its_lease() {
        let now = Instant::now();
        let leased = Snapshot { valid_until: Some(now + Duration::from_secs(1)), ..Snapshot::default() };
        assert!(leased.is_valid(now));
        assert!(!leased.is_valid(now + Duration::from_secs(1)));
        assert!(Snapshot::default().is_valid(now + Duration::from_secs(1 << 30)));
    }

    /// Otherwise an answered value would be lost to a change of another secret that had the same name.
    #[test]
    fn a_change_decided_on_a_removed_record_does_not_touch_its_successor() {
        let data = tempfile::tempdir().unwrap();
        let kms = Kms::open(&Options::new(data.path(), Role::Command), SystemClock).unwrap();
        let call = |request: Request| pollster::block_on(kms.call(request, &kms.owner())).unwrap();
        let create = || {
            call(
                CreateSecret {
                    secret_name: "s".into(),
                    version_id: "1".into(),
                    secret_data: String::from("x").into(),
                    ..CreateSecret::default()
                }
                .into(),
            );
        };
        create();
        let old = kms.state.snapshot().unwrap().secret(&"s".parse().unwrap()).unwrap().clone();
        call(
            DeleteSecret {
                secret_name: "s".into(),
                force_delete_without_recovery: Some(true),
                recovery_window_in_days: None,
            }
            .into(),
        );
        create();
        let changed = Write::Secret(old.record.with_description(Some(Description::default()), 7).unwrap());
        let change = Changes::for_test([(changed, old.revision)]).answering(());
        let (_, answered) = kms.state.stage(kms.now(), |_| Ok::<_, Error>(change)).unwrap();
        let outcome = pollster::block_on(answered).unwrap();
        assert!(matches!(outcome, Err(CommitError::Conflict)), "{outcome:?}");
        let stages = kms.state.snapshot().unwrap().secret(&"s".parse().unwrap()).unwrap().revision;
        assert_ne!(stages, old.revision, "the state is that of the store again");
    }

    /// Requests would not notice the difference, but the store would grow without bound.
    #[test]
    fn values_are_deleted_with_their_versions_and_these_with_their_secrets() {
        let data = tempfile::tempdir().unwrap();
        let open = || Kms::open(&Options::new(data.path(), Role::Command), SystemClock).unwrap();
        let mut kms = open();
        let call = |kms: &Kms, request: Request| pollster::block_on(kms.call(request, &kms.owner())).unwrap();
        let values = |kms: &Kms| kms.state.rows_of("secret-value");
        let (name, text) = (|| String::from("s"), |number: usize| number.to_string());
        let create = CreateSecret {
            secret_name: name(),
            version_id: text(0),
            secret_data: text(0).into(),
            ..CreateSecret::default()
        };
        for _ in 0..2 {
            call(&kms, create.clone().into());
            for number in 1..12 {
                let put = PutSecretValue {
                    secret_name: name(),
                    version_id: text(number),
                    secret_data: text(number).into(),
                    secret_data_type: None,
                    version_stages: None,
                };
                call(&kms, put.clone().into());
                call(&kms, put.into());
                assert_eq!(values(&kms), (number + 1).min(10));
            }
            drop(kms);
            kms = open();
            assert_eq!(values(&kms), 10);
            let delete = DeleteSecret {
                secret_name: name(),
                force_delete_without_recovery: Some(true),
                recovery_window_in_days: None,
            };
            call(&kms, delete.into());
            assert_eq!((values(&kms), kms.state.snapshot().unwrap().tables.secrets.rows.len()), (0, 0));
        }
    }
}
