//! The audit trail of a server: each request has its line, and unauthenticated clients have few.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use common::{ID, Signed, TestServer};
use serde_json::Value;

/// Returns the trail of a server that has stopped.
fn trail(data: &Path) -> String {
    let directory = data.join("audit");
    let files = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
    let file = files.filter(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
    let [file] = file.collect::<Vec<_>>().try_into().unwrap();
    fs::read_to_string(file).unwrap()
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

fn requests(data: &Path) -> Vec<Value> {
    trail(data).lines().map(parse).filter(|line| line["type"] == "request").collect()
}

#[test]
fn each_answer_has_its_line() {
    let server = TestServer::plain();
    let data = Arc::clone(&server.data);
    assert_eq!(server.send(Signed::new("POST", "Action=CreateKey").into_form()).status, 200);
    server.send(Signed::new("POST", "Action=DescribeKey&KeyId=alias/none").into_query());
    server.send(Signed::new("POST", "Action=DescribeKey").into_query());
    let sent = server.send(Signed::new("POST", "Action=NoSuchAction").into_query());
    assert_eq!(sent.status, 404);
    server.send("GET /?Action=ListKeys HTTP/1.1\r\nHost: a\r\nUser-Agent: me\u{202e}/1\r\n\r\n");
    server.stopper.stop();
    server.join().1.unwrap();

    let lines = requests(data.path());
    let reported = |line: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        (text(&line["action"]), line["outcome"]["status"].as_u64().unwrap(), text(&line["outcome"]["code"]))
    };
    let mut reported: Vec<_> = lines.iter().map(reported).collect();
    reported.sort();
    let expected = [
        ("-", 400, "MissingAccessKeyId"),
        ("-", 404, "InvalidAction.NotFound"),
        ("CreateKey", 200, "-"),
        ("DescribeKey", 400, "MissingKeyId"),
        ("DescribeKey", 404, "Forbidden.AliasNotFound"),
    ];
    let expected = expected.map(|(action, status, code)| (action.to_owned(), status, code.to_owned()));
    assert_eq!(reported, expected);
    let refused = lines.iter().find(|line| line["outcome"]["code"] == "Forbidden.AliasNotFound").unwrap();
    assert_eq!(refused["access_key_id"], ID);
    assert_eq!(refused["source"], "127.0.0.1");
    assert_eq!(refused["resources"][0]["name"], "alias/none");
    let of_stranger = lines.iter().find(|line| line.get("caller").is_none() && line.get("action").is_none());
    assert!(of_stranger.is_some());
}

#[test]
fn a_wrong_signature_is_recorded_with_the_existing_key_and_no_other_text() {
    let server = TestServer::plain();
    let data = Arc::clone(&server.data);
    let wrong = Signed::by("POST", "Action=ListKeys", ID, "wrong", 0);
    assert_eq!(server.send(wrong.into_query()).status, 400);
    let unknown = Signed::by("POST", "Action=ListKeys", "a-secret-by-mistake", "wrong", 0);
    assert_eq!(server.send(unknown.into_query()).status, 404);
    server.stopper.stop();
    server.join().1.unwrap();
    let lines = requests(data.path());
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["access_key_id"], &lines[0]["action"]), (&ID.into(), &"ListKeys".into()));
    assert!(lines[1].get("access_key_id").is_none());
    assert!(!lines[1].to_string().contains("mistake"));
    assert!(lines.iter().all(|line| line.get("caller").is_none()));
}

/// What remains of a flood of requests without a signature, during which valid requests are answered.
struct Flood {
    sent: u64,
    took: Duration,
    /// The lines of the trail, without those of valid callers.
    lines: Vec<String>,
}

impl Flood {
    fn of(user_agent: &str) -> Self {
        let server = TestServer::plain();
        let data = Arc::clone(&server.data);
        let mut stranger = server.connect();
        let mut caller = server.connect();
        let begun = Instant::now();
        let mut sent = 0;
        while begun.elapsed() < Duration::from_millis(2500) {
            for _ in 0..100 {
                stranger.send(format!(
                    "GET /?Action=ListKeys HTTP/1.1\r\nHost: a\r\nUser-Agent: {user_agent}\r\n\r\n"
                ));
                sent += 1;
            }
            assert_eq!(caller.send(Signed::new("POST", "Action=ListKeys").into_query()).status, 200);
        }
        let took = begun.elapsed();
        server.stopper.stop();
        server.join().1.unwrap();
        let is_of_caller = |line: &&str| parse(line).get("caller").is_some();
        let lines =
            trail(data.path()).lines().filter(|line| !is_of_caller(line)).map(str::to_owned).collect();
        Self { sent, took, lines }
    }
}

#[test]
fn a_flood_of_strangers_is_counted_and_valid_callers_are_answered() {
    let Flood { sent, lines, .. } = Flood::of("me/1");
    let lines: Vec<_> = lines.iter().map(|line| parse(line)).collect();
    let own = lines.iter().filter(|line| line["type"] == "request").count() as u64;
    let counted = lines.iter().filter(|line| line["type"] == "strangers");
    let counted: u64 = counted.map(|line| line["requests"].as_u64().unwrap()).sum();
    assert_eq!(own + counted, sent);
    assert!(own <= 400, "{own} of {sent}");
    assert!(counted > 0, "{sent} were too few");
}

/// In a minute, the trail grows by less than 5 MiB, even if each line is as long as a stranger can make it. The lines of one second
/// may come at once.
#[test]
fn a_flood_of_strangers_with_long_lines_takes_few_bytes() {
    let long = "\u{80}".repeat(128); // 6 bytes each in the trail
    let Flood { took, lines, .. } = Flood::of(&long);
    let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
    let limit = f64::from(5 << 20) / 60.0 * took.as_secs_f64() + f64::from(40 << 10);
    assert!(lines.iter().any(|line| line.len() > 1000), "{lines:?}");
    assert!((bytes as f64) < limit, "{bytes} in {took:?}");
}

/// The trail continues in another file so soon that a check once a second may not find it stopped.
#[test]
fn removed_lines_are_reported_in_the_log() {
    let server = TestServer::plain();
    server.create_key();
    let newest = || {
        let files =
            fs::read_dir(server.data.path().join("audit")).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|file| file.extension().is_some_and(|extension| extension == "jsonl")).max().unwrap()
    };
    let first = newest();
    wait_until("a seal", || fs::read_to_string(&first).unwrap().contains(r#""type":"seal""#));
    fs::remove_file(&first).unwrap();
    wait_until("the event", || server.log.text().contains("the audit trail has lost "));
    assert_ne!(newest(), first);
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(20), "waiting for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
