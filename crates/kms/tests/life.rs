//! The life of keys: versions, rotation, deletion, protection, tags.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::collections::BTreeMap;

use bulla_kms::Role;
use serde_json::{Value, json};
use support::{Bench, DAY, UNKNOWN, text};

fn encrypt(bench: &Bench, key: &str) -> (String, String) {
    let reply = bench.ok("Encrypt", &[("KeyId", key), ("Plaintext", "aGk=")]);
    (text(&reply["CiphertextBlob"]), text(&reply["KeyVersionId"]))
}

fn decrypts(bench: &Bench, blob: &str) {
    assert_eq!(bench.ok("Decrypt", &[("CiphertextBlob", blob)])["Plaintext"], json!("aGk="));
}

fn versions(bench: &Bench, key: &str) -> Vec<String> {
    let mut all = Vec::new();
    for page in 1.. {
        let page = page.to_string();
        let parameters = [("KeyId", key), ("PageNumber", page.as_str()), ("PageSize", "101")];
        let reply = bench.ok("ListKeyVersions", &parameters);
        let entries = reply["KeyVersions"]["KeyVersion"].as_array().unwrap();
        all.extend(entries.iter().map(|entry| text(&entry["KeyVersionId"])));
        if entries.is_empty() {
            assert_eq!(reply["TotalCount"], json!(all.len()));
            return all;
        }
    }
    unreachable!()
}

#[test]
fn a_new_version_encrypts_and_old_ones_decrypt() {
    let bench = Bench::new();
    let key = bench.key();
    bench.ok("CreateAlias", &[("KeyId", &key), ("AliasName", "alias/a")]);
    let (first, first_version) = encrypt(&bench, &key);
    bench.clock.pass(60);
    let created = bench.ok("CreateKeyVersion", &[("KeyId", "alias/a")]);
    let version = text(&created["KeyVersion"]["KeyVersionId"]);
    assert_eq!(created["KeyVersion"]["KeyId"], json!(key));
    assert_eq!(created["KeyVersion"]["CreationDate"], json!("2026-01-01T00:01:00Z"));
    assert_eq!(encrypt(&bench, &key).1, version);
    decrypts(&bench, &first);
    let metadata = bench.metadata(&key);
    assert_eq!(metadata["PrimaryKeyVersion"], json!(version));
    assert_eq!(metadata["LastRotationDate"], json!("2026-01-01T00:01:00Z"));
    assert_eq!(versions(&bench, &key), [version.clone(), first_version.clone()], "newest first");

    let describe =
        |key: &str, version: &str| [("KeyId", key.to_owned()), ("KeyVersionId", version.to_owned())];
    let ask = |key: &str, version: &str| {
        let parameters = describe(key, version);
        bench.send("DescribeKeyVersion", &parameters.each_ref().map(|(name, value)| (*name, value.as_str())))
    };
    assert_eq!(
        ask(&key, &first_version).unwrap()["KeyVersion"]["CreationDate"],
        json!("2026-01-01T00:00:00Z")
    );
    assert_eq!(
        ask("alias/a", &version).unwrap(),
        json!({ "KeyVersion": created["KeyVersion"], "RequestId": "r" })
    );
    for (key, version) in [(&key, UNKNOWN), (&key, "x"), (&bench.key(), &version)] {
        assert!(ask(key, version).unwrap_err().starts_with("404 Forbidden.KeyVersionNotFound"));
    }
    assert!(ask(UNKNOWN, &version).unwrap_err().starts_with("404 Forbidden.KeyNotFound"));
    for (name, value) in [("PageSize", "102"), ("PageNumber", "0")] {
        assert_eq!(bench.code("ListKeyVersions", &[("KeyId", &key), (name, value)]), "400 InvalidParameter");
    }
    assert_eq!(bench.code("CreateKeyVersion", &[("KeyId", UNKNOWN)]), "404 Forbidden.KeyNotFound");
    assert_eq!(bench.code("CreateKeyVersion", &[("KeyId", "alias/b")]), "404 Forbidden.AliasNotFound");
    bench.ok("DisableKey", &[("KeyId", &key)]);
    assert_eq!(bench.code("CreateKeyVersion", &[("KeyId", &key)]), "409 Rejected.Disabled");
}

