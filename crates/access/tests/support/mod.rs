//! Random policies and requests, made of small alphabets so that they often match. The same seed makes the same case.

pub(crate) mod case;
pub(crate) mod naive;

use serde_json::{Map, Value as Json, json};

pub(crate) const ACCOUNT: &str = "1234567890123456";

/// SplitMix64 (Steele, Lea, Flood 2014): every seed has its own sequence.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// What a policy is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    Identity,
    Key,
    Trust,
}

/// The names of each action, as in [`Query`](bulla_access::Query).
pub(crate) const ACTIONS: &[&[&str]] = &[
    &["kms:Decrypt"],
    &["kms:DescribeKey"],
    &["kms:Encrypt"],
    &["kms:TagResources", "ecs:TagResources"],
    &["ram:GetUser"],
    &["sts:AssumeRole"],
];
pub(crate) const TRUST_ACTIONS: &[&[&str]] =
    &[&["sts:AssumeRole"], &["sts:AssumeRole", "sts:AssumeRoleWithOIDC"]];

pub(crate) const RESOURCES: &[&str] = &[
    "acs:kms:r:1234567890123456:key/a",
    "acs:kms:r:1234567890123456:key/aB-a",
    "acs:kms:r:1234567890123456:key",
    "acs:kms:r:1234567890123456:secret/a/b",
    "acs:ram:*:1234567890123456:user/bob",
    "acs:ram::1234567890123456:user/*",
    "acs:ram:*:1234567890123456:role/Eve",
    "*",
];

/// Names that both a user and a role have.
pub(crate) const NAMES: &[&str] = &["bob", "Eve"];

pub(crate) const TEXT_KEYS: &[&str] =
    &["kms:tag/a", "kms:EncryptionContext:a:b", "kms:EncryptionContext:a:B"];
pub(crate) const TRUST_TEXT_KEYS: &[&str] = &["sts:ExternalId", "oidc:iss"];
pub(crate) const TEXTS: &[&str] =
    &["", "a", "A", "ab", "7", "-7.50", "true", "10.0.0.1", "中a", "2019-08-12T09:00:00Z"];
const NUMBERS: &[&str] = &["0", "7", "7.0", "-7.5", "123456789012345678.5"];
pub(crate) const DATES: &[&str] = &[
    "2019-08-12T17:00:00+08:00",
    "2019-08-12T09:00:00Z",
    "2019-08-12T09:00:00.500Z",
    "1969-12-31T23:59:59Z",
    "2024-02-29T23:30:00-00:30",
];
/// The times of [`DATES`] in seconds, and times around them.
pub(crate) const TIMES: &[i64] = &[1_565_600_400, 1_565_600_401, 1_565_600_399, -1, 0, 1_709_251_200];
const NETWORKS: &[&str] = &[
    "10.0.0.1",
    "10.0.0.0/8",
    "10.9.9.9/31",
    "0.0.0.0/0",
    "::1",
    "2001:db8::/32",
    "::/0",
    "::ffff:10.0.0.0/104",
];
pub(crate) const ADDRESSES: &[&str] =
    &["10.0.0.1", "10.9.9.8", "11.0.0.1", "::ffff:10.0.0.1", "::1", "2001:db8::1"];

const TEXT_OPERATORS: &[&str] = &[
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
];
const NUMBER_OPERATORS: &[&str] = &[
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
];
const DATE_OPERATORS: &[&str] = &[
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
];
const ADDRESS_OPERATORS: &[&str] = &["IpAddress", "NotIpAddress"];

/// Returns a random document that parses.
pub(crate) fn document(random: &mut Random, of: Of) -> Json {
    let count = 1 + random.below(3);
    let statements: Vec<Json> = (0..count).map(|_| statement(random, of)).collect();
    json!({"Version": "1", "Statement": statements})
}

fn statement(random: &mut Random, of: Of) -> Json {
    let mut members = Map::new();
    let deny = random.one_in(5);
    members.insert("Effect".into(), if deny { "Deny".into() } else { "Allow".into() });
    let list = match of {
        Of::Identity if random.one_in(5) => "NotAction",
        _ => "Action",
    };
    members.insert(list.into(), one_or_more(random, |random| action(random, of).into()));
    match of {
        Of::Identity => {
            members.insert("Resource".into(), one_or_more(random, |random| resource(random).into()))
        }
        Of::Key => members.insert("Resource".into(), "*".into()),
        Of::Trust => None,
    };
    let mut federated = false;
    if of != Of::Identity {
        federated = of == Of::Trust && random.one_in(3);
        members.insert("Principal".into(), principals(random, of, deny, federated));
    }
    let mut conditions = conditions(random, of);
    if federated && !deny {
        conditions.insert("StringEquals".into(), json!({"oidc:aud": ["bulla", "b"]}));
        conditions.insert("StringLike".into(), json!({"oidc:sub": pattern(random, "repo:x/y:z")}));
    }
    if !conditions.is_empty() {
        members.insert("Condition".into(), conditions.into());
    }
    members.into()
}

fn one_or_more(random: &mut Random, mut make: impl FnMut(&mut Random) -> Json) -> Json {
    if random.one_in(2) {
        return make(random);
    }
    let count = 1 + random.below(3);
    (0..count).map(|_| make(random)).collect()
}

