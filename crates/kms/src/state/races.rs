//! Tests of requests that read from the store while others change the same records.

use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use bulla_keys::{KeyId, SecretValueId, SecretVersion, SystemRandom};
use bulla_wire::kms::{
    BatchGetSecretValue, CreateKey, CreateSecret, DeleteSecret, DescribeSecret, GetParametersForImport,
    GetSecretValue, ImportKeyMaterial, PutSecretValue, PutSecretValueReply,
};
use bulla_wire::{Action, Error, ErrorCode};

use super::nodes::wait_until;
use super::sample::Sample;
use super::*;
use crate::{Kms, Options, Role, SystemClock};

struct Bench {
    kms: Arc<Kms>,
    _data: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let kms = Kms::open(&Options::new(data.path(), Role::Command), SystemClock).unwrap();
        Self { kms: Arc::new(kms), _data: data }
    }

    /// Runs `run` between the snapshot and the read of the next request that reads.
    fn before_read(&self, run: impl FnOnce(&Kms) + Send + 'static) {
        let kms = Arc::clone(&self.kms);
        let job = Box::new(move || run(&kms));
        *self.kms.state.readers.before_read.lock().unwrap() = Some(job);
    }

    /// Lets a request decide while the write `failing` waits, which then conflicts. Both wait for a commit that lasts until
    /// the request has decided.
    fn call_beside<A>(&self, failing: Write, revision: Revision, request: A) -> Result<A::Reply, Error>
    where
        A: Action + Send,
        A::Reply: Send,
    {
        let state = &self.kms.state;
        let stage = |writes: Vec<(Write, Revision)>| {
            let change = Changes::for_test(writes).answering(());
            state.stage(self.kms.now(), |_| Ok::<_, Error>(change)).unwrap().1
        };
        let Store::Redb(redb) = &*state.store else { unreachable!() };
        let (syncing, has_begun) = mpsc::channel();
        let (decided, has_decided) = mpsc::channel::<()>();
        *redb.file().before_sync.lock().unwrap() = Some(Box::new(move |_| {
            syncing.send(()).unwrap();
            has_decided.recv_timeout(Duration::from_secs(60)).expect("the request decides");
        }));
        let first = stage(vec![(Write::Sample(Sample { name: "held".into(), colour: 0 }), 0)]);
        has_begun.recv().unwrap();
        let failing = stage(vec![(failing, revision), (Write::SameSample("missing".into()), 7)]);
        let decisions = || state.committer.stager().decisions.load(Ordering::Relaxed);
        let before = decisions();
        thread::scope(|scope| {
            let answer = scope.spawn(|| call(&self.kms, request));
            wait_until("the request decides", || decisions() > before);
            decided.send(()).unwrap();
            pollster::block_on(first).unwrap().unwrap();
            let failed = pollster::block_on(failing).unwrap();
            assert!(matches!(failed, Err(CommitError::Conflict)), "{failed:?}");
            answer.join().unwrap()
        })
    }

    fn assert_raced(&self) {
        assert!(self.kms.state.readers.before_read.lock().unwrap().is_none(), "nothing was read");
    }
}

fn call<A: Action>(kms: &Kms, request: A) -> Result<A::Reply, Error> {
    pollster::block_on(kms.call(request.into(), &kms.owner())).map(|reply| A::reply(reply).unwrap())
}

fn create(kms: &Kms, name: &str, value: &str) {
    let create = CreateSecret {
        secret_name: name.into(),
        version_id: "1".into(),
        secret_data: String::from(value).into(),
        ..CreateSecret::default()
    };
    call(kms, create).unwrap();
}

fn delete(kms: &Kms, name: &str) {
    let delete = DeleteSecret {
        secret_name: name.into(),
        force_delete_without_recovery: Some(true),
        recovery_window_in_days: None,
    };
    call(kms, delete).unwrap();
}

fn put(kms: &Kms, name: &str, version: &str, value: &str) -> Result<PutSecretValueReply, Error> {
    let put = PutSecretValue {
        secret_name: name.into(),
        version_id: version.into(),
        secret_data: String::from(value).into(),
        secret_data_type: None,
        version_stages: None,
    };
    call(kms, put)
}