#[test]
fn thousands_of_rotations_lose_nothing() {
    let bench = Bench::with_role(Role::Server);
    let key = bench.key_with(&[("EnableAutomaticRotation", "true"), ("RotationInterval", "7d")]);
    let mut blobs = vec![encrypt(&bench, &key)];
    for round in 0..2000 {
        bench.clock.pass(7 * DAY - 1);
        assert_eq!(bench.run_due().changed, 0, "round {round}: a second too early");
        bench.clock.pass(1);
        assert_eq!(bench.run_due().changed, 1, "round {round}");
        blobs.push(encrypt(&bench, &key));
    }
    let made: BTreeMap<_, _> = blobs.iter().map(|(blob, version)| (version.clone(), blob)).collect();
    assert_eq!(made.len(), 2001, "each by a version of its own");
    let listed = versions(&bench, &key);
    let mut order: Vec<_> = blobs.iter().map(|(_, version)| version.clone()).collect();
    order.reverse();
    assert_eq!(listed, order);
    let bench = bench.restarted(Role::Server, false);
    assert_eq!(versions(&bench, &key), order);
    for (blob, _) in &blobs {
        decrypts(&bench, blob);
    }
}

#[test]
fn rotation_follows_its_policy() {
    let bench = Bench::with_role(Role::Server);
    let key = bench.key();
    let policy = |interval: &str| {
        bench.send(
            "UpdateRotationPolicy",
            &[("KeyId", &key), ("EnableAutomaticRotation", "true"), ("RotationInterval", interval)],
        )
    };
    for bad in ["6d", "731d", "x", "7"] {
        assert!(policy(bad).unwrap_err().starts_with("400 InvalidParameter"), "{bad}");
    }
    assert!(policy("").unwrap_err().starts_with("400 MissingRotationInterval"));
    policy("10d").unwrap();
    let metadata = bench.metadata(&key);
    assert_eq!(
        (&metadata["AutomaticRotation"], &metadata["RotationInterval"], &metadata["NextRotationDate"]),
        (&json!("Enabled"), &json!("864000s"), &json!("2026-01-11T00:00:00Z"))
    );
    bench.ok("DisableKey", &[("KeyId", &key)]);
    assert_eq!(bench.metadata(&key)["AutomaticRotation"], json!("Suspended"));
    bench.clock.pass(20 * DAY);
    assert_eq!(bench.run_due().changed, 0, "suspended");
    bench.ok("EnableKey", &[("KeyId", &key)]);
    assert_eq!(bench.run_due().changed, 1, "overdue");
    assert_eq!(
        bench.metadata(&key)["NextRotationDate"],
        json!("2026-01-31T00:00:00Z"),
        "from the last one on"
    );
    bench.clock.pass(8 * DAY);
    policy("7d").unwrap();
    assert_eq!(versions(&bench, &key).len(), 3, "overdue by the new policy: at once");
    let off =
        [("KeyId", key.as_str()), ("EnableAutomaticRotation", "false"), ("RotationInterval", "ignored")];
    bench.ok("UpdateRotationPolicy", &off);
    bench.clock.pass(1000 * DAY);
    assert_eq!(bench.run_due().changed, 0);
    let metadata = bench.metadata(&key);
    assert_eq!(metadata["AutomaticRotation"], json!("Disabled"));
    assert!(metadata.get("NextRotationDate").is_none() && metadata.get("RotationInterval").is_none());
    // A command rotates keys too: otherwise a key of an embedded store would never rotate.
    policy("7d").unwrap();
    let bench = bench.restarted(Role::Command, false);
    bench.clock.pass(8 * DAY);
    assert_eq!(bench.run_due().changed, 1);
}

