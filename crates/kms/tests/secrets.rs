//! The life of secrets: creating, finding, deleting and restoring them, and the keys that seal them.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::thread;

use bulla_kms::{Kms, Options, Role};
use bulla_wire::kms::{CreateSecret, DescribeSecret, GetSecretValue};
use bulla_wire::{Error, ErrorCode};
use serde_json::{Value, json};
use support::{Bench, DAY, UNKNOWN, text};

fn create(bench: &Bench, name: &str, more: &[(&str, &str)]) -> Result<Value, String> {
    let parameters = [("SecretName", name), ("VersionId", "v1"), ("SecretData", "hunter2")];
    bench.send("CreateSecret", &[&parameters, more].concat())
}

fn read(bench: &Bench, name: &str) -> Result<String, String> {
    let reply = bench.send("GetSecretValue", &[("SecretName", name)])?;
    Ok(text(&reply["SecretData"]))
}

fn describe(bench: &Bench, name: &str) -> Value {
    bench.ok("DescribeSecret", &[("SecretName", name)])
}

fn names(bench: &Bench, more: &[(&str, &str)]) -> Vec<String> {
    let reply = bench.ok("ListSecrets", more);
    reply["SecretList"]["Secret"].as_array().unwrap().iter().map(|entry| text(&entry["SecretName"])).collect()
}

/// Returns the status and code of an expected error.
fn code(outcome: Result<impl std::fmt::Debug, String>) -> String {
    outcome.unwrap_err().split(": ").next().unwrap().to_owned()
}

