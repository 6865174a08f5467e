//! The row changes that rotate a key, delete a key or secret, or remove imported material. Requests and scheduled maintenance
//! share them, and each passes its own proof of permission when it commits them.

use bulla_keys::record::Revision;
use bulla_keys::{Key, KeyVersion, KeyVersionId, Secret, SystemRandom};
use bulla_wire::Error;

use crate::keyring::Keyring;
use crate::new_version::NewVersion;
use crate::people::{KeyPolicy, SecretPolicy};
use crate::refusal::key_refused;
use crate::state::{ImportToken, KeyUse, Row, Snapshot, Write};

/// Writes that belong together, each with the revision of the row that it replaces.
pub(crate) type Writes = Vec<(Write, Revision)>;

/// Gives a key of this revision a new primary version, with this number, if its rotation is due.
///
/// # Errors
/// The API error for a key that does not rotate.
pub(crate) fn rotate_if_due(
    number: u32,
    keyring: &Keyring,
    key: &Key,
    revision: Revision,
    now: i64,
) -> Result<Writes, Error> {
    if key.next_rotation().is_none_or(|at| at > now) {
        return Ok(vec![]);
    }
    let id = KeyVersionId::random(&SystemRandom);
    let rotated = key.rotated(id, number as usize, now).map_err(key_refused)?;
    let version = NewVersion { key: key.id, id, number, spec: key.spec, created: now }.random(keyring);
    Ok(vec![(Write::Key(rotated), revision), (Write::Version(version), 0)])
}

/// Removes the imported material of a key from its primary `version`, if there is any.
///
/// # Errors
/// The API error for a key whose material cannot be removed.
pub(crate) fn remove_material(version: Option<&Row<KeyVersion>>, row: &Row<Key>) -> Result<Writes, Error> {
    let changed = row.record.without_imported().map_err(key_refused)?;
    let mut writes = Vec::new();
    if changed != *row.record {
        writes.push((Write::Key(changed), row.revision));
    }
    if let Some(version) = version.filter(|row| row.record.has_material()) {
        let empty = KeyVersion { sealed_material: Vec::new().into(), ..(*version.record).clone() };
        writes.push((Write::Version(empty), version.revision));
    }
    Ok(writes)
}

/// Removes a key, with everything that belongs to it.
pub(crate) fn remove_key(snapshot: &Snapshot, row: &Row<Key>) -> Writes {
    let id = row.record.id;
    let mut writes = vec![(Write::NoKey(id), row.revision)];
    writes.extend(snapshot.versions_of(id).map(|row| (Write::NoVersion(row.record.id), row.revision)));
    let uses = snapshot.versions_of(id).filter_map(|row| snapshot.get::<KeyUse>(&row.record.id));
    writes.extend(uses.map(|row| (Write::NoKeyUse(row.record.version), row.revision)));
    let aliases = snapshot.aliases_of(id);
    writes.extend(aliases.map(|row| (Write::NoAlias(row.record.name.clone()), row.revision)));
    writes.extend(snapshot.import_tokens_of(id).map(remove_token));
    writes.push(match snapshot.get::<KeyPolicy>(&id) {
        Some(policy) => (Write::NoKeyPolicy(id), policy.revision),
        None => (Write::SameKeyPolicy(id), 0), // fails on a policy that is written meanwhile, which would remain without its key
    });
    writes
}

/// Removes a secret, with its values and its policy, if it has one.
pub(crate) fn remove_secret(row: &Row<Secret>, policy: Option<&Row<SecretPolicy>>) -> Writes {
    let name = &row.record.name;
    let mut writes = vec![(Write::NoSecret(name.clone()), row.revision)];
    writes.extend(row.record.versions().map(|version| (Write::NoSecretValue(version.value), 0)));
    writes.push(match policy {
        Some(policy) => (Write::NoSecretPolicy(name.clone()), policy.revision),
        // Fails on a policy that is written meanwhile: it would apply to the next secret of this name.
        None => (Write::SameSecretPolicy(name.clone()), 0),
    });
    writes
}

/// Removes an import token.
pub(crate) fn remove_token(row: &Row<ImportToken>) -> (Write, Revision) {
    (Write::NoImportToken(row.record.id), row.revision)
}

