//! Quotas on keys, their versions, aliases and secrets.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::thread;

use bulla_kms::{Quotas, Role};
use support::Bench;

const FULL: &str = "400 Rejected.LimitExceeded";

#[test]
fn quotas_limit_what_is_created() {
    let quotas = Quotas {
        keys: Some(2),
        key_versions: Some(3),
        aliases: Some(1),
        secrets: Some(1),
        ..Quotas::default()
    };
    let bench = Bench::with_quotas(quotas);
    let create_secret = |name| [("SecretName", name), ("VersionId", "v1"), ("SecretData", "hunter2")];
    bench.ok("CreateSecret", &create_secret("one")); // creates the service key and its alias too
    assert_eq!(bench.code("CreateSecret", &create_secret("two")), FULL);
    assert_eq!(bench.code("CreateSecret", &create_secret("one")), "409 Rejected.ResourceExist");

    let [first, second] = [(); 2].map(|()| bench.key());
    for (spec, usage) in [("Aliyun_AES_256", "ENCRYPT/DECRYPT"), ("RSA_2048", "SIGN/VERIFY")] {
        assert_eq!(bench.code("CreateKey", &[("KeySpec", spec), ("KeyUsage", usage)]), FULL);
    }

    bench.ok("CreateAlias", &[("KeyId", &first), ("AliasName", "alias/a")]);
    assert_eq!(bench.code("CreateAlias", &[("KeyId", &first), ("AliasName", "alias/b")]), FULL);
    bench.ok("UpdateAlias", &[("KeyId", &second), ("AliasName", "alias/a")]);
    bench.ok("DeleteAlias", &[("AliasName", "alias/a")]);
    bench.ok("CreateAlias", &[("KeyId", &first), ("AliasName", "alias/b")]);

    for _ in 1..3 {
        bench.ok("CreateKeyVersion", &[("KeyId", &first)]);
    }
    assert_eq!(bench.code("CreateKeyVersion", &[("KeyId", &first)]), FULL);
    bench.ok("CreateKeyVersion", &[("KeyId", &second)]);
}

#[test]
fn what_is_there_stays_when_a_quota_is_lowered_and_counts_after_a_restart() {
    let bench = Bench::new();
    let keys = [(); 3].map(|()| bench.key());
    bench.kms.set_quotas(Quotas { keys: Some(2), ..Quotas::default() });
    assert_eq!(bench.code("CreateKey", &[]), FULL);
    bench.ok("Encrypt", &[("KeyId", &keys[2]), ("Plaintext", "aGk=")]);
    let bench = bench.restarted(Role::Command, false);
    bench.kms.set_quotas(Quotas { keys: Some(4), ..Quotas::default() });
    bench.key();
    assert_eq!(bench.code("CreateKey", &[]), FULL);
}

#[test]
fn a_scheduled_rotation_does_not_stop_at_the_quota() {
    let bench = Bench::with_quotas(Quotas { key_versions: Some(1), ..Quotas::default() });
    let key = bench.key_with(&[("EnableAutomaticRotation", "true"), ("RotationInterval", "7d")]);
    bench.clock.pass(8 * support::DAY);
    bench.run_due();
    assert_eq!(bench.ok("ListKeyVersions", &[("KeyId", &key)])["TotalCount"], 2);
    assert_eq!(bench.code("CreateKeyVersion", &[("KeyId", &key)]), FULL);
}

#[test]
fn requests_at_the_same_time_do_not_exceed_a_quota_together() {
    let quotas = Quotas { keys: Some(7), aliases: Some(5), key_versions: Some(4), ..Quotas::default() };
    let bench = Bench::with_quotas(quotas);
    let key = bench.key();
    let made = |action: &'static str, name: Option<&'static str>| {
        let send = |number: usize| {
            let alias = format!("alias/{number}");
            let mut parameters = Vec::from_iter(name.map(|name| (name, key.as_str())));
            if action == "CreateAlias" {
                parameters.push(("AliasName", &alias));
            }
            bench.send(action, &parameters).is_ok()
        };
        thread::scope(|scope| {
            let send = &send;
            let threads: Vec<_> = (0..30).map(|number| scope.spawn(move || send(number))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).filter(|made| *made).count()
        })
    };
    assert_eq!(made("CreateKey", None), 6);
    assert_eq!(made("CreateAlias", Some("KeyId")), 5);
    assert_eq!(made("CreateKeyVersion", Some("KeyId")), 3);
}
