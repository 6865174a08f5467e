//! Explanations of the requests of another user or role: the answers of the authorizer with their reasons, and only what the
//! caller could read. Each cell of the matrix checks that they match real requests.

use bulla_access::{ConditionKey, Layer, Missing, StatementRef};
use bulla_wire::ContextParameter;
use bulla_wire::ram::PolicyType;

use super::people::{ACCOUNT, Account, EVERYTHING, allowing, by, by_password, by_session, of_resource};
use super::*;
use crate::queries::{Explain, Explained, NoQuestion};
use crate::{ExplainedQuestion, PolicySource};

fn about(who: &str, action: &str, resource: &str) -> Explain {
    let [who, action, resource] = [who, action, resource].map(str::to_owned);
    Explain { who, action, resource, ..Explain::default() }
}

fn ask(account: &Account, by: &Origin, query: Explain) -> Result<Result<Explained, NoQuestion>, Error> {
    pollster::block_on(account.kms.query(query, by))
}

/// Returns the explanation for root.
fn explain(account: &Account, query: Explain) -> Explained {
    ask(account, &account.kms.owner(), query).unwrap().unwrap()
}

fn only(explained: &Explained) -> &ExplainedQuestion {
    let [question] = &*explained.questions else { panic!("{explained:?}") };
    question
}

fn attached(name: &str, group: Option<&str>) -> PolicySource {
    let name = name.to_owned();
    PolicySource::Attached { policy_type: PolicyType::Custom, name, group: group.map(str::to_owned) }
}

