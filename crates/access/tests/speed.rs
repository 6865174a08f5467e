//! Prints the cost of decisions: `cargo test --release -p bulla-access --test speed -- --ignored --nocapture`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bulla_access::{
    ConditionKey, Context, Layers, Policy, PolicyKind, Principal, PrincipalId, Query, Rule, Value, decide,
    system,
};

const ACCOUNT: &str = "1234567890123456";
const KEY: &str = "acs:kms:cn-hangzhou:1234567890123456:key/05754286-3ba2-4fa6-8d41-4323aca6e7c4";

/// The context of a request from an address, with an encryption context.
struct Request {
    context: String,
}

impl Context for Request {
    fn value(&self, key: &ConditionKey) -> Option<Value<'_>> {
        match key {
            ConditionKey::SourceIp => Some(Value::Address([10, 1, 2, 3].into())),
            ConditionKey::SecureTransport => Some(Value::Boolean(true)),
            ConditionKey::CurrentTime => Some(Value::Date(1_800_000_000)),
            ConditionKey::EncryptionContext(_) => Some(Value::Text(&self.context)),
            _ => None,
        }
    }
}

#[test]
#[ignore = "prints figures of a release build"]
fn figures() {
    parsing();
    ten_policies_and_a_key_policy();
    for name in [64, 255, 256, 1024] {
        wildcards(name);
    }
    for context in [64, 256, 512, 8192] {
        all_limits(context);
    }
}

fn ten_policies_and_a_key_policy() {
    let custom: Vec<Policy> = (0..6)
        .map(|number| {
            parse(
                PolicyKind::Identity,
                &format!(
                    r#"{{"Effect": "Allow", "Action": ["kms:Describe*", "kms:List*", "kms:GenerateDataKey*"],
                         "Resource": ["acs:kms:*:{ACCOUNT}:key/{number}*", "acs:kms:*:*:alias/app-{number}"]}},
                       {{"Effect": "Deny", "Action": "kms:ScheduleKeyDeletion", "Resource": "*",
                         "Condition": {{"NotIpAddress": {{"acs:SourceIp": ["10.0.0.0/8", "192.168.0.0/16"]}}}}}},
                       {{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "acs:kms:*:*:key/0575*",
                         "Condition": {{"Bool": {{"acs:SecureTransport": "false"}}}}}}"#
                ),
            )
        })
        .collect();
    let names = ["AliyunKMSReadOnlyAccess", "AliyunKMSSecretAdminAccess", "AliyunRAMReadOnlyAccess"];
    let system = names.map(|name| system::find(name).expect(name).policy());
    let last = parse(
        PolicyKind::Identity,
        r#"{"Effect": "Allow", "Action": ["kms:Encrypt", "kms:Decrypt"], "Resource": "acs:kms:*:*:key/*"}"#,
    );
    let identity: Vec<&Policy> = custom.iter().chain(system).chain([&last]).collect();
    assert_eq!(identity.len(), 10);
    let key = parse(
        PolicyKind::Key,
        &format!(
            r#"{{"Effect": "Allow", "Principal": {{"RAM": ["acs:ram::{ACCOUNT}:*"]}}, "Action": ["kms:*"], "Resource": ["*"]}}"#
        ),
    );
    let layers = Layers { session: None, identity: &identity, resource: Some(&key), rule: Rule::Either };
    print("10 policies and a key policy, allowed by the last", &layers, &["kms:Decrypt"], KEY, "");
    print("10 policies and a key policy, denied", &layers, &["kms:SetKeyPolicy"], KEY, "");
    print("an action of two names", &layers, &["kms:TagResources", "ecs:TagResources"], KEY, "");
}

/// Prints the cost of documents full of patterns of the given shapes, each of which fails only at its end.
fn wildcards(length: usize) {
    let resource = name(length);
    for (shape, unit) in SHAPES {
        let policy = full(unit, length);
        let layers = Layers { session: None, identity: &[&policy], resource: None, rule: Rule::Either };
        print(
            &format!("6 KB of {shape}, a name of {length} bytes"),
            &layers,
            &["kms:GetSecretValue"],
            &resource,
            "",
        );
    }
}