#[test]
fn a_key_is_deleted_after_its_window_and_never_before() {
    let bench = Bench::with_role(Role::Server);
    let (key, other) = (bench.key(), bench.key());
    let (blob, _) = encrypt(&bench, &key);
    bench.ok("CreateAlias", &[("KeyId", &key), ("AliasName", "alias/a")]);
    for days in ["6", "367", "0"] {
        let parameters = [("KeyId", key.as_str()), ("PendingWindowInDays", days)];
        assert_eq!(bench.code("ScheduleKeyDeletion", &parameters), "400 InvalidParameter");
    }
    bench.ok("ScheduleKeyDeletion", &[("KeyId", &key), ("PendingWindowInDays", "7")]);
    let metadata = bench.metadata("alias/a");
    assert_eq!(
        (&metadata["KeyState"], &metadata["DeleteDate"]),
        (&json!("PendingDeletion"), &json!("2026-01-08T00:00:00Z"))
    );
    for (action, expected) in [
        ("Encrypt", "409 Rejected.PendingDeletion"),
        ("GenerateDataKey", "409 Rejected.PendingDeletion"),
        ("CreateKeyVersion", "409 Rejected.PendingDeletion"),
        ("UpdateKeyDescription", "409 Rejected.PendingDeletion"),
        ("EnableKey", "409 Rejected.StateModifiedFailed"),
        ("DisableKey", "409 Rejected.StateModifiedFailed"),
        ("ScheduleKeyDeletion", "409 Rejected.StateModifiedFailed"),
    ] {
        let parameters = [("KeyId", key.as_str()), ("Plaintext", "aGk="), ("Description", "d")];
        assert_eq!(bench.code(action, &parameters), expected, "{action}");
    }
    bench.ok("CancelKeyDeletion", &[("KeyId", &key)]);
    assert_eq!(bench.code("CancelKeyDeletion", &[("KeyId", &key)]), "409 Rejected.StateModifiedFailed");
    decrypts(&bench, &blob);

    bench.ok("ScheduleKeyDeletion", &[("KeyId", &key)]); // 30 days
    for _ in 0..30 {
        assert_eq!(bench.run_due().changed, 0);
        assert_eq!(bench.state(&key), "PendingDeletion");
        bench.clock.pass(DAY);
    }
    let report = bench.run_due();
    assert_eq!((report.changed, report.held), (1, false));
    assert_eq!(bench.code("DescribeKey", &[("KeyId", &key)]), "404 Forbidden.KeyNotFound");
    assert_eq!(bench.code("DescribeKey", &[("KeyId", "alias/a")]), "404 Forbidden.AliasNotFound");
    assert_eq!(bench.code("Decrypt", &[("CiphertextBlob", &blob)]), "404 Forbidden.KeyVersionNotFound");
    assert_eq!(bench.code("CancelKeyDeletion", &[("KeyId", &key)]), "404 Forbidden.KeyNotFound");
    assert_eq!(bench.ok("ListKeys", &[])["Keys"]["Key"].as_array().unwrap().len(), 1);
    let bench = bench.restarted(Role::Server, false);
    assert_eq!(bench.code("DescribeKey", &[("KeyId", &key)]), "404 Forbidden.KeyNotFound");
    assert_eq!(bench.state(&other), "Enabled");
    bench.ok("CreateAlias", &[("KeyId", &other), ("AliasName", "alias/a")]);
}

