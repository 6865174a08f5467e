//! Measures how much longer a start takes with many users and policies, and prints it without assertions.
//!
//!     cargo test --release -p bulla-kms --lib state::people_load -- --ignored --nocapture

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use bulla_keys::record::Revision;

use super::*;
use crate::people::{AttachmentLimits, ManagedPolicy, NameKey, PolicyRef, Profile, User};
use crate::{Kms, Options, Role, SystemClock};

const USERS: usize = 10_000;
const POLICIES: usize = 1500;
const DATA: &str = "BULLA_PEOPLE_LOAD";

fn open(data: &Path) -> Kms {
    Kms::open(&Options::new(data, Role::Command), SystemClock).unwrap()
}

fn write(kms: &Kms, writes: Vec<(Write, Revision)>) {
    let change = Changes::for_test(writes).answering(());
    let (_, answered) = kms.state.stage(kms.now(), |_| Ok::<_, Error>(change)).unwrap();
    pollster::block_on(answered).unwrap().unwrap();
}

/// A policy of about 700 bytes, with conditions, like those that people write.
fn document(number: usize) -> String {
    let statement = |effect: &str, resource: &str| {
        format!(
            r#"{{"Effect": "{effect}", "Action": ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*"],
                "Resource": ["acs:kms:*:111122223333:{resource}/team-{number}-*"],
                "Condition": {{"IpAddress": {{"acs:SourceIp": ["10.0.0.0/8", "192.168.{}.0/24"]}},
                    "StringLike": {{"kms:EncryptionContext:team": "team-{number}*"}}}}}}"#,
            number % 256
        )
    };
    format!(
        r#"{{"Version": "1", "Statement": [{}, {}]}}"#,
        statement("Allow", "key"),
        statement("Deny", "secret")
    )
}

fn policy_name(number: usize) -> String {
    format!("team-{number}-keys")
}

fn fill(data: &Path) {
    let kms = open(data);
    let policy =
        |number| ManagedPolicy::new(policy_name(number).parse().unwrap(), &document(number), 1).unwrap();
    write(&kms, (0..POLICIES).map(|number| (Write::Policy(policy(number)), 0)).collect());
    let limits = AttachmentLimits { system: 9, custom: 9 };
    let user = |number: usize| {
        let profile = Profile { display_name: format!("User {number}").into(), ..Profile::default() };
        let mut user = User::new(format!("user-{number}").parse().unwrap(), profile, 1);
        for attached in 0..3 {
            let name = NameKey::of(&policy_name((number * 3 + attached) % POLICIES));
            user.policies.attach(PolicyRef::Custom(name), 1, limits).unwrap();
        }
        user
    };
    write(&kms, (0..USERS).map(|number| (Write::User(user(number)), 0)).collect());
}

/// Resident memory in MiB.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

#[test]
#[ignore = "a measurement"]
fn what_ten_thousand_users_cost_a_start() {
    if let Some(data) = env::var_os(DATA) {
        let before = resident();
        let start = Instant::now();
        let kms = open(Path::new(&data));
        let elapsed = start.elapsed().as_secs_f64() * 1e3;
        println!("FIGURES {elapsed:.1} {:.1} {}", resident() - before, kms.state.published().count::<User>());
        return;
    }
    let empty = tempfile::tempdir().unwrap();
    let full = tempfile::tempdir().unwrap();
    drop(open(empty.path()));
    fill(full.path());
    for (name, data) in [("empty", &empty), ("full", &full)] {
        for _ in 0..5 {
            let mut again = Command::new(env::current_exe().unwrap());
            again.args(["--exact", "state::people_load::what_ten_thousand_users_cost_a_start"]);
            let output = again.args(["--ignored", "--nocapture"]).env(DATA, data.path()).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let figures = text.lines().find_map(|line| line.split_once("FIGURES ")).unwrap().1;
            let figures: Vec<_> = figures.split(' ').collect();
            println!(
                "{name}: start {} ms, resident {} MiB more, {} users",
                figures[0], figures[1], figures[2]
            );
        }
    }
}
