//! A random request with all the policies that apply to it.

use std::collections::HashMap;
use std::net::IpAddr;

use serde_json::Value as Json;

use super::{
    ACTIONS, ADDRESSES, NAMES, Of, RESOURCES, Random, TEXT_KEYS, TEXTS, TIMES, TRUST_ACTIONS,
    TRUST_TEXT_KEYS, document,
};

#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) session: Option<Json>,
    pub(crate) identity: Vec<Json>,
    /// A trust policy or a key policy.
    pub(crate) resource: Option<Json>,
    pub(crate) trust: bool,
    pub(crate) request: Request,
}

/// A random request of a user, a role or the bearer of a token.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) actions: &'static [&'static str],
    pub(crate) resource: String,
    /// `user`, `role` or `oidc`, and a name.
    pub(crate) who: (&'static str, &'static str),
    /// The values by the key as documents spell it.
    pub(crate) values: HashMap<&'static str, Given>,
}

#[derive(Clone, Debug)]
pub(crate) enum Given {
    Texts(Vec<&'static str>),
    Time(i64),
    Truth(bool),
    Address(IpAddr),
}

impl Case {
    pub(crate) fn random(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        let trust = random.one_in(3);
        let of_resource = if trust { Of::Trust } else { Of::Key };
        let session = random.one_in(4).then(|| document(random, Of::Identity));
        let identity = (0..random.below(5)).map(|_| document(random, Of::Identity)).collect();
        let resource = (!random.one_in(4)).then(|| document(random, of_resource));
        Self { session, identity, resource, trust, request: Request::random(random, trust) }
    }
}

impl Request {
    fn random(random: &mut Random, trust: bool) -> Self {
        let name = *random.pick(NAMES);
        Self {
            actions: *random.pick::<&[&str]>(if trust { TRUST_ACTIONS } else { ACTIONS }),
            resource: if trust {
                "acs:ram:*:1234567890123456:role/Eve".to_owned()
            } else {
                (*random.pick(RESOURCES)).to_owned()
            },
            who: *random.pick(&[("user", name), ("role", name), ("oidc", "ci"), ("user", name)]),
            values: values(random),
        }
    }
}

fn values(random: &mut Random) -> HashMap<&'static str, Given> {
    let mut values = HashMap::new();
    for key in TEXT_KEYS.iter().chain(TRUST_TEXT_KEYS) {
        let count = *random.pick(&[0, 1, 1, 1, 2]);
        if count > 0 || random.one_in(2) {
            values.insert(*key, Given::Texts((0..count).map(|_| *random.pick(TEXTS)).collect()));
        }
    }
    for (key, texts) in [("oidc:aud", &["bulla", "c"]), ("oidc:sub", &["repo:x/y:z", "repo:y"])] {
        if random.one_in(2) {
            values.insert(key, Given::Texts(vec![*random.pick(texts)]));
        }
    }
    for key in ["acs:SecureTransport", "acs:MFAPresent"] {
        if random.one_in(2) {
            values.insert(key, Given::Truth(random.one_in(2)));
        }
    }
    if !random.one_in(4) {
        values.insert("acs:CurrentTime", Given::Time(*random.pick(TIMES)));
    }
    if !random.one_in(4) {
        values.insert("acs:SourceIp", Given::Address(random.pick(ADDRESSES).parse().expect("an address")));
    }
    values
}