#[test]
fn nothing_is_removed_after_a_jump_of_the_clock_until_an_operator_confirms_it() {
    let bench = Bench::with_role(Role::Server);
    let key = bench.key();
    bench.ok("ScheduleKeyDeletion", &[("KeyId", &key), ("PendingWindowInDays", "7")]);
    bench.run_due();
    bench.clock.jump(400 * DAY);
    for _ in 0..3 {
        let report = bench.run_due();
        assert_eq!((report.changed, report.held), (0, true));
        bench.clock.pass(60);
    }
    let bench = bench.restarted(Role::Server, false);
    bench.clock.pass(DAY);
    assert!(bench.run_due().held, "also after a restart");
    bench.ok("CancelKeyDeletion", &[("KeyId", &key)]);
    assert_eq!(bench.state(&key), "Enabled", "the key was not deleted");
    bench.ok("ScheduleKeyDeletion", &[("KeyId", &key), ("PendingWindowInDays", "7")]);
    let bench = bench.restarted(Role::Server, true);
    bench.run_due();
    bench.clock.pass(7 * DAY);
    assert_eq!(bench.run_due().changed, 1, "the operator has confirmed the clock");
    assert_eq!(bench.code("DescribeKey", &[("KeyId", &key)]), "404 Forbidden.KeyNotFound");
}

/// While the server runs, the engine knows how much time has passed; while it is off, the clock may have been set.
#[test]
fn nothing_ends_unseen_while_the_server_is_off() {
    let bench = Bench::with_role(Role::Server);
    let keys = [bench.key(), bench.key()];
    bench.ok("ScheduleKeyDeletion", &[("KeyId", &keys[0]), ("PendingWindowInDays", "7")]);
    bench.run_due();
    bench.clock.pass(8 * DAY);
    let bench = bench.restarted(Role::Server, false);
    assert_eq!(bench.run_due().changed, 1);

    bench.ok("ScheduleKeyDeletion", &[("KeyId", &keys[1]), ("PendingWindowInDays", "7")]);
    let Bench { kms, clock, data } = bench;
    drop(kms);
    clock.pass(8 * DAY);
    let kms =
        bulla_kms::Kms::open(&bulla_kms::Options::new(data.path(), Role::Server), clock.clone()).unwrap();
    let bench = Bench { kms, clock, data };
    let report = bench.run_due();
    assert_eq!((report.changed, report.held), (0, true));
    let bench = bench.restarted(Role::Server, true);
    assert_eq!(bench.run_due().changed, 1);
}

/// Writing the time checks the clock first: otherwise the next start would not find the jump.
#[test]
fn a_jump_that_was_not_checked_is_found_after_a_restart() {
    let bench = Bench::with_role(Role::Server);
    let key = bench.key();
    bench.ok("ScheduleKeyDeletion", &[("KeyId", &key), ("PendingWindowInDays", "7")]);
    bench.run_due();
    bench.clock.jump(8 * DAY);
    let mut bench = bench.restarted(Role::Server, false);
    for _ in 0..3 {
        let report = bench.run_due();
        assert_eq!((report.changed, report.held), (0, true));
        bench = bench.restarted(Role::Server, false);
    }
    assert_eq!(bench.state(&key), "PendingDeletion");
}

/// A command cannot compare its clock with an earlier reading; the machine may not have synchronised the time yet.
#[test]
fn a_command_with_a_clock_that_is_behind_lets_nothing_end_too_soon() {
    let bench = Bench::with_role(Role::Server);
    let key = bench.key();
    bench.run_due();
    bench.clock.jump(-30 * DAY);
    let bench = bench.restarted(Role::Command, false);
    bench.ok("ScheduleKeyDeletion", &[("KeyId", &key), ("PendingWindowInDays", "7")]);
    bench.clock.jump(30 * DAY);
    let bench = bench.restarted(Role::Server, false);
    let report = bench.run_due();
    assert_eq!((report.changed, report.held), (0, false));
    assert_eq!(bench.metadata(&key)["KeyState"], json!("PendingDeletion"));
    bench.clock.pass(7 * DAY);
    assert_eq!(bench.run_due().changed, 1);
}

