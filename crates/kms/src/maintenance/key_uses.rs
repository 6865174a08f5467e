//! Writes how often key versions were used, once a minute and on closing, so that a single use costs no write.

use bulla_keys::KeyVersionId;
use bulla_wire::Error;

use super::MAINTENANCE;
use crate::Kms;
use crate::key_uses::UseCounts;
use crate::state::{Answered, Changes, KeyUse, Private, Snapshot, Write};

impl Kms {
    /// Submits the uses that are not in the store yet. The committer writes what it accepted before it ends.
    pub(crate) fn submit_key_uses(&self) -> Vec<(KeyVersionId, Answered)> {
        let submit = |(version, counts)| Some((version, self.submit_key_use(version, counts).ok()?));
        self.key_uses.take().into_iter().filter_map(submit).collect()
    }

    /// Writes the uses that are not in the store yet. If a write fails, the next call repeats it.
    pub(super) async fn write_key_uses(&self) {
        for (version, answered) in self.submit_key_uses() {
            if matches!(answered.await, Ok(Ok(()))) {
                self.key_uses.written(version);
            }
        }
    }

    /// Records since when uses are counted, if the store does not have it yet. Fire and forget, because the first written use
    /// records it too.
    pub(crate) fn begin_counting_uses(&self) {
        let decide = |snapshot: &Snapshot| {
            let changes = beginning(snapshot, self.key_uses.began);
            Ok::<_, Error>(changes.answering(()))
        };
        if self.state.published().uses_counted_since().is_none() {
            drop(self.state.stage(self.now(), decide));
        }
    }

    fn submit_key_use(&self, version: KeyVersionId, counts: UseCounts) -> Result<Answered, Error> {
        let began = self.key_uses.began;
        let decide = |snapshot: &Snapshot| {
            let changes = change(snapshot, version, counts).and(beginning(snapshot, began));
            Ok::<_, Error>(changes.answering(()))
        };
        self.state.stage(self.now(), decide).map(|(_, answered)| answered)
    }
}

/// Returns no change for a version that was deleted meanwhile.
fn change(snapshot: &Snapshot, version: KeyVersionId, counts: UseCounts) -> Changes {
    let Some(existing) = snapshot.version(version) else { return Changes::none() };
    let row = snapshot.get::<KeyUse>(&version);
    let used = KeyUse::new(version, row.map_or(counts, |row| row.record.counts().and(counts)));
    let rests_on = (Write::SameVersion(version), existing.revision);
    MAINTENANCE.changes([rests_on, (Write::KeyUse(used), row.map_or(0, |row| row.revision))])
}

/// Records since when uses are counted.
fn beginning(snapshot: &Snapshot, began: i64) -> Changes {
    if snapshot.private(COUNTED_SINCE).is_some() {
        return Changes::none();
    }
    let value = began.to_be_bytes().to_vec().into();
    MAINTENANCE.changes([(Write::Private(Private { name: COUNTED_SINCE.into(), value }), 0)])
}

impl Snapshot {
    /// Since when uses of keys are counted, in seconds since 1970.
    pub(crate) fn uses_counted_since(&self) -> Option<i64> {
        let row = self.private(COUNTED_SINCE)?;
        row.record.value.as_slice().try_into().ok().map(i64::from_be_bytes)
    }
}

const COUNTED_SINCE: &str = "uses/since";

#[cfg(test)]
mod tests {
    use bulla_wire::kms::{CreateKey, GenerateDataKey};
    use bulla_wire::{Action, Request};

    use super::*;
    use crate::{Options, Role, SystemClock};

    /// Otherwise the store would grow with rows of deleted keys.
    #[test]
    fn no_row_is_written_of_a_version_that_does_not_exist() {
        let data = tempfile::tempdir().unwrap();
        let kms = Kms::open(&Options::new(data.path(), Role::Command), SystemClock).unwrap();
        let call = |request: Request| pollster::block_on(kms.call(request, &kms.owner())).unwrap();
        let key = CreateKey::reply(call(CreateKey::default().into())).unwrap().key_metadata.key_id;
        call(GenerateDataKey { key_id: key, ..GenerateDataKey::default() }.into());
        kms.key_uses.note(KeyVersionId::from_bytes([7; 16]), crate::key_uses::Use::Other, 1);
        pollster::block_on(kms.write_key_uses());
        assert_eq!(kms.state.rows_of("key-use"), 1);
        assert!(kms.key_uses.take().is_empty());
    }
}
