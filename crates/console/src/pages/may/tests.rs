use http::StatusCode;

use crate::paths::with_query;
use crate::testing::{Browser, Page};

const POLICY: &str = r#"{"Version":"1","Statement":[
{"Effect":"Allow","Action":"kms:*","Resource":"*"},
{"Effect":"Deny","Action":"kms:Decrypt","Resource":"*"},
{"Effect":"Allow","Action":"ram:ListUsers","Resource":"*","Condition":{"IpAddress":{"acs:SourceIp":"10.0.0.0/8"}}}]}"#;

fn ask(browser: &Browser, who: &str, action: &str, resource: &str, more: &[(&str, &str)]) -> Page {
    let fields = [("who", who), ("action", action), ("resource", resource)];
    browser.get(&with_query("/console/may", &[&fields[..], more].concat()))
}

#[test]
fn the_statement_that_decides_is_named_and_linked() {
    let owner = Browser::owner();
    owner.user("ann", POLICY);
    let key = owner.make_key(&[]);
    let page = ask(&owner, "user/ANN", "kms:Encrypt", &format!("key/{key}"), &[]);
    assert!(page.has("<h2>Allowed</h2>") && page.has("Statement[0], line 2"), "{page:?}");
    assert!(page.has(r#"href="/console/policies/Custom/of-ann""#), "{page:?}");
    assert!(page.has(r#"href="/console/users/ann""#), "{page:?}");
    let page = ask(&owner, "user/ann", "kms:Decrypt", &key, &[]);
    assert!(page.has("<h2>Denied</h2>") && page.has("must not deny"), "{page:?}");
    assert!(page.has("Statement[1], line 3"), "{page:?}");
    let page = ask(&owner, "user/ann", "ram:GetUser", "user/ann", &[]);
    assert!(page.has("<h2>Denied</h2>") && page.has("No statement allows it"), "{page:?}");
    let chinese = ask(&owner.in_chinese(), "user/ann", "kms:Decrypt", &key, &[]);
    assert!(chinese.has("<h2>拒绝</h2>") && chinese.has("第 3 行"), "{chinese:?}");
}

#[test]
fn open_conditions_are_listed_and_can_be_set() {
    let owner = Browser::owner();
    owner.user("ann", POLICY);
    let open = ask(&owner, "user/ann", "ram:ListUsers", "", &[]);
    assert!(open.has("Denied, unless an omitted value changes it") && open.has("acs:SourceIp"), "{open:?}");
    let inside = ask(&owner, "user/ann", "ram:ListUsers", "", &[("ip", "10.1.2.3")]);
    assert!(inside.has("<h2>Allowed</h2>") && inside.has("<details open>"), "{inside:?}");
    assert_eq!(inside.form("/console/may").get("ip"), Some("10.1.2.3"));
    let outside = ask(&owner, "user/ann", "ram:ListUsers", "", &[("ip", "192.0.2.1")]);
    assert!(outside.has("<h2>Denied</h2>") && outside.has("these conditions are not met"), "{outside:?}");
}

#[test]
fn a_secret_takes_its_key_too_and_a_role_its_session_policy() {
    let owner = Browser::owner();
    owner.user("ann", POLICY);
    let key = owner.make_key(&[]);
    let fields = [("SecretName", "s"), ("VersionId", "1"), ("SecretData", "x"), ("EncryptionKeyId", &*key)];
    owner.call(bulla_wire::Product::Kms, "CreateSecret", &fields).unwrap();
    let page = ask(&owner, "user/ann", "kms:GetSecretValue", "s", &[]);
    assert!(page.has("<h2>Denied</h2>") && page.has("<code>kms:Decrypt</code>"), "{page:?}");

    owner.post("/console/do/ram/CreateRole", &[("RoleName", "deploy")]);
    let all = [("PolicyType", "System"), ("PolicyName", "AdministratorAccess")];
    owner.post("/console/do/ram/AttachPolicyToRole?RoleName=deploy", &all);
    let page = ask(&owner, "role/deploy", "kms:ListKeys", "", &[]);
    assert!(
        page.has("<h2>Allowed</h2>") && page.has("/console/policies/System/AdministratorAccess"),
        "{page:?}"
    );
    let session = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}]}"#;
    let page = ask(&owner, "role/deploy", "kms:ListKeys", "", &[("session", session)]);
    assert!(page.has("<h2>Denied</h2>") && page.has("No statement of the session"), "{page:?}");
}

#[test]
fn errors_in_a_question_are_explained_and_the_form_keeps_its_fields() {
    let owner = Browser::owner();
    owner.user("ann", POLICY);
    for (who, action, resource, more, words) in [
        ("ann", "kms:Decrypt", "k", &[][..], "Name the caller"),
        ("user/none", "kms:ListKeys", "", &[], "EntityNotExist.User"),
        ("user/ann", "kms:Decript", "k", &[], "There is no such action"),
        ("user/ann", "kms:ReEncrypt", "k", &[], "kms:ReEncryptFrom"),
        ("user/ann", "kms:Decrypt", "", &[], "Name the resource"),
        ("user/ann", "kms:Decrypt", "user/ann", &[], "not about resources of this kind"),
        ("user/ann", "kms:CreateKey", "key/a", &[], "Leave the resource empty"),
        ("user/ann", "kms:ListKeys", "", &[("ip", "here")], "such as 192.0.2.1"),
        ("user/ann", "kms:ListKeys", "", &[("time", "noon")], "2026-01-31T12:30"),
        ("user/ann", "kms:ListKeys", "", &[("context", "[]")], "JSON object"),
        ("user/ann", "kms:ListKeys", "", &[("session", "{}")], "Only a session of a role"),
    ] {
        let page = ask(&owner, who, action, resource, more);
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.has(r#"role="alert""#) && page.has(words), "{words}: {page:?}");
        assert_eq!(page.form("/console/may").get("action"), Some(action));
        assert!(!page.has("<h2>"), "{words}: an answer beside the problem");
    }
}

#[test]
fn a_caller_who_cannot_read_the_policies_gets_no_answer() {
    let owner = Browser::owner();
    let ann = owner.user("ann", POLICY);
    let page = ask(&ann, "user/ann", "kms:Encrypt", "k", &[]);
    assert!(page.has("NoPermission") && page.has("ram:ListPoliciesForUser"), "{page:?}");
    assert!(!page.has("<h2>"), "{page:?}");
}

#[test]
fn a_question_is_escaped_and_pages_of_users_roles_and_keys_link_here() {
    let owner = Browser::owner();
    let page = ask(&owner, "user/<b>", "kms:Encrypt", "\"><b>", &[("session", "</textarea><b>")]);
    assert!(!page.has("<b>"), "{page:?}");
    owner.user("ann", POLICY);
    owner.post("/console/do/ram/CreateRole", &[("RoleName", "deploy")]);
    let key = owner.make_key(&[]);
    for (at, to) in [
        ("users/ann", "/console/may?who=user%2Fann".to_owned()),
        ("roles/deploy", "/console/may?who=role%2Fdeploy".to_owned()),
        (&format!("keys/{key}"), format!("/console/may?resource=key%2F{key}")),
    ] {
        assert!(owner.get(&format!("/console/{at}")).has(&format!("href=\"{to}\"")), "{at}");
        let page = owner.get(&to);
        assert!(page.status == StatusCode::OK && !page.has("<h2>"), "{page:?}");
    }
}
