//! Golden stores with keys of every spec, imported material, tags and secrets, each made once: `testdata/golden/README.md`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bulla_kms::{Kms, Options, Role};
use bulla_wire::{Parameters, Product, ReplyFormat, Request, render_reply};
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
struct Step {
    action: String,
    parameters: Map<String, Value>,
    expected: Value,
}

/// The versions, and the time just after each was made, because some records expire by the calendar.
const STORES: [(u32, u64); 5] =
    [(2, 1_796_083_200), (3, 1_767_225_600), (4, 1_767_225_600), (5, 1_767_225_600), (6, 1_767_225_600)];

#[test]
fn every_answer_is_still_what_it_was() {
    for (version, made) in STORES {
        every_answer_of(version, made);
    }
}

fn every_answer_of(version: u32, made: u64) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden");
    let data = tempfile::tempdir().unwrap();
    for file in ["store.redb", "root-key"] {
        let copy = data.path().join(file);
        fs::copy(golden.join(format!("store-v{version}")).join(file), &copy).unwrap();
        fs::set_permissions(&copy, Permissions::from_mode(0o600)).unwrap();
    }
    let clock = move || -> SystemTime { UNIX_EPOCH + Duration::from_secs(made) };
    let kms = Kms::open(&Options::new(data.path(), Role::Command), clock).unwrap();
    let steps = fs::read_to_string(golden.join(format!("life-v{version}.json"))).unwrap();
    let steps: Vec<Step> = serde_json::from_str(&steps).unwrap();
    assert!(steps.len() > 25, "{} of version {version}", steps.len());
    for Step { action, parameters, expected } in steps {
        let pairs = parameters.into_iter().map(|(name, value)| (name, value.as_str().unwrap().to_owned()));
        let request = Request::parse(Product::Kms, &action, &Parameters::from_pairs(pairs).unwrap()).unwrap();
        let reply =
            pollster::block_on(kms.call(request, &kms.owner())).unwrap_or_else(|e| panic!("{action}: {e}"));
        let reply = serde_json::from_str(&render_reply(ReplyFormat::Json, &reply, "r")).unwrap();
        assert!(holds(&reply, &expected), "v{version}: {action}: {reply} lacks {expected}");
    }
}

/// Whether `reply` contains all of `expected`.
fn holds(reply: &Value, expected: &Value) -> bool {
    match (reply, expected) {
        (Value::Object(reply), Value::Object(expected)) => {
            expected.iter().all(|(name, value)| reply.get(name).is_some_and(|found| holds(found, value)))
        }
        (reply, expected) => reply == expected,
    }
}
