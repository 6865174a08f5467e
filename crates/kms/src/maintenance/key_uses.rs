//! Writes how often key versions were used, once a minute and on closing, so that a single use costs no write.

use bulla_keys::KeyVersionId;
use bulla_wire::Error;

use super::MAINTENANCE;
use crate::Kms;
use crate::key_uses::UseCounts;
use crate::state::{Answered, Changes, KeyUse, Private, Snapshot, Write};

impl Kms {
    /// Submits the uses that are neither in the store nor submitted yet, and returns whether there were any. The committer
    /// writes what it accepted before it ends.
    pub(crate) fn submit_key_uses(&self) -> bool {
        let taken = self.key_uses.take();
        for (version, counts) in &taken {
            if let Ok(answered) = self.submit_key_use(*version, *counts) {
                self.key_uses.submitted(*version, answered);
            }
        }
        !taken.is_empty()
    }

    /// Writes the uses that are not in the store yet. If a write fails, the next call repeats it. If the caller drops the
    /// future, a write that has begun continues and is not repeated.
    pub(super) async fn write_key_uses(&self) {
        if self.submit_key_uses() {
            let _ = self.state.catch_up().await; // the next call checks each write
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
    use std::future::Future;
    use std::sync::mpsc;
    use std::task::{Context, Waker};

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

    /// A server that stops ends its maintenance, and then writes what is not in the store.
    #[test]
    fn uses_are_written_once_even_if_the_engine_is_closed_while_they_are_being_written() {
        let data = tempfile::tempdir().unwrap();
        let open = || Kms::open(&Options::new(data.path(), Role::Server), SystemClock).unwrap();
        let kms = open();
        let call = |request: Request| pollster::block_on(kms.call(request, &kms.owner())).unwrap();
        let key = CreateKey::reply(call(CreateKey::default().into())).unwrap().key_metadata;
        let request = GenerateDataKey { key_id: key.key_id, ..GenerateDataKey::default() };
        let version: KeyVersionId = key.primary_key_version.unwrap().parse().unwrap();
        let (resume, resumed) = mpsc::channel::<()>();
        kms.state.before_next_sync(move || {
            let _ = resumed.recv();
        });

        call(request.clone().into());
        let mut writing = Box::pin(kms.write_key_uses());
        assert!(writing.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(writing);
        call(request.into());
        assert_eq!(kms.key_uses.unwritten(version).encryptions, 2);
        drop(resume);
        drop(kms);

        let kms = open();
        let written =
            kms.state.published().get::<KeyUse>(&version).map(|row| row.record.counts().encryptions);
        assert_eq!(written, Some(2));
    }
}
