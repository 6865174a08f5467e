//! What was answered is in the store after `kill -9` at any moment.

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{World, random_below};
use crate::http::SigningClient;

/// The key ids and aliases of successful answers.
#[derive(Default)]
struct Answered {
    keys: Vec<String>,
    aliases: Vec<String>,
}

/// Creates keys and aliases until the server has ended.
fn load(caller: &SigningClient, label: &str, answered: &Mutex<Answered>) {
    let Ok(mut connection) = caller.connect() else { return };
    let mut call = |action: &str, form: &str| -> Option<Value> {
        let (status, body) = connection.send(&caller.request(action, form)).ok()?;
        assert_eq!(status, 200, "{body}");
        Some(body)
    };
    for number in 0.. {
        let Some(body) = call("CreateKey", "") else { return };
        let key = body["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
        answered.lock().unwrap().keys.push(key.clone());
        let alias = format!("alias/{label}-{number}");
        let Some(_) = call("CreateAlias", &format!("AliasName={}&KeyId={key}", alias.replace('/', "%2F")))
        else {
            return;
        };
        answered.lock().unwrap().aliases.push(alias);
    }
}

fn all(caller: &SigningClient, action: &str, list: &str, entry: &str, field: &str) -> Vec<String> {
    let mut found = Vec::new();
    for page in 1.. {
        let body = caller.call(action, &format!("PageNumber={page}&PageSize=100"));
        let entries = body[list][entry].as_array().unwrap();
        found.extend(entries.iter().map(|entry| entry[field].as_str().unwrap().to_owned()));
        if entries.len() < 100 {
            break;
        }
    }
    found.sort();
    found
}

#[test]
fn a_killed_server_has_lost_nothing_that_it_answered() {
    let world = World::new();
    let answered = Mutex::new(Answered::default());
    for round in 0..5 {
        let server = world.serve("kms", ["--http"]);
        let caller = SigningClient::owner(&server);
        thread::scope(|scope| {
            for thread in 0..6 {
                let caller = &caller;
                let answered = &answered;
                scope.spawn(move || load(caller, &format!("{round}-{thread}"), answered));
            }
            thread::sleep(Duration::from_millis(100 + random_below(300)));
            server.kill();
        });
    }
    let server = world.serve("kms", ["--http"]);
    let caller = SigningClient::owner(&server);
    let keys = all(&caller, "ListKeys", "Keys", "Key", "KeyId");
    let aliases = all(&caller, "ListAliases", "Aliases", "Alias", "AliasName");
    let Answered { keys: answered_keys, aliases: answered_aliases } = answered.into_inner().unwrap();
    assert!(answered_keys.len() > 20, "only {} keys were created", answered_keys.len());
    for key in &answered_keys {
        assert!(keys.binary_search(key).is_ok(), "the key {key} is lost");
    }
    for alias in &answered_aliases {
        assert!(aliases.binary_search(alias).is_ok(), "{alias} is lost");
    }
    assert!(keys.len() - answered_keys.len() <= 30, "one for each connection may be unanswered");
    caller.call("GenerateDataKey", &format!("KeyId={}", answered_keys[0]));
    server.stop();
}

#[test]
fn a_first_start_can_be_killed_at_any_moment() {
    for _ in 0..20 {
        let world = World::new();
        let starting = world.bulla(["serve", "--data", "kms", "--listen", "127.0.0.1:0"]).start();
        thread::sleep(Duration::from_millis(random_below(60)));
        starting.signal(Signal::KILL);
        assert_eq!(starting.finish().signal(), Some(9));
        let server = world.serve("kms", [] as [&str; 0]);
        world.bulla(["key", "create"]).envs(&server.environment()).ok();
        server.stop();
    }
}

#[test]
fn a_first_use_can_be_killed_at_any_moment() {
    for round in 0..20 {
        let world = World::new();
        world.write("file", "content");
        let (format, sealed) = [("bulla", "file.bulla"), ("text", "file.cipher")][round % 2];
        let starting = world.bulla(["encrypt", "file", "--format", format]).start();
        thread::sleep(Duration::from_micros(random_below(60_000)));
        starting.signal(Signal::KILL);
        starting.finish();
        let names = world.names();
        assert!(names == ["file"] || names == ["file", sealed], "{names:?}");
        world.bulla(["encrypt", "file", "--force", "--format", format]).ok();
        assert_eq!(world.bulla(["decrypt", sealed, "-o", "-"]).ok().text(), "content");
    }
}