fn get(kms: &Kms, name: &str, version: Option<&str>) -> Result<String, Error> {
    let get = GetSecretValue {
        secret_name: name.into(),
        version_id: version.map(Into::into),
        version_stage: None,
        fetch_extended_config: None,
        recipient: None,
        dry_run: None,
    };
    Ok(call(kms, get)?.secret_data.expose().to_owned())
}

#[test]
fn a_value_that_is_deleted_before_it_is_read_is_not_found() {
    let bench = Bench::new();
    create(&bench.kms, "s", "x");
    bench.before_read(|kms| delete(kms, "s"));
    let error = get(&bench.kms, "s", None).unwrap_err();
    assert_eq!(error.code(), ErrorCode::ForbiddenResourceNotFound);
    bench.assert_raced();

    create(&bench.kms, "s", "x");
    bench.before_read(|kms| (2..12).for_each(|version| drop(put(kms, "s", &version.to_string(), "y"))));
    let error = get(&bench.kms, "s", Some("1")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::ForbiddenResourceNotFound);
    bench.assert_raced();
}

#[test]
fn a_value_that_is_replaced_before_it_is_read_is_the_new_one() {
    let bench = Bench::new();
    create(&bench.kms, "s", "old");
    bench.before_read(|kms| {
        delete(kms, "s");
        create(kms, "s", "new");
    });
    assert_eq!(get(&bench.kms, "s", None).unwrap(), "new");
    bench.assert_raced();
}

#[test]
fn a_batch_of_which_one_is_deleted_has_the_others() {
    let bench = Bench::new();
    ["a", "b", "c"].iter().for_each(|name| create(&bench.kms, name, name));
    bench.before_read(|kms| delete(kms, "b"));
    let secrets_list = r#"[{"SecretName":"a"},{"SecretName":"b"},{"SecretName":"c"},{"SecretName":"a"}]"#;
    let batch = BatchGetSecretValue { secrets_list: secrets_list.into() };
    let reply = call(&bench.kms, batch).unwrap();
    let values: Vec<_> = reply.secret_values.iter().map(|value| value.secret_data.expose()).collect();
    assert_eq!(values, ["a", "c", "a"]);
    let errors: Vec<_> = reply.errors.iter().map(|error| (&*error.secret_name, error.http_status)).collect();
    assert_eq!(errors, [("b", 404)]);
    bench.assert_raced();
}

#[test]
fn a_put_is_compared_with_the_value_that_is_there_when_it_is_answered() {
    let bench = Bench::new();
    create(&bench.kms, "s", "x");
    bench.before_read(|kms| {
        delete(kms, "s");
        create(kms, "s", "y");
    });
    assert_eq!(put(&bench.kms, "s", "1", "x").unwrap_err().code(), ErrorCode::RejectedResourceExist);
    bench.assert_raced();
    bench.before_read(|kms| {
        delete(kms, "s");
        create(kms, "s", "z");
    });
    put(&bench.kms, "s", "1", "z").unwrap();
    bench.assert_raced();
}

/// Its decision on the other version, which was never written, is discarded as a whole.
#[test]
fn a_put_beside_one_that_fails_is_executed_once() {
    let bench = Bench::new();
    create(&bench.kms, "s", "x");
    let secret = bench.kms.state.published().secret(&"s".parse().unwrap()).unwrap().clone();
    let first = secret.record.versions().next().unwrap();
    let version = SecretVersion {
        id: "2".parse().unwrap(),
        value: SecretValueId::random(&SystemRandom),
        ..first.clone()
    };
    let (changed, _) = secret.record.with_version(version, &Default::default()).unwrap();
    bench.before_read(|_| {}); // an execution that finds the version reads its value
    let request = PutSecretValue {
        secret_name: "s".into(),
        version_id: "2".into(),
        secret_data: String::from("y").into(),
        secret_data_type: None,
        version_stages: None,
    };
    bench.call_beside(Write::Secret(changed), secret.revision, request).unwrap();
    assert!(bench.kms.state.readers.before_read.lock().unwrap().is_some(), "executed again");
    assert_eq!(bench.kms.state.rows_of("secret-value"), 2);
    assert_eq!(get(&bench.kms, "s", None).unwrap(), "y");
}

