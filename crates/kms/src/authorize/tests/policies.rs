//! Which requests policies allow, with the records of the engine.

use super::people::{
    ACCOUNT, Account, EVERYTHING, allowing, by, by_password, by_session, connection, of_resource,
};
use super::*;
use crate::origin::Caller;

const ROOT: [&str; 2] = ["*", "root"];

/// The default policy names the account, and other policies may too: that means root, and grants no user or session anything.
#[test]
fn without_a_policy_that_names_it_a_user_or_session_can_do_nothing() {
    let bench = Bench::with(Authorizer::Policies);
    let public_key = subjects::public_key(&bench);
    let account = Account::of(&bench);
    let callers = [by(account.user("nobody")), by_session(account.role("norole", None), None)];
    for new in SUBJECTS {
        let subject = new(&bench);
        for policy in [None, Some(ROOT[0]), Some(ROOT[1])] {
            if let Some(principal) = policy {
                let policy = of_resource("Allow", principal, r#""kms:*""#);
                for id in [&subject.id, &subject.other_id] {
                    let _ = bench.call("SetKeyPolicy", &[("KeyId", id), ("Policy", &policy)]);
                }
                for name in [&subject.secret, &subject.other_secret] {
                    let _ = bench.call("SetSecretPolicy", &[("SecretName", name), ("Policy", &policy)]);
                }
            }
            let before = bench.kms.state.published().clone();
            for case in cases(&subject, &public_key) {
                for origin in &callers {
                    let parameters: Vec<_> =
                        case.parameters.iter().map(|(name, value)| (*name, &**value)).collect();
                    let answer =
                        pollster::block_on(bench.kms.call(request(case.action, &parameters), origin));
                    let label = format!("{} of {}: {answer:?}", case.action, subject.label);
                    let for_all = FOR_EVERY_CALLER.contains(&case.action);
                    assert_eq!(is_denied(&case, answer), !for_all, "{label}");
                }
            }
            assert!(Arc::ptr_eq(&before, &bench.kms.state.published()), "{}", subject.label);
        }
    }
}

#[test]
fn policies_of_user_group_key_and_secret_allow_and_any_denies() {
    let account = Account::new();
    let user = by(account.user("alice"));
    let [one, other] = [(); 2].map(|()| account.key());
    let generates = |key: &str| account.is_allowed(&user, "GenerateDataKey", &[("KeyId", key)]);
    account.allow("alice", &allowing(r#""kms:GenerateDataKey""#, &format!("\"acs:kms:*:*:key/{one}\""), ""));
    assert!(generates(&one) && !generates(&other));
    account.group("ops", "alice", &allowing(r#""kms:generate*""#, r#""*""#, ""));
    assert!(generates(&one) && generates(&other));
    let deny = of_resource("Deny", "user/alice", r#""kms:*""#);
    account.do_it("SetKeyPolicy", &[("KeyId", &one), ("Policy", &deny)]);
    assert!(!generates(&one) && generates(&other));
    let allow = of_resource("Allow", "user/Alice", r#""kms:DescribeKey""#);
    account.do_it("SetKeyPolicy", &[("KeyId", &other), ("Policy", &allow)]);
    assert!(account.is_allowed(&user, "DescribeKey", &[("KeyId", &other)]));
    assert!(!account.is_allowed(&user, "DescribeKey", &[("KeyId", &one)]));
    account.do_it("CreateSecret", &[("SecretName", "s"), ("VersionId", "1"), ("SecretData", "x")]);
    let reads = || account.is_allowed(&user, "GetSecretValue", &[("SecretName", "s")]);
    assert!(!reads());
    let allow = of_resource("Allow", "user/alice", r#""kms:GetSecretValue""#);
    account.do_it("SetSecretPolicy", &[("SecretName", "s"), ("Policy", &allow)]);
    assert!(reads());
    let bob = by(account.user("bob"));
    assert!(!account.is_allowed(&bob, "GetSecretValue", &[("SecretName", "s")]));
}

#[test]
fn a_session_has_what_both_its_role_and_its_policy_allow() {
    let account = Account::new();
    let role = account.role("job", Some(&allowing(r#"["kms:Encrypt","kms:DescribeKey"]"#, r#""*""#, "")));
    let key = account.key();
    let describe = |origin: &Origin| account.is_allowed(origin, "DescribeKey", &[("KeyId", &key)]);
    let encrypt =
        |origin: &Origin| account.is_allowed(origin, "Encrypt", &[("KeyId", &key), ("Plaintext", "eA==")]);
    let whole = by_session(role, None);
    let cut = by_session(role, Some(&allowing(r#""kms:Desc*""#, r#""*""#, "")));
    assert!(describe(&whole) && encrypt(&whole));
    assert!(describe(&cut) && !encrypt(&cut));
    let policy = of_resource("Allow", "role/job", r#""kms:*""#);
    account.do_it("SetKeyPolicy", &[("KeyId", &key), ("Policy", &policy)]);
    assert!(account.is_allowed(&whole, "ListKeyVersions", &[("KeyId", &key)]));
    assert!(!account.is_allowed(&cut, "ListKeyVersions", &[("KeyId", &key)]), "its policy is the limit");
}

#[test]
fn tags_may_be_changed_by_any_name_of_the_permission() {
    let account = Account::new();
    let key = account.key();
    let tag = ("Tags", r#"[{"TagKey":"a","TagValue":"b"}]"#);
    let many = [("RegionId", "cn-hangzhou"), ("ResourceType", "key"), ("ResourceId.1", &*key)];
    for (number, name) in ["kms:TagResource", "kms:TagResources", "ecs:TagResources"].into_iter().enumerate()
    {
        let user = format!("u{number}");
        let origin = by(account.user(&user));
        account.allow(&user, &allowing(&format!("{name:?}"), r#""acs:kms:*:*:key/*""#, ""));
        assert!(account.is_allowed(&origin, "TagResource", &[("KeyId", &key), tag]), "{name}");
        let tags = [&many[..], &[("Tag.1.Key", "a"), ("Tag.1.Value", "b")]].concat();
        assert!(account.is_allowed(&origin, "TagResources", &tags), "{name}");
        assert!(!account.is_allowed(&origin, "UntagResource", &[("KeyId", &key), ("TagKeys", r#"["a"]"#)]));
        account.change_user(&user, |user| user.policies = Default::default());
        let deny = format!(
            r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":"*","Resource":"*"}},{{"Effect":"Deny","Action":"{name}","Resource":"*"}}]}}"#
        );
        account.allow(&user, &deny);
        assert!(!account.is_allowed(&origin, "TagResource", &[("KeyId", &key), tag]), "{name}");
        assert!(!account.is_allowed(&origin, "TagResources", &tags), "{name}");
        assert!(account.is_allowed(&origin, "UntagResource", &[("KeyId", &key), ("TagKeys", r#"["a"]"#)]));
    }
}

/// A condition, a request that it allows, and one that it does not.
#[test]
fn conditions_see_the_facts_of_a_request() {
    type Parameters<'a> = &'a [(&'a str, &'a str)];
    let account = Account::new();
    let key = account.key();
    account.do_it("TagResource", &[("KeyId", &key), ("Tags", r#"[{"TagKey":"team","TagValue":"ops"}]"#)]);
    let context = ("EncryptionContext", r#"{"a:b/c":"d"}"#);
    let generate: (&str, Parameters<'_>) = ("GenerateDataKey", &[("KeyId", &key), context]);
    let pair = account.do_it("CreateKey", &[("KeySpec", "EC_SM2"), ("KeyUsage", "ENCRYPT/DECRYPT")]);
    let pair = pair["KeyMetadata"]["KeyId"].as_str().unwrap();
    let version = account.do_it("ListKeyVersions", &[("KeyId", pair)]);
    let version = version["KeyVersions"]["KeyVersion"][0]["KeyVersionId"].as_str().unwrap();
    let sm2 = [("KeyId", pair), ("KeyVersionId", version), ("Algorithm", "SM2PKE"), ("Plaintext", "eA==")];
    let asymmetric: (&str, Parameters<'_>) = ("AsymmetricEncrypt", &sm2);
    let tagged: (&str, Parameters<'_>) =
        ("CreateKey", &[("Tags", r#"[{"TagKey":"team","TagValue":"ops"}]"#)]);
    let retag: (&str, Parameters<'_>) =
        ("TagResource", &[("KeyId", &key), ("Tags", r#"[{"TagKey":"team","TagValue":"dev"}]"#)]);
    let cases = [
        ("StringEquals", "kms:EncryptionContext:a:b/c", r#""d""#, generate, true),
        ("StringEquals", "kms:EncryptionContext:A:b/c", r#""d""#, generate, false),
        ("StringEquals", "kms:EncryptionContext:a", r#""d""#, generate, false),
        ("StringEquals", "kms:tag/team", r#""ops""#, generate, true),
        ("StringEquals", "acs:ResourceTag/team", r#""ops""#, generate, true),
        ("StringEquals", "kms:tag/team", r#""dev""#, generate, false),
        ("StringEquals", "kms:tag/Team", r#""ops""#, generate, false),
        ("StringEquals", "kms:tag/team", r#""dev""#, retag, false),
        ("StringEquals", "acs:RequestTag/team", r#""ops""#, tagged, true),
        ("StringEquals", "acs:RequestTag/team", r#""dev""#, tagged, false),
        ("StringEquals", "acs:RequestTag/team", r#""dev""#, retag, true),
        ("StringEquals", "kms:tag/team", r#""ops""#, retag, true),
        ("StringEquals", "kms:EncryptionAlgorithm", r#""SYMMETRIC_DEFAULT""#, generate, true),
        ("StringEquals", "kms:EncryptionAlgorithm", r#""SYMMETRIC_DEFAULT""#, asymmetric, false),
        ("StringEquals", "kms:EncryptionAlgorithm", r#""SM2PKE""#, asymmetric, true),
        ("StringEquals", "kms:EncryptionAlgorithm", r#""SM2PKE""#, generate, false),
        ("IpAddress", "acs:SourceIp", r#""192.0.2.0/24""#, generate, true),
        ("IpAddress", "acs:SourceIp", r#""192.0.3.0/24""#, generate, false),
        ("Bool", "acs:SecureTransport", r#""true""#, generate, true),
        ("Bool", "acs:SecureTransport", r#""false""#, generate, false),
        ("Bool", "acs:MFAPresent", r#""false""#, generate, false),
        ("DateGreaterThan", "acs:CurrentTime", r#""2020-01-01T00:00:00Z""#, generate, true),
        ("DateLessThan", "acs:CurrentTime", r#""2020-01-01T00:00:00Z""#, generate, false),
    ];
    for (number, (operator, name, value, (action, parameters), expected)) in cases.into_iter().enumerate() {
        let user = format!("u{number}");
        let mut origin = by(account.user(&user));
        origin.connection.source = Some("::ffff:192.0.2.1".parse().unwrap());
        origin.connection.tls = true;
        let condition = format!(r#","Condition":{{"{operator}":{{"{name}":{value}}}}}"#);
        account.allow(&user, &allowing(r#""kms:*""#, r#""*""#, &condition));
        let label = format!("{operator} {name} {value}: {action}");
        assert_eq!(account.is_allowed(&origin, action, parameters), expected, "{label}");
        if action == "TagResource" && expected {
            let back = ("Tags", r#"[{"TagKey":"team","TagValue":"ops"}]"#);
            account.do_it("TagResource", &[("KeyId", &key), back]);
        }
    }
}

#[test]
fn a_password_without_a_second_factor_is_a_sign_in_without_mfa_and_an_access_key_is_no_sign_in() {
    let account = Account::new();
    for (value, expected) in [("true", [false, false, true]), ("false", [false, true, false])] {
        let name = format!("user-{value}");
        let user = account.user(&name);
        let condition = format!(r#","Condition":{{"Bool":{{"acs:MFAPresent":"{value}"}}}}"#);
        account.allow(&name, &allowing(r#""kms:*""#, r#""*""#, &condition));
        let origins = [by(user), by_password(user, false), by_password(user, true)];
        assert_eq!(origins.map(|origin| account.is_allowed(&origin, "ListKeys", &[])), expected, "{value}");
    }
}

#[test]
fn re_encrypt_is_checked_with_the_context_and_the_key_of_each_side() {
    let account = Account::new();
    let user = by(account.user("alice"));
    let [one, other] = [(); 2].map(|()| account.key());
    let sealed = account
        .do_it("Encrypt", &[("KeyId", &one), ("Plaintext", "eA=="), ("EncryptionContext", r#"{"a":"1"}"#)]);
    let blob = sealed["CiphertextBlob"].as_str().unwrap();
    let side = |name: &str, key: &str, value: &str| {
        format!(
            r#"{{"Effect":"Allow","Action":"kms:{name}","Resource":"acs:kms:*:*:key/{key}","Condition":{{"StringEquals":{{"kms:EncryptionContext:a":"{value}"}}}}}}"#
        )
    };
    let from = side("ReEncryptFrom", &one, "1");
    let to = side("ReEncryptTo", &other, "2");
    account.allow("alice", &format!(r#"{{"Version":"1","Statement":[{from},{to}]}}"#));
    let re_encrypt = |key: &str, source: &str, destination: &str| {
        let parameters = [
            ("CiphertextBlob", blob),
            ("DestinationKeyId", key),
            ("SourceEncryptionContext", source),
            ("DestinationEncryptionContext", destination),
        ];
        account.is_allowed(&user, "ReEncrypt", &parameters)
    };
    assert!(re_encrypt(&other, r#"{"a":"1"}"#, r#"{"a":"2"}"#));
    assert!(!re_encrypt(&other, r#"{"a":"2"}"#, r#"{"a":"2"}"#));
    assert!(!re_encrypt(&other, r#"{"a":"1"}"#, r#"{"a":"1"}"#));
    assert!(!re_encrypt(&one, r#"{"a":"1"}"#, r#"{"a":"2"}"#));
}

#[test]
fn values_of_secrets_with_a_key_of_the_account_need_that_key_too() {
    let account = Account::new();
    let user = by(account.user("alice"));
    let key = account.key();
    let create = [("SecretName", "s"), ("VersionId", "1"), ("SecretData", "x"), ("EncryptionKeyId", &*key)];
    account.do_it("CreateSecret", &create);
    let allowed = |action: &str, parameters: &[(&str, &str)]| account.is_allowed(&user, action, parameters);
    let put = [("SecretName", "s"), ("VersionId", "2"), ("SecretData", "y")];
    account.allow("alice", &allowing(r#"["kms:GetSecretValue","kms:PutSecretValue"]"#, r#""*""#, ""));
    assert!(!allowed("GetSecretValue", &[("SecretName", "s")]) && !allowed("PutSecretValue", &put));
    let denied = account.refusal(&user, "GetSecretValue", &[("SecretName", "s")]);
    let detail = denied.access_denied().unwrap();
    assert_eq!(
        detail.auth_action, "kms:Decrypt",
        "the caller may get all secrets, so may know what is missing"
    );
    assert!(denied.message().contains("secret/s"), "{denied}");
    account.allow("alice", &allowing(r#""kms:Decrypt""#, r#""*""#, ""));
    assert!(allowed("GetSecretValue", &[("SecretName", "s")]) && !allowed("PutSecretValue", &put));
    account.allow("alice", &allowing(r#""kms:GenerateDataKey""#, r#""*""#, ""));
    assert!(allowed("PutSecretValue", &put));
}

#[test]
fn an_alias_moves_only_with_the_permission_for_what_it_leaves() {
    let account = Account::new();
    let user = by(account.user("alice"));
    let [one, other] = [(); 2].map(|()| account.key());
    account.do_it("CreateAlias", &[("AliasName", "alias/a"), ("KeyId", &one)]);
    let moves = || account.is_allowed(&user, "UpdateAlias", &[("AliasName", "alias/a"), ("KeyId", &other)]);
    account.allow("alice", &allowing(r#""kms:UpdateAlias""#, r#""acs:kms:*:*:alias/*""#, ""));
    assert!(!moves());
    account.allow("alice", &allowing(r#""kms:UpdateAlias""#, &format!("\"acs:kms:*:*:key/{other}\""), ""));
    assert!(!moves());
    account.allow("alice", &allowing(r#""kms:UpdateAlias""#, &format!("\"acs:kms:*:*:key/{one}\""), ""));
    assert!(moves());
}

#[test]
fn random_passwords_are_for_those_who_have_the_permission_on_everything() {
    let account = Account::new();
    for (name, resource, expected) in [("a", "*", true), ("b", "acs:kms:*:*:*", false)] {
        let user = by(account.user(name));
        account.allow(name, &allowing(r#""kms:GetRandomPassword""#, &format!("{resource:?}"), ""));
        assert_eq!(account.is_allowed(&user, "GetRandomPassword", &[]), expected, "{resource}");
    }
}

#[test]
fn all_of_a_list_is_for_those_whom_no_policy_of_one_denies() {
    let account = Account::new();
    let user = by(account.user("alice"));
    let [_, one] = [(); 2].map(|()| account.key());
    account.allow("alice", EVERYTHING);
    let find = [("RegionId", "cn-hangzhou"), ("ResourceType", "key")];
    assert!(account.is_allowed(&user, "ListTagResources", &find));
    let deny = of_resource("Deny", "user/alice", r#""kms:ListTagResources""#);
    account.do_it("SetKeyPolicy", &[("KeyId", &one), ("Policy", &deny)]);
    assert!(!account.is_allowed(&user, "ListTagResources", &find));
}

#[test]
fn a_policy_is_read_back_as_written_and_locks_no_caller_out() {
    let account = Account::new();
    let key = account.key();
    let default = account.do_it("GetKeyPolicy", &[("KeyId", &key)]);
    assert_eq!(default, account.do_it("GetKeyDefaultPolicy", &[]));
    assert!(default["Policy"].as_str().unwrap().contains("acs:ram::111122223333:*"));
    account.user("alice");
    let text = of_resource("Allow", "user/alice", r#"[ "kms:Decrypt" ]"#);
    account.do_it("SetKeyPolicy", &[("KeyId", &key), ("Policy", &text), ("PolicyName", "default")]);
    assert_eq!(account.do_it("GetKeyPolicy", &[("KeyId", &key)])["Policy"], text);
    account.do_it("GenerateDataKey", &[("KeyId", &key)]); // root is not named, and not bound
    let made = account.do_it("CreateKey", &[("Policy", &text)]);
    let made = made["KeyMetadata"]["KeyId"].as_str().unwrap();
    assert_eq!(account.do_it("GetKeyPolicy", &[("KeyId", made)])["Policy"], text);
    let text = of_resource("Allow", "user/alice", r#""kms:GetSecretValue""#);
    let create = [("SecretName", "s"), ("VersionId", "1"), ("SecretData", "x"), ("Policy", &*text)];
    account.do_it("CreateSecret", &create);
    assert_eq!(account.do_it("GetSecretPolicy", &[("SecretName", "s")])["Policy"], text);
}

#[test]
fn a_bad_policy_is_refused_with_its_place() {
    let account = Account::new();
    let key = account.key();
    let owner = account.kms.owner();
    let before = account.kms.state.published().clone();
    for (policy, expected) in [
        ("{}".to_owned(), "Version"),
        (of_resource("Allow", "user/nobody", r#""kms:*""#), "nobody"),
        (of_resource("Allow", "user/*", r#""kms:*""#), "user/*"),
        (of_resource("Deny", "root", r#""kms:*""#), "Principal"),
        (of_resource("Allow", "root", r#""ram:*""#), "ram:*"),
    ] {
        let refused = account.refusal(&owner, "SetKeyPolicy", &[("KeyId", &key), ("Policy", &policy)]);
        assert_eq!(refused.code_text(), "InvalidParameter", "{policy}");
        assert!(refused.message().contains("line 1") && refused.message().contains(expected), "{refused}");
        assert_eq!(refused.code(), account.refusal(&owner, "CreateKey", &[("Policy", &policy)]).code());
    }
    let other = [("KeyId", &*key), ("PolicyName", "other")];
    assert_eq!(account.refusal(&owner, "GetKeyPolicy", &other).code(), ErrorCode::InvalidParameter);
    assert!(Arc::ptr_eq(&before, &account.kms.state.published()));
}

/// It seals values of secrets, which have policies of their own.
#[test]
fn the_key_of_a_service_gets_no_policy() {
    let account = Account::new();
    account.do_it("CreateSecret", &[("SecretName", "s"), ("VersionId", "1"), ("SecretData", "x")]);
    let alias = bulla_keys::AliasName::of_service(bulla_keys::Key::SECRETS_SERVICE);
    let policy = of_resource("Allow", "root", r#""kms:*""#);
    let set = [("KeyId", alias.as_str()), ("Policy", &*policy)];
    let refused = account.refusal(&account.kms.owner(), "SetKeyPolicy", &set);
    assert_eq!(refused.code(), ErrorCode::RejectedUnsupportedOperation);
}

#[test]
fn an_answer_names_who_was_denied_what() {
    let account = Account::new();
    let alice = account.user("alice");
    let key = account.key();
    let denied = account.refusal(&by(alice), "DescribeKey", &[("KeyId", &key)]);
    assert_eq!(
        denied.message(),
        format!(
            "This operation for acs:kms:cn-hangzhou:{ACCOUNT}:key/{key} is forbidden by permission system."
        )
    );
    let detail = denied.access_denied().unwrap();
    assert_eq!(detail.auth_action, "kms:DescribeKey");
    assert_eq!(
        (&*detail.auth_principal_type, &*detail.auth_principal_display_name),
        ("SubUser", &*alice.to_string())
    );
    assert_eq!(
        (&*detail.no_permission_type, &*detail.policy_type),
        ("ImplicitDeny", "AccountLevelIdentityBasedPolicy")
    );
    let role = by_session(account.role("job", None), None);
    let denied = account.refusal(&role, "DescribeKey", &[("KeyId", &key)]);
    let detail = denied.access_denied().unwrap();
    assert_eq!(
        (&*detail.auth_principal_type, &*detail.auth_principal_display_name),
        ("AssumedRoleUser", "job:job")
    );
    // The policy of a key is mentioned only to callers who may read it.
    account.do_it("CreateAlias", &[("AliasName", "alias/a"), ("KeyId", &key)]);
    account.allow("alice", EVERYTHING);
    for (actions, expected) in [
        (r#""kms:DescribeKey""#, ("ExplicitDeny", "ResourceBasedPolicy")),
        (r#""kms:*""#, ("ImplicitDeny", "AccountLevelIdentityBasedPolicy")),
    ] {
        account.do_it(
            "SetKeyPolicy",
            &[("KeyId", &key), ("Policy", &of_resource("Deny", "user/alice", actions))],
        );
        let denied = account.refusal(&by(alice), "DescribeKey", &[("KeyId", &key)]);
        let detail = denied.access_denied().unwrap();
        assert_eq!((&*detail.no_permission_type, &*detail.policy_type), expected);
        // An alias of the key looks like one without a key.
        let answers =
            ["alias/a", "alias/b"].map(|name| account.refusal(&by(alice), "DescribeKey", &[("KeyId", name)]));
        let [to_key, nowhere] = answers.each_ref().map(|denied| denied.access_denied());
        assert_eq!(to_key, nowhere);
    }
    let unsigned = Origin { caller: Caller::Unsigned, connection: connection() };
    assert!(account.refusal(&unsigned, "DescribeKey", &[("KeyId", &key)]).access_denied().is_none());
}
