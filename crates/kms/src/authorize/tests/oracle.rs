//! No reply reveals to a caller without permission whether a resource exists.

use super::people::{ACCOUNT, Account, EVERYTHING, allowing, by, connection, of_resource};
use super::subjects::Subject;
use super::*;

/// Pairs of subjects with the same names in requests: the first exists, the second does not.
const PAIRS: [(Make, Make); 4] = [
    (|bench| subjects::existing(bench, "a key by its id", &[]), nothing),
    (
        |bench| subjects::by_alias(subjects::existing(bench, "", &[])),
        |bench| subjects::no_alias(nothing(bench)),
    ),
    (|bench| subjects::by_arn(subjects::existing(bench, "", &[])), |bench| by_arn_of_nothing(nothing(bench))),
    (
        |bench| subjects::after(bench, "a disabled key", "DisableKey"),
        |bench| subjects::damaged_blob(nothing(bench)),
    ),
];

type Make = fn(&Bench) -> Subject;

/// Names without a record, and a blob without a key.
fn nothing(bench: &Bench) -> Subject {
    subjects::blob_of_unknown_version(subjects::missing(subjects::existing(bench, "", &[])))
}

fn by_arn_of_nothing(missing: Subject) -> Subject {
    let secret = format!("{}secret/{}", subjects::ARN, missing.secret);
    Subject { name: missing.arn.clone(), secret, ..missing }
}

/// How policies of the caller and of the resources deny everything.
struct Rule {
    label: &'static str,
    policy: fn(&Subject) -> Option<String>,
    /// Whether policies of the key and of the secret deny the caller everything. Aliases have no policies, so the caller may
    /// learn that one is missing.
    denied_by_resource: bool,
}