/// Its decision on the other attempt, which was never written, is discarded as a whole.
#[test]
fn an_import_beside_one_that_fails_counts_one_try() {
    let bench = Bench::new();
    let external = CreateKey { origin: Some("EXTERNAL".into()), ..CreateKey::default() };
    let key_id = call(&bench.kms, external).unwrap().key_metadata.key_id;
    let parameters = GetParametersForImport {
        key_id: key_id.clone(),
        wrapping_algorithm: "SM2PKE".into(),
        wrapping_key_spec: "EC_SM2".into(),
    };
    let import_token = call(&bench.kms, parameters).unwrap().import_token;
    let id = TokenId::from(<[u8; 32]>::try_from(BASE64_STANDARD.decode(&import_token).unwrap()).unwrap());
    let token = || bench.kms.state.published().import_token(&id).unwrap().clone();
    let Row { record, revision } = token();
    assert_eq!(record.failures, 0);
    let other_try = ImportToken {
        id,
        key: key_id.parse::<KeyId>().unwrap(),
        algorithm: "SM2PKE".into(),
        private_key: Vec::new().into(),
        expires: record.expires,
        failures: 1,
    };
    let request = ImportKeyMaterial {
        key_id,
        encrypted_key_material: "AAAA".into(),
        import_token,
        key_material_expire_unix: None,
    };
    let refused = bench.call_beside(Write::ImportToken(other_try), revision, request).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidKeyMaterial);
    assert_eq!(token().record.failures, 1);
}

#[test]
fn of_puts_of_one_version_at_once_those_with_the_value_of_the_first_succeed() {
    let bench = Bench::new();
    create(&bench.kms, "s", "x");
    for version in 2..30 {
        let version = version.to_string();
        let outcomes: Vec<_> = thread::scope(|scope| {
            let put = |value| {
                scope.spawn({
                    let kms = &bench.kms;
                    let version = &version;
                    move || (value, put(kms, "s", version, value).map_err(|error| error.code()).err())
                })
            };
            let puts: Vec<_> = ["a", "b", "c", "a", "b", "c"].map(put).into();
            puts.into_iter().map(|put| put.join().unwrap()).collect()
        });
        let value = get(&bench.kms, "s", Some(&version)).unwrap();
        for (put, refused) in outcomes {
            let expected = (put != value).then_some(ErrorCode::RejectedResourceExist);
            assert_eq!(refused, expected, "{put} beside {value}");
        }
    }
}

#[test]
fn a_value_that_the_store_has_lost_is_a_failure_of_the_store() {
    let bench = Bench::new();
    create(&bench.kms, "lost", "x");
    create(&bench.kms, "s", "y");
    let snapshot = bench.kms.state.published();
    let value = snapshot.secret(&"lost".parse().unwrap()).unwrap().record.versions().next().unwrap().value;
    let lose = Changes::for_test([(Write::NoSecretValue(value), 0)]);
    let (_, answered) = bench.kms.state.stage(0, |_| Ok::<_, Error>(lose.answering(()))).unwrap();
    pollster::block_on(answered).unwrap().unwrap();

    for error in [get(&bench.kms, "lost", None).unwrap_err(), put(&bench.kms, "lost", "1", "x").unwrap_err()]
    {
        assert_eq!(error.code(), ErrorCode::InternalFailure);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains(r#"a record of the table "secret-value" is missing"#), "{cause}");
    }
    assert_eq!(get(&bench.kms, "s", None).unwrap(), "y");
    call(&bench.kms, DescribeSecret { secret_name: "lost".into(), fetch_tags: None }).unwrap();
    put(&bench.kms, "lost", "2", "new").unwrap();
    assert_eq!(get(&bench.kms, "lost", None).unwrap(), "new");
    delete(&bench.kms, "lost");
}

/// The value of a version is compared only if the snapshot of the request has the version.
#[test]
fn reads_and_changes_run_concurrently() {
    let bench = Bench::new();
    let names: Vec<_> = (0..4).map(|number| format!("s{number}")).collect();
    names.iter().for_each(|name| create(&bench.kms, name, name));
    thread::scope(|scope| {
        for name in &names {
            scope.spawn(|| {
                for _ in 0..25 {
                    delete(&bench.kms, name);
                    create(&bench.kms, name, name);
                }
            });
            scope.spawn(|| {
                for _ in 0..300 {
                    match get(&bench.kms, name, None) {
                        Ok(value) => assert_eq!(value, *name),
                        Err(error) => assert_eq!(error.code(), ErrorCode::ForbiddenResourceNotFound),
                    }
                }
            });
        }
    });
}
