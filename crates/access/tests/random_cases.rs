//! Compares decisions about random policies and requests with those of an independent evaluator, `support/naive.rs`.
//!
//! `BULLA_POLICY_CASES` sets the number of cases. The default suits CI and development; run more before a release.

mod support;

use bulla_access::{
    ConditionKey, Context, Decision, Denial, Distinction, Layer, Layers, Policy, PolicyKind, Principal,
    PrincipalId, PrincipalName, Query, Rule, Value, covers_all, decide, distinction, explain,
};
use serde_json::Value as Json;
use support::case::{Case, Given, Request};
use support::{ACCOUNT, ACTIONS, NAMES, naive};

#[test]
fn decisions_equal_those_of_the_naive_evaluator() {
    let cases = cases();
    let mut allowed = 0;
    for seed in 0..cases {
        let case = Case::random(seed);
        let parsed = Parsed::of(&case);
        let identity: Vec<&Policy> = parsed.identity.iter().collect();
        for (rule, name) in [(Rule::Either, "either"), (Rule::Both, "both"), (Rule::Resource, "resource")] {
            let layers = Layers {
                session: parsed.session.as_ref(),
                identity: &identity,
                resource: parsed.resource.as_ref(),
                rule,
            };
            let decision = decide(&layers, &query(&case.request));
            assert_eq!(answer(decision), naive::decide(&case, name), "case {seed}, {name}: {case:#?}");
            let explained = explain(&layers, &query(&case.request));
            assert_eq!(explained.decision, decision, "case {seed}");
            assert_eq!(explained.missing.is_empty(), decision.is_allowed(), "case {seed}: {explained:#?}");
            allowed += u64::from(decision.is_allowed());
        }
    }
    // If one of the answers were rare, the cases would prove little.
    assert!(allowed > cases / 4 && allowed < cases * 2, "{allowed} of {} decisions allow", 3 * cases);
}

#[test]
fn what_is_covered_is_allowed_on_every_resource() {
    let mut covered = 0;
    for seed in 0..cases() {
        let mut case = Case::random(seed);
        case.resource = None;
        case.request.actions = ACTIONS[seed as usize % ACTIONS.len()];
        let parsed = Parsed::of(&case);
        let identity: Vec<&Policy> = parsed.identity.iter().collect();
        let prefix = "acs:kms:r:1234567890123456:key/";
        let query = Query { resource: prefix, ..query(&case.request) };
        if !covers_all(parsed.session.as_ref(), &identity, &query) {
            continue;
        }
        covered += 1;
        for (id, tag) in
            [("", None), ("a", Some("a")), ("aB-a", Some("ab")), ("a-", Some("7")), ("b/?*", Some(""))]
        {
            case.request.resource = format!("{prefix}{id}");
            case.request.values.remove("kms:tag/a");
            case.request.values.extend(tag.map(|tag| ("kms:tag/a", Given::Texts(vec![tag]))));
            assert_eq!(naive::decide(&case, "either"), Ok(()), "case {seed}: {case:#?}");
        }
    }
    assert!(covered > cases() / 100, "{covered} cases cover all keys");
}

#[test]
fn indistinguishable_resources_get_the_same_answer() {
    let mut counts = [0; 3];
    for seed in 0..cases() {
        let mut case = Case::random(seed);
        case.resource = None;
        case.request.actions = ACTIONS[seed as usize % ACTIONS.len()];
        let parsed = Parsed::of(&case);
        let identity: Vec<&Policy> = parsed.identity.iter().collect();
        let prefix = "acs:kms:r:1234567890123456:key/";
        let by = distinction(
            parsed.session.as_ref(),
            &identity,
            &Query { resource: prefix, ..query(&case.request) },
        );
        counts[by as usize] += 1;
        let mut answers = vec![];
        for tag in [None, Some("a"), Some("ab"), Some("7"), Some("")] {
            for id in ["a", "aB-a", "a-", "b", "", "b/?*"] {
                case.request.resource = format!("{prefix}{id}");
                case.request.values.remove("kms:tag/a");
                case.request.values.extend(tag.map(|tag| ("kms:tag/a", Given::Texts(vec![tag]))));
                answers.push((tag, naive::decide(&case, "either")));
            }
        }
        for (tag, answer) in &answers {
            let first = answers.iter().find(|(of, _)| by == Distinction::Nothing || of == tag).unwrap();
            assert!(by == Distinction::Names || first.1.is_ok() == answer.is_ok(), "case {seed}: {case:#?}");
        }
    }
    assert!(counts.iter().all(|count| *count > cases() / 100), "{counts:?}");
}

fn cases() -> u64 {
    std::env::var("BULLA_POLICY_CASES").map_or(2_000, |cases| cases.parse().expect("a number"))
}

fn answer(decision: Decision) -> naive::Answer {
    let Decision::Deny(denial) = decision else { return Ok(()) };
    let layer = match denial.layer() {
        Layer::Session => "session",
        Layer::Identity => "identity",
        Layer::Resource => "resource",
    };
    Err((layer, matches!(denial, Denial::Explicit(_))))
}

fn query(request: &Request) -> Query<'_> {
    let (kind, name) = request.who;
    Query {
        actions: request.actions,
        resource: &request.resource,
        principal: match kind {
            "user" => Principal::User(id(kind, name)),
            "role" => Principal::Role(id(kind, name)),
            _ => Principal::Oidc(name),
        },
        context: request,
    }
}

impl Context for Request {
    fn value(&self, key: &ConditionKey) -> Option<Value<'_>> {
        Some(match self.values.get(key.to_string().as_str())? {
            Given::Texts(texts) if texts.len() == 1 => Value::Text(texts[0]),
            Given::Texts(texts) => Value::Texts(texts),
            Given::Time(time) => Value::Date(*time),
            Given::Truth(truth) => Value::Boolean(*truth),
            Given::Address(address) => Value::Address(*address),
        })
    }
}

fn id(kind: &str, name: &str) -> PrincipalId {
    let at = NAMES.iter().position(|known| *known == name).expect(name) as u64;
    PrincipalId::from_random(2 * at + u64::from(kind == "role"))
}

/// The parsed and bound documents of a case.
struct Parsed {
    session: Option<Policy>,
    identity: Vec<Policy>,
    resource: Option<Policy>,
}

impl Parsed {
    fn of(case: &Case) -> Self {
        let of_resource = if case.trust { PolicyKind::Trust } else { PolicyKind::Key };
        Self {
            session: case.session.as_ref().map(|document| parse(PolicyKind::Session, document)),
            identity: case.identity.iter().map(|document| parse(PolicyKind::Identity, document)).collect(),
            resource: case.resource.as_ref().map(|document| parse(of_resource, document)),
        }
    }
}

fn parse(kind: PolicyKind, document: &Json) -> Policy {
    let text = document.to_string();
    let policy = Policy::parse(kind, ACCOUNT, &text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let resolve = |name: &PrincipalName| match name {
        PrincipalName::User(name) => Some(id("user", name)),
        PrincipalName::Role(name) => Some(id("role", name)),
        PrincipalName::OidcProvider(_) => None,
    };
    policy.bind(resolve).expect("known principals")
}
