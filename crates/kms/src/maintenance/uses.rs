//! Writes when access keys were last used (`uses.rs` records it), once a minute and on closing, so that a single use costs
//! no write. Its timer serves `key_uses.rs` too.

use std::sync::atomic::{AtomicI64, Ordering};

use bulla_wire::Error;

use super::MAINTENANCE;
use crate::Kms;
use crate::role::Role;
use crate::state::{AccessKey, AccessKeyUse, Changes, Snapshot, Write};

/// When uses were last written, in seconds of elapsed time.
#[derive(Debug, Default)]
pub(crate) struct LastWrite(AtomicI64);

impl Kms {
    /// Records that an existing access key signed a request, at a believed time.
    pub(crate) fn note_use(&self, access_key_id: &str, now: i64) {
        self.uses.note(access_key_id, now);
    }

    /// Writes the recorded uses of access keys and keys, once a minute. A failed write loses the uses of access keys that it
    /// contained.
    pub(super) async fn write_uses_if_due(&self) {
        let elapsed = self.clock.seconds_elapsed();
        let last = self.last_write_of_uses.0.load(Ordering::Relaxed);
        if elapsed >= last + INTERVAL {
            self.last_write_of_uses.0.store(elapsed, Ordering::Relaxed);
            self.write_uses();
            self.write_key_uses().await;
        }
    }

    /// Writes the recorded uses, fire and forget: the committer writes what it accepted before it ends.
    pub(crate) fn write_uses(&self) {
        let uses = self.uses.take();
        if uses.is_empty() || self.options.role != Role::Server {
            return;
        }
        for (id, last_used) in uses {
            let used = AccessKeyUse { id, last_used };
            let decide = |snapshot: &Snapshot| Ok::<_, Error>(change(snapshot, used).answering(()));
            drop(self.state.stage(self.now(), decide));
        }
    }
}

/// Returns no change for an access key that was deleted meanwhile.
fn change(snapshot: &Snapshot, used: AccessKeyUse) -> Changes {
    let Some(key) = snapshot.get::<AccessKey>(&used.id) else { return Changes::none() };
    let row = snapshot.get::<AccessKeyUse>(&used.id);
    if row.is_some_and(|row| row.record.last_used >= used.last_used) {
        return Changes::none();
    }
    let rests_on = (Write::SameAccessKey(used.id.clone()), key.revision);
    MAINTENANCE.changes([rests_on, (Write::AccessKeyUse(used), row.map_or(0, |row| row.revision))])
}

const INTERVAL: i64 = 60;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::*;
    use crate::Options;

    fn last_used(kms: &Kms, id: &str) -> Option<i64> {
        let snapshot = kms.state.snapshot().unwrap();
        snapshot.get::<AccessKeyUse>(&id.into()).map(|row| row.record.last_used)
    }

    #[test]
    fn the_last_use_is_written_by_maintenance_and_survives_a_restart() {
        let data = tempfile::tempdir().unwrap();
        let seconds = Arc::new(AtomicU64::new(1_900_000_000));
        let clock = || {
            let seconds = Arc::clone(&seconds);
            move || -> SystemTime { UNIX_EPOCH + Duration::from_secs(seconds.load(Ordering::Relaxed)) }
        };
        let options = Options::new(data.path(), Role::Server);
        let kms = Kms::open(&options, clock()).unwrap();
        let access_key = ("BULLA1".to_owned(), String::from("secret").into());
        pollster::block_on(kms.ensure_access_key(Some(access_key))).unwrap();

        kms.note_use("BULLA1", 1_900_000_001);
        kms.note_use("deleted", 1_900_000_001);
        assert_eq!(last_used(&kms, "BULLA1"), None);
        seconds.fetch_add(60, Ordering::Relaxed);
        pollster::block_on(kms.run_due()).unwrap();
        pollster::block_on(kms.set_private("after", b"")).unwrap(); // the uses were accepted before
        assert_eq!((last_used(&kms, "BULLA1"), last_used(&kms, "deleted")), (Some(1_900_000_001), None));

        kms.note_use("BULLA1", 1_900_000_061);
        kms.note_use("BULLA1", 1_900_000_062);
        drop(kms);
        seconds.fetch_add(60, Ordering::Relaxed);
        let kms = Kms::open(&options, clock()).unwrap();
        assert_eq!(last_used(&kms, "BULLA1"), Some(1_900_000_062));
    }
}
