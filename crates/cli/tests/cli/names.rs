//! The state after `bulla key create --alias NAME` if the alias cannot be created.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::harness::World;

const KEY_ID: &str = "e9d0963a-61e6-497b-9f4b-ee6463f1a4ea";

/// A KMS that returns these answers, one per connection, and then stops. Returns its address.
fn kms_that_answers(answers: Vec<(&'static str, u16, String)>) -> (String, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = move || {
        for (action, status, body) in answers {
            let mut stream = BufReader::new(listener.accept().unwrap().0);
            let mut length = 0;
            let mut received = String::new();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                match line.trim_end().to_ascii_lowercase().split_once(": ") {
                    Some(("content-length", number)) => length = number.parse().unwrap(),
                    Some(("x-acs-action", name)) => received = name.to_owned(),
                    _ if line == "\r\n" => break,
                    _ => {}
                }
            }
            assert_eq!(received, action.to_ascii_lowercase());
            stream.read_exact(&mut vec![0; length]).unwrap();
            let head =
                format!("HTTP/1.1 {status} -\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.get_mut().write_all((head + &body).as_bytes()).unwrap();
        }
    };
    (format!("http://{address}"), thread::spawn(serve))
}

fn error(code: &str) -> String {
    serde_json::json!({ "Code": code, "Message": "m", "RequestId": "r" }).to_string()
}

#[test]
fn a_key_that_lost_its_name_in_a_race_is_reported_with_a_hint() {
    let world = World::new();
    let metadata = serde_json::json!({ "KeyMetadata": {
        "KeyId": KEY_ID, "CreationDate": "2026-01-05T00:00:00Z", "Description": "", "KeySpec": "Aliyun_AES_256",
        "KeyState": "Enabled", "KeyUsage": "ENCRYPT/DECRYPT", "DeleteDate": "", "Creator": "1", "Arn": "a",
        "Origin": "Aliyun_KMS", "MaterialExpireTime": "", "ProtectionLevel": "SOFTWARE",
        "AutomaticRotation": "Disabled",
    }, "RequestId": "r" });
    for unseen in ["Forbidden.AliasNotFound", "Forbidden.NoPermission", "Forbidden.KeyNotFound"] {
        let (url, served) = kms_that_answers(vec![
            ("DescribeKey", 404, error(unseen)),
            ("CreateKey", 200, metadata.to_string()),
            ("CreateAlias", 400, error("AliasAlreadyExists")),
        ]);
        let create = world.bulla(["--kms", &url, "key", "create", "--alias", "work"]);
        let create = create.env("ALIBABA_CLOUD_ACCESS_KEY_ID", "id");
        let outcome = create.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "a-secret-of-mine").run();
        served.join().unwrap();
        assert_eq!(outcome.text(), format!("{KEY_ID}\n"), "programs get the id all the same");
        outcome.fails_with(
            3,
            &[
                &format!("key {KEY_ID} was created, but the alias alias/work could not be created: "),
                "AliasAlreadyExists",
                &format!("bulla alias create NAME {KEY_ID}"),
                &format!("bulla key schedule-deletion {KEY_ID}"),
            ],
        );
    }
}

#[test]
fn no_key_is_created_if_the_kms_does_not_report_whether_the_name_is_free() {
    let world = World::new();
    let (url, served) = kms_that_answers(vec![("DescribeKey", 400, error("InvalidParameter"))]);
    let create = world.bulla(["--kms", &url, "key", "create", "--alias", "work"]);
    let create = create.env("ALIBABA_CLOUD_ACCESS_KEY_ID", "id");
    let outcome = create.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "a-secret-of-mine").run();
    served.join().unwrap();
    outcome.fails_with(3, &["InvalidParameter"]);
}

#[test]
fn many_that_want_one_name_leave_at_most_keys_that_they_name() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    let environment = server.environment();
    let outcomes: Vec<_> = thread::scope(|scope| {
        let create = || world.bulla(["key", "create", "--alias", "work"]).envs(&environment).run();
        let running: Vec<_> = (0..8).map(|_| scope.spawn(create)).collect();
        running.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let created: String = outcomes.iter().map(|outcome| outcome.text()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.code() == Some(0)).count(), 1);
    let listed = world.bulla(["key", "list"]).envs(&environment).ok().text();
    assert_eq!(listed.lines().count() - 1, created.lines().count(), "{outcomes:?}");
    server.stop();
}
