//! The values of secrets: versions, stages, batches, and what no caller may see.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::future::Future;
use std::task::{Context, Poll, Waker};
use std::thread;

use bulla_kms::{Kms, Options, Role, SystemClock};
use bulla_wire::kms::{CreateSecret, GetSecretValue, ListSecretVersionIds, PutSecretValue};
use bulla_wire::{Action, Error};
use serde_json::{Value, json};
use support::{Bench, text};

fn with_secret() -> Bench {
    let bench = Bench::new();
    bench.ok("CreateSecret", &[("SecretName", "s"), ("VersionId", "v1"), ("SecretData", "hunter1")]);
    bench
}

fn put(bench: &Bench, version: &str, data: &str, more: &[(&str, &str)]) -> Result<Value, String> {
    let parameters = [("SecretName", "s"), ("VersionId", version), ("SecretData", data)];
    bench.send("PutSecretValue", &[&parameters, more].concat())
}

fn get(bench: &Bench, which: &[(&str, &str)]) -> Result<String, String> {
    let reply = bench.send("GetSecretValue", &[&[("SecretName", "s")], which].concat())?;
    Ok(text(&reply["SecretData"]))
}

/// Returns the status and code of an expected error.
fn code(outcome: Result<impl std::fmt::Debug, String>) -> String {
    outcome.unwrap_err().split(": ").next().unwrap().to_owned()
}

fn move_stage(bench: &Bench, stage: &str, from: &str, to: &str) -> Result<Value, String> {
    bench.send(
        "UpdateSecretVersionStage",
        &[("SecretName", "s"), ("VersionStage", stage), ("RemoveFromVersion", from), ("MoveToVersion", to)],
    )
}

/// Returns the versions with their stages, as listed.
fn versions(bench: &Bench, more: &[(&str, &str)]) -> Vec<String> {
    let reply = bench.ok("ListSecretVersionIds", &[&[("SecretName", "s")], more].concat());
    let show = |version: &Value| {
        let stages = version["VersionStages"]["VersionStage"].as_array().unwrap();
        let stages: Vec<_> = stages.iter().map(text).collect();
        format!("{}:{}", text(&version["VersionId"]), stages.join(","))
    };
    reply["VersionIds"]["VersionId"].as_array().unwrap().iter().map(show).collect()
}