fn action(random: &mut Random, of: Of) -> String {
    if of == Of::Identity && random.one_in(4) {
        return "*".to_owned();
    }
    let names = random.pick(if of == Of::Trust { TRUST_ACTIONS } else { ACTIONS });
    let action = match (of, *random.pick(names)) {
        (Of::Key, action) if !action.starts_with("kms:") => "kms:TagResources",
        (_, action) => action,
    };
    let (product, name) = action.split_once(':').expect("actions have a product");
    let name = pattern(random, name);
    let product = if of == Of::Identity && random.one_in(8) { "*" } else { product };
    let action = format!("{product}:{name}");
    if random.one_in(3) { action.to_uppercase() } else { action }
}

fn resource(random: &mut Random) -> String {
    let arn = *random.pick(RESOURCES);
    match arn.strip_prefix("acs:") {
        None => "*".to_owned(),
        Some(_) if random.one_in(3) => "*".to_owned(),
        // The other spelling of an empty region.
        Some(rest) if random.one_in(4) => format!("acs:{}", rest.replacen("ram::", "ram:*:", 1)),
        Some(rest) => format!("acs:{}", keep_parts(&pattern(random, rest), rest)),
    }
}

/// Returns the pattern if it still looks like an ARN.
fn keep_parts(pattern: &str, rest: &str) -> String {
    let looks = pattern.matches(':').count() >= 3 || pattern.contains('*');
    if looks { pattern.to_owned() } else { rest.to_owned() }
}

/// Returns the text with some parts replaced with wildcards; never wildcards alone.
pub(crate) fn pattern(random: &mut Random, text: &str) -> String {
    let mut pattern: Vec<char> = text.chars().collect();
    for _ in 0..random.below(3) {
        let from = random.below(pattern.len());
        let until = from + random.below(pattern.len() - from + 1).min(8);
        match random.below(8) {
            0 => pattern[from] = '?',
            1 | 2 => drop(pattern.splice(from..until, ['*'])),
            3 => pattern.truncate(from.max(1)),
            _ => drop(pattern.splice(from.., ['*'])),
        }
    }
    if pattern.iter().all(|character| "*?".contains(*character)) {
        text.to_owned()
    } else {
        pattern.into_iter().collect()
    }
}

fn principals(random: &mut Random, of: Of, deny: bool, federated: bool) -> Json {
    let mut members = Map::new();
    if federated {
        members.insert("Federated".into(), format!("acs:ram::{ACCOUNT}:oidc-provider/ci").into());
    }
    if !federated || random.one_in(2) {
        let account = of == Of::Trust || !deny;
        let ram = one_or_more(random, |random| {
            let name = *random.pick(NAMES);
            let who = match random.below(if account { 4 } else { 2 }) {
                0 => format!("user/{name}"),
                1 => format!("role/{name}"),
                2 => "root".to_owned(),
                _ => "*".to_owned(),
            };
            format!("acs:ram::{ACCOUNT}:{who}").into()
        });
        members.insert("RAM".into(), ram);
    }
    if of == Of::Trust && random.one_in(6) {
        members.insert("Service".into(), "ecs.aliyuncs.com".into());
    }
    members.into()
}

fn conditions(random: &mut Random, of: Of) -> Map<String, Json> {
    let mut operators = Map::new();
    for _ in 0..*random.pick(&[0, 0, 0, 1, 1, 2]) {
        let (operator, key, value) = condition(random, of);
        let keys = operators.entry(operator).or_insert_with(|| json!({}));
        keys.as_object_mut().expect("an object").insert(key.into(), value);
    }
    operators
}

fn condition(random: &mut Random, of: Of) -> (&'static str, &'static str, Json) {
    let text_key = *random.pick(if of == Of::Trust { TRUST_TEXT_KEYS } else { TEXT_KEYS });
    let on_text = random.one_in(4);
    match random.below(6) {
        0 => {
            let number = |random: &mut Random| match random.below(3) {
                0 => json!(7),
                _ => (*random.pick(NUMBERS)).into(),
            };
            (*random.pick(NUMBER_OPERATORS), text_key, one_or_more(random, number))
        }
        1 => {
            let key = if on_text { text_key } else { "acs:CurrentTime" };
            let dates = one_or_more(random, |random| (*random.pick(DATES)).into());
            (*random.pick(DATE_OPERATORS), key, dates)
        }
        2 => {
            let key =
                if on_text { text_key } else { *random.pick(&["acs:SecureTransport", "acs:MFAPresent"]) };
            (
                "Bool",
                key,
                random.pick(&[json!(true), json!("true"), json!("False"), json!(["false"])]).clone(),
            )
        }
        3 => {
            let key = if on_text { text_key } else { "acs:SourceIp" };
            let networks = one_or_more(random, |random| (*random.pick(NETWORKS)).into());
            (*random.pick(ADDRESS_OPERATORS), key, networks)
        }
        _ => {
            let text = |random: &mut Random| {
                let text = *random.pick(TEXTS);
                match random.below(8) {
                    0 => json!(7),
                    1 => json!(true),
                    2 => "*".into(),
                    _ if text.is_empty() => "".into(),
                    _ => pattern(random, text).into(),
                }
            };
            (*random.pick(TEXT_OPERATORS), text_key, one_or_more(random, text))
        }
    }
}