#[test]
fn a_secret_is_made_read_and_described() {
    let bench = Bench::new();
    let key = bench.key();
    bench.ok("CreateAlias", &[("KeyId", &key), ("AliasName", "alias/a")]);
    let more = [
        ("EncryptionKeyId", "alias/a"),
        ("Description", "数据库"),
        ("Tags", r#"[{"TagKey":"team","TagValue":"库"}]"#),
        ("SecretType", "Generic"),
        ("SecretDataType", "binary"),
        ("EnableAutomaticRotation", "false"),
        ("RotationInterval", "7d"),
    ];
    let arn = "acs:kms:cn-hangzhou:111122223333:secret/db/password@1";
    assert_eq!(
        create(&bench, "db/password@1", &more).unwrap(),
        json!({ "Arn": arn, "SecretName": "db/password@1", "VersionId": "v1", "SecretType": "Generic", "RequestId": "r" })
    );
    bench.clock.pass(60);
    for name in ["db/password@1", arn] {
        assert_eq!(
            bench.ok("GetSecretValue", &[("SecretName", name), ("FetchExtendedConfig", "true")]),
            json!({
                "SecretName": "db/password@1", "SecretType": "Generic", "VersionId": "v1", "SecretData": "hunter2",
                "SecretDataType": "binary", "VersionStages": { "VersionStage": ["ACSCurrent"] },
                "CreateTime": "2026-01-01T00:00:00Z", "RequestId": "r",
            })
        );
    }
    let mut described = json!({
        "Arn": arn, "SecretName": "db/password@1", "SecretType": "Generic", "Description": "数据库",
        "EncryptionKeyId": key, "CreateTime": "2026-01-01T00:00:00Z", "UpdateTime": "2026-01-01T00:00:00Z",
        "RequestId": "r",
    });
    assert_eq!(describe(&bench, arn), described);
    described["Tags"] = json!({ "Tag": [{ "TagKey": "team", "TagValue": "库" }] });
    assert_eq!(bench.ok("DescribeSecret", &[("SecretName", arn), ("FetchTags", "true")]), described);

    assert_eq!(
        bench.ok("UpdateSecret", &[("SecretName", arn), ("Description", "new")]),
        json!({ "SecretName": "db/password@1", "RequestId": "r" })
    );
    assert_eq!(describe(&bench, arn)["Description"], json!("new"));
    assert_eq!(describe(&bench, arn)["UpdateTime"], json!("2026-01-01T00:01:00Z"));
    bench.ok("UpdateSecret", &[("SecretName", arn)]);
    assert_eq!(describe(&bench, arn)["Description"], json!("new"), "as it was");
    assert_eq!(describe(&bench, arn)["UpdateTime"], json!("2026-01-01T00:01:00Z"));
    bench.ok("UpdateSecret", &[("SecretName", arn), ("Description", "")]);
    assert_eq!(describe(&bench, arn)["Description"], json!(""));

    assert_eq!(code(create(&bench, "db/password@1", &[])), "409 Rejected.ResourceExist");
    for unknown in
        ["x", "*", "acs:kms:cn-beijing:111122223333:secret/db/password@1", "acs:kms:cn-hangzhou:1:secret/x"]
    {
        for action in ["GetSecretValue", "DescribeSecret", "UpdateSecret", "DeleteSecret", "RestoreSecret"] {
            let parameters = [("SecretName", unknown)];
            assert_eq!(
                bench.code(action, &parameters),
                "404 Forbidden.ResourceNotFound",
                "{action} {unknown}"
            );
        }
    }
}

#[test]
fn what_a_secret_may_be() {
    let bench = Bench::new();
    let longest = "n".repeat(192);
    create(&bench, &longest, &[]).unwrap();
    for bad in [&format!("{longest}n"), "a b", "密", "acs/x", "acs:kms:cn-hangzhou:111122223333:secret/x"] {
        assert_eq!(code(create(&bench, bad, &[])), "400 InvalidParameter", "{bad}");
    }
    let with = |changed: (&str, &str)| {
        let parameters = [("SecretName", "s"), ("VersionId", "v"), ("SecretData", "d")];
        let parameters = parameters.into_iter().filter(|(name, _)| *name != changed.0);
        code(bench.send("CreateSecret", &parameters.chain([changed]).collect::<Vec<_>>()))
    };
    assert_eq!(with(("VersionId", &"v".repeat(65))), "400 InvalidParameter");
    assert_eq!(with(("VersionId", "a\nb")), "400 InvalidParameter");
    assert_eq!(with(("VersionId", "")), "400 MissingVersionId");
    assert_eq!(with(("SecretData", "")), "400 MissingSecretData");
    assert_eq!(with(("SecretData", &"密".repeat(10_241))), "400 InvalidParameter", "30,723 bytes");
    assert_eq!(with(("SecretName", "")), "400 MissingSecretName");
    for (name, value) in [
        ("SecretDataType", "json"),
        ("SecretType", "generic"),
        ("Description", &*"密".repeat(8193)),
        ("Tags", "{}"),
        ("Tags", r#"[{"TagKey":"acs:x"}]"#),
        ("Policy", "{}"),
    ] {
        assert_eq!(with((name, value)), "400 InvalidParameter", "{name}");
    }
    for (name, value) in [
        ("SecretType", "Rds"),
        ("SecretType", "Redis"),
        ("SecretType", "RAMCredentials"),
        ("SecretType", "ECS"),
        ("SecretType", "PolarDB"),
        ("EnableAutomaticRotation", "true"),
        ("ExtendedConfig", "{}"),
    ] {
        assert_eq!(with((name, value)), "400 UnsupportedOperation", "{name}");
    }
    assert_eq!(with(("DKMSInstanceId", "kst-1")), "403 Forbidden.DKMSInstanceNotFound");
    assert_eq!(names(&bench, &[]), [longest]);

    let largest = "密".repeat(10_240);
    let parameters = [("SecretName", "s"), ("VersionId", "版本 1"), ("SecretData", largest.as_str())];
    bench.ok("CreateSecret", &parameters);
    assert_eq!(read(&bench, "s").unwrap(), largest);

    for name in ["ExtendedConfig", "ExtendedConfig.CustomData", "ExtendedConfig.CustomData.a"] {
        assert_eq!(with((name, "{}")), "400 UnsupportedOperation", "{name}");
        let update = |value| bench.send("UpdateSecret", &[("SecretName", "s"), (name, value)]);
        assert!(update("{}").unwrap_err().starts_with("400 UnsupportedOperation"), "{name}");
    }
    bench.ok("UpdateSecret", &[("SecretName", "s"), ("ExtendedConfig", "")]);
    let rotate = [("SecretName", "s"), ("VersionId", "v2"), ("EnableAutomaticRotation", "false")];
    for action in ["RotateSecret", "UpdateSecretRotationPolicy"] {
        assert_eq!(bench.code(action, &rotate), "400 UnsupportedOperation", "{action}");
        let parameters = [&[("SecretName", "x")], &rotate[1..]].concat();
        assert_eq!(bench.code(action, &parameters), "404 Forbidden.ResourceNotFound", "{action}");
    }
}

#[test]
fn secrets_are_listed_and_found() {
    let bench = Bench::new();
    for number in 0..25 {
        let tags = format!(r#"[{{"TagKey":"n{}","TagValue":"t"}}]"#, number % 2);
        let name = format!("s{number:02}");
        create(&bench, &name, &[("Tags", &tags), ("Description", &format!("d{}", number % 5))]).unwrap();
    }
    let first = bench.ok("ListSecrets", &[]);
    assert_eq!(
        (&first["TotalCount"], &first["PageNumber"], &first["PageSize"]),
        (&json!(25), &json!(1), &json!(10))
    );
    let entry = json!({
        "SecretName": "s00", "SecretType": "Generic", "CreateTime": "2026-01-01T00:00:00Z",
        "UpdateTime": "2026-01-01T00:00:00Z",
    });
    assert_eq!(first["SecretList"]["Secret"][0], entry);
    let all: Vec<_> = ["1", "2", "3", "4"]
        .into_iter()
        .flat_map(|page| names(&bench, &[("PageNumber", page), ("PageSize", "8")]))
        .collect();
    assert_eq!(all, (0..25).map(|number| format!("s{number:02}")).collect::<Vec<_>>(), "by name");
    assert!(names(&bench, &[("PageNumber", "4"), ("PageSize", "10")]).is_empty());
    for bad in [("PageNumber", "0"), ("PageSize", "0"), ("PageSize", "101"), ("FetchTags", "x")] {
        assert_eq!(bench.code("ListSecrets", &[bad]), "400 InvalidParameter", "{bad:?}");
    }
    let tagged = bench.ok("ListSecrets", &[("FetchTags", "true"), ("PageSize", "1")]);
    let tags = &tagged["SecretList"]["Secret"][0]["Tags"]["Tag"];
    assert_eq!(*tags, json!([{ "TagKey": "n0", "TagValue": "t" }]));

    let found = |filters: &str| bench.ok("ListSecrets", &[("Filters", filters)])["TotalCount"].clone();
    for (filters, count) in [
        (r#"[{"Key":"SecretName","Values":["s01","s02","s"]}]"#, 2),
        (r#"[{"Key":"Description","Values":["d0"]}]"#, 5),
        (r#"[{"Key":"Description","Values":["d0"]},{"Key":"TagKey","Values":["n1"]}]"#, 2),
        (r#"[{"Key":"TagValue","Values":["t"]}]"#, 25),
        (r#"[{"Key":"SecretType","Values":["Generic"]}]"#, 25),
        (r#"[{"Key":"SecretType","Values":["Rds"]}]"#, 0),
        (r#"[{"Key":"Creator","Values":["111122223333"]}]"#, 25),
        (r#"[{"Key":"DKMSInstanceId","Values":[""]}]"#, 0),
        ("[]", 25),
    ] {
        assert_eq!(found(filters), json!(count), "{filters}");
    }
    for bad in ["{}", r#"[{"Key":"KeyState","Values":["x"]}]"#] {
        assert_eq!(bench.code("ListSecrets", &[("Filters", bad)]), "400 InvalidParameter", "{bad}");
    }
}

#[test]
fn a_secret_is_deleted_after_its_window_and_never_before() {
    let bench = Bench::with_role(Role::Server);
    create(&bench, "s", &[]).unwrap();
    create(&bench, "other", &[]).unwrap();
    for days in ["6", "31", "0", "x"] {
        let parameters = [("SecretName", "s"), ("RecoveryWindowInDays", days)];
        assert_eq!(bench.code("DeleteSecret", &parameters), "400 InvalidParameter", "{days}");
    }
    assert_eq!(bench.code("RestoreSecret", &[("SecretName", "s")]), "409 Rejected.ResourceInUse");
    assert_eq!(
        bench.ok("DeleteSecret", &[("SecretName", "s"), ("RecoveryWindowInDays", "7")]),
        json!({ "SecretName": "s", "PlannedDeleteTime": "2026-01-08T00:00:00Z", "RequestId": "r" })
    );
    let every = [
        ("SecretName", "s"),
        ("VersionId", "v2"),
        ("SecretData", "d"),
        ("VersionStage", "x"),
        ("MoveToVersion", "v1"),
        ("Tags", r#"[{"TagKey":"a"}]"#),
        ("TagKeys", r#"["a"]"#),
    ];
    for action in [
        "GetSecretValue",
        "PutSecretValue",
        "UpdateSecretVersionStage",
        "UpdateSecret",
        "DeleteSecret",
        "CreateSecret",
        "TagResource",
        "UntagResource",
    ] {
        assert_eq!(bench.code(action, &every), "409 Rejected.ResourceInDeleteWindow", "{action}");
    }
    assert_eq!(describe(&bench, "s")["PlannedDeleteTime"], json!("2026-01-08T00:00:00Z"));
    assert_eq!(names(&bench, &[]), ["other", "s"]);
    let planned = &bench.ok("ListSecrets", &[])["SecretList"]["Secret"][1]["PlannedDeleteTime"];
    assert_eq!(*planned, json!("2026-01-08T00:00:00Z"));
    let versions = bench.ok("ListSecretVersionIds", &[("SecretName", "s")]);
    assert_eq!(versions["TotalCount"], json!(1));

    let restored = bench.ok("RestoreSecret", &[("SecretName", "s")]);
    assert_eq!(restored, json!({ "SecretName": "s", "RequestId": "r" }));
    assert_eq!(read(&bench, "s").unwrap(), "hunter2");
    assert!(describe(&bench, "s").get("PlannedDeleteTime").is_none());

    let deleted = bench.ok("DeleteSecret", &[("SecretName", "s")]);
    assert_eq!(deleted["PlannedDeleteTime"], json!("2026-01-31T00:00:00Z"), "30 days");
    bench.clock.pass(15 * DAY);
    let bench = bench.restarted(Role::Server, false);
    bench.clock.pass(15 * DAY - 1);
    assert_eq!(bench.run_due().changed, 0, "a second too early");
    assert_eq!(names(&bench, &[]), ["other", "s"]);
    bench.clock.pass(1);
    let report = bench.run_due();
    assert_eq!((report.changed, report.held), (1, false));
    assert_eq!(code(read(&bench, "s")), "404 Forbidden.ResourceNotFound");
    assert_eq!(bench.code("RestoreSecret", &[("SecretName", "s")]), "404 Forbidden.ResourceNotFound");
    assert_eq!(bench.run_due().changed, 0);
    let bench = bench.restarted(Role::Server, false);
    assert_eq!(
        (names(&bench, &[]), read(&bench, "other").unwrap()),
        (vec!["other".into()], "hunter2".into())
    );
    create(&bench, "s", &[]).unwrap();
}

#[test]
fn a_restored_secret_does_not_end() {
    let bench = Bench::with_role(Role::Server);
    create(&bench, "s", &[]).unwrap();
    bench.ok("DeleteSecret", &[("SecretName", "s"), ("RecoveryWindowInDays", "7")]);
    bench.clock.pass(7 * DAY);
    assert_eq!(bench.code("GetSecretValue", &[("SecretName", "s")]), "409 Rejected.ResourceInDeleteWindow");
    bench.ok("RestoreSecret", &[("SecretName", "s")]);
    assert_eq!(bench.run_due().changed, 0, "restored in the last moment");
    assert_eq!(read(&bench, "s").unwrap(), "hunter2");
    bench.ok("DeleteSecret", &[("SecretName", "s"), ("RecoveryWindowInDays", "7")]);
    bench.clock.pass(7 * DAY);
    let report = bench.run_due();
    assert_eq!((report.changed, report.held), (1, false));
}

#[test]
fn a_forced_deletion_frees_the_name_at_once() {
    let bench = Bench::with_role(Role::Server);
    create(&bench, "s", &[]).unwrap();
    bench.ok("PutSecretValue", &[("SecretName", "s"), ("VersionId", "v2"), ("SecretData", "d")]);
    // The window is irrelevant then, so it is not checked.
    let force = [("SecretName", "s"), ("ForceDeleteWithoutRecovery", "true"), ("RecoveryWindowInDays", "99")];
    assert_eq!(bench.ok("DeleteSecret", &force)["PlannedDeleteTime"], json!("2026-01-01T00:00:00Z"));
    assert_eq!(code(read(&bench, "s")), "404 Forbidden.ResourceNotFound");
    create(&bench, "s", &[]).unwrap();
    assert_eq!(read(&bench, "s").unwrap(), "hunter2");
    bench.ok("DeleteSecret", &[("SecretName", "s"), ("ForceDeleteWithoutRecovery", "false")]);
    bench.ok("DeleteSecret", &force);
    assert!(names(&bench, &[]).is_empty(), "also out of its window");
    create(&bench, "s", &[]).unwrap();
    bench.clock.pass(31 * DAY);
    assert_eq!(bench.run_due().changed, 0, "the window of the one before is forgotten");
    let bench = bench.restarted(Role::Server, false);
    assert_eq!(read(&bench, "s").unwrap(), "hunter2");
}

#[test]
fn no_secret_ends_while_the_clock_cannot_be_believed() {
    let bench = Bench::with_role(Role::Server);
    create(&bench, "s", &[]).unwrap();
    bench.ok("DeleteSecret", &[("SecretName", "s"), ("RecoveryWindowInDays", "7")]);
    bench.run_due();
    bench.clock.jump(400 * DAY);
    let report = bench.run_due();
    assert_eq!((report.changed, report.held), (0, true));
    let bench = bench.restarted(Role::Server, false);
    assert!(bench.run_due().held, "also after a restart");
    bench.ok("RestoreSecret", &[("SecretName", "s")]);
    assert_eq!(read(&bench, "s").unwrap(), "hunter2", "the secret was not deleted");
    assert!(!bench.run_due().held);
}

#[test]
fn a_command_ends_no_secret() {
    let bench = Bench::new();
    create(&bench, "s", &[]).unwrap();
    bench.ok("DeleteSecret", &[("SecretName", "s"), ("RecoveryWindowInDays", "7")]);
    bench.clock.pass(8 * DAY);
    assert_eq!(bench.run_due().changed, 0);
    bench.ok("RestoreSecret", &[("SecretName", "s")]);
}

#[test]
fn a_secret_is_as_readable_as_its_key() {
    let bench = Bench::with_role(Role::Server);
    let key = bench.key();
    let with_key = [("EncryptionKeyId", key.as_str())];
    create(&bench, "s", &with_key).unwrap();
    bench.ok("CreateKeyVersion", &[("KeyId", &key)]);
    let put = |version: &str| {
        bench.send("PutSecretValue", &[("SecretName", "s"), ("VersionId", version), ("SecretData", version)])
    };
    put("v2").unwrap();
    assert_eq!(read(&bench, "s").unwrap(), "v2");
    let old = bench.ok("GetSecretValue", &[("SecretName", "s"), ("VersionId", "v1")]);
    assert_eq!(old["SecretData"], json!("hunter2"), "sealed by an older version of the key");

    bench.ok("DisableKey", &[("KeyId", &key)]);
    let list = r#"[{"SecretName":"s"}]"#;
    for outcome in [
        bench.send("GetSecretValue", &[("SecretName", "s")]),
        put("v3"),
        put("v2"),
        create(&bench, "t", &with_key),
    ] {
        assert_eq!(code(outcome), "409 Rejected.Disabled");
    }
    let errors = bench.ok("BatchGetSecretValue", &[("SecretsList", list)])["Errors"].clone();
    assert_eq!(errors[0]["Code"], json!("Rejected.Disabled"));
    bench.ok("EnableKey", &[("KeyId", &key)]);
    assert_eq!(read(&bench, "s").unwrap(), "v2");

    bench.ok("ScheduleKeyDeletion", &[("KeyId", &key), ("PendingWindowInDays", "7")]);
    assert_eq!(code(read(&bench, "s")), "409 Rejected.PendingDeletion");
    bench.clock.pass(7 * DAY);
    assert_eq!(bench.run_due().changed, 1);
    assert_eq!(describe(&bench, "s")["EncryptionKeyId"], json!(key), "the secret is still there");
    assert_eq!(code(read(&bench, "s")), "404 Forbidden.KeyNotFound");
    assert_eq!(code(put("v3")), "404 Forbidden.KeyNotFound");
    bench.ok("DeleteSecret", &[("SecretName", "s"), ("ForceDeleteWithoutRecovery", "true")]);

    let mac = bench.key_with(&[("KeySpec", "HMAC_SHA256")]);
    for (key, expected) in [
        (mac.as_str(), "400 UnsupportedOperation"),
        (UNKNOWN, "404 Forbidden.KeyNotFound"),
        ("alias/x", "404 Forbidden.AliasNotFound"),
    ] {
        assert_eq!(code(create(&bench, "s", &[("EncryptionKeyId", key)])), expected);
    }
    assert!(names(&bench, &[]).is_empty());
}

const SERVICE_ALIAS: &str = "alias/acs/secretsmanager";

#[test]
fn secrets_without_a_key_of_their_own_share_that_of_the_service() {
    let bench = Bench::new();
    let own = bench.key();
    assert_eq!(bench.code("DescribeKey", &[("KeyId", SERVICE_ALIAS)]), "404 Forbidden.AliasNotFound");
    assert_eq!(code(create(&bench, "acs/x", &[])), "400 InvalidParameter");
    let count = |filter: &str| bench.ok("ListKeys", &[("Filters", filter)])["TotalCount"].clone();
    let (users, services) =
        (r#"[{"Key":"CreatorType","Values":["User"]}]"#, r#"[{"Key":"CreatorType","Values":["Service"]}]"#);
    assert_eq!(count(services), json!(0), "made with the first such secret, and not before");
    create(&bench, "one", &[]).unwrap();
    create(&bench, "two", &[]).unwrap();
    create(&bench, "three", &[("EncryptionKeyId", &own)]).unwrap();
    assert_eq!((count(users), count(services), count("[]")), (json!(1), json!(1), json!(2)));
    assert!(describe(&bench, "one").get("EncryptionKeyId").is_none());
    let metadata = bench.metadata(SERVICE_ALIAS);
    assert_eq!(
        (&metadata["Creator"], &metadata["KeyState"], &metadata["KeySpec"]),
        (&json!("secretsmanager"), &json!("Enabled"), &json!("Aliyun_AES_256"))
    );
    let service = text(&metadata["KeyId"]);
    let aliases = bench.ok("ListAliasesByKeyId", &[("KeyId", &service)]);
    assert_eq!(aliases["Aliases"]["Alias"][0]["AliasName"], json!(SERVICE_ALIAS));

    let every = [
        ("KeyId", service.as_str()),
        ("AliasName", "alias/a"),
        ("Description", "d"),
        ("EnableDeletionProtection", "true"),
        ("EnableAutomaticRotation", "true"),
        ("RotationInterval", "7d"),
        ("Tags", r#"[{"TagKey":"a"}]"#),
        ("TagKeys", r#"["a"]"#),
    ];
    let before = bench.metadata(&service);
    bench.ok("CreateAlias", &[("KeyId", &own), ("AliasName", "alias/own")]);
    for action in [
        "DisableKey",
        "EnableKey",
        "ScheduleKeyDeletion",
        "CancelKeyDeletion",
        "SetDeletionProtection",
        "UpdateKeyDescription",
        "CreateKeyVersion",
        "UpdateRotationPolicy",
        "CreateAlias",
        "TagResource",
        "UntagResource",
    ] {
        assert_eq!(bench.code(action, &every), "400 Rejected.UnsupportedOperation", "{action}");
    }
    let retarget = [("KeyId", service.as_str()), ("AliasName", "alias/own")];
    assert_eq!(bench.code("UpdateAlias", &retarget), "400 Rejected.UnsupportedOperation");
    assert_eq!(bench.code("DeleteKeyMaterial", &every), "400 Unsupported.Origin");
    for action in ["CreateAlias", "UpdateAlias", "DeleteAlias"] {
        let parameters = [("KeyId", own.as_str()), ("AliasName", SERVICE_ALIAS)];
        assert_eq!(bench.code(action, &parameters), "400 InvalidParameter", "{action}");
    }
    assert_eq!(bench.metadata(&service), before);
    let bench = bench.restarted(Role::Command, false);
    assert_eq!(read(&bench, "one").unwrap(), "hunter2");
    create(&bench, "four", &[]).unwrap();
    assert_eq!(bench.ok("ListKeys", &[])["TotalCount"], json!(2));
}

fn call<A: bulla_wire::Action>(kms: &Kms, request: A) -> Result<A::Reply, Error> {
    pollster::block_on(kms.call(request.into(), &kms.owner())).map(|reply| A::reply(reply).unwrap())
}

/// All begin with a store without a service key.
#[test]
fn many_first_secrets_at_once_make_one_key_and_one_name_has_one_owner() {
    let data = tempfile::tempdir().unwrap();
    let kms = Kms::open(&Options::new(data.path(), Role::Command), bulla_kms::SystemClock).unwrap();
    let start = std::sync::Barrier::new(8);
    let new = |name: String, data: String| CreateSecret {
        secret_name: name,
        version_id: "v1".into(),
        secret_data: data.into(),
        ..CreateSecret::default()
    };
    let owners: Vec<usize> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let (kms, start, new) = (&kms, &start, &new);
                scope.spawn(move || {
                    start.wait();
                    call(kms, new(format!("own-{thread}"), "d".into())).unwrap();
                    match call(kms, new("contended".into(), thread.to_string())) {
                        Ok(_) => Some(thread),
                        Err(error) => {
                            assert_eq!(error.code(), ErrorCode::RejectedResourceExist);
                            None
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    });
    let [owner] = owners[..] else { panic!("{owners:?}") };
    let request = GetSecretValue { secret_name: "contended".into(), ..GetSecretValue::default() };
    assert_eq!(call(&kms, request).unwrap().secret_data.expose(), owner.to_string());
    let keys = call(&kms, bulla_wire::kms::ListKeys::default()).unwrap();
    assert_eq!(keys.total_count, 1, "one key of the service");
    for thread in 0..8 {
        call(&kms, DescribeSecret { secret_name: format!("own-{thread}"), fetch_tags: None }).unwrap();
    }
}

#[test]
fn secrets_have_tags_like_keys() {
    let bench = Bench::new();
    let key = bench.key_with(&[("Tags", r#"[{"TagKey":"a","TagValue":"key"}]"#)]);
    create(&bench, "one", &[("Tags", r#"[{"TagKey":"a","TagValue":"1"}]"#)]).unwrap();
    create(&bench, "two", &[]).unwrap();
    let tags = |name: &str| {
        let reply = bench.ok("DescribeSecret", &[("SecretName", name), ("FetchTags", "true")]);
        let tags = reply["Tags"]["Tag"].as_array().unwrap().clone();
        tags.iter()
            .map(|tag| format!("{}={}", text(&tag["TagKey"]), text(&tag["TagValue"])))
            .collect::<Vec<_>>()
    };
    bench.ok("TagResource", &[("SecretName", "one"), ("Tags", r#"[{"TagKey":"b","TagValue":"2"}]"#)]);
    assert_eq!(tags("one"), ["a=1", "b=2"]);
    bench.ok("UntagResource", &[("SecretName", "one"), ("TagKeys", r#"["a"]"#)]);
    assert_eq!(tags("one"), ["b=2"]);
    let of = |kind: &'static str| [("RegionId", "cn-hangzhou"), ("ResourceType", kind)];
    let both = [("ResourceId.1", "one"), ("ResourceId.2", "two"), ("ResourceId.3", "one")];
    bench.ok(
        "TagResources",
        &[&of("secret")[..], &both, &[("Tag.1.Key", "t"), ("Tag.1.Value", "3")]].concat(),
    );
    assert_eq!((tags("one"), tags("two")), (vec!["b=2".into(), "t=3".into()], vec!["t=3".to_owned()]));
    let found = |kind: &'static str, more: &[(&str, &str)]| {
        let reply = bench.ok("ListTagResources", &[&of(kind)[..], more].concat());
        let found = reply["TagResources"]["TagResource"].as_array().unwrap().clone();
        assert!(found.iter().all(|tag| tag["ResourceType"] == json!(kind)));
        found
            .iter()
            .map(|tag| format!("{}:{}", text(&tag["ResourceId"]), text(&tag["TagKey"])))
            .collect::<Vec<_>>()
    };
    assert_eq!(found("secret", &[]), vec!["one:b", "one:t", "two:t"]);
    assert_eq!(found("secret", &[("Tag.1.Key", "b")]), vec!["one:b", "one:t"]);
    assert_eq!(found("key", &[]), vec![format!("{key}:a")]);
    bench.ok("UntagResources", &[&of("secret")[..], &both, &[("All", "true")]].concat());
    assert_eq!(found("secret", &[]), Vec::<String>::new());
    for (name, expected) in
        [("x", "404 Forbidden.ResourceNotFound"), (UNKNOWN, "404 Forbidden.ResourceNotFound")]
    {
        let parameters = [&of("secret")[..], &[("ResourceId.1", name), ("Tag.1.Key", "t")]].concat();
        assert_eq!(bench.code("TagResources", &parameters), expected);
        let tags = ("Tags", r#"[{"TagKey":"t"}]"#);
        assert_eq!(bench.code("TagResource", &[("SecretName", name), tags]), expected);
    }
    assert_eq!(
        bench.code("TagResource", &[("SecretName", "one"), ("KeyId", &key), ("Tags", "[]")]),
        "400 InvalidParameter"
    );
}
