//! Durability: restarts, concurrent writers, and a store of the first version.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use bulla_kms::{Kms, Options, Role, SystemClock};
use bulla_wire::kms::*;
use bulla_wire::{Action, ContextParameter, Error, ErrorCode};
use serde::Deserialize;

fn open(data: &Path) -> Kms {
    Kms::open(&Options::new(data, Role::Command), SystemClock).unwrap()
}

fn call<A: Action>(kms: &Kms, request: A) -> Result<A::Reply, Error> {
    pollster::block_on(kms.call(request.into(), &kms.owner())).map(|reply| A::reply(reply).unwrap())
}

#[test]
fn everything_answered_is_there_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let kms = open(data.path());
    let key = call(&kms, CreateKey::default()).unwrap().key_metadata;
    call(&kms, CreateAlias { key_id: key.key_id.clone(), alias_name: "alias/a".into() }).unwrap();
    call(&kms, CreateAlias { key_id: key.key_id.clone(), alias_name: "alias/b".into() }).unwrap();
    call(&kms, DeleteAlias { alias_name: "alias/b".into() }).unwrap();
    let blob =
        call(&kms, GenerateDataKey { key_id: "alias/a".into(), ..GenerateDataKey::default() }).unwrap();
    call(&kms, DisableKey { key_id: key.key_id.clone() }).unwrap();
    drop(kms);

    let kms = open(data.path());
    let described = call(&kms, DescribeKey { key_id: "alias/a".into() }).unwrap().key_metadata;
    assert_eq!((described.key_state.as_str(), &described.arn), ("Disabled", &key.arn));
    assert_eq!(described.creation_date, key.creation_date);
    let refused = call(&kms, DescribeKey { key_id: "alias/b".into() }).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::ForbiddenAliasNotFound);
    call(&kms, EnableKey { key_id: key.key_id }).unwrap();
    let decrypt = Decrypt {
        ciphertext_blob: blob.ciphertext_blob,
        encryption_context: None,
        recipient: None,
        dry_run: None,
    };
    assert_eq!(call(&kms, decrypt).unwrap().plaintext, blob.plaintext);
}

#[test]
fn many_writers_at_once() {
    let data = tempfile::tempdir().unwrap();
    let kms = open(data.path());
    let winners: usize = thread::scope(|scope| {
        let writers: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    (0..20)
                        .filter(|n| {
                            let key_id = call(&kms, CreateKey::default()).unwrap().key_metadata.key_id;
                            let alias_name = format!("alias/contended-{n}");
                            match call(&kms, CreateAlias { key_id, alias_name }) {
                                Ok(Done {}) => true,
                                Err(error) => {
                                    assert_eq!(error.code(), ErrorCode::AliasAlreadyExists);
                                    false
                                }
                            }
                        })
                        .count()
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    });
    assert_eq!(winners, 20, "each alias has one owner");
    drop(kms);
    let kms = open(data.path());
    assert_eq!(call(&kms, ListKeys::default()).unwrap().total_count, 320);
    assert_eq!(call(&kms, ListAliases::default()).unwrap().total_count, 20);
}

/// A contended toggle is decided again until it commits; none is lost or answered wrongly.
#[test]
fn a_change_after_the_answer_sees_it() {
    let data = tempfile::tempdir().unwrap();
    let kms = open(data.path());
    let key_id = call(&kms, CreateKey::default()).unwrap().key_metadata.key_id;
    let generate = || call(&kms, GenerateDataKey { key_id: key_id.clone(), ..GenerateDataKey::default() });
    for _ in 0..50 {
        call(&kms, DisableKey { key_id: key_id.clone() }).unwrap();
        assert_eq!(generate().unwrap_err().code(), ErrorCode::RejectedState);
        call(&kms, EnableKey { key_id: key_id.clone() }).unwrap();
        generate().unwrap();
    }
}

#[derive(Deserialize)]
struct Golden {
    name: String,
    ciphertext_blob: String,
    context: ContextParameter,
    plaintext: String,
}

/// A store of the first version (`testdata/golden/README.md`), which every later version must open.
#[test]
fn the_golden_store_opens() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden");
    let data = tempfile::tempdir().unwrap();
    for file in ["store.redb", "root-key"] {
        let copy = data.path().join(file);
        fs::copy(golden.join("store-v1").join(file), &copy).unwrap();
        fs::set_permissions(&copy, Permissions::from_mode(0o600)).unwrap();
    }
    let kms = open(data.path());
    let aliases = call(&kms, ListAliases::default()).unwrap().aliases.alias;
    let names: Vec<_> = aliases.iter().map(|alias| alias.alias_name.as_str()).collect();
    assert_eq!(names, ["alias/Apollo/WorkKey", "alias/disabled"]);
    let state = |alias: &str| {
        let key = call(&kms, DescribeKey { key_id: alias.into() }).unwrap().key_metadata;
        (key.key_state, key.description)
    };
    assert_eq!(state("alias/Apollo/WorkKey"), ("Enabled".into(), "工作密钥".into()));
    assert_eq!(state("alias/disabled").0, "Disabled");

    let text = fs::read_to_string(golden.join("blobs-v1.json")).unwrap();
    let blobs: Vec<Golden> = serde_json::from_str(&text).unwrap();
    assert_eq!(blobs.len(), 3);
    for blob in blobs {
        let decrypt = Decrypt {
            ciphertext_blob: blob.ciphertext_blob,
            encryption_context: Some(blob.context),
            recipient: None,
            dry_run: None,
        };
        let opened = call(&kms, decrypt).unwrap_or_else(|error| panic!("{}: {error}", blob.name));
        assert_eq!(opened.plaintext.expose(), blob.plaintext, "{}", blob.name);
    }
}
