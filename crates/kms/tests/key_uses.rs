//! How often keys were used: which operations count, and that counts persist.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use bulla_kms::Role;
use bulla_wire::Action;
use bulla_wire::kms::{DescribeKeyUses, DescribeKeyUsesReply};
use support::{Bench, DAY, text};

fn uses(bench: &Bench, key: &str) -> DescribeKeyUsesReply {
    let request = DescribeKeyUses { key_id: key.into() };
    let reply = pollster::block_on(bench.kms.call(request.into(), &bench.kms.owner())).unwrap();
    DescribeKeyUses::reply(reply).unwrap()
}

/// Returns the encryptions and other operations of each version, newest first.
fn counts(bench: &Bench, key: &str) -> Vec<(u64, u64)> {
    let versions = uses(bench, key).key_version_uses.key_version_use;
    versions.iter().map(|version| (version.encryptions, version.other_operations)).collect()
}

fn rows(bench: &Bench, key: &str) -> usize {
    counts(bench, key).iter().filter(|counts| **counts != (0, 0)).count()
}

#[test]
fn each_operation_counts_for_the_version_that_does_it() {
    let bench = Bench::new();
    let key = bench.key();
    assert_eq!(counts(&bench, &key), [(0, 0)]);
    assert_eq!(uses(&bench, &key).last_use_date(), None);
    let blob = text(&bench.ok("Encrypt", &[("KeyId", &key), ("Plaintext", "aGk=")])["CiphertextBlob"]);
    bench.ok("GenerateDataKey", &[("KeyId", &key)]);
    bench.ok("Decrypt", &[("CiphertextBlob", &blob)]);
    bench.ok("CreateKeyVersion", &[("KeyId", &key)]);
    bench.ok("GenerateDataKeyWithoutPlaintext", &[("KeyId", &key)]);
    bench.ok("ReEncrypt", &[("CiphertextBlob", &blob), ("DestinationKeyId", &key)]);
    assert_eq!(counts(&bench, &key), [(2, 0), (2, 2)]);

    for action in ["DescribeKey", "DescribeKeyUses", "DescribeKeyBackups", "ListKeyVersions", "DisableKey"] {
        bench.ok(action, &[("KeyId", &key)]);
    }
    assert_eq!(bench.code("Encrypt", &[("KeyId", &key), ("Plaintext", "aGk=")]), "409 Rejected.Disabled");
    assert_eq!(counts(&bench, &key), [(2, 0), (2, 2)], "none of these is a use, and the key is disabled");
    bench.ok("ScheduleKeyDeletion", &[("KeyId", &key), ("PendingWindowInDays", "7")]);
    assert_eq!(counts(&bench, &key), [(2, 0), (2, 2)], "its deletion is scheduled");
}

#[test]
fn operations_with_key_pairs_and_macs_count() {
    let bench = Bench::new();
    let pair = bench.key_with(&[("KeySpec", "EC_SM2"), ("KeyUsage", "ENCRYPT/DECRYPT")]);
    let version = uses(&bench, &pair).key_version_uses.key_version_use[0].key_version_id.clone();
    let of_pair = [("KeyId", &*pair), ("KeyVersionId", &*version)];
    bench.ok("GetPublicKey", &of_pair);
    let algorithm = ("Algorithm", "SM2PKE");
    let sealed = bench.ok("AsymmetricEncrypt", &[of_pair[0], of_pair[1], algorithm, ("Plaintext", "aGk=")]);
    let sealed = text(&sealed["CiphertextBlob"]);
    bench.ok("AsymmetricDecrypt", &[of_pair[0], of_pair[1], algorithm, ("CiphertextBlob", &sealed)]);
    assert_eq!(counts(&bench, &pair), [(1, 1)]);
    let mac = bench.key_with(&[("KeySpec", "HMAC_SHA256")]);
    bench.ok("GenerateMac", &[("KeyId", &mac), ("Algorithm", "HMAC_SHA_256"), ("Message", "aGk=")]);
    assert_eq!(counts(&bench, &mac), [(0, 1)]);
}

#[test]
fn counts_are_written_once_a_minute_and_at_the_end_and_add_up() {
    for role in [Role::Server, Role::Command] {
        let bench = Bench::with_role(role);
        let key = bench.key();
        let encrypt = |bench: &Bench| bench.ok("Encrypt", &[("KeyId", &key), ("Plaintext", "aGk=")]);
        let began = uses(&bench, &key).counted_since;
        encrypt(&bench);
        bench.clock.pass(60);
        bench.run_due();
        encrypt(&bench);
        assert_eq!(counts(&bench, &key), [(2, 0)], "in the store and not yet");
        let last_used = uses(&bench, &key).last_use_date();
        assert_eq!(last_used.unwrap().unix(), bench.clock.unix());
        let bench = bench.restarted(role, false);
        bench.clock.pass(DAY);
        assert_eq!(counts(&bench, &key), [(2, 0)]);
        assert_eq!(uses(&bench, &key).last_use_date(), last_used);
        assert_eq!(uses(&bench, &key).counted_since, began);
        encrypt(&bench);
        let bench = bench.restarted(role, false);
        assert_eq!(counts(&bench, &key), [(3, 0)]);
    }
}

#[test]
fn a_key_takes_its_counts_with_it() {
    let bench = Bench::with_role(Role::Server);
    let [deleted, kept] = [(); 2].map(|()| bench.key());
    for key in [&deleted, &kept] {
        bench.ok("Encrypt", &[("KeyId", key), ("Plaintext", "aGk=")]);
    }
    bench.clock.pass(60);
    bench.run_due();
    bench.ok("Encrypt", &[("KeyId", &deleted), ("Plaintext", "aGk=")]); // not written when the key is deleted
    bench.ok("ScheduleKeyDeletion", &[("KeyId", &deleted), ("PendingWindowInDays", "7")]);
    for _ in 0..8 {
        bench.clock.pass(DAY);
        bench.run_due();
    }
    assert_eq!(bench.code("DescribeKey", &[("KeyId", &deleted)]), "404 Forbidden.KeyNotFound");
    assert_eq!(rows(&bench, &kept), 1);
    let bench = bench.restarted(Role::Server, false);
    assert_eq!(rows(&bench, &kept), 1);
}
