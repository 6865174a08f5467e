//! What a document of each kind may contain, and which errors refuse the others, with their place.

use bulla_access::{Limit, Policy, PolicyError, PolicyKind, PrincipalId, PrincipalName, Reason};

const ACCOUNT: &str = "1234567890123456";

const ALL: [PolicyKind; 5] =
    [PolicyKind::Identity, PolicyKind::Session, PolicyKind::Trust, PolicyKind::Key, PolicyKind::Secret];

fn parse(kind: PolicyKind, text: &str) -> Result<Policy, PolicyError> {
    Policy::parse(kind, ACCOUNT, text)
}

/// Returns a document of one statement.
fn document(statement: &str) -> String {
    format!(r#"{{"Version": "1", "Statement": [{{{statement}}}]}}"#)
}

/// Returns the members that a statement of a kind needs.
fn usual(kind: PolicyKind) -> &'static [(&'static str, &'static str)] {
    match kind {
        PolicyKind::Trust => &[
            ("Effect", r#""Allow""#),
            ("Principal", r#"{"RAM": "acs:ram::1234567890123456:root"}"#),
            ("Action", r#""sts:AssumeRole""#),
        ],
        PolicyKind::Key | PolicyKind::Secret => &[
            ("Effect", r#""Allow""#),
            ("Principal", r#"{"RAM": "acs:ram::1234567890123456:*"}"#),
            ("Action", r#""kms:*""#),
            ("Resource", r#""*""#),
        ],
        _ => &[("Effect", r#""Allow""#), ("Action", r#""kms:*""#), ("Resource", r#""*""#)],
    }
}

/// Returns a document of one statement without one of these members.
fn without(kind: PolicyKind, name: &str) -> String {
    document(&members(kind, name).join(", "))
}

/// Returns a document of one statement with one member added or replaced.
fn with(kind: PolicyKind, name: &str, value: &str) -> String {
    let mut members = members(kind, name);
    members.push(format!("\"{name}\": {value}"));
    document(&members.join(", "))
}

fn members(kind: PolicyKind, but: &str) -> Vec<String> {
    let kept = usual(kind).iter().filter(|(name, _)| *name != but);
    kept.map(|(name, value)| format!("\"{name}\": {value}")).collect()
}

/// Returns the path and the reason of the error.
fn refused(kind: PolicyKind, text: &str) -> (String, Reason) {
    let error = parse(kind, text).expect_err(text);
    (error.path, error.reason)
}

fn reason(kind: PolicyKind, name: &str, value: &str) -> Reason {
    refused(kind, &with(kind, name, value)).1
}

fn assert_accepted(kind: PolicyKind, name: &str, value: &str) {
    if let Err(error) = parse(kind, &with(kind, name, value)) {
        panic!("{kind:?} {name} {value}: {error}");
    }
}

#[test]
fn a_refusal_names_line_column_and_path() {
    let text = "{\n  \"Version\": \"1\",\n  \"Statement\": [\n    {\"Effect\": \"Deny\", \"Action\": \"*\", \"Resource\": \"*\"},\n\
        \x20   {\n      \"Effect\": \"Allow\", \"Action\": \"kms:*\", \"Resource\": \"*\",\n\
        \x20     \"Condition\": {\"中\": 1, \"IpAddres\": {\"acs:SourceIp\": \"10.0.0.1\"}}\n    }\n  ]\n}";
    let error = parse(PolicyKind::Identity, text).expect_err("an unknown operator");
    assert_eq!(
        error.to_string(),
        "line 7, column 21, Statement[1].Condition.中: there is no condition operator \"中\""
    );
    let error =
        parse(PolicyKind::Identity, &text.replace("\"中\": 1, ", "")).expect_err("an unknown operator");
    assert_eq!(
        error.to_string(),
        "line 7, column 21, Statement[1].Condition.IpAddres: there is no condition operator \"IpAddres\""
    );
    let error = parse(PolicyKind::Identity, "{\"Version\": \"1\",\n \"Statement\": [}").expect_err("no JSON");
    assert_eq!((error.line, error.column), (2, 16));
    assert!(error.to_string().starts_with("line 2, column 16: this is not JSON: "), "{error}");
}

#[test]
fn the_whole_is_an_object_with_a_version_and_a_list_of_statements() {
    let kind = PolicyKind::Identity;
    let statement = r#"[{"Effect": "Allow", "Action": "*", "Resource": "*"}]"#;
    let whole = |members: &str| refused(kind, &format!("{{{members}}}"));
    assert_eq!(whole(r#""Version": "1""#), (String::new(), Reason::Missing("Statement")));
    assert_eq!(whole(&format!(r#""Statement": {statement}"#)).1, Reason::Missing("Version"));
    for (version, reason) in [
        (r#""2012-10-17""#, Reason::Version("2012-10-17".into())),
        (r#""""#, Reason::Version(String::new())),
        ("1", Reason::Expected("a string")),
        ("null", Reason::Expected("a string")),
    ] {
        let refused = whole(&format!(r#""Version": {version}, "Statement": {statement}"#));
        assert_eq!(refused, ("Version".into(), reason));
    }
    let one = whole(r#""Version": "1", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}"#);
    assert_eq!(one, ("Statement".into(), Reason::Expected("a list")));
    assert_eq!(whole(r#""Version": "1", "Statement": []"#).1, Reason::Empty);
    assert_eq!(
        whole(r#""Version": "1", "Statement": [[]]"#),
        ("Statement[0]".into(), Reason::Expected("an object"))
    );
    assert_eq!(whole(r#""Id": "a""#), ("Id".into(), Reason::UnknownMember("Id".into())));
    assert_eq!(refused(kind, "[]").1, Reason::Expected("an object"));
    assert!(matches!(refused(kind, "{} {}").1, Reason::Syntax(_)));
    assert!(matches!(refused(kind, r#"{"Version": "1",}"#).1, Reason::Syntax(_)));
    assert!(matches!(refused(kind, r#"{"Version": "\ud800"}"#).1, Reason::Syntax(_)));
}

#[test]
fn repeated_names_are_refused_everywhere_also_escaped() {
    let kind = PolicyKind::Identity;
    for text in [
        r#"{"Version": "1", "Version": "1", "Statement": []}"#.to_owned(),
        r#"{"Version": "1", "\u0056ersion": "1", "Statement": []}"#.to_owned(),
        with(kind, "Action", r#""*", "Action": "*""#),
        with(
            kind,
            "Condition",
            r#"{"Bool": {"acs:SecureTransport": true}, "Bool": {"acs:MFAPresent": true}}"#,
        ),
        with(kind, "Condition", r#"{"Bool": {"acs:SecureTransport": true, "acs:SecureTransport": false}}"#),
    ] {
        assert_eq!(refused(kind, &text).1, Reason::RepeatedName, "{text}");
    }
    // In an object of many members too, the error names the second of the two.
    let tags: Vec<_> = (0..20).chain([7]).map(|tag| format!("\n\"kms:tag/{tag}\": \"\"")).collect();
    let condition = format!("{{\"StringEquals\": {{{}}}}}", tags.join(","));
    let error = parse(kind, &with(kind, "Condition", &condition)).expect_err("a repeated name");
    assert_eq!((error.line, error.reason), (22, Reason::RepeatedName));
}

#[test]
fn deep_nesting_is_refused_without_being_followed() {
    let deep = format!("{}{}", "[".repeat(3000), "]".repeat(3000));
    let text = format!(r#"{{"Version": "1", "Statement": {deep}}}"#);
    assert_eq!(refused(PolicyKind::Key, &text).1, Reason::Expected("an object"));
    let deep = format!("{}{}", "{\"a\":".repeat(5000), "1}".repeat(0));
    assert!(matches!(refused(PolicyKind::Key, &deep).1, Reason::Syntax(_)));
}

#[test]
fn lengths_are_characters_of_identity_policies_and_bytes_of_resource_policies() {
    for kind in ALL {
        let text = with(kind, "Condition", r#"{"StringEquals": {"acs:ResourceTag/a": "中"}}"#);
        let text = if kind == PolicyKind::Trust {
            text.replace("acs:ResourceTag/a", "sts:ExternalId")
        } else {
            text
        };
        let filled = |length: usize, size: &dyn Fn(&str) -> usize| {
            format!("{text}{}", " ".repeat(length - size(&text)))
        };
        let (limit, size): (_, &dyn Fn(&str) -> usize) = match kind.limit() {
            Limit::Characters(limit) => (limit, &|text: &str| text.chars().count()),
            Limit::Bytes(limit) => (limit, &str::len),
        };
        assert!(parse(kind, &filled(limit, size)).is_ok(), "{kind:?}");
        assert_eq!(refused(kind, &filled(limit + 1, size)).1, Reason::Length(kind.limit()));
        assert_eq!(refused(kind, "").1, Reason::Length(kind.limit()));
    }
    assert_eq!(PolicyKind::Identity.limit(), Limit::Characters(6144));
    assert_eq!(PolicyKind::Session.limit(), Limit::Characters(2048));
    assert_eq!(PolicyKind::Secret.limit(), Limit::Bytes(32_768));
}

#[test]
fn each_kind_has_its_members() {
    for kind in ALL {
        let resource_policy = matches!(kind, PolicyKind::Key | PolicyKind::Secret);
        let has_principals = resource_policy || kind == PolicyKind::Trust;
        assert_eq!(reason(kind, "NotResource", r#""*""#), Reason::NotResource);
        assert_eq!(reason(kind, "NotPrincipal", "{}"), Reason::UnknownMember("NotPrincipal".into()));
        assert_eq!(reason(kind, "effect", r#""Allow""#), Reason::UnknownMember("effect".into()));
        if !resource_policy {
            assert_eq!(reason(kind, "Sid", r#""a""#), Reason::Misplaced("Sid"));
        }
        if kind == PolicyKind::Trust {
            assert_eq!(reason(kind, "Resource", r#""*""#), Reason::Misplaced("Resource"));
        }
        let not_action = with(kind, "Action", r#""kms:*""#).replace("\"Action\"", "\"NotAction\"");
        if has_principals {
            assert_eq!(refused(kind, &not_action).1, Reason::Misplaced("NotAction"));
        } else {
            assert!(parse(kind, &not_action).is_ok());
            let principal = reason(kind, "Principal", r#"{"RAM": "acs:ram::1234567890123456:root"}"#);
            assert_eq!(principal, Reason::Misplaced("Principal"));
        }
        assert_eq!(reason(kind, "NotAction", r#""kms:*""#), Reason::ActionAndNotAction);
    }
}

#[test]
fn what_a_kind_needs_is_missed() {
    for kind in ALL {
        for (name, _) in usual(kind) {
            assert_eq!(refused(kind, &without(kind, name)), ("Statement[0]".into(), Reason::Missing(name)));
        }
    }
}

#[test]
fn an_effect_is_allow_or_deny_as_written() {
    for wrong in ["allow", "DENY", "", "Allow "] {
        assert_eq!(
            reason(PolicyKind::Identity, "Effect", &format!("\"{wrong}\"")),
            Reason::Effect(wrong.into())
        );
    }
    assert_eq!(reason(PolicyKind::Identity, "Effect", r#"["Allow"]"#), Reason::Expected("a string"));
}

#[test]
fn an_action_names_a_product_and_resource_policies_are_about_one() {
    for value in [r#""*""#, r#"["kms:Decrypt", "oss:Get*", "*:List*", "kms:?"]"#] {
        assert_accepted(PolicyKind::Identity, "Action", value);
    }
    for wrong in ["Decrypt", "kms:", "k*:Decrypt", "", "kms:De crypt", "${a}"] {
        let refused = reason(PolicyKind::Identity, "Action", &format!("[\"*\", \"{wrong}\"]"));
        assert_eq!(refused, Reason::Action(wrong.into()));
    }
    assert_eq!(reason(PolicyKind::Identity, "Action", "[]"), Reason::Empty);
    assert_eq!(reason(PolicyKind::Identity, "Action", "{}"), Reason::Expected("a string"));
    assert_eq!(reason(PolicyKind::Identity, "Action", "1"), Reason::Expected("a string"));
    for (kind, product) in [(PolicyKind::Key, "kms"), (PolicyKind::Secret, "kms"), (PolicyKind::Trust, "sts")]
    {
        for foreign in ["*", "ram:*", "*:Get*"] {
            let refused = reason(kind, "Action", &format!("\"{foreign}\""));
            assert_eq!(refused, Reason::ForeignAction { action: foreign.into(), product });
        }
    }
    assert_accepted(PolicyKind::Trust, "Action", r#"["sts:AssumeRole", "sts:AssumeRoleWithOIDC"]"#);
}

#[test]
fn a_resource_is_an_arn_or_a_star_and_only_a_star_in_resource_policies() {
    for value in [
        r#""*""#,
        r#"["acs:kms:*:*:key*", "acs:ram::1234567890123456:user/bob"]"#,
        r#""acs:kms:*""#,
        r#""acs:*""#,
        r#""acs:kms:cn-hangzhou:1234567890123456:secret/${a}""#,
    ] {
        assert_accepted(PolicyKind::Identity, "Resource", value);
    }
    for wrong in ["", "key/*", "arn:kms:*", "acs", "acs:kms:a:b", "a*", "?", "**", " *"] {
        let refused = reason(PolicyKind::Identity, "Resource", &format!("\"{wrong}\""));
        assert_eq!(refused, Reason::Resource(wrong.into()));
    }
    for kind in [PolicyKind::Key, PolicyKind::Secret] {
        assert_accepted(kind, "Resource", r#"["*"]"#);
        let other = "acs:kms:*:*:key/a";
        assert_eq!(reason(kind, "Resource", &format!("\"{other}\"")), Reason::ResourceNotAll(other.into()));
    }
}

#[test]
fn a_principal_is_exact_and_of_the_own_account() {
    for kind in [PolicyKind::Key, PolicyKind::Secret, PolicyKind::Trust] {
        let ram = |arn: &str| reason(kind, "Principal", &format!(r#"{{"RAM": ["{arn}"]}}"#));
        for exact in ["root", "*", "user/bob", "role/ci"] {
            let value = format!(r#"{{"RAM": "acs:ram::{ACCOUNT}:{exact}"}}"#);
            assert_accepted(kind, "Principal", &value);
        }
        for wrong in [
            "*",
            "",
            "acs:ram::*:root",
            "acs:ram:*:1234567890123456:root",
            "acs:ram:cn-hangzhou:1234567890123456:user/bob",
            "acs:ram::1234567890123456:user/*",
            "acs:ram::1234567890123456:user/b?b",
            "acs:ram::1234567890123456:*/bob",
            "acs:ram::1234567890123456:**",
            "acs:ram::1234567890123456:Root",
            "acs:ram::1234567890123456:group/g",
            "acs:ram::1234567890123456:assumed-role/ci/session",
            "acs:ram::1234567890123456:role/ci/session",
            "acs:ram::1234567890123456:oidc-provider/ci",
            "acs:ram:::user/bob",
            "1234567890123456",
            "bob",
        ] {
            assert_eq!(ram(wrong), Reason::Principal(wrong.into()), "{kind:?}");
        }
        for foreign in ["acs:ram::6543210987654321:root", "acs:ram::6543210987654321:user/bob"] {
            assert_eq!(ram(foreign), Reason::ForeignPrincipal(foreign.into()));
        }
        for wrong in ["{}", r#"{"RAM": []}"#] {
            assert_eq!(reason(kind, "Principal", wrong), Reason::Empty);
        }
        assert_eq!(reason(kind, "Principal", r#""*""#), Reason::Expected("an object"));
        assert_eq!(reason(kind, "Principal", r#"{"AWS": "*"}"#), Reason::UnknownMember("AWS".into()));
    }
    for name in ["Service", "Federated"] {
        let refused = reason(PolicyKind::Key, "Principal", &format!("{{\"{name}\": \"a\"}}"));
        assert_eq!(refused, Reason::UnknownMember(name.into()));
    }
    assert_accepted(PolicyKind::Trust, "Principal", r#"{"Service": ["ecs.aliyuncs.com"]}"#);
    assert_eq!(reason(PolicyKind::Trust, "Principal", r#"{"Service": "*"}"#), Reason::Principal("*".into()));
}

#[test]
fn a_resource_policy_cannot_deny_the_account_and_a_trust_policy_can() {
    for spelling in ["root", "*"] {
        let principal =
            format!(r#"{{"RAM": ["acs:ram::{ACCOUNT}:user/bob", "acs:ram::{ACCOUNT}:{spelling}"]}}"#);
        for kind in [PolicyKind::Key, PolicyKind::Secret] {
            let text = with(kind, "Principal", &principal).replace("Allow", "Deny");
            assert_eq!(refused(kind, &text), ("Statement[0].Principal.RAM[1]".into(), Reason::AccountDenied));
        }
        let text = with(PolicyKind::Trust, "Principal", &principal).replace("Allow", "Deny");
        assert!(parse(PolicyKind::Trust, &text).is_ok());
    }
}

#[test]
fn a_sid_is_short_and_plain() {
    for kind in [PolicyKind::Key, PolicyKind::Secret] {
        assert_accepted(kind, "Sid", r#""kms default key policy""#);
        assert_accepted(kind, "Sid", &format!("\"{}\"", "a".repeat(128)));
        assert_accepted(kind, "Sid", r#""Az09_/+=.@-""#);
        for wrong in ["a".repeat(129), "a,b".to_owned(), "中".to_owned()] {
            assert_eq!(reason(kind, "Sid", &format!("\"{wrong}\"")), Reason::Sid(wrong));
        }
    }
}

#[test]
fn a_trusted_provider_needs_conditions_on_audience_and_subject() {
    let trust = |condition: &str| {
        let provider = format!(r#"{{"Federated": "acs:ram::{ACCOUNT}:oidc-provider/ci"}}"#);
        let text = with(PolicyKind::Trust, "Principal", &provider);
        let text = match condition {
            "" => text,
            condition => text.replace(r#""Action""#, &format!(r#""Condition": {condition}, "Action""#)),
        };
        parse(PolicyKind::Trust, &text).map(|_| ()).map_err(|error| error.reason)
    };
    let open = |claim| Err(Reason::UnrestrictedClaim(claim));
    assert_eq!(trust(r#"{"StringEquals": {"oidc:aud": "a", "oidc:sub": "repo:x"}}"#), Ok(()));
    assert_eq!(
        trust(r#"{"StringEquals": {"oidc:aud": "a"}, "StringLike": {"oidc:sub": ["repo:*", "b"]}}"#),
        Ok(())
    );
    assert_eq!(trust(r#"{"StringEqualsIgnoreCase": {"oidc:aud": "a", "oidc:sub": "b"}}"#), Ok(()));
    assert_eq!(trust(""), open("oidc:aud"));
    assert_eq!(trust(r#"{"StringEquals": {"oidc:sub": "b"}}"#), open("oidc:aud"));
    assert_eq!(trust(r#"{"StringEquals": {"oidc:aud": "a"}}"#), open("oidc:sub"));
    assert_eq!(trust(r#"{"StringEquals": {"oidc:aud": "a", "oidc:iss": "b"}}"#), open("oidc:sub"));
    assert_eq!(
        trust(r#"{"StringEquals": {"oidc:aud": "a"}, "StringNotEquals": {"oidc:sub": "b"}}"#),
        open("oidc:sub")
    );
    for all in [r#""*""#, r#""**""#, r#""?*""#, r#"["repo:*", "*"]"#] {
        let condition =
            format!(r#"{{"StringEquals": {{"oidc:aud": "a"}}, "StringLike": {{"oidc:sub": {all}}}}}"#);
        assert_eq!(trust(&condition), open("oidc:sub"), "{all}");
    }
    let deny = with(
        PolicyKind::Trust,
        "Principal",
        r#"{"Federated": "acs:ram::1234567890123456:oidc-provider/ci"}"#,
    );
    assert!(parse(PolicyKind::Trust, &deny.replace("Allow", "Deny")).is_ok());
    let saml = r#"{"Federated": "acs:ram::1234567890123456:saml-provider/ad"}"#;
    assert!(matches!(reason(PolicyKind::Trust, "Principal", saml), Reason::Principal(_)));
}

#[test]
fn conditions_have_known_operators_and_keys_of_their_type() {
    let condition = |text: &str| reason(PolicyKind::Identity, "Condition", text);
    assert_eq!(condition("{}"), Reason::Empty);
    assert_eq!(condition("[]"), Reason::Expected("an object"));
    assert_eq!(condition(r#"{"Bool": {}}"#), Reason::Empty);
    assert_eq!(condition(r#"{"Bool": []}"#), Reason::Expected("an object"));
    for operator in
        ["Null", "stringEquals", "StringEqualsIfExists", "ForAllValues:StringEquals", "ArnLike", "NotBool"]
    {
        let refused = condition(&format!(r#"{{"{operator}": {{"kms:tag/a": "1"}}}}"#));
        assert_eq!(refused, Reason::Operator(operator.into()));
    }
    for key in ["acs:SourceVpc", "acs:sourceip", "kms:tag/", "kms:tag", "aws:SourceIp", "ram:ServiceName", ""]
    {
        let refused = condition(&format!(r#"{{"StringEquals": {{"{key}": "1"}}}}"#));
        assert_eq!(refused, Reason::ConditionKey(key.into()));
    }
    for (operator, key, holds) in [
        ("StringEquals", "acs:SourceIp", "an address"),
        ("Bool", "acs:CurrentTime", "a date"),
        ("IpAddress", "acs:SecureTransport", "a boolean"),
        ("DateEquals", "acs:SourceIp", "an address"),
    ] {
        let refused = condition(&format!(r#"{{"{operator}": {{"{key}": "1"}}}}"#));
        assert_eq!(refused, Reason::OperatorForKey { operator, holds });
    }
    let (path, _) = refused(
        PolicyKind::Identity,
        &with(
            PolicyKind::Identity,
            "Condition",
            r#"{"IpAddress": {"acs:SourceIp": ["10.0.0.1", "10.0.0.256"]}}"#,
        ),
    );
    assert_eq!(path, "Statement[0].Condition.IpAddress.acs:SourceIp[1]");
}

#[test]
fn values_of_conditions_are_read_when_they_are_written() {
    let one = |operator: &str, value: &str| {
        let key = match operator {
            "IpAddress" | "NotIpAddress" => "acs:SourceIp",
            "Bool" => "acs:SecureTransport",
            _ if operator.starts_with("Date") => "acs:CurrentTime",
            _ => "kms:tag/a",
        };
        let condition = format!(r#"{{"{operator}": {{"{key}": {value}}}}}"#);
        let text = with(PolicyKind::Identity, "Condition", &condition);
        parse(PolicyKind::Identity, &text).map(|_| ()).map_err(|error| error.reason)
    };
    for (operator, value) in [
        ("StringEquals", "1.50"),
        ("StringEquals", "true"),
        ("StringEquals", r#""""#),
        ("StringLike", r#"["a*", 7, false]"#),
        ("NumericLessThan", "7"),
        ("NumericLessThan", r#"["-7.25", "0"]"#),
        ("DateLessThan", r#""2019-08-12T17:00:00+08:00""#),
        ("DateLessThan", r#""2019-08-12T17:00:00Z""#),
        ("Bool", "true"),
        ("Bool", r#"["False"]"#),
        ("IpAddress", r#"["10.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32", "::ffff:10.0.0.1"]"#),
    ] {
        assert_eq!(one(operator, value), Ok(()), "{operator} {value}");
    }
    for (operator, value) in [
        ("NumericLessThan", r#""""#),
        ("NumericLessThan", "1e3"),
        ("NumericLessThan", r#""0x1""#),
        ("NumericLessThan", r#""1.""#),
        ("NumericLessThan", r#""+1""#),
        ("NumericLessThan", r#""1234567890123456789""#),
        ("NumericLessThan", r#""NaN""#),
        ("DateLessThan", r#""2019-08-12""#),
        ("DateLessThan", r#""2019-08-12T17:00:00""#),
        ("DateLessThan", r#""2019-08-12 17:00:00Z""#),
        ("DateLessThan", r#""2019-13-12T17:00:00Z""#),
        ("DateLessThan", r#""2019-08-12T17:00:00+08:00[Asia/Shanghai]""#),
        ("DateLessThan", "1565600400"),
        ("Bool", r#""yes""#),
        ("Bool", "1"),
        ("IpAddress", r#""10.0.0.0/33""#),
        ("IpAddress", r#""10.0.0.*""#),
        ("IpAddress", r#""10.0.0""#),
        ("IpAddress", r#""*""#),
    ] {
        assert!(matches!(one(operator, value), Err(Reason::ConditionValue(_))), "{operator} {value}");
    }
    for value in ["null", "{}", "[[]]", "[null]"] {
        assert!(matches!(one("StringEquals", value), Err(Reason::Expected(_))), "{value}");
    }
    assert_eq!(one("StringEquals", "[]"), Err(Reason::Empty));
    assert_eq!(one("Bool", "[true, false]"), Err(Reason::SeveralBooleans));
    assert_eq!(one("Bool", "[true, true]"), Err(Reason::SeveralBooleans));
}

#[test]
fn principals_are_listed_and_bound_and_an_unknown_one_has_its_place() {
    let text = r#"{"Version": "1", "Statement": [
        {"Effect": "Allow", "Principal": {"RAM": ["acs:ram::1234567890123456:root", "acs:ram::1234567890123456:user/Bob"]},
         "Action": "sts:AssumeRole"},
        {"Effect": "Deny", "Principal": {"Federated": "acs:ram::1234567890123456:oidc-provider/ci",
                                         "RAM": "acs:ram::1234567890123456:role/ci"},
         "Action": "sts:AssumeRole"}]}"#;
    let policy = parse(PolicyKind::Trust, text).expect("a trust policy");
    let names: Vec<_> = policy.principals().cloned().collect();
    let bob = PrincipalName::User("Bob".into());
    let ci = PrincipalName::Role("ci".into());
    let provider = PrincipalName::OidcProvider("ci".into());
    assert_eq!(names, [bob.clone(), ci.clone(), provider.clone()]);

    let mut looked_up = Vec::new();
    let bound = policy.clone().bind(|name| {
        looked_up.push(name.clone());
        Some(PrincipalId::from_random(1))
    });
    assert_eq!(looked_up, [bob, ci.clone()]);
    assert_eq!(bound.expect("bound").principals().collect::<Vec<_>>(), [&provider]);

    let error =
        policy.bind(|name| (*name != ci).then(|| PrincipalId::from_random(1))).expect_err("no such role");
    assert_eq!((error.line, error.path.as_str()), (5, "Statement[1].Principal.RAM"));
    assert_eq!(error.reason, Reason::UnknownPrincipal(ci));
    assert!(error.to_string().ends_with("there is no role/ci"), "{error}");
}

#[test]
fn the_denied_are_the_users_and_roles_of_denials() {
    let text = r#"{"Version": "1", "Statement": [
        {"Effect": "Allow", "Principal": {"RAM": "acs:ram::1234567890123456:user/eve"}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Deny", "Principal": {"RAM": ["acs:ram::1234567890123456:user/bob", "acs:ram::1234567890123456:role/ci"]},
         "Action": "kms:*", "Resource": "*"}]}"#;
    let policy = parse(PolicyKind::Key, text).expect("a key policy");
    assert!(policy.has_deny());
    let ids = [PrincipalId::from_random(1), PrincipalId::from_random(2), PrincipalId::from_random(3)];
    let mut next = ids.into_iter();
    let bound = policy.bind(|_| next.next()).expect("bound");
    assert_eq!(bound.denied().collect::<Vec<_>>(), ids[1..]);
}

#[test]
fn a_message_shows_control_characters_escaped_and_long_texts_cut() {
    let long = format!("\\u001b[31m{}", "x".repeat(1000));
    let error = parse(PolicyKind::Identity, &with(PolicyKind::Identity, "Effect", &format!("\"{long}\"")))
        .unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("\"\\u{1b}[31mxxx") && message.ends_with("x…\"") && message.len() < 300,
        "{message}"
    );
}
