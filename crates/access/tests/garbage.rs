//! Parsing never panics for any text, and an error is always at a place inside the text.

// These tests do not use the naive evaluator and its cases.
#[allow(dead_code, reason = "shared with the tests of random cases")]
mod support;

use bulla_access::{
    ConditionKey, Context, Policy, PolicyKind, Principal, PrincipalId, Query, Value, check, evaluate,
};
use support::{ACCOUNT, Of, Random, document};

const KINDS: [PolicyKind; 6] = [
    PolicyKind::Identity,
    PolicyKind::Session,
    PolicyKind::Trust,
    PolicyKind::Key,
    PolicyKind::Secret,
    PolicyKind::System,
];

/// Parts of documents, so that random texts pass the first checks.
const TOKENS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    " ",
    "\n",
    "\"",
    "\\",
    "\\u0041",
    "\\ud800",
    "null",
    "true",
    "-1.5e9",
    "0",
    "中",
    "\u{0}",
    "\"Version\"",
    "\"1\"",
    "\"Statement\"",
    "\"Effect\"",
    "\"Allow\"",
    "\"Deny\"",
    "\"Action\"",
    "\"NotAction\"",
    "\"Resource\"",
    "\"Principal\"",
    "\"RAM\"",
    "\"Federated\"",
    "\"Condition\"",
    "\"StringLike\"",
    "\"IpAddress\"",
    "\"Bool\"",
    "\"DateLessThan\"",
    "\"NumericEquals\"",
    "\"acs:SourceIp\"",
    "\"acs:CurrentTime\"",
    "\"kms:tag/a\"",
    "\"kms:*\"",
    "\"*\"",
    "\"acs:kms:*:*:key/*\"",
    "\"acs:ram::1234567890123456:user/bob\"",
    "\"10.0.0.0/8\"",
];

#[test]
fn edited_documents_do_not_panic() {
    let mut parsed = 0;
    for seed in 0..3000 {
        let random = &mut Random::new(seed);
        let of = *random.pick(&[Of::Identity, Of::Key, Of::Trust]);
        let text = document(random, of).to_string();
        parsed += try_all(&text);
        for _ in 0..4 {
            parsed += try_all(&edited(random, &text));
        }
    }
    assert!(parsed > 1000, "only {parsed} documents were accepted");
}

#[test]
fn random_tokens_do_not_panic() {
    for seed in 0..20_000 {
        let random = &mut Random::new(seed);
        let count = random.below(30);
        let text: String = (0..count).map(|_| *random.pick(TOKENS)).collect();
        try_all(&text);
    }
}

/// Returns the text with a few parts removed, doubled, or replaced with tokens.
fn edited(random: &mut Random, text: &str) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for _ in 0..=random.below(3) {
        let from = random.below(characters.len());
        let until = (from + random.below(12)).min(characters.len());
        let part = match random.below(3) {
            0 => Vec::new(),
            1 => characters[from..until].repeat(2),
            _ => random.pick(TOKENS).chars().collect(),
        };
        characters.splice(from..until, part);
        characters.push(' ');
    }
    characters.into_iter().collect()
}

/// Parses a text as every kind of policy and evaluates those that parse. Returns how many kinds accept it.
fn try_all(text: &str) -> usize {
    let lines = text.split('\n').count();
    let mut accepted = 0;
    for kind in KINDS {
        match Policy::parse(kind, ACCOUNT, text) {
            Ok(policy) => {
                accepted += 1;
                let query = Query {
                    actions: &["kms:Decrypt"],
                    resource: "acs:kms:r:1234567890123456:key/a",
                    principal: Principal::User(PrincipalId::from_random(0)),
                    context: &Always,
                };
                evaluate(&policy, &query);
                check(&policy);
            }
            Err(error) => {
                let line = text.split('\n').nth(error.line as usize - 1);
                let length = line.unwrap_or_else(|| panic!("{lines} lines: {error}: {text}")).chars().count();
                assert!((1..=length + 1).contains(&(error.column as usize)), "{error}: {text}");
                assert!(!error.to_string().contains('\n'), "{error}");
            }
        }
    }
    accepted
}

/// A context with a value for every condition key.
struct Always;

impl Context for Always {
    fn value(&self, _key: &ConditionKey) -> Option<Value<'_>> {
        Some(Value::Text("a"))
    }
}