#[test]
fn a_jump_in_small_steps_is_a_jump() {
    let bench = Bench::with_role(Role::Server);
    let key = bench.key();
    bench.ok("ScheduleKeyDeletion", &[("KeyId", &key), ("PendingWindowInDays", "7")]);
    for _ in 0..200 {
        bench.clock.jump(3600);
        assert_eq!(bench.run_due().changed, 0);
    }
    assert!(bench.run_due().held);
}

#[test]
fn a_store_that_no_server_had_is_not_believed() {
    let bench = Bench::new();
    let key = bench.key();
    bench.ok("ScheduleKeyDeletion", &[("KeyId", &key), ("PendingWindowInDays", "7")]);
    bench.clock.pass(400 * DAY);
    let bench = bench.restarted(Role::Server, false);
    let report = bench.run_due();
    assert_eq!((report.changed, report.held), (0, true));
    bench.ok("CancelKeyDeletion", &[("KeyId", &key)]);
    // If the store has nothing that could be removed, the clock is accepted as it is.
    assert!(!bench.run_due().held);
    bench.ok("ScheduleKeyDeletion", &[("KeyId", &key), ("PendingWindowInDays", "7")]);
    bench.clock.pass(7 * DAY);
    assert_eq!(bench.run_due().changed, 1);
}

#[test]
fn a_command_ends_no_key() {
    let bench = Bench::new();
    let key = bench.key();
    bench.ok("ScheduleKeyDeletion", &[("KeyId", &key), ("PendingWindowInDays", "7")]);
    bench.clock.pass(8 * DAY);
    assert_eq!(bench.run_due().changed, 0);
    assert_eq!(bench.state(&key), "PendingDeletion");
}

#[test]
fn a_protected_key_is_not_scheduled() {
    let bench = Bench::new();
    let key = bench.key();
    let arn = text(&bench.metadata(&key)["Arn"]);
    let protect = |on: &str, why: &str| {
        bench.ok(
            "SetDeletionProtection",
            &[
                ("ProtectedResourceArn", &arn),
                ("EnableDeletionProtection", on),
                ("DeletionProtectionDescription", why),
            ],
        )
    };
    for more in [&[("KeyId", key.as_str())][..], &[]] {
        let parameters = [&[("KmsInstanceId", "kst-x"), ("EnableDeletionProtection", "true")], more].concat();
        assert_eq!(bench.code("SetDeletionProtection", &parameters), "403 Forbidden.DKMSInstanceNotFound");
    }
    protect("true", "the archive");
    let metadata = bench.metadata(&key);
    assert_eq!(metadata["DeletionProtection"], json!("Enabled"));
    assert_eq!(metadata["DeletionProtectionDescription"], json!("the archive"));
    assert_eq!(bench.code("ScheduleKeyDeletion", &[("KeyId", &key)]), "409 Rejected.DeletionProtected");
    let long = "密".repeat(8193);
    let too_long = [
        ("ProtectedResourceArn", arn.as_str()),
        ("EnableDeletionProtection", "true"),
        ("DeletionProtectionDescription", &long),
    ];
    assert_eq!(bench.code("SetDeletionProtection", &too_long), "400 InvalidParameter");
    protect("false", &long); // without protection it is ignored
    assert_eq!(bench.metadata(&key)["DeletionProtection"], json!("Disabled"));
    bench.ok("ScheduleKeyDeletion", &[("KeyId", &key)]);
    let again = [("KeyId", key.as_str()), ("EnableDeletionProtection", "true")];
    assert_eq!(bench.code("SetDeletionProtection", &again), "409 Rejected.PendingDeletion");
    assert_eq!(
        bench.code("SetDeletionProtection", &[("EnableDeletionProtection", "true")]),
        "400 MissingProtectedResourceArn"
    );
    assert_eq!(
        bench.code("SetDeletionProtection", &[("KeyId", &key)]),
        "400 MissingEnableDeletionProtection"
    );
    for (arn, code) in [
        ("acs:kms:cn-beijing:111122223333:key/x", "404 Forbidden.KeyNotFound"),
        (UNKNOWN, "400 InvalidParameter"),
        ("acs:kms:cn-hangzhou:111122223333:alias/x", "400 Unsupported.Alias"),
    ] {
        let parameters = [("ProtectedResourceArn", arn), ("EnableDeletionProtection", "true")];
        assert_eq!(bench.code("SetDeletionProtection", &parameters), code, "{arn}");
    }
}