#[test]
fn a_new_version_is_current_and_old_ones_stay() {
    let bench = with_secret();
    bench.clock.pass(60);
    assert_eq!(
        put(&bench, "v2", "hunter2", &[("SecretDataType", "binary")]).unwrap(),
        json!({
            "SecretName": "s", "VersionId": "v2", "VersionStages": { "VersionStage": ["ACSCurrent"] },
            "RequestId": "r",
        })
    );
    let arn = "acs:kms:cn-hangzhou:111122223333:secret/s";
    let next = [("SecretName", arn), ("VersionId", "v3"), ("SecretData", "hunter3")];
    for stages in [r#"["next","beta"]"#, r#" {"VersionStage": ["next", "beta"]} "#] {
        let bench = with_secret();
        let reply = bench.ok("PutSecretValue", &[&next[..], &[("VersionStages", stages)]].concat());
        assert_eq!(reply["VersionStages"]["VersionStage"], json!(["beta", "next"]), "{stages}");
    }
    let reply = bench.ok("PutSecretValue", &[&next[..], &[("VersionStages", r#"["next","beta"]"#)]].concat());
    assert_eq!(reply["SecretName"], json!("s"));
    for (which, data) in [
        (vec![], "hunter2"),
        (vec![("VersionStage", "ACSCurrent")], "hunter2"),
        (vec![("VersionStage", "ACSPrevious")], "hunter1"),
        (vec![("VersionStage", "next")], "hunter3"),
        (vec![("VersionId", "v1")], "hunter1"),
        (vec![("VersionId", "v3")], "hunter3"),
        (vec![("VersionId", "v3"), ("VersionStage", "beta")], "hunter3"),
    ] {
        assert_eq!(get(&bench, &which).unwrap(), data, "{which:?}");
    }
    for which in [
        vec![("VersionStage", "none")],
        vec![("VersionId", "v4")],
        vec![("VersionId", "v3"), ("VersionStage", "ACSCurrent")],
    ] {
        assert_eq!(code(get(&bench, &which)), "404 Forbidden.ResourceNotFound", "{which:?}");
    }
    let second = bench.ok("GetSecretValue", &[("SecretName", "s")]);
    assert_eq!(second["SecretDataType"], json!("binary"));
    assert_eq!(second["CreateTime"], json!("2026-01-01T00:00:00Z"), "of the secret");
    let described = bench.ok("DescribeSecret", &[("SecretName", "s")]);
    assert_eq!(described["UpdateTime"], json!("2026-01-01T00:01:00Z"));
    let bench = bench.restarted(Role::Command, false);
    assert_eq!(get(&bench, &[("VersionStage", "next")]).unwrap(), "hunter3");
    assert_eq!(versions(&bench, &[]), ["v3:beta,next", "v2:ACSCurrent", "v1:ACSPrevious"], "newest first");
}

#[test]
fn a_version_is_written_once() {
    let bench = with_secret();
    put(&bench, "v2", "hunter2", &[]).unwrap();
    put(&bench, "v3", "hunter3", &[]).unwrap();
    let again = put(&bench, "v1", "hunter1", &[]).unwrap();
    assert_eq!(again["VersionStages"]["VersionStage"], json!([]), "repeated: nothing happens");
    bench.clock.pass(60);
    // Stages and type are not compared: only another value is refused.
    for (version, data, more, stages) in [
        ("v3", "hunter3", ("VersionStages", r#"["ACSCurrent"]"#), json!(["ACSCurrent"])),
        ("v3", "hunter3", ("VersionStages", r#"["x"]"#), json!(["ACSCurrent"])),
        ("v1", "hunter1", ("VersionStages", r#"["ACSCurrent","x"]"#), json!([])),
        ("v1", "hunter1", ("SecretDataType", "binary"), json!([])),
        ("v2", "hunter2", ("SecretDataType", "text"), json!(["ACSPrevious"])),
    ] {
        let again = put(&bench, version, data, &[more]).unwrap();
        assert_eq!(again["VersionStages"]["VersionStage"], stages, "{version} {more:?}");
    }
    let described = bench.ok("DescribeSecret", &[("SecretName", "s")]);
    assert_eq!(described["UpdateTime"], json!("2026-01-01T00:00:00Z"), "nothing was changed");
    let first = bench.ok("GetSecretValue", &[("SecretName", "s"), ("VersionId", "v1")]);
    assert_eq!(first["SecretDataType"], json!("text"));
    put(&with_secret(), "v2", "d", &[("VersionStages", "null")]).unwrap(); // a nil list of a Go client
    for (version, data, more) in [
        ("v1", "hunter2", &[][..]),
        ("v3", "h", &[]),
        ("v3", "hunter33", &[]),
        ("v3", "h", &[("VersionStages", r#"["ACSCurrent"]"#)]),
    ] {
        let outcome = put(&bench, version, data, more);
        assert_eq!(code(outcome), "409 Rejected.ResourceExist", "{version} {data} {more:?}");
    }
    assert_eq!(get(&bench, &[("VersionId", "v1")]).unwrap(), "hunter1");
    assert_eq!(
        versions(&bench, &[("IncludeDeprecated", "true")]),
        ["v3:ACSCurrent", "v2:ACSPrevious", "v1:"]
    );
    for (name, value) in [
        ("VersionStages", "[]"),
        ("VersionStages", "x"),
        ("VersionStages", r#"[""]"#),
        ("VersionStages", r#"{"VersionStage":[]}"#),
        ("VersionStages", r#"{"VersionStage":"ACSCurrent"}"#),
        ("VersionStages", r#"{"VersionStage":["a"],"More":[]}"#),
        ("VersionStages", r#"{"VersionStage":["a"],"VersionStage":["b"]}"#),
        ("VersionStages", r#"[["a"]]"#),
        ("SecretDataType", "json"),
    ] {
        assert_eq!(code(put(&bench, "v4", "d", &[(name, value)])), "400 InvalidParameter", "{value}");
    }
    assert_eq!(code(put(&bench, "v4", &"d".repeat(30_721), &[])), "400 InvalidParameter");
    assert_eq!(code(put(&bench, &"v".repeat(65), "d", &[])), "400 InvalidParameter");
    put(&bench, &"v".repeat(64), &"d".repeat(30_720), &[]).unwrap();
    assert_eq!(
        bench.code("PutSecretValue", &[("SecretName", "x"), ("VersionId", "v"), ("SecretData", "d")]),
        "404 Forbidden.ResourceNotFound"
    );
}

#[test]
fn ten_versions_are_kept() {
    let bench = with_secret();
    move_stage(&bench, "kept", "", "v1").unwrap();
    for number in 2..=11 {
        put(&bench, &format!("v{number}"), &format!("hunter{number}"), &[]).unwrap();
    }
    let all = versions(&bench, &[("IncludeDeprecated", "true")]);
    assert_eq!((all.len(), &*all[0], &*all[8], &*all[9]), (10, "v11:ACSCurrent", "v3:", "v1:kept"));
    assert_eq!(
        code(get(&bench, &[("VersionId", "v2")])),
        "404 Forbidden.ResourceNotFound",
        "the oldest deprecated"
    );
    assert_eq!(get(&bench, &[("VersionId", "v3")]).unwrap(), "hunter3");
    put(&bench, "v2", "another", &[]).unwrap();
    assert_eq!(get(&bench, &[]).unwrap(), "another", "its name is free again");
    assert_eq!(versions(&bench, &[]), ["v2:ACSCurrent", "v11:ACSPrevious", "v1:kept"]);

    let page = |number: &str, size: &str| {
        versions(&bench, &[("IncludeDeprecated", "true"), ("PageNumber", number), ("PageSize", size)])
    };
    assert_eq!((page("1", "4").len(), page("3", "4").len(), page("4", "4").len()), (4, 2, 0));
    assert_eq!([page("1", "4"), page("2", "4"), page("3", "4")].concat(), page("1", "100"));
    let reply = bench.ok("ListSecretVersionIds", &[("SecretName", "s")]);
    assert_eq!(
        (&reply["TotalCount"], &reply["PageNumber"], &reply["PageSize"], &reply["SecretName"]),
        (&json!(3), &json!(1), &json!(20), &json!("s"))
    );
    assert_eq!(reply["VersionIds"]["VersionId"][0]["CreateTime"], json!("2026-01-01T00:00:00Z"));
    for bad in [("PageNumber", "0"), ("PageSize", "0"), ("PageSize", "101")] {
        assert_eq!(bench.code("ListSecretVersionIds", &[("SecretName", "s"), bad]), "400 InvalidParameter");
    }
    let bench = bench.restarted(Role::Command, false);
    assert_eq!(get(&bench, &[("VersionStage", "kept")]).unwrap(), "hunter1");
    assert_eq!(get(&bench, &[("VersionId", "v4")]).unwrap(), "hunter4");
}

#[test]
fn stages_are_moved_and_removed() {
    let bench = with_secret();
    put(&bench, "v2", "hunter2", &[]).unwrap();
    let reply = move_stage(&bench, "ACSCurrent", "v2", "v1").unwrap();
    assert_eq!(reply, json!({ "SecretName": "s", "RequestId": "r" }));
    assert_eq!(versions(&bench, &[]), ["v2:ACSPrevious", "v1:ACSCurrent"], "a step back");
    assert_eq!(get(&bench, &[]).unwrap(), "hunter1");
    move_stage(&bench, "mine", "", "v1").unwrap();
    move_stage(&bench, "mine", "", "v2").unwrap();
    assert_eq!(versions(&bench, &[]), ["v2:ACSPrevious,mine", "v1:ACSCurrent"]);
    for (stage, from, to, expected) in [
        ("mine", "v1", "v2", "400 InvalidParameter"),
        ("mine", "v1", "", "400 InvalidParameter"),
        ("mine", "", "", "400 MissingMoveToVersion"),
        ("mine", "v2", "v9", "404 Forbidden.ResourceNotFound"),
        ("mine", "v9", "", "404 Forbidden.ResourceNotFound"),
        ("ACSCurrent", "v1", "", "400 MissingMoveToVersion"),
        ("ACSPrevious", "v2", "", "400 MissingMoveToVersion"),
        ("", "", "v2", "400 MissingVersionStage"),
        (&*"s".repeat(65), "", "v2", "400 InvalidParameter"),
        ("mine", "", &*"v".repeat(65), "400 InvalidParameter"),
    ] {
        assert_eq!(code(move_stage(&bench, stage, from, to)), expected, "{stage} {from} {to}");
    }
    move_stage(&bench, "mine", "v2", "").unwrap();
    assert_eq!(versions(&bench, &[]), ["v2:ACSPrevious", "v1:ACSCurrent"]);
    for number in 3..=8 {
        move_stage(&bench, &format!("s{number}"), "", "v1").unwrap();
    }
    assert_eq!(code(move_stage(&bench, "s9", "", "v1")), "400 Rejected.LimitExceeded");
    let outcome = put(&bench, "v3", "d", &[("VersionStages", r#"["s9"]"#)]);
    assert_eq!(code(outcome), "400 Rejected.LimitExceeded");
    put(&bench, "v3", "d", &[("VersionStages", r#"["s8","ACSCurrent"]"#)]).unwrap();
    assert_eq!(versions(&bench, &[]), ["v3:ACSCurrent,s8", "v1:ACSPrevious,s3,s4,s5,s6,s7"]);
}

#[test]
fn twenty_secrets_are_read_at_once() {
    let bench = with_secret();
    put(&bench, "v2", "hunter2", &[]).unwrap();
    bench.ok("CreateSecret", &[("SecretName", "gone"), ("VersionId", "v"), ("SecretData", "d")]);
    bench.ok("DeleteSecret", &[("SecretName", "gone")]);
    let batch = |list: &Value| bench.send("BatchGetSecretValue", &[("SecretsList", &list.to_string())]);
    let empty = batch(&json!([{ "SecretName": "s", "VersionId": "", "VersionStage": "" }])).unwrap();
    assert_eq!(empty["Errors"], json!([]), "as if they were absent");
    let reply = batch(&json!([
        { "SecretName": "s" },
        { "SecretName": "x" },
        { "SecretName": "acs:kms:cn-hangzhou:111122223333:secret/s", "VersionStage": "ACSPrevious" },
        { "SecretName": "s", "VersionId": "v1", "FetchExtendedConfig": true },
        { "SecretName": "s", "VersionId": "v1", "VersionStage": "ACSCurrent", "FetchExtendedConfig": "true" },
        { "SecretName": "gone" },
    ]))
    .unwrap();
    let values = reply["SecretValues"].as_array().unwrap();
    let data: Vec<_> = values.iter().map(|value| text(&value["SecretData"])).collect();
    assert_eq!(data, ["hunter2", "hunter1", "hunter1"]);
    let mut first = bench.ok("GetSecretValue", &[("SecretName", "s")]);
    first.as_object_mut().unwrap().remove("RequestId");
    assert_eq!(values[0], first);
    let error = |name: &str, code: &str, status: u16, message: &str| json!({ "SecretName": name, "Code": code, "HttpStatus": status, "Message": message });
    assert_eq!(
        reply["Errors"],
        json!([
            error("x", "Forbidden.ResourceNotFound", 404, "Resource not found."),
            error("s", "Forbidden.ResourceNotFound", 404, "Resource not found."),
            error("gone", "Rejected.ResourceInDeleteWindow", 409, "The secret is planned to be deleted."),
        ])
    );
    let twenty = vec![json!({ "SecretName": "s" }); 20];
    assert_eq!(batch(&Value::from(twenty.clone())).unwrap()["SecretValues"].as_array().unwrap().len(), 20);
    assert_eq!(
        code(batch(&Value::from([twenty, vec![json!({ "SecretName": "s" })]].concat()))),
        "400 InvalidParameter"
    );
    for bad in [
        json!([]),
        json!({}),
        json!([{}]),
        json!(["s"]),
        json!([["s", "v1", null, null]]),
        json!([{ "SecretName": "s", "FetchExtendedConfig": {} }]),
        json!([{ "SecretName": "s", "Version": "v1" }]),
    ] {
        assert_eq!(code(batch(&bad)), "400 InvalidParameter", "{bad}");
    }
    assert_eq!(bench.code("BatchGetSecretValue", &[]), "400 MissingSecretsList");
}

#[test]
fn dry_run_answers_an_error_and_nothing_secret() {
    let bench = with_secret();
    let dry = |more: &[(&str, &str)]| get(&bench, &[&[("DryRun", "true")], more].concat()).unwrap_err();
    assert!(dry(&[]).starts_with("400 DryRunOperationError"));
    assert_eq!(
        dry(&[("VersionId", "v9")]),
        "400 ValidationError: The request would have failed: Resource not found."
    );
    assert!(dry(&[("Recipient", "e")]).starts_with("400 ValidationError"));
    assert!(!dry(&[]).contains("hunter"));
    assert_eq!(code(get(&bench, &[("Recipient", "e")])), "400 UnsupportedOperation");
    assert_eq!(get(&bench, &[("DryRun", "false")]).unwrap(), "hunter1");
}

fn call<A: Action>(kms: &Kms, request: A) -> Result<A::Reply, Error> {
    pollster::block_on(kms.call(request.into(), &kms.owner())).map(|reply| A::reply(reply).unwrap())
}

/// Every confirmed version was the current one at some time, and each stage refers to one version at the end.
#[test]
fn many_new_versions_at_once() {
    let data = tempfile::tempdir().unwrap();
    let kms = Kms::open(&Options::new(data.path(), Role::Command), SystemClock).unwrap();
    let secret_name = || String::from("s");
    let first = CreateSecret {
        secret_name: secret_name(),
        version_id: "first".into(),
        secret_data: String::from("first").into(),
        ..CreateSecret::default()
    };
    call(&kms, first).unwrap();
    thread::scope(|scope| {
        for thread in 0..4 {
            let kms = &kms;
            scope.spawn(move || {
                for number in 0..5 {
                    let version_id = format!("{thread}-{number}");
                    let put = PutSecretValue {
                        secret_name: secret_name(),
                        secret_data: version_id.clone().into(),
                        version_id,
                        secret_data_type: None,
                        version_stages: None,
                    };
                    call(kms, put).unwrap();
                    call(kms, GetSecretValue { secret_name: secret_name(), ..GetSecretValue::default() })
                        .unwrap();
                }
            });
        }
    });
    let list = ListSecretVersionIds {
        secret_name: secret_name(),
        include_deprecated: Some(true),
        page_number: None,
        page_size: None,
    };
    let listed = call(&kms, list).unwrap().version_ids.version_id;
    assert_eq!(listed.len(), 10);
    let stages: Vec<_> = listed.iter().map(|version| version.version_stages.version_stage.concat()).collect();
    assert_eq!(stages[..3], ["ACSCurrent", "ACSPrevious", ""], "the newest two");
    for version in &listed {
        let version_id = Some(version.version_id.clone());
        let get = GetSecretValue { secret_name: secret_name(), version_id, ..GetSecretValue::default() };
        assert_eq!(call(&kms, get).unwrap().secret_data.expose(), version.version_id);
    }
}

/// The version was written, so the reply does not depend on changes before it is sent.
#[test]
fn a_put_succeeds_although_the_secret_is_removed_before_it_is_answered() {
    let bench = Bench::new();
    for number in 0..20 {
        let name = format!("s{number}");
        bench.ok("CreateSecret", &[("SecretName", &name), ("VersionId", "v1"), ("SecretData", "x")]);
        let request = PutSecretValue {
            secret_name: name.clone(),
            version_id: "v2".into(),
            secret_data: String::from("y").into(),
            secret_data_type: None,
            version_stages: None,
        };
        let origin = bench.kms.owner();
        let mut put = Box::pin(bench.kms.call(request.into(), &origin));
        let polled = put.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        bench.ok("DeleteSecret", &[("SecretName", &name), ("ForceDeleteWithoutRecovery", "true")]);
        let reply = match polled {
            Poll::Ready(reply) => reply,
            Poll::Pending => pollster::block_on(put),
        };
        let reply = PutSecretValue::reply(reply.unwrap()).unwrap();
        assert_eq!((reply.secret_name, reply.version_id), (name, "v2".into()));
        assert_eq!(reply.version_stages.version_stage, ["ACSCurrent"]);
    }
}