/// Prints the cost of all policies that a user and a key can have, at maximum length, in the worst shape of each document.
fn all_limits(context: usize) {
    let text = "a".repeat(context);
    let resource = name(256);
    let system = system::POLICIES.iter().filter(|policy| policy.name.contains("ReadOnly"));
    let system: Vec<&Policy> = system.map(|policy| policy.policy()).cycle().take(120).collect();
    let session = parse(PolicyKind::Session, r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#);
    for (shape, unit) in SHAPES {
        // Ten policies of the user and five for each of five groups.
        let repeat = |policy: Policy| vec![policy; 35];
        let resources = repeat(full(unit, 256));
        let conditions = repeat(full_conditions(PolicyKind::Identity, 5900, unit, context));
        let short = repeat(short_conditions(5900));
        let key = full_conditions(PolicyKind::Key, 32_000, unit, context);
        for (what, documents) in
            [("resources", resources), ("conditions", conditions), ("short conditions", short)]
        {
            let identity: Vec<&Policy> = documents.iter().chain(system.iter().copied()).collect();
            let layers = Layers {
                session: Some(&session),
                identity: &identity,
                resource: Some(&key),
                rule: Rule::Either,
            };
            let label = format!("all limits, {what} of {shape}, a context of {context} bytes");
            print(&label, &layers, &["kms:GetSecretValue"], &resource, &text);
        }
    }
}

fn parsing() {
    let one = r#"{"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt"],"Resource":"acs:kms:*:*:key/*",
        "Condition":{"IpAddress":{"acs:SourceIp":"10.0.0.0/8"}}}"#;
    let text = format!("{{\"Version\":\"1\",\"Statement\":[{}]}}", vec![one; 6000 / one.len()].join(","));
    let run = || {
        let start = Instant::now();
        black_box(Policy::parse(PolicyKind::Identity, ACCOUNT, &text).expect("a policy"));
        start.elapsed()
    };
    let best = (0..1500).map(|_| run()).min().expect("several runs");
    println!("{best:>10.2?}  parsing a document of {} bytes", text.len());
}

const SHAPES: [(&str, &str); 4] = [("*a", "*a"), ("*?a", "*?a"), ("*aaaaaaa?", "*aaaaaaa?"), ("a?", "a?")];

/// Returns the name of a secret of this length. Names of such a length do not exist, but they cost the most.
fn name(length: usize) -> String {
    let prefix = "acs:kms:r:1:secret/";
    format!("{prefix}{}", "a".repeat(length - prefix.len()))
}

/// Returns as many repetitions as a name of this length can match, and then a text that it does not end with.
fn pattern(unit: &str, length: usize) -> String {
    let characters = unit.replace('*', "").len();
    format!("acs:kms:*{}*b*", unit.repeat((length - 30) / characters))
}

fn full(unit: &str, length: usize) -> Policy {
    parse(PolicyKind::Identity, &statement(6100, &pattern(unit, length)))
}

/// Returns a statement of this length whose resources all have one pattern.
fn statement(length: usize, pattern: &str) -> String {
    let frame = r#"{"Effect":"Allow","Action":"*","Resource":[]}"#.len();
    let pattern = &pattern[..pattern.len().min(length - frame - 3)];
    let count = (length - frame) / (pattern.len() + 3);
    let list = vec![format!("\"{pattern}\""); count.max(1)].join(",");
    format!(r#"{{"Effect":"Allow","Action":"*","Resource":[{list}]}}"#)
}

/// Returns a policy of one statement of this size whose patterns all match up to the end of a text of this length.
fn full_conditions(kind: PolicyKind, size: usize, unit: &str, length: usize) -> Policy {
    let characters = unit.replace('*', "").len();
    let repetitions = (length / characters).min(size / unit.len()).saturating_sub(1);
    let pattern = format!("{}*b*", unit.repeat(repetitions));
    let list = vec![format!("\"{pattern}\""); (size / (pattern.len() + 3)).max(1)].join(",");
    let condition = format!(r#"{{"StringLike":{{"kms:EncryptionContext:a":[{list}]}}}}"#);
    let principal = match kind {
        PolicyKind::Key => r#""Principal":{"RAM":"acs:ram::1234567890123456:user/bob"},"#,
        _ => "",
    };
    let rest = format!(r#""Action":"kms:*","Resource":"*","Condition":{condition}"#);
    parse(kind, &format!(r#"{{"Effect":"Allow",{principal}{rest}}}"#))
}

/// Returns as many statements as fit, each of which compares the text again.
fn short_conditions(size: usize) -> Policy {
    let one = r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"kms:EncryptionContext:a":"*?b*"}}}"#;
    parse(PolicyKind::Identity, &vec![one; size / (one.len() + 1)].join(","))
}

fn parse(kind: PolicyKind, statements: &str) -> Policy {
    let text = format!("{{\"Version\":\"1\",\"Statement\":[{statements}]}}");
    let policy = Policy::parse(kind, ACCOUNT, &text).unwrap_or_else(|error| panic!("{error}"));
    policy.bind(|_| Some(PrincipalId::from_random(1))).expect("every user is this one")
}

/// Prints the best of many short runs, which other programs disturb least.
fn print(label: &str, layers: &Layers<'_>, actions: &[&str], resource: &str, context: &str) {
    let request = Request { context: context.to_owned() };
    let principal = Principal::User(PrincipalId::from_random(1));
    let query = Query { actions, resource, principal, context: &request };
    let run = || {
        let start = Instant::now();
        let mut rounds = 0;
        while rounds < 1 || start.elapsed() < Duration::from_micros(100) {
            black_box(decide(black_box(layers), black_box(&query)));
            rounds += 1;
        }
        start.elapsed() / rounds
    };
    let best = (0..200).map(|_| run()).min().expect("several runs");
    println!("{best:>10.2?}  {label}: {}", decide(layers, &query).is_allowed());
}
