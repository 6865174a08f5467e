//! `bulla key` against a KMS that does not know the actions that only bulla has, such as an earlier version of the server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::harness::{Run, World};

const KEY: &str = "11111111-2222-4333-8444-555555555555";
const METADATA: &str = r#"{"CreationDate":"2026-01-01T00:00:00Z","Description":"","KeyState":"Enabled","KeyUsage":"ENCRYPT/DECRYPT",
    "KeyId":"11111111-2222-4333-8444-555555555555","DeleteDate":"","Creator":"1","Arn":"a","Origin":"Aliyun_KMS","MaterialExpireTime":""}"#;

/// A KMS with one key, which knows only actions that the cloud has.
fn older_kms() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = answer(stream.unwrap()); // a client may disconnect
        }
    });
    url
}

fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while stream.read_line(&mut head)? > 2 {}
    let head = head.to_ascii_lowercase();
    let value =
        |name: &str| head.split(name).nth(1).and_then(|rest| rest.lines().next()).unwrap_or_default().trim();
    let mut body = vec![0; value("content-length:").parse().unwrap_or(0)];
    stream.read_exact(&mut body)?;
    let (status, body) = match value("x-acs-action:") {
        "describekey" => (200, format!(r#"{{"KeyMetadata":{METADATA}}}"#)),
        "schedulekeydeletion" => (200, "{}".to_owned()),
        "listkeys" => (
            200,
            format!(
                r#"{{"Keys":{{"Key":[{{"KeyId":"{KEY}"}}]}},"TotalCount":1,"PageNumber":1,"PageSize":10}}"#
            ),
        ),
        "listaliasesbykeyid" => {
            (200, r#"{"Aliases":{"Alias":[]},"TotalCount":0,"PageNumber":1,"PageSize":10}"#.to_owned())
        }
        _ => (404, r#"{"Code":"InvalidAction.NotFound","Message":"m","RequestId":"r"}"#.to_owned()),
    };
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.get_mut().write_all(answer.as_bytes())
}

fn bulla<'w>(world: &'w World, args: &[&str]) -> Run<'w> {
    let run = world.bulla(args.iter().chain(&["--kms", &older_kms()]));
    run.env("ALIBABA_CLOUD_ACCESS_KEY_ID", "i").env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "s")
}

#[test]
fn a_key_is_shown_without_its_uses() {
    let world = World::new();
    let shown = bulla(&world, &["key", "show", KEY]).ok().text();
    assert!(shown.contains("Enabled") && !shown.contains("Uses"), "{shown}");
}

#[test]
fn unused_keys_are_not_known() {
    let world = World::new();
    let listed = bulla(&world, &["key", "list", "--unused-since", "2026-01-31"]).run();
    listed.fails_with(
        2,
        &["--unused-since: the KMS at http://127.0.0.1:", "does not report when keys were used"],
    );
}

#[test]
fn a_deletion_is_scheduled_without_a_warning() {
    let world = World::new();
    let scheduled = bulla(&world, &["key", "schedule-deletion", KEY]).run();
    assert_eq!(scheduled.code(), Some(0), "{scheduled:?}");
    assert!(scheduled.text().contains("is scheduled for deletion"), "{scheduled:?}");
    assert!(!scheduled.stderr.contains("in use"), "{scheduled:?}");
    assert!(scheduled.stderr.contains("backups of the server may hold"), "{scheduled:?}");
}