#[test]
fn each_statement_is_named_by_its_policy_and_line() {
    let account = Account::new();
    account.user("Ann");
    account.allow_by("Of-Ann", "{\"Version\":\"1\",\"Statement\":[\n{\"Effect\":\"Allow\",\"Action\":\"kms:*\",\"Resource\":\"*\"}]}", "Ann");
    let group = "{\"Version\":\"1\",\"Statement\":[\n\n{\"Effect\":\"Deny\",\"Action\":\"kms:Decrypt\",\"Resource\":\"*\"}]}";
    account.group("Ops", "Ann", group);
    let key = account.key();
    let document = of_resource("Deny", "user/Ann", r#""kms:DisableKey""#);
    account.do_it("SetKeyPolicy", &[("KeyId", &key), ("Policy", &document)]);

    let explained = explain(&account, about("user/ANN", "kms:Encrypt", &key));
    assert!(explained.is_allowed);
    assert_eq!((&*explained.who, &*explained.action), ("user/Ann", "kms:Encrypt"));
    let question = only(&explained);
    assert_eq!(question.resource, format!("acs:kms:cn-hangzhou:{ACCOUNT}:key/{key}"));
    assert_eq!(question.identity, [attached("Of-Ann", None), attached("p0", Some("Ops"))]);
    let statement = &question.explanation.statements[0];
    assert_eq!(statement.source.statement, StatementRef { index: 0, line: 2 });
    assert_eq!(question.policy(statement.source), Some(&attached("Of-Ann", None)));

    let denied = |action: &str| {
        let explained = explain(&account, about("user/Ann", action, &key));
        assert!(!explained.is_allowed);
        let question = only(&explained);
        let [Missing::NoDeny(source)] = *question.explanation.missing else { panic!("{question:?}") };
        (question.policy(source).unwrap().clone(), source.statement.line)
    };
    assert_eq!(denied("kms:Decrypt"), (attached("p0", Some("Ops")), 3));
    assert_eq!(denied("kms:DisableKey"), (PolicySource::Key(key.clone()), 1));
    let explained = explain(&account, about("user/Ann", "ram:GetUser", "user/Ann"));
    assert_eq!(only(&explained).explanation.missing, [Missing::AllowOfEither]);
    assert!(only(&explained).explanation.statements.is_empty());
}

/// Conditions see the facts of the question; open facts are listed if they may change the answer.
#[test]
fn a_question_provides_what_conditions_compare() {
    let account = Account::new();
    account.user("ann");
    let key = account.key();
    account.do_it("TagResource", &[("KeyId", &key), ("Tags", r#"[{"TagKey":"team","TagValue":"x"}]"#)]);
    account.role("ci", None);
    let when = |action: &str, condition: &str| {
        account.change_user("ann", |user| user.policies = Default::default());
        let condition = format!(r#","Condition":{{{condition}}}"#);
        account.allow("ann", &allowing(&format!("{action:?}"), r#""*""#, &condition));
    };
    let encrypt = || about("user/ann", "kms:Encrypt", &key);
    let answers = |query: Explain| {
        let explained = explain(&account, query);
        let depends: Vec<_> = only(&explained).depends_on.iter().map(ToString::to_string).collect();
        (explained.is_allowed, depends.join(","))
    };
    let sure = |is_allowed| (is_allowed, String::new());
    let open = |key: &str| (false, key.to_owned());

    when("kms:*", r#""IpAddress":{"acs:SourceIp":"10.0.0.0/8"}"#);
    assert_eq!(answers(encrypt()), open("acs:SourceIp"));
    let from = |address: &str| Explain { source_ip: Some(address.parse().unwrap()), ..encrypt() };
    assert_eq!(answers(from("10.1.2.3")), sure(true));
    assert_eq!(answers(from("11.1.2.3")), sure(false));

    when("kms:*", r#""Bool":{"acs:SecureTransport":"true"}"#);
    assert_eq!(answers(encrypt()), sure(false));
    assert_eq!(answers(Explain { tls: true, ..encrypt() }), sure(true));

    when("kms:*", r#""Bool":{"acs:MFAPresent":"true"}"#);
    for (mfa, is_allowed) in [(None, false), (Some(false), false), (Some(true), true)] {
        assert_eq!(answers(Explain { mfa, ..encrypt() }), sure(is_allowed), "{mfa:?}");
    }
    when("kms:*", r#""Bool":{"acs:MFAPresent":"false"}"#);
    for (mfa, is_allowed) in [(None, false), (Some(false), true), (Some(true), false)] {
        assert_eq!(answers(Explain { mfa, ..encrypt() }), sure(is_allowed), "{mfa:?}");
    }

    when("kms:*", r#""DateLessThan":{"acs:CurrentTime":"2020-01-01T00:00:00Z"}"#);
    assert_eq!(answers(encrypt()), sure(false));
    assert_eq!(answers(Explain { time: Some(1_500_000_000), ..encrypt() }), sure(true));

    when("kms:*", r#""StringEquals":{"kms:EncryptionContext:app":"pay"}"#);
    assert_eq!(answers(encrypt()), open("kms:EncryptionContext:app"));
    let context = |value: &str| {
        let context = [("app".to_owned(), value.to_owned())].into_iter().collect();
        Explain { encryption_context: Some(ContextParameter(context)), ..encrypt() }
    };
    assert_eq!(answers(context("pay")), sure(true));
    assert_eq!(answers(context("other")), sure(false));
    // A request to describe a key has none.
    assert_eq!(answers(about("user/ann", "kms:DescribeKey", &key)), sure(false));

    when("kms:*", r#""StringEquals":{"kms:tag/team":"x"}"#);
    assert_eq!(answers(encrypt()), sure(true));
    when("kms:*", r#""StringEquals":{"kms:tag/team":"y"}"#);
    assert_eq!(answers(encrypt()), sure(false));

    when("kms:*", r#""StringEquals":{"acs:RequestTag/team":"x"}"#);
    assert_eq!(answers(about("user/ann", "kms:TagResource", &key)), open("acs:RequestTag/team"));
    assert_eq!(answers(encrypt()), sure(false));

    when("sts:AssumeRole", r#""StringEquals":{"sts:ExternalId":"7"}"#);
    let assume = || about("user/ann", "sts:AssumeRole", "role/ci");
    let depends = only(&explain(&account, assume())).depends_on.clone();
    assert_eq!(depends, BTreeSet::from([ConditionKey::ExternalId]));
    let with_id = Explain { external_id: Some("7".into()), ..assume() };
    let explained = explain(&account, with_id);
    // The trust policy names the account, which is enough for a user whose own policies allow it.
    assert_eq!(only(&explained).of_resource, Some(PolicySource::Trust("ci".into())));
}

/// Two keys, one with an alias and the other with a tag, and secrets with and without a key of the account.
fn with_keys_and_secrets() -> (Account, [String; 2]) {
    let account = Account::new();
    let keys = [account.key(), account.key()];
    account.do_it("CreateAlias", &[("AliasName", "alias/a"), ("KeyId", &keys[0])]);
    account.do_it("TagResource", &[("KeyId", &keys[1]), ("Tags", r#"[{"TagKey":"team","TagValue":"x"}]"#)]);
    for (name, key) in [("of-key", Some(&keys[0])), ("of-service", None)] {
        let mut parameters = vec![("SecretName", name), ("VersionId", "1"), ("SecretData", "x")];
        parameters.extend(key.map(|key| ("EncryptionKeyId", &**key)));
        account.do_it("CreateSecret", &parameters);
    }
    (account, keys)
}

fn policies(keys: &[String; 2]) -> [String; 9] {
    let on = |actions: &str, resources: &str| allowing(actions, resources, "");
    let arn = |local: &str| format!("\"acs:kms:*:*:{local}\"");
    [
        EVERYTHING.to_owned(),
        on(r#""kms:*""#, &arn("key/*")),
        on(r#"["kms:Encrypt","kms:DescribeKey"]"#, &arn(&format!("key/{}", keys[0]))),
        on(r#"["kms:GetSecretValue","kms:DescribeSecret"]"#, &arn("secret/*")),
        on(r#"["kms:GetSecretValue","kms:Decrypt"]"#, r#""*""#),
        on(r#"["kms:DeleteAlias","kms:ListKeys"]"#, r#"["acs:kms:*:*:alias/*","acs:kms:*:*:key"]"#),
        allowing(r#""kms:*""#, r#""*""#, r#","Condition":{"StringEquals":{"kms:tag/team":"x"}}"#),
        allowing(r#""kms:*""#, r#""*""#, r#","Condition":{"Bool":{"acs:MFAPresent":"false"}}"#),
        format!(
            r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":"*","Resource":"*"}},{{"Effect":"Deny","NotAction":"kms:Describe*","Resource":{}}}]}}"#,
            arn(&format!("key/{}", keys[1]))
        ),
    ]
}

/// Action, resource as in the question, and parameters.
type Attempt = (&'static str, String, Vec<(&'static str, String)>);

fn attempts(keys: &[String; 2]) -> Vec<Attempt> {
    let missing = KeyId::random(&bulla_keys::SystemRandom).to_string();
    let mut attempts = Vec::new();
    for name in [&*keys[0], &*keys[1], &*missing, "alias/a", "alias/none"] {
        let key = || ("KeyId", name.to_owned());
        attempts.push(("Encrypt", name.to_owned(), vec![key(), ("Plaintext", "eA==".into())]));
        attempts.push(("DescribeKey", name.to_owned(), vec![key()]));
        attempts.push(("GetKeyPolicy", name.to_owned(), vec![key()]));
    }
    for name in ["of-key", "of-service", "none"] {
        for action in ["GetSecretValue", "DescribeSecret"] {
            attempts.push((action, name.to_owned(), vec![("SecretName", name.to_owned())]));
        }
    }
    attempts.push(("ListKeys", String::new(), vec![]));
    attempts.push(("ListSecrets", String::new(), vec![]));
    let every = vec![("RegionId", "cn-hangzhou".into()), ("ResourceType", "key".into())];
    attempts.push(("ListTagResources", "key/*".into(), every));
    attempts
}

/// A table of policies, actions and resources: the explanation matches [`Kms::call`].
#[test]
fn explanations_match_the_answers_to_requests() {
    let (account, keys) = with_keys_and_secrets();
    let session = allowing(r#"["kms:Encrypt","kms:GetSecretValue","kms:Decrypt"]"#, r#""*""#, "");
    let fenced = account.user("u0");
    let deny = of_resource("Deny", "user/u0", r#""kms:Encrypt""#);
    account.do_it("SetKeyPolicy", &[("KeyId", &keys[0]), ("Policy", &deny)]);
    let mut counts = [0; 2];
    for (number, policy) in policies(&keys).iter().enumerate() {
        let [user, role] = ["u", "r"].map(|kind| format!("{kind}{number}"));
        let user_id = if number == 0 { fenced } else { account.user(&user) };
        account.allow(&user, policy);
        let role_id = account.role(&role, Some(policy));
        let [user, role] = [format!("user/{user}"), format!("role/{role}")];
        for (origin, who, mfa, session_policy) in [
            (by(user_id), &user, None, None),
            (by_password(user_id, false), &user, Some(false), None),
            (by_password(user_id, true), &user, Some(true), None),
            (by_session(role_id, None), &role, None, None),
            (by_session(role_id, Some(&session)), &role, None, Some(session.clone())),
        ] {
            for (action, resource, parameters) in attempts(&keys) {
                let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, &**value)).collect();
                let may = account.is_allowed(&origin, action, &parameters);
                let query = about(who, &format!("kms:{action}"), &resource);
                let explained =
                    explain(&account, Explain { mfa, session_policy: session_policy.clone(), ..query });
                let label = format!("{action} {resource} by {who}: {explained:?}");
                assert_eq!(explained.is_allowed, may, "{label}");
                let mut questions = explained.questions.iter();
                let are_alike = questions.all(|it| it.explanation.decision.is_allowed() == it.is_allowed);
                assert!(are_alike, "{label}");
                let last = explained.questions.last().expect("a question");
                assert_eq!(last.explanation.missing.is_empty(), may, "{label}");
                counts[usize::from(may)] += 1;
            }
        }
    }
    assert!(counts.iter().all(|count| *count > 200), "{counts:?}");
}

/// The permissions that a caller needs to get an explanation, one by one.
#[test]
fn a_caller_who_cannot_read_everything_that_decides_gets_no_explanation() {
    let account = Account::new();
    account.user("ann");
    account.allow_by("of-ann", EVERYTHING, "ann");
    account.group("ops", "ann", EVERYTHING);
    account.role("ci", Some(EVERYTHING));
    let key = account.key();
    account.do_it("CreateAlias", &[("AliasName", "alias/a"), ("KeyId", &key)]);
    let secret = [("SecretName", "s"), ("VersionId", "1"), ("SecretData", "x"), ("EncryptionKeyId", &*key)];
    account.do_it("CreateSecret", &secret);
    let of_ann =
        ["ram:ListPoliciesForUser", "ram:ListGroupsForUser", "ram:ListPoliciesForGroup", "ram:GetPolicy"];
    let of_role = ["ram:ListPoliciesForRole", "ram:GetPolicy"];
    let of_key = ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:ListResourceTags"];
    let of_secret = ["kms:DescribeSecret", "kms:GetSecretPolicy"];
    let with = |more: &[&'static str]| [&of_ann[..], more].concat();
    let cases = [
        (about("user/ann", "kms:CreateKey", ""), with(&[])),
        (about("role/ci", "kms:CreateKey", ""), of_role.to_vec()),
        (about("user/ann", "kms:Encrypt", &key), with(&of_key)),
        (about("user/ann", "kms:Encrypt", "alias/a"), with(&of_key)),
        (about("user/ann", "kms:Encrypt", "alias/none"), with(&of_key)),
        (about("user/ann", "kms:DeleteAlias", "alias/a"), with(&of_key)),
        (about("user/ann", "kms:ListTagResources", "key/*"), with(&["kms:GetKeyPolicy"])),
        (about("user/ann", "kms:DescribeSecret", "s"), with(&of_secret)),
        (about("user/ann", "kms:GetSecretValue", "s"), with(&[&of_secret[..], &of_key].concat())),
        (about("user/ann", "ram:GetUser", "user/ann"), with(&["ram:GetUser"])),
        (about("user/ann", "ram:GetGroup", "group/ops"), with(&["ram:GetGroup"])),
        (about("user/ann", "ram:GetRole", "role/ci"), with(&["ram:GetRole", "ram:ListTagResources"])),
        (about("user/ann", "sts:AssumeRole", "role/ci"), with(&["ram:GetRole", "ram:ListTagResources"])),
        (about("user/ann", "ram:GetPolicy", "policy/of-ann"), with(&["ram:ListTagResources"])),
    ];
    for (number, (query, needed)) in cases.into_iter().enumerate() {
        for lacking in [None].into_iter().chain(needed.iter().copied().map(Some)) {
            let name = format!("a{number}-{}", lacking.map_or("all", |it| it.split_once(':').unwrap().1));
            let asker = by(account.user(&name));
            let has: Vec<_> =
                needed.iter().filter(|it| Some(**it) != lacking).map(|it| format!("{it:?}")).collect();
            if !has.is_empty() {
                account.allow(&name, &allowing(&format!("[{}]", has.join(",")), r#""*""#, ""));
            }
            let answer = ask(&account, &asker, query.clone());
            match lacking {
                None => assert!(answer.is_ok(), "{query:?}: {answer:?}"),
                Some(lacking) => {
                    let code = answer.expect_err(lacking).code_text();
                    assert!(code.contains("NoPermission"), "{query:?} without {lacking}: {code}");
                }
            }
        }
    }
}

/// The explained user's rights are never used by the caller: nothing is changed or recorded in the user's name.
#[test]
fn a_supposed_request_does_nothing_and_is_not_noted() {
    let bench = Bench::with(Authorizer::Policies);
    let account = Account::of(&bench);
    account.user("ann");
    account.allow("ann", EVERYTHING);
    let key = account.key();
    let before = bench.kms.state.published().clone();
    let owner = bench.kms.owner();
    let inquiry = Inquiry::new(&bench.kms, &owner, Requested::default());
    let query = about("user/ann", "kms:ScheduleKeyDeletion", &key).into();
    pollster::block_on(crate::queries::answer(&bench.kms, &query, &inquiry)).unwrap();
    assert!(Arc::ptr_eq(&before, &bench.kms.state.published()));
    let noted: Vec<_> = inquiry.questions().iter().map(|it| it.permission.to_string()).collect();
    assert!(!noted.contains(&"kms:ScheduleKeyDeletion".to_owned()), "{noted:?}");
    assert!(noted.contains(&"kms:GetKeyPolicy".to_owned()), "{noted:?}");
}

#[test]
fn an_invalid_question_is_distinguished_from_a_missing_user() {
    let account = Account::new();
    account.user("ann");
    account.role("ci", None);
    let problem = |query: Explain| ask(&account, &account.kms.owner(), query).unwrap().unwrap_err();
    for who in ["ann", "", "group/g", "user/", "acs:ram::999:user/ann"] {
        assert_eq!(problem(about(who, "kms:ListKeys", "")), NoQuestion::Who, "{who}");
    }
    let by_arn = about(&format!("acs:ram::{ACCOUNT}:user/ann"), "kms:ListKeys", "");
    assert_eq!(explain(&account, by_arn).who, "user/ann");
    assert!(matches!(problem(about("user/ann", "kms:No", "")), NoQuestion::Action(_)));
    assert!(matches!(problem(about("user/ann", "kms:Decrypt", "")), NoQuestion::Resource(_)));
    let session = |who: &str, text: &str| Explain {
        session_policy: Some(text.into()),
        ..about(who, "kms:ListKeys", "")
    };
    assert_eq!(problem(session("user/ann", EVERYTHING)), NoQuestion::SessionOfUser);
    assert!(matches!(problem(session("role/ci", "{")), NoQuestion::SessionPolicy(_)));
    let limited = explain(&account, session("role/ci", EVERYTHING));
    assert_eq!(only(&limited).explanation.missing, [Missing::AllowOfEither]);
    let limited = explain(
        &account,
        session(
            "role/ci",
            r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}]}"#,
        ),
    );
    assert!(only(&limited).explanation.missing.contains(&Missing::Allow(Layer::Session)));
    for (who, code) in [("user/none", "EntityNotExist.User"), ("role/none", "EntityNotExist.Role")] {
        let refused = ask(&account, &account.kms.owner(), about(who, "kms:ListKeys", "")).unwrap_err();
        assert_eq!(refused.code_text(), code);
    }
}
