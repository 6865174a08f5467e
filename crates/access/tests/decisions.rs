//! Which statements apply to a request, and what several policies decide together.

use std::collections::HashMap;

use bulla_access::{
    Application, ConditionKey, Context, Decision, Denial, Layer, Layers, Missing, Outcome, Policy,
    PolicyKind, Principal, PrincipalId, PrincipalName, Query, Rule, Value, covers_all, decide, evaluate,
    explain, system,
};

const ACCOUNT: &str = "1234567890123456";
const KEY: &str = "acs:kms:cn-hangzhou:1234567890123456:key/a";

/// Values by the key as documents spell it.
#[derive(Default)]
struct Values(HashMap<&'static str, Value<'static>>);

impl Context for Values {
    fn value(&self, key: &ConditionKey) -> Option<Value<'_>> {
        self.0.get(key.to_string().as_str()).copied()
    }
}

fn none() -> Values {
    Values::default()
}

fn bob() -> PrincipalId {
    PrincipalId::from_random(1)
}

fn ci() -> PrincipalId {
    PrincipalId::from_random(2)
}

/// Parses a policy and binds `user/bob` and `role/ci`, the only principals.
fn policy(kind: PolicyKind, statements: &str) -> Policy {
    let text = format!(r#"{{"Version": "1", "Statement": [{statements}]}}"#);
    let parsed = Policy::parse(kind, ACCOUNT, &text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let resolve = |name: &PrincipalName| match name {
        PrincipalName::User(name) if name == "bob" => Some(bob()),
        PrincipalName::Role(name) if name == "ci" => Some(ci()),
        _ => None,
    };
    parsed.bind(resolve).expect("known principals")
}

fn identity(effect: &str, action: &str, resource: &str) -> Policy {
    policy(
        PolicyKind::Identity,
        &format!(r#"{{"Effect": "{effect}", "Action": "{action}", "Resource": "{resource}"}}"#),
    )
}

fn of_resource(kind: PolicyKind, effect: &str, principal: &str) -> Policy {
    let action = if kind == PolicyKind::Trust { r#""sts:*""# } else { r#""kms:*", "Resource": "*""# };
    let principal = format!(r#"{{"RAM": "acs:ram::{ACCOUNT}:{principal}"}}"#);
    policy(kind, &format!(r#"{{"Effect": "{effect}", "Principal": {principal}, "Action": {action}}}"#))
}

fn query<'a>(actions: &'a [&'a str], resource: &'a str, context: &'a dyn Context) -> Query<'a> {
    Query { actions, resource, principal: Principal::User(bob()), context }
}

fn allows(policy: &Policy, action: &str, resource: &str) -> bool {
    matches!(evaluate(policy, &query(&[action], resource, &none())), Outcome::Allow(_))
}

#[test]
fn a_deny_wins_and_no_match_is_none() {
    let both = policy(
        PolicyKind::Identity,
        r#"{"Effect": "Allow", "Action": "kms:*", "Resource": "*"},
           {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"},
           {"Effect": "Deny", "Action": "kms:Decrypt", "Resource": "*"}"#,
    );
    let outcome = |action: &str| evaluate(&both, &query(&[action], KEY, &none()));
    assert!(matches!(outcome("kms:Decrypt"), Outcome::Deny(place) if place.index == 2 && place.line == 3));
    assert!(matches!(outcome("kms:Encrypt"), Outcome::Allow(place) if place.index == 0 && place.line == 1));
    assert_eq!(outcome("ram:GetUser"), Outcome::Silent);
}

#[test]
fn actions_match_without_case_and_resources_with_case() {
    let policy = identity("Allow", "KMS:decrypt", "acs:kms:*:*:key/a");
    assert!(allows(&policy, "kms:Decrypt", KEY));
    assert!(!allows(&policy, "kms:Decrypt", "acs:kms:cn-hangzhou:1234567890123456:key/A"));
    assert!(!allows(&policy, "kms:DecryptAll", KEY));
}

#[test]
fn a_star_of_a_resource_reaches_across_slashes_and_colons() {
    let policy = identity("Allow", "kms:*", "acs:kms:*:*:key*");
    for resource in [KEY, "acs:kms:r:1:key", "acs:kms:r:1:keys/a/b", "acs:kms:r:1:x:key/a"] {
        assert!(allows(&policy, "kms:Encrypt", resource), "{resource}");
    }
    assert!(!allows(&policy, "kms:Encrypt", "acs:kms:r:1:alias/a"));
}

#[test]
fn both_spellings_of_an_empty_region_match_in_both_directions() {
    for pattern in ["acs:ram:*:1:user/bob", "acs:ram::1:user/bob", "acs:ram:*:*:user/*", "acs:ram::*:*"] {
        for resource in ["acs:ram:*:1:user/bob", "acs:ram::1:user/bob"] {
            assert!(
                allows(&identity("Allow", "ram:*", pattern), "ram:GetUser", resource),
                "{pattern} {resource}"
            );
        }
    }
    assert!(!allows(
        &identity("Allow", "ram:*", "acs:ram:r:1:user/bob"),
        "ram:GetUser",
        "acs:ram:*:1:user/bob"
    ));
    // The region of a key is not empty.
    assert!(!allows(&identity("Allow", "kms:*", "acs:kms::1234567890123456:key/a"), "kms:Encrypt", KEY));
}

/// Names of roles match in any case; otherwise a Deny that spells the name differently would not deny anything.
#[test]
fn roles_match_in_every_case() {
    for pattern in [
        "acs:ram:*:1:role/ECSAdmin",
        "acs:ram::*:role/ecs*",
        "acs:*:role/ECS?DMIN",
        "acs:ra?:*:1:role/EcsAdmin",
        // The resource decides whether a text is the name of a role, not the pattern.
        "acs:ram:*:*:*/ECSAdmin",
        "acs:ram:*:*:rol?/ECSAdmin",
        "acs:ram:*:*:role*/ECSAdmin",
        "acs:ram:*ECSAdmin",
        "acs:ram:*ecsAdmi?",
        "acs:*E*A*",
    ] {
        for role in ["acs:ram:*:1:role/ecsadmin", "acs:ram::1:role/ECSAdmin"] {
            let policy = identity("Allow", "sts:AssumeRole", pattern);
            assert!(allows(&policy, "sts:AssumeRole", role), "{pattern} {role}");
        }
    }
    let secret = identity("Allow", "kms:*", "acs:kms:r:1:secret/a:role/B");
    assert!(
        allows(&secret, "kms:GetSecretValue", "acs:kms:r:1:secret/a:role/B"),
        "only ARNs of roles change"
    );
    let user = identity("Allow", "ram:*", "acs:ram:*:1:user/Bob");
    assert!(!allows(&user, "ram:GetUser", "acs:ram:*:1:user/bob"), "users have the case of their names");
    let policy = identity("Allow", "ram:*", "acs:ram:*:*:*/Bob");
    assert!(!allows(&policy, "ram:GetPolicy", "acs:ram:*:1:policy/bob"), "as have policies");
}

/// Real names are shorter, but a request may have one of this length; its cost must not grow with policies times name.
#[test]
fn wildcards_are_not_compared_with_a_name_that_is_too_long() {
    let long = format!("acs:kms:r:1:key/{}", "a".repeat(500));
    for (pattern, is_fixed) in [
        ("*", true),
        ("acs:kms:r:1:key/a*", true),
        (&*long, true),
        ("acs:kms:*:*:key/*", false),
        ("acs:*a", false),
    ] {
        let allow = identity("Allow", "kms:*", pattern);
        assert_eq!(allows(&allow, "kms:Encrypt", &long), is_fixed, "{pattern}");
        assert!(allows(&allow, "kms:Encrypt", &long[..512]) || pattern == long, "{pattern}");
    }
    let everything = identity("Allow", "kms:*", "*");
    let context = none();
    for pattern in ["acs:kms:*:*:key/b*", "acs:*b*"] {
        let deny = identity("Deny", "kms:*", pattern);
        let layers =
            Layers { session: None, identity: &[&everything, &deny], resource: None, rule: Rule::Either };
        for (name, denied) in [(&*long, true), (&long[..512], false)] {
            let decision = decide(&layers, &query(&["kms:Encrypt"], name, &context));
            assert_eq!(!decision.is_allowed(), denied, "{pattern}");
        }
    }
}

#[test]
fn an_action_without_a_resource_needs_a_statement_on_all() {
    assert!(allows(&identity("Allow", "kms:*", "*"), "kms:GetRandomPassword", "*"));
    assert!(!allows(&identity("Allow", "kms:*", "acs:*"), "kms:GetRandomPassword", "*"));
}

#[test]
fn variables_are_text() {
    let policy = identity("Allow", "kms:*", "acs:kms:*:*:secret/${acs:Name}");
    assert!(allows(&policy, "kms:GetSecretValue", "acs:kms:r:1:secret/${acs:Name}"));
    assert!(!allows(&policy, "kms:GetSecretValue", "acs:kms:r:1:secret/bob"));
}

#[test]
fn not_action_is_every_other_action_of_every_product() {
    let policy = policy(
        PolicyKind::Identity,
        r#"{"Effect": "Allow", "NotAction": ["kms:*", "ram:Get*"], "Resource": "*"}"#,
    );
    assert!(!allows(&policy, "kms:Decrypt", KEY));
    assert!(!allows(&policy, "ram:getuser", "acs:ram::1:user/bob"));
    assert!(allows(&policy, "ram:DeleteUser", "acs:ram::1:user/bob"));
    assert!(allows(&policy, "sts:AssumeRole", "acs:ram::1:role/ci"));
}

#[test]
fn an_action_of_several_names_is_allowed_by_any_and_denied_by_any() {
    let names = ["kms:TagResources", "ecs:TagResources"];
    let decided = |policies: &[&Policy]| {
        let layers = Layers { session: None, identity: policies, resource: None, rule: Rule::Either };
        decide(&layers, &query(&names, KEY, &none())).is_allowed()
    };
    let allow = [identity("Allow", "kms:TagResources", "*"), identity("Allow", "ecs:TagResources", "*")];
    let deny = [identity("Deny", "kms:TagResources", "*"), identity("Deny", "ecs:TagResources", "*")];
    for allow in &allow {
        assert!(decided(&[allow]));
        for deny in &deny {
            assert!(!decided(&[allow, deny]));
        }
    }
}

#[test]
fn the_account_in_a_key_or_secret_policy_gives_no_user_or_session_anything() {
    for kind in [PolicyKind::Key, PolicyKind::Secret] {
        for spelling in ["*", "root"] {
            let default = of_resource(kind, "Allow", spelling);
            for principal in [Principal::User(bob()), Principal::Role(ci()), Principal::Oidc("ci")] {
                let context = none();
                let query = Query { principal, ..query(&["kms:Decrypt"], KEY, &context) };
                assert_eq!(evaluate(&default, &query), Outcome::Silent);
                for rule in [Rule::Either, Rule::Both, Rule::Resource] {
                    let layers = Layers { session: None, identity: &[], resource: Some(&default), rule };
                    assert!(!decide(&layers, &query).is_allowed());
                }
            }
        }
    }
}

#[test]
fn the_account_in_a_trust_policy_means_users_and_roles_that_may_assume_it() {
    let may = identity("Allow", "sts:AssumeRole", "acs:ram:*:*:role/ci");
    for spelling in ["*", "root"] {
        let trust = of_resource(PolicyKind::Trust, "Allow", spelling);
        for (principal, trusted) in
            [(Principal::User(bob()), true), (Principal::Role(ci()), true), (Principal::Oidc("ci"), false)]
        {
            let context = none();
            let query = Query {
                principal,
                ..query(&["sts:AssumeRole"], "acs:ram:*:1234567890123456:role/ci", &context)
            };
            let decided = |identity: &[&Policy], resource| {
                decide(&Layers { session: None, identity, resource, rule: Rule::Both }, &query).is_allowed()
            };
            assert_eq!(decided(&[&may], Some(&trust)), trusted);
            assert!(!decided(&[], Some(&trust)));
            assert!(!decided(&[&may], None));
        }
    }
}

#[test]
fn principals_match_by_id_and_kind() {
    let context = none();
    let outcome = |policy: &Policy, principal| {
        evaluate(policy, &Query { principal, ..query(&["kms:Decrypt"], KEY, &context) })
    };
    let user = of_resource(PolicyKind::Key, "Allow", "user/bob");
    let role = of_resource(PolicyKind::Key, "Allow", "role/ci");
    assert!(matches!(outcome(&user, Principal::User(bob())), Outcome::Allow(_)));
    assert!(matches!(outcome(&role, Principal::Role(ci())), Outcome::Allow(_)));
    for (policy, principal) in [
        (&user, Principal::Role(bob())),
        (&user, Principal::User(ci())),
        (&role, Principal::User(ci())),
        (&role, Principal::Oidc("ci")),
    ] {
        assert_eq!(outcome(policy, principal), Outcome::Silent);
    }
}

#[test]
fn a_policy_that_is_not_bound_gives_those_that_it_names_nothing() {
    let text = r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Principal": {"RAM": "acs:ram::1234567890123456:user/bob"}}]}"#;
    let unbound = Policy::parse(PolicyKind::Key, ACCOUNT, text).expect("a key policy");
    assert_eq!(evaluate(&unbound, &query(&["kms:Decrypt"], KEY, &none())), Outcome::Silent);
}

#[test]
fn a_provider_matches_its_name_and_its_claims() {
    let trust = policy(
        PolicyKind::Trust,
        r#"{"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"Federated": "acs:ram::1234567890123456:oidc-provider/ci"},
            "Condition": {"StringEquals": {"oidc:aud": "bulla"}, "StringLike": {"oidc:sub": "repo:x/*"}}}"#,
    );
    let decided = |provider, audiences: &'static [&'static str], subject| {
        let context =
            Values([("oidc:aud", Value::Texts(audiences)), ("oidc:sub", Value::Text(subject))].into());
        let query = Query {
            principal: Principal::Oidc(provider),
            ..query(&["sts:AssumeRole", "sts:AssumeRoleWithOIDC"], "acs:ram:*:1:role/ci", &context)
        };
        let layers = Layers { session: None, identity: &[], resource: Some(&trust), rule: Rule::Resource };
        decide(&layers, &query).is_allowed()
    };
    assert!(decided("ci", &["other", "bulla"], "repo:x/y"));
    assert!(!decided("CI", &["bulla"], "repo:x/y"));
    assert!(!decided("ci", &["other"], "repo:x/y"));
    assert!(!decided("ci", &[], "repo:x/y"));
    assert!(!decided("ci", &["bulla"], "repo:y/x"));
}

#[test]
fn a_key_policy_or_an_identity_policy_suffices_and_a_deny_of_either_denies() {
    let (allow, deny) = (identity("Allow", "kms:*", "*"), identity("Deny", "kms:*", "*"));
    let key = |effect| of_resource(PolicyKind::Key, effect, "user/bob");
    let (key_allow, key_deny) = (key("Allow"), key("Deny"));
    let layer = |policies: &[&Policy], resource| {
        let layers = Layers { session: None, identity: policies, resource, rule: Rule::Either };
        match decide(&layers, &query(&["kms:Decrypt"], KEY, &none())) {
            Decision::Allow(source) => Ok(source.layer),
            Decision::Deny(denial) => Err((denial.no_permission_type(), denial.layer())),
        }
    };
    assert_eq!(layer(&[&allow], None), Ok(Layer::Identity));
    assert_eq!(layer(&[], Some(&key_allow)), Ok(Layer::Resource));
    assert_eq!(layer(&[&allow], Some(&key_allow)), Ok(Layer::Identity));
    assert_eq!(layer(&[&allow], Some(&key_deny)), Err(("ExplicitDeny", Layer::Resource)));
    assert_eq!(layer(&[&deny], Some(&key_allow)), Err(("ExplicitDeny", Layer::Identity)));
    assert_eq!(layer(&[&allow, &deny], None), Err(("ExplicitDeny", Layer::Identity)));
    assert_eq!(layer(&[], None), Err(("ImplicitDeny", Layer::Identity)));
}

#[test]
fn a_session_policy_limits_all_other_policies() {
    let all = identity("Allow", "*", "*");
    let session =
        policy(PolicyKind::Session, r#"{"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*"}"#);
    let refusing = policy(PolicyKind::Session, r#"{"Effect": "Deny", "Action": "kms:*", "Resource": "*"}"#);
    let key = of_resource(PolicyKind::Key, "Allow", "user/bob");
    let decided = |session, identity: &[&Policy], action: &str| {
        let layers = Layers { session: Some(session), identity, resource: Some(&key), rule: Rule::Either };
        decide(&layers, &query(&[action], KEY, &none()))
    };
    assert!(decided(&session, &[&all], "kms:Encrypt").is_allowed());
    assert_eq!(decided(&session, &[&all], "kms:Decrypt"), Decision::Deny(Denial::Implicit(Layer::Session)));
    assert!(matches!(
        decided(&refusing, &[&all], "kms:Decrypt"),
        Decision::Deny(Denial::Explicit(source)) if source.layer == Layer::Session
    ));
    // The statement has no effect.
    let none_of_it = Layers { session: Some(&all), identity: &[], resource: None, rule: Rule::Either };
    assert!(!decide(&none_of_it, &query(&["kms:Encrypt"], KEY, &none())).is_allowed());
}

/// Returns whether a condition with this request value lets an Allow and a Deny apply.
fn met(operator: &str, key: &'static str, values: &str, value: Option<Value<'static>>) -> (bool, bool) {
    let context = Values(value.map(|value| (key, value)).into_iter().collect());
    let applies = |effect| {
        let condition = format!(r#"{{"{operator}": {{"{key}": {values}}}}}"#);
        let policy = policy(
            PolicyKind::Identity,
            &format!(r#"{{"Effect": "{effect}", "Action": "*", "Resource": "*", "Condition": {condition}}}"#),
        );
        evaluate(&policy, &query(&["kms:Decrypt"], KEY, &context)) != Outcome::Silent
    };
    (applies("Allow"), applies("Deny"))
}

const BOTH: (bool, bool) = (true, true);
const NEITHER: (bool, bool) = (false, false);
const DENY_ONLY: (bool, bool) = (false, true);

#[test]
fn texts_compare_by_their_operator() {
    let text = |operator, values, value| met(operator, "kms:tag/a", values, Some(Value::Text(value)));
    assert_eq!(text("StringEquals", r#"["x", "Prod"]"#, "Prod"), BOTH);
    assert_eq!(text("StringEquals", r#""Prod""#, "prod"), NEITHER);
    assert_eq!(text("StringEquals", r#""a*""#, "ab"), NEITHER);
    assert_eq!(text("StringEqualsIgnoreCase", r#""PROÜ""#, "proü"), BOTH);
    assert_eq!(text("StringLike", r#""pr?d-*""#, "prod-eu/1"), BOTH);
    assert_eq!(text("StringLike", r#""Pr*""#, "prod"), NEITHER);
    assert_eq!(text("StringEquals", "1.50", "1.50"), BOTH);
    assert_eq!(text("StringEquals", "1.50", "1.5"), NEITHER);
    assert_eq!(text("StringEquals", "true", "true"), BOTH);
    assert_eq!(text("NumericEquals", "1.50", "1.5"), BOTH);
    assert_eq!(text("NumericLessThan", r#"["-2", "7"]"#, "6.999"), BOTH);
    assert_eq!(text("NumericGreaterThanEquals", "7", "7.0"), BOTH);
    assert_eq!(text("NumericGreaterThan", "9007199254740992", "9007199254740993"), BOTH);
    assert_eq!(text("NumericLessThanEquals", "-1.5", "-1.25"), NEITHER);
}

#[test]
fn a_negated_operator_is_met_if_no_value_matches() {
    let text = |operator, values, value| met(operator, "kms:tag/a", values, Some(Value::Text(value)));
    for operator in ["StringNotEquals", "StringNotEqualsIgnoreCase", "StringNotLike"] {
        assert_eq!(text(operator, r#"["a", "b"]"#, "b"), NEITHER, "{operator}");
        assert_eq!(text(operator, r#"["a", "b"]"#, "c"), BOTH, "{operator}");
    }
    assert_eq!(text("NumericNotEquals", "[1, 2]", "2.0"), NEITHER);
    let address = |address: &str| {
        let value = Value::Address(address.parse().expect("an address"));
        met("NotIpAddress", "acs:SourceIp", r#"["10.0.0.0/8", "192.0.2.1"]"#, Some(value))
    };
    assert_eq!(address("10.1.1.1"), NEITHER);
    assert_eq!(address("192.0.2.1"), NEITHER);
    assert_eq!(address("192.0.2.2"), BOTH);
}

#[test]
fn an_absent_key_meets_only_a_negated_operator_of_a_deny() {
    for (operator, key, values, expected) in [
        ("StringEquals", "kms:tag/a", r#""x""#, NEITHER),
        ("StringLike", "kms:tag/a", r#""*""#, NEITHER),
        ("StringNotEquals", "kms:tag/a", r#""x""#, DENY_ONLY),
        ("StringNotLike", "kms:tag/a", r#""*""#, DENY_ONLY),
        ("NumericNotEquals", "kms:tag/a", "1", DENY_ONLY),
        ("DateNotEquals", "acs:CurrentTime", r#""2019-08-12T17:00:00Z""#, DENY_ONLY),
        ("NotIpAddress", "acs:SourceIp", r#""10.0.0.0/8""#, DENY_ONLY),
        ("IpAddress", "acs:SourceIp", r#""0.0.0.0/0""#, NEITHER),
        ("Bool", "acs:MFAPresent", "false", NEITHER),
    ] {
        assert_eq!(met(operator, key, values, None), expected, "{operator}");
    }
    assert_eq!(met("StringNotEquals", "kms:tag/a", r#""x""#, Some(Value::Texts(&[]))), DENY_ONLY);
}

#[test]
fn a_value_that_cannot_be_read_counts_against_the_caller() {
    for operator in ["NumericEquals", "NumericNotEquals", "NumericLessThan"] {
        assert_eq!(met(operator, "kms:tag/a", "1", Some(Value::Text("one"))), DENY_ONLY);
    }
    assert_eq!(met("IpAddress", "kms:tag/a", r#""10.0.0.0/8""#, Some(Value::Text("10.0.0"))), DENY_ONLY);
    assert_eq!(met("IpAddress", "acs:SourceIp", r#""10.0.0.0/8""#, Some(Value::Boolean(true))), DENY_ONLY);
    assert_eq!(met("StringEquals", "kms:tag/a", r#""x""#, Some(Value::Date(0))), DENY_ONLY);
}

#[test]
fn patterns_of_conditions_read_texts_of_up_to_512_bytes() {
    let text = |operator, length: usize| {
        met(operator, "kms:tag/a", r#""x*""#, Some(Value::Text("x".repeat(length).leak())))
    };
    assert_eq!(text("StringLike", 512), BOTH);
    assert_eq!(text("StringNotLike", 512), NEITHER);
    assert_eq!(text("StringLike", 513), DENY_ONLY);
    assert_eq!(text("StringNotLike", 513), DENY_ONLY);
    assert_eq!(text("StringEquals", 513), NEITHER);
}

#[test]
fn one_of_several_texts_has_to_match() {
    let several = |operator, values| met(operator, "kms:tag/a", values, Some(Value::Texts(&["a", "b"])));
    assert_eq!(several("StringEquals", r#""b""#), BOTH);
    assert_eq!(several("StringEquals", r#""c""#), NEITHER);
    assert_eq!(several("StringNotEquals", r#""b""#), NEITHER);
    assert_eq!(several("StringNotEquals", r#""c""#), BOTH);
}

#[test]
fn dates_compare_as_points_in_time() {
    // 2019-08-12T09:00:00Z
    let date =
        |operator, values, seconds| met(operator, "acs:CurrentTime", values, Some(Value::Date(seconds)));
    const NINE: i64 = 1_565_600_400;
    for same in
        [r#""2019-08-12T17:00:00+08:00""#, r#""2019-08-12T09:00:00Z""#, r#""2019-08-12T02:00:00-07:00""#]
    {
        assert_eq!(date("DateEquals", same, NINE), BOTH);
        assert_eq!(date("DateNotEquals", same, NINE), NEITHER);
        assert_eq!(date("DateLessThan", same, NINE), NEITHER);
        assert_eq!(date("DateLessThanEquals", same, NINE), BOTH);
        assert_eq!(date("DateLessThan", same, NINE - 1), BOTH);
        assert_eq!(date("DateGreaterThan", same, NINE + 1), BOTH);
        assert_eq!(date("DateGreaterThanEquals", same, NINE - 1), NEITHER);
    }
}

#[test]
fn an_address_in_its_ipv6_form_is_an_ipv4_address() {
    let address = |values: &str, address: &str| {
        met("IpAddress", "acs:SourceIp", values, Some(Value::Address(address.parse().expect("an address")))).0
    };
    for network in ["10.0.0.0/8", "10.1.2.3", "10.1.2.9/24", "::ffff:10.1.2.3", "::ffff:10.0.0.0/104"] {
        for same in ["10.1.2.3", "::ffff:10.1.2.3"] {
            assert!(address(&format!("\"{network}\""), same), "{network} {same}");
        }
        assert!(!address(&format!("\"{network}\""), "11.1.2.3"), "{network}");
        assert!(!address(&format!("\"{network}\""), "2001:db8::1"), "{network}");
    }
    assert!(address(r#""2001:db8::/32""#, "2001:db8:1::1"));
    assert!(!address(r#""2001:db8::/32""#, "2001:db9::1"));
    assert!(!address(r#""::/0""#, "10.1.2.3"));
    assert!(!address(r#""0.0.0.0/0""#, "2001:db8::1"));
}

#[test]
fn operators_and_keys_must_all_be_met() {
    let policy = policy(
        PolicyKind::Identity,
        r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {
            "StringEquals": {"kms:tag/a": "1", "kms:EncryptionContext:a:B": "2"},
            "Bool": {"acs:SecureTransport": "true"}}}"#,
    );
    let all: [(&'static str, Value<'static>); 3] = [
        ("kms:tag/a", Value::Text("1")),
        ("kms:EncryptionContext:a:B", Value::Text("2")),
        ("acs:SecureTransport", Value::Boolean(true)),
    ];
    let decided = |context: Values| {
        matches!(evaluate(&policy, &query(&["kms:Decrypt"], KEY, &context)), Outcome::Allow(_))
    };
    assert!(decided(Values(all.into())));
    for left_out in 0..all.len() {
        let mut values = HashMap::from(all);
        values.remove(all[left_out].0);
        assert!(!decided(Values(values)));
    }
    let mut values = HashMap::from(all);
    values.remove("kms:EncryptionContext:a:B");
    values.insert("kms:EncryptionContext:a:b", Value::Text("2"));
    assert!(!decided(Values(values)));
}

const BELOW: &str = "acs:kms:cn-hangzhou:1234567890123456:key/";

fn covers(session: Option<&Policy>, identity: &[&Policy]) -> bool {
    let context = Values([("acs:SecureTransport", Value::Boolean(true))].into());
    covers_all(session, identity, &query(&["kms:DescribeKey"], BELOW, &context))
}

#[test]
fn all_keys_are_covered_by_one_pattern_without_a_deny_that_could_touch_one() {
    for pattern in ["*", "acs:kms:*", "acs:kms:*:*:key*", "acs:kms:*:*:key/*", "acs:kms:cn-hangzhou:*:key/*"]
    {
        assert!(covers(None, &[&identity("Allow", "kms:*", pattern)]), "{pattern}");
    }
    for pattern in
        ["acs:kms:*:*:key/a*", "acs:kms:*:*:key/?", KEY, "acs:kms:*:*:secret/*", "acs:kms:*:2:key/*"]
    {
        assert!(!covers(None, &[&identity("Allow", "kms:*", pattern)]), "{pattern}");
    }
    assert!(!covers(None, &[]));
    assert!(!covers(None, &[&identity("Allow", "kms:Encrypt", "*")]));

    let all = identity("Allow", "*", "*");
    for (pattern, covered) in [
        ("*", false),
        (KEY, false),
        ("acs:kms:*:*:key/a*", false),
        ("acs:kms:*:*:secret/*", true),
        ("acs:kms:*:*:alias/a", true),
        ("acs:ram:*", true),
    ] {
        assert_eq!(covers(None, &[&all, &identity("Deny", "kms:*", pattern)]), covered, "{pattern}");
    }
    assert!(covers(None, &[&all, &identity("Deny", "kms:Decrypt", "*")]));
}

#[test]
fn conditions_on_a_single_resource_leave_open_whether_all_are_covered() {
    let with = |effect, condition: &str| {
        policy(
            PolicyKind::Identity,
            &format!(r#"{{"Effect": "{effect}", "Action": "*", "Resource": "*", "Condition": {condition}}}"#),
        )
    };
    let secure = r#"{"Bool": {"acs:SecureTransport": "true"}}"#;
    let insecure = r#"{"Bool": {"acs:SecureTransport": "false"}}"#;
    let tagged = r#"{"StringEquals": {"kms:tag/a": "1"}}"#;
    let untagged = r#"{"StringNotEquals": {"kms:tag/a": "1"}}"#;
    let algorithm = r#"{"StringEquals": {"kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}}"#;
    assert!(covers(None, &[&with("Allow", secure)]));
    let all = identity("Allow", "*", "*");
    assert!(covers(None, &[&all, &with("Deny", insecure)]));
    assert!(!covers(None, &[&all, &with("Deny", secure)]));
    for unknown in [tagged, untagged, algorithm] {
        assert!(!covers(None, &[&with("Allow", unknown)]), "{unknown}");
        assert!(!covers(None, &[&all, &with("Deny", unknown)]), "{unknown}");
    }
    for (session, covered) in
        [(&all, true), (&identity("Allow", "kms:*", KEY), false), (&with("Allow", tagged), false)]
    {
        assert_eq!(covers(Some(session), &[&all]), covered);
    }
}

#[test]
fn system_policies_grant_what_their_names_state() {
    let secret = "acs:kms:r:1:secret/a";
    let gives = |name: &str, action: &str, resource: &str| {
        allows(system::find(name).expect(name).policy(), action, resource)
    };
    for name in ["AdministratorAccess", "AliyunKMSFullAccess"] {
        assert!(gives(name, "kms:SetKeyPolicy", KEY));
    }
    assert!(!gives("AliyunKMSFullAccess", "ram:CreateUser", "acs:ram:*:1:user/*"));
    assert!(!gives("AliyunKMSFullAccess", "ram:CreateServiceLinkedRole", "*"));
    for name in ["ReadOnlyAccess", "AliyunKMSReadOnlyAccess"] {
        assert!(gives(name, "kms:DescribeKey", KEY));
        for action in
            ["kms:Decrypt", "kms:GetSecretValue", "kms:GetRandomPassword", "kms:GetParametersForImport"]
        {
            assert!(!gives(name, action, KEY), "{action}");
        }
    }
    assert!(gives("AliyunKMSCryptoUserAccess", "kms:Decrypt", KEY));
    assert!(!gives("AliyunKMSCryptoUserAccess", "kms:ReEncryptFrom", KEY));
    assert!(!gives("AliyunKMSCryptoUserAccess", "kms:DescribeKey", KEY));
    assert!(gives("AliyunKMSCryptoAdminAccess", "kms:Decrypt", KEY));
    assert!(gives("AliyunKMSCryptoAdminAccess", "ecs:TagResources", secret));
    assert!(!gives("AliyunKMSCryptoAdminAccess", "kms:GetSecretValue", secret));
    assert!(gives("AliyunKMSSecretUserAccess", "kms:GetSecretValue", secret));
    assert!(!gives("AliyunKMSSecretUserAccess", "kms:Decrypt", KEY));
    assert!(gives("AliyunKMSSecretAdminAccess", "kms:GetRandomPassword", "*"));
    assert!(!gives("AliyunKMSSecretAdminAccess", "kms:Decrypt", KEY));
}

#[test]
fn an_explanation_describes_each_statement_and_what_is_missing() {
    let first = policy(
        PolicyKind::Identity,
        r#"{"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*"},
           {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "acs:kms:*:*:key/b"},
           {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*",
            "Condition": {"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}}"#,
    );
    let key = of_resource(PolicyKind::Key, "Allow", "*");
    let layers = Layers { session: None, identity: &[&first], resource: Some(&key), rule: Rule::Either };
    let explained = explain(&layers, &query(&["kms:Decrypt"], KEY, &none()));
    assert_eq!(explained.missing, [Missing::AllowOfEither]);
    assert_eq!(explained.missing[0].to_string(), "no Allow applies (identity policies or resource policy)");
    let [resource, condition, account] = &explained.statements[..] else { panic!("{explained:?}") };
    assert_eq!(resource.application, Application::OtherResource);
    assert_eq!(account.application, Application::AccountOnly);
    let Application::Conditions(unmet) = &condition.application else { panic!("{condition:?}") };
    assert_eq!(unmet[0].to_string(), "IpAddress of acs:SourceIp, which the request does not have");
    assert_eq!((condition.source.statement.line, condition.source.policy), (3, 0));

    let deny = identity("Deny", "kms:*", KEY);
    let session =
        policy(PolicyKind::Session, r#"{"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*"}"#);
    let layers =
        Layers { session: Some(&session), identity: &[&first, &deny], resource: None, rule: Rule::Either };
    let explained = explain(&layers, &query(&["kms:Encrypt"], KEY, &none()));
    assert!(matches!(explained.missing[..], [Missing::NoDeny(source)] if source.policy == 1));
    let explained = explain(&layers, &query(&["kms:Decrypt"], "acs:kms:r:1:key/b", &none()));
    assert_eq!(explained.missing, [Missing::Allow(Layer::Session)]);
    let explained = explain(&layers, &query(&["kms:Encrypt"], "acs:kms:r:1:key/b", &none()));
    assert!(explained.decision.is_allowed() && explained.missing.is_empty());
}

#[test]
fn a_policy_allows_everything_by_one_statement_without_a_condition() {
    let allows = |statements: &str| policy(PolicyKind::Identity, statements).allows_everything();
    for statements in [
        r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#,
        r#"{"Effect": "Allow", "Action": ["kms:Get*", "*:*"], "Resource": ["acs:kms:*:*:key/a", "*"]}"#,
        r#"{"Effect": "Deny", "Action": "ram:*", "Resource": "*"}, {"Effect": "Allow", "Action": "*", "Resource": "*"}"#,
    ] {
        assert!(allows(statements), "{statements}");
    }
    for statements in [
        r#"{"Effect": "Deny", "Action": "*", "Resource": "*"}"#,
        r#"{"Effect": "Allow", "Action": ["kms:*", "ram:*", "sts:*"], "Resource": "*"}"#,
        r#"{"Effect": "Allow", "NotAction": "kms:Decrypt", "Resource": "*"}"#,
        r#"{"Effect": "Allow", "Action": "*", "Resource": "acs:*"}"#,
        r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"acs:SecureTransport": "true"}}}"#,
    ] {
        assert!(!allows(statements), "{statements}");
    }
}