const RULES: [Rule; 5] = [
    Rule { label: "no policy", policy: |_| None, denied_by_resource: false },
    Rule {
        label: "policies of the resources",
        policy: |_| Some(EVERYTHING.into()),
        denied_by_resource: true,
    },
    Rule {
        label: "all but keys",
        policy: |_| Some(allowing(r#""kms:*""#, r#"["acs:kms:*:*:secret/*","acs:kms:*:*:alias/*"]"#, "")),
        denied_by_resource: true,
    },
    Rule {
        label: "what is named, without the keys behind it",
        policy: |subject| {
            let secret = subject.secret_resource.trim_start_matches("secret/");
            let named = [&*subject.alias, &format!("secret/{secret}")];
            let named = named.map(|resource| format!("\"acs:kms:*:*:{resource}\""));
            Some(allowing(r#""kms:*""#, &format!("[{}]", named.join(",")), ""))
        },
        denied_by_resource: false,
    },
    Rule {
        label: "a Deny of everything",
        policy: |_| {
            let deny = r#"{"Effect":"Deny","Action":"kms:*","Resource":"acs:kms:*:*:*"}"#;
            Some(EVERYTHING.replace(r#""Statement":["#, &format!(r#""Statement":[{deny},"#)))
        },
        denied_by_resource: false,
    },
];

#[test]
fn a_denied_answer_is_the_same_for_a_resource_that_does_not_exist() {
    let bench = Bench::with(Authorizer::Policies);
    let account = Account::of(&bench);
    let public_key = subjects::public_key(&bench);
    let mut compared = BTreeSet::new();
    for (number, rule) in RULES.iter().enumerate() {
        for (pair, (existing, missing)) in PAIRS.iter().enumerate() {
            let user = format!("u{number}-{pair}");
            let origin = by(account.user(&user));
            let subjects = [existing(&bench), missing(&bench)];
            for subject in &subjects {
                (rule.policy)(subject).into_iter().for_each(|policy| drop(account.allow(&user, &policy)));
                if rule.denied_by_resource {
                    deny(&bench, subject, &user);
                }
            }
            let [one, other] = subjects.each_ref().map(|subject| cases(subject, &public_key));
            for (one, other) in one.iter().zip(&other) {
                if let Some(action) = compare(&account, &origin, one, other, rule) {
                    compared.insert(action);
                }
            }
        }
    }
    for action in Product::Kms.actions() {
        assert!(compared.contains(action) || FOR_EVERY_CALLER.contains(action), "{action}");
    }
}

fn deny(bench: &Bench, subject: &Subject, user: &str) {
    let policy = of_resource("Deny", &format!("user/{user}"), r#""kms:*""#);
    for id in [&subject.id, &subject.other_id] {
        let _ = bench.call("SetKeyPolicy", &[("KeyId", id), ("Policy", &policy)]);
    }
    for name in [&subject.secret, &subject.other_secret] {
        let _ = bench.call("SetSecretPolicy", &[("SecretName", name), ("Policy", &policy)]);
    }
}

/// Compares two requests; returns the action if the first is denied.
fn compare(
    account: &Account,
    origin: &Origin,
    one: &Case,
    other: &Case,
    rule: &Rule,
) -> Option<&'static str> {
    let [first, second] = [one, other].map(|case| answer(account, origin, case));
    // A caller who is denied only the second resource may use the first, and so may know that it exists.
    if !first.contains("NoPermission") || first.contains("<ResourceId.2>") {
        return None;
    }
    let reveals_alias =
        ["DeleteAlias", "UpdateAlias"].contains(&one.action) && second.contains("AliasNotFound");
    if reveals_alias && rule.denied_by_resource {
        return None;
    }
    let label = rule.label;
    assert_eq!(first, second, "{label}: {}: {:?} {:?}", one.action, one.parameters, other.parameters);
    Some(one.action)
}

/// The reply in the encoding of the protocol, without the names of the request.
fn answer(account: &Account, origin: &Origin, case: &Case) -> String {
    let parameters: Vec<_> = case.parameters.iter().map(|(name, value)| (*name, &**value)).collect();
    let mut answer = match account.call(origin, case.action, &parameters) {
        Ok(reply) => serde_json::to_string(&reply).unwrap(),
        Err(error) => account.rendered(&error),
    };
    let list =
        |value: &str| value.strip_prefix(r#"[{"SecretName":""#)?.strip_suffix(r#""}]"#).map(str::to_owned);
    for (name, value) in &case.parameters {
        let value = list(value).unwrap_or_else(|| value.clone());
        if value.len() > 4 && !value.starts_with("alias/")
            || *name == "AliasName"
            || value.starts_with("alias/")
        {
            answer = answer.replace(&value, &format!("<{name}>"));
        }
    }
    answer
}

#[test]
fn a_caller_who_may_do_it_to_all_learns_that_a_resource_is_missing() {
    let account = Account::new();
    let user = by(account.user("alice"));
    let key = account.key();
    account.do_it("CreateSecret", &[("SecretName", "s"), ("VersionId", "1"), ("SecretData", "x")]);
    let missing = "05754286-3ba2-4fa6-8d41-4323aca6e7c4";
    let code =
        |action: &str, parameters: &[(&str, &str)]| account.refusal(&user, action, parameters).code_text();
    let of_key = || code("DescribeKey", &[("KeyId", missing)]);
    let of_secret = || code("DescribeSecret", &[("SecretName", "t")]);
    let of_alias = || code("DescribeKey", &[("KeyId", "alias/t")]);
    let of_blob = || code("Decrypt", &[("CiphertextBlob", "eA==")]);
    account.allow(
        "alice",
        &allowing(
            r#""kms:*""#,
            &format!(r#"["acs:kms:*:*:key/{missing}","acs:kms:*:*:secret/t","acs:kms:*:*:alias/t"]"#),
            "",
        ),
    );
    for code in [of_key(), of_secret(), of_alias(), of_blob()] {
        assert_eq!(code, "Forbidden.NoPermission");
    }
    account.allow("alice", &allowing(r#""kms:*""#, &format!("\"acs:kms:*:{ACCOUNT}:key/*\""), ""));
    assert_eq!([of_key(), of_alias()], ["Forbidden.KeyNotFound", "Forbidden.AliasNotFound"]);
    assert_eq!([of_secret(), of_blob()], ["Forbidden.NoPermission", "InvalidParameter"]);
    account.allow("alice", EVERYTHING);
    assert_eq!(of_secret(), "Forbidden.ResourceNotFound");
    // A single key that the caller may not use would otherwise differ.
    let deny = of_resource("Deny", "user/alice", r#""kms:*""#);
    account.do_it("SetKeyPolicy", &[("KeyId", &key), ("Policy", &deny)]);
    for code in [of_key(), of_alias(), of_blob()] {
        assert_eq!(code, "Forbidden.NoPermission");
    }
    assert_eq!(of_secret(), "Forbidden.ResourceNotFound");
    account.do_it("SetSecretPolicy", &[("SecretName", "s"), ("Policy", &deny)]);
    assert_eq!(of_secret(), "Forbidden.NoPermission");
}

#[test]
fn root_learns_what_is_missing() {
    let account = Account::new();
    let root =
        Origin { caller: Caller::Root { access_key_id: "BULLAroot".into() }, connection: connection() };
    assert_eq!(
        account.refusal(&root, "DescribeKey", &[("KeyId", "alias/t")]).code(),
        ErrorCode::ForbiddenAliasNotFound
    );
}