/// Seconds for which an expired import token is kept, so that the importer gets an error that names the cause.
pub(crate) const TOKENS_KEPT: i64 = 86_400;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use bulla_wire::kms::{CreateKey, CreateSecret, DeleteSecret, ScheduleKeyDeletion};
    use bulla_wire::{Action, Request};

    use super::*;
    use crate::people::{Document, random_principal_id};
    use crate::state::{Changes, CommitError, Kind};
    use crate::{Clock, Kms, Options, Role};

    /// A clock that moves only when the test says so.
    struct SetClock(Arc<AtomicU64>);

    impl Clock for SetClock {
        fn now(&self) -> SystemTime {
            UNIX_EPOCH + self.elapsed()
        }

        fn elapsed(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::Relaxed))
        }
    }

    /// A server whose clock the test sets.
    struct Bench {
        kms: Kms,
        seconds: Arc<AtomicU64>,
        _data: tempfile::TempDir,
    }

    impl Bench {
        fn new() -> Self {
            let data = tempfile::tempdir().unwrap();
            let seconds = Arc::new(AtomicU64::new(1_900_000_000));
            let clock = SetClock(Arc::clone(&seconds));
            let kms = Kms::open(&Options::new(data.path(), Role::Server), clock).unwrap();
            Self { kms, seconds, _data: data }
        }

        fn call<A: Action>(&self, request: A) -> A::Reply
        where
            Request: From<A>,
        {
            let reply = pollster::block_on(self.kms.call(request.into(), &self.kms.owner())).unwrap();
            A::reply(reply).unwrap()
        }

        fn write(&self, write: Write, expected: Revision) -> Result<(), CommitError> {
            let change = Changes::for_test([(write, expected)]).answering(());
            let (_, answered) = self.kms.state.stage(1, |_| Ok::<_, Error>(change)).unwrap();
            pollster::block_on(answered).unwrap()
        }

        fn secret(&self) -> SecretPolicy {
            self.call(CreateSecret {
                secret_name: "s".into(),
                version_id: "1".into(),
                secret_data: String::from("x").into(),
                ..CreateSecret::default()
            });
            let policy =
                SecretPolicy { secret: "s".parse().unwrap(), document: document("kms:GetSecretValue") };
            self.write(Write::SecretPolicy(policy.clone()), 0).unwrap();
            policy
        }

        fn delete_secret(&self, days: Option<u32>) {
            self.call(DeleteSecret {
                secret_name: "s".into(),
                force_delete_without_recovery: days.is_none().then_some(true),
                recovery_window_in_days: days,
            });
        }

        /// Advances the clock by days, and runs due maintenance.
        fn pass(&self, days: u64) {
            self.seconds.fetch_add(days * 86_400, Ordering::Relaxed);
            pollster::block_on(self.kms.run_due()).unwrap();
        }

        fn has<R: crate::state::KeptKind>(&self, id: &<R as Kind>::Id) -> bool {
            self.kms.state.published().get::<R>(id).is_some()
        }
    }

    fn document<K: crate::people::DocumentKind>(action: &str) -> Document<K> {
        let text = format!(
            r#"{{"Version": "1", "Statement": [{{"Effect": "Allow", "Action": "{action}", "Resource": "*",
                "Principal": {{"RAM": ["acs:ram::111122223333:user/alice"]}}}}]}}"#
        );
        Document::parse("111122223333", &text, |_| Some(random_principal_id())).unwrap()
    }

    /// Otherwise the next secret of the same name would inherit it.
    #[test]
    fn the_policy_of_a_secret_is_deleted_with_the_secret_at_once_or_when_it_is_due() {
        for days in [None, Some(7)] {
            let bench = Bench::new();
            let name = bench.secret().secret;
            bench.delete_secret(days);
            if days.is_some() {
                assert!(bench.has::<SecretPolicy>(&name), "it may be restored");
                bench.pass(8);
            }
            assert!(!bench.has::<Secret>(&name) && !bench.has::<SecretPolicy>(&name));
            bench.secret();
        }
    }

    #[test]
    fn the_policy_of_a_key_is_deleted_with_the_key() {
        let bench = Bench::new();
        let key_id = bench.call(CreateKey::default()).key_metadata.key_id;
        let key = key_id.parse().unwrap();
        let policy = KeyPolicy { key, document: document("kms:Decrypt") };
        bench.write(Write::KeyPolicy(policy), 0).unwrap();
        bench.call(ScheduleKeyDeletion { key_id, pending_window_in_days: Some(7) });
        bench.pass(8);
        assert!(!bench.has::<Key>(&key) && !bench.has::<KeyPolicy>(&key));
    }

    /// Another node writes it after the deletion was decided.
    #[test]
    fn a_policy_that_is_written_meanwhile_makes_the_deletion_begin_again() {
        let bench = Bench::new();
        let policy = bench.secret();
        let snapshot = Arc::clone(&bench.kms.state.snapshot().unwrap());
        let secret = snapshot.get::<Secret>(&policy.secret).unwrap();
        let without = remove_secret(secret, None);
        let change = Changes::for_test(without).answering(());
        let (_, answered) = bench.kms.state.stage(1, |_| Ok::<_, Error>(change)).unwrap();
        let outcome = pollster::block_on(answered).unwrap();
        assert!(matches!(outcome, Err(CommitError::Conflict)), "{outcome:?}");
    }
}