#[test]
fn descriptions_change() {
    let bench = Bench::new();
    let key = bench.key_with(&[("Description", "one")]);
    bench.ok("UpdateKeyDescription", &[("KeyId", &key), ("Description", "二")]);
    assert_eq!(bench.metadata(&key)["Description"], json!("二"));
    bench.ok("UpdateKeyDescription", &[("KeyId", &key), ("Description", "")]);
    assert_eq!(bench.metadata(&key)["Description"], json!(""));
    assert_eq!(bench.code("UpdateKeyDescription", &[("KeyId", &key)]), "400 MissingDescription");
    let long = "密".repeat(8193);
    assert_eq!(
        bench.code("UpdateKeyDescription", &[("KeyId", &key), ("Description", &long)]),
        "400 InvalidParameter"
    );
    assert_eq!(
        bench.code("UpdateKeyDescription", &[("KeyId", "alias/a"), ("Description", "x")]),
        "400 Unsupported.Alias"
    );
}

#[test]
fn tags_are_set_listed_and_found() {
    let bench = Bench::new();
    let (one, two) = (bench.key_with(&[("Tags", r#"[{"TagKey":"a","TagValue":"1"}]"#)]), bench.key());
    let tags = |key: &str| {
        let reply = bench.ok("ListResourceTags", &[("KeyId", key)]);
        let entries = reply["Tags"]["Tag"].as_array().unwrap().clone();
        assert!(entries.iter().all(|tag| tag["KeyId"] == json!(key)));
        entries
            .iter()
            .map(|tag| format!("{}={}", text(&tag["TagKey"]), text(&tag["TagValue"])))
            .collect::<Vec<_>>()
    };
    assert_eq!((tags(&one), tags(&two)), (vec!["a=1".to_owned()], vec![]));
    bench
        .ok("TagResource", &[("KeyId", &one), ("Tags", r#"[{"TagKey":"a","TagValue":"2"},{"TagKey":"b"}]"#)]);
    assert_eq!(tags(&one), ["a=2", "b="]);
    bench.ok("UntagResource", &[("KeyId", &one), ("TagKeys", r#"["a","never there"]"#)]);
    assert_eq!(tags(&one), ["b="]);

    let both = [
        ("RegionId", "cn-hangzhou"),
        ("ResourceType", "key"),
        ("ResourceId.1", &one),
        ("ResourceId.2", &two),
        ("Tag.1.Key", "team"),
        ("Tag.1.Value", "库"),
        ("Tag.2.Key", "empty"),
    ];
    bench.ok("TagResources", &both);
    assert_eq!(
        (tags(&one), tags(&two)),
        (vec!["b=".into(), "empty=".into(), "team=库".into()], vec!["empty=".into(), "team=库".into()])
    );
    let unknown =
        [&both[..2], &[("ResourceId.1", two.as_str()), ("ResourceId.2", UNKNOWN), ("Tag.1.Key", "x")]]
            .concat();
    assert_eq!(bench.code("TagResources", &unknown), "404 Forbidden.KeyNotFound");
    assert_eq!(tags(&two), ["empty=", "team=库"], "all or none");

    let filter = |filters: &str| bench.ok("ListKeys", &[("Filters", filters)])["TotalCount"].clone();
    assert_eq!(filter(r#"[{"Key":"TagKey","Values":["b"]}]"#), json!(1));
    assert_eq!(filter(r#"[{"Key":"TagValue","Values":["库"]}]"#), json!(2));

    let find = |more: &[(&str, &str)]| bench.ok("ListTagResources", &[&both[..2], more].concat());
    let found = find(&[("Tag.1.Key", "team"), ("Tag.2.Key", "b")]);
    let found: Vec<_> = found["TagResources"]["TagResource"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| text(&tag["ResourceId"]))
        .collect();
    assert_eq!(found, [one.clone(), one.clone(), one.clone()], "all tags of what has both");
    assert_eq!(find(&[("ResourceId.1", &two)])["TagResources"]["TagResource"].as_array().unwrap().len(), 2);
    assert_eq!(
        find(&[("Tag.1.Key", "team"), ("Tag.1.Value", "x")])["TagResources"]["TagResource"],
        json!([])
    );

    bench.ok("UntagResources", &[&both[..4], &[("TagKey.1", "team")]].concat());
    assert_eq!((tags(&one), tags(&two)), (vec!["b=".into(), "empty=".into()], vec!["empty=".to_owned()]));
    assert_eq!(bench.code("UntagResources", &both[..4]), "400 MissingTagKey");
    let empty = [&both[..4], &[("TagKey.1", ""), ("TagKey.2", "")]].concat();
    assert_eq!(bench.code("UntagResources", &empty), "400 MissingTagKey", "as if it were absent");
    bench.ok("UntagResources", &[&both[..4], &[("All", "true")]].concat());
    assert_eq!((tags(&one), tags(&two)), (vec![], Vec::<String>::new()));
    for (action, parameter, value) in [
        ("TagResource", "Tags", "[]"),
        ("TagResource", "Tags", r#"[["a","1"]]"#),
        ("TagResource", "Tags", r#"[{"TagKey":"a"},{"TagKey":"a"}]"#),
        ("TagResource", "Tags", r#"[{"TagKey":"a","TagKey":"b"}]"#),
        ("UntagResource", "TagKeys", "[]"),
        ("UntagResource", "TagKeys", &json!(vec!["a"; 21]).to_string()),
        ("CreateKey", "Tags", "[[]]"),
    ] {
        assert_eq!(
            bench.code(action, &[("KeyId", &one), (parameter, value)]),
            "400 InvalidParameter",
            "{value}"
        );
    }
    bench.ok("CreateKey", &[("Tags", "[]")]);
    let elsewhere = [&[("RegionId", "cn-shanghai")], &both[1..]].concat();
    for (action, more) in
        [("TagResources", ("x", "")), ("UntagResources", ("All", "true")), ("ListTagResources", ("x", ""))]
    {
        assert_eq!(
            bench.send(action, &[&elsewhere[..], &[more]].concat()).unwrap_err(),
            "400 InvalidParameter: The specified parameter \"RegionId\" is not valid.",
            "{action}"
        );
    }
    let names: Vec<_> = (1..=21).map(|number| (format!("Tag.{number}.Key"), format!("t{number}"))).collect();
    let many: Vec<_> = names.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(bench.code("ListTagResources", &[&both[..2], &many].concat()), "400 InvalidParameter");
    assert_eq!(bench.code("TagResources", &[&both[..4], &many].concat()), "400 Rejected.LimitExceeded");
    find(&many[..20]);

    bench.ok("ScheduleKeyDeletion", &[("KeyId", &one)]);
    assert_eq!(bench.code("TagResources", &both), "409 Rejected.PendingDeletion");
    assert_eq!(
        bench.code("ListTagResources", &[("RegionId", "cn-hangzhou"), ("ResourceType", "x")]),
        "400 InvalidParameter"
    );
}

#[test]
fn found_tags_come_in_pages() {
    let bench = Bench::new();
    let twenty: Vec<Value> =
        (0..20).map(|tag| json!({ "TagKey": format!("t{tag:02}"), "TagValue": "" })).collect();
    let tags = Value::from(twenty).to_string();
    let mut expected: Vec<_> = (0..21)
        .flat_map(|_| {
            let key = bench.key_with(&[("Tags", &tags)]);
            (0..20).map(move |tag| (key.clone(), format!("t{tag:02}")))
        })
        .collect();
    expected.sort();
    let (mut found, mut token, mut pages) = (Vec::new(), String::new(), Vec::new());
    loop {
        let parameters =
            [("RegionId", "cn-hangzhou"), ("ResourceType", "key"), ("NextToken", token.as_str())];
        let reply = bench.ok("ListTagResources", &parameters);
        let page = reply["TagResources"]["TagResource"].as_array().unwrap();
        pages.push(page.len());
        found.extend(page.iter().map(|tag| (text(&tag["ResourceId"]), text(&tag["TagKey"]))));
        token = text(&reply["NextToken"]);
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(found, expected);
    assert_eq!(pages, [200, 200, 20]);
    let one_more = [("KeyId", expected[0].0.as_str()), ("Tags", r#"[{"TagKey":"x"}]"#)];
    assert_eq!(bench.code("TagResource", &one_more), "400 Rejected.LimitExceeded");
    let twenty_one = tags.replace("[{", r#"[{"TagKey":"one more"},{"#);
    assert_eq!(bench.code("CreateKey", &[("Tags", &twenty_one)]), "400 Rejected.LimitExceeded");
    assert_eq!(
        bench.code("TagResource", &[("KeyId", &bench.key()), ("Tags", &twenty_one)]),
        "400 Rejected.LimitExceeded"
    );
    assert_eq!(
        bench.code(
            "ListTagResources",
            &[("RegionId", "cn-hangzhou"), ("ResourceType", "key"), ("NextToken", "x")]
        ),
        "400 InvalidParameter"
    );
}

#[test]
fn the_service_speaks_of_itself() {
    let bench = Bench::new();
    assert_eq!(bench.ok("DescribeAccountKmsStatus", &[])["AccountStatus"], json!("Enabled"));
    assert_eq!(bench.code("OpenKmsService", &[]), "400 Forbidden.Opened");
    let password =
        |parameters: &[(&str, &str)]| text(&bench.ok("GetRandomPassword", parameters)["RandomPassword"]);
    assert_eq!(password(&[]).len(), 32);
    assert_ne!(password(&[]), password(&[]));
    for _ in 0..50 {
        let digits = password(&[
            ("PasswordLength", "8"),
            ("ExcludeLowercase", "true"),
            ("ExcludeUppercase", "true"),
            ("ExcludePunctuation", "true"),
            ("ExcludeCharacters", "0123"),
        ]);
        assert!(digits.len() == 8 && digits.bytes().all(|byte| b"456789".contains(&byte)), "{digits}");
        let each = password(&[("PasswordLength", "8"), ("RequireEachIncludedType", "true")]);
        let has = |test: fn(&u8) -> bool| each.bytes().any(|byte| test(&byte));
        assert!(has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase), "{each}");
        assert!(has(u8::is_ascii_digit) && has(u8::is_ascii_punctuation), "{each}");
    }
    for (name, value) in [("PasswordLength", "7"), ("PasswordLength", "129"), ("ExcludeNumbers", "x")] {
        assert_eq!(bench.code("GetRandomPassword", &[(name, value)]), "400 InvalidParameter");
    }
    let nothing =
        ["ExcludeLowercase", "ExcludeUppercase", "ExcludeNumbers", "ExcludePunctuation"].map(|n| (n, "true"));
    assert_eq!(bench.code("GetRandomPassword", &nothing), "400 InvalidParameter");
    let no_digits = ("ExcludeCharacters", "0123456789");
    assert!(!password(&[no_digits]).contains(|letter: char| letter.is_ascii_digit()));
    let each = ("RequireEachIncludedType", "true");
    assert_eq!(
        bench.code("GetRandomPassword", &[no_digits, each]),
        "400 InvalidParameter",
        "there is no digit"
    );
    password(&[no_digits, each, ("ExcludeNumbers", "true")]);
}
