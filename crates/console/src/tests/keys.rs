//! Tests of the pages of keys and aliases, for the owner and for users.

use bulla_wire::Product;
use http::StatusCode;

use crate::testing::{Browser, wrap};

#[test]
fn a_key_is_created_with_an_alias_and_tags_and_found_again() {
    let owner = Browser::owner();
    assert!(owner.get("/console/keys").has("There are no keys yet"));
    let fields = [
        ("Description", "wraps <b>files</b>"),
        ("AliasName", "alias/Apollo/WorkKey"),
        ("Tags:name:0", "team"),
        ("Tags:value:0", "blue"),
    ];
    let page = owner.post("/console/do/kms/CreateKey", &fields);
    for text in ["alias/Apollo/WorkKey", "wraps &lt;b&gt;files", "team", "blue", "Enabled", "Done:"] {
        assert!(page.has(text), "{text}: {}", page.html);
    }
    let id = page.at.strip_prefix("/console/keys/").unwrap().split('?').next().unwrap().to_owned();
    for query in [
        "text=apollo",
        "tag=team%3Dblue",
        "state=Enabled&order=alias",
        "spec=Aliyun_AES_256",
        "usage=ENCRYPT%2FDECRYPT",
        "origin=Aliyun_KMS",
    ] {
        assert!(owner.get(&format!("/console/keys?{query}")).has(&id), "{query}");
    }
    assert!(owner.get("/console/keys?state=Disabled").has("No key matches"));
    assert!(owner.in_chinese().get("/console/keys?text=apollo").has("启用"));
    let english = owner.get(&page.at);
    let chinese = owner.in_chinese().get(&page.at);
    assert!(english.has("Use this key") && chinese.has("使用此密钥"));
}

#[test]
fn an_alias_that_is_taken_shows_its_form_and_the_key_is_there() {
    let owner = Browser::owner();
    owner.post("/console/do/kms/CreateKey", &[("AliasName", "alias/a")]);
    let page = owner.post("/console/do/kms/CreateKey", &[("AliasName", "alias/a")]);
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.html);
    assert!(page.has("Create an alias") && page.has("alias/a"), "{}", page.html);
    assert!(owner.get("/console/keys").has("1–2 / 2"));
}

#[test]
fn an_error_is_shown_in_the_language_of_the_page_with_its_code_and_request_id() {
    let owner = Browser::owner();
    let page = owner.in_chinese().get("/console/keys/none");
    for text in ["密钥不存在。", "<code>Forbidden.KeyNotFound</code>", "请求 ID"] {
        assert!(page.has(text), "{text}: {}", page.html);
    }
    assert!(owner.get("/console/keys/none").has("The specified Key is not found."));
    let id = owner.make_key(&[]);
    owner.call(Product::Kms, "DisableKey", &[("KeyId", &id)]).unwrap();
    let to = format!("/console/do/kms/Encrypt?KeyId={id}");
    let page = owner.in_chinese().post(&to, &[("Plaintext", "a")]);
    assert!(page.has("密钥处于禁用状态") && page.has("<code>Rejected.Disabled</code>"), "{}", page.html);
}

#[test]
fn actions_fit_the_state_of_the_key() {
    let owner = Browser::owner();
    let id = owner.make_key(&[]);
    let key = format!("/console/keys/{id}");
    let act = |action: &str| format!("/console/do/kms/{action}?KeyId={id}");
    let offers = |action: &str| owner.get(&key).has(&format!("/console/do/kms/{action}?KeyId={id}"));
    assert!(offers("DisableKey") && !offers("EnableKey") && !offers("CancelKeyDeletion"));
    assert!(offers("CreateKeyVersion") && !offers("GetParametersForImport"));
    owner.post(&act("CreateKeyVersion"), &[]);
    assert!(owner.get(&key).has("decrypts only"));
    assert!(owner.get(&key).has("Uses are counted since") && owner.get(&key).has("never"));
    owner.post(&act("DisableKey"), &[]);
    assert!(offers("EnableKey") && !offers("DisableKey") && !offers("CreateKeyVersion"));
    let page = owner.post(&act("ScheduleKeyDeletion"), &[("PendingWindowInDays", "7")]);
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "not confirmed");
    let fields = [("PendingWindowInDays", "7"), ("confirmation", &*id)];
    let page = owner.post(&act("ScheduleKeyDeletion"), &fields);
    assert!(page.has("Pending deletion"), "{}", page.html);
    assert!(offers("CancelKeyDeletion") && !offers("ScheduleKeyDeletion") && !offers("UpdateKeyDescription"));
    assert!(owner.get("/console/").has("is deleted"));
    owner.post(&act("CancelKeyDeletion"), &[]);
    let page = owner.post(&format!("{}&EnableDeletionProtection=true", act("SetDeletionProtection")), &[]);
    assert!(page.has("on"), "{}", page.html);
    assert!(!offers("ScheduleKeyDeletion"));
    let page = owner.post(
        &act("UpdateRotationPolicy"),
        &[("EnableAutomaticRotation", "true"), ("RotationInterval", "30d")],
    );
    assert!(page.has("automatic") && page.has("30d"), "{}", page.html);
    assert!(owner.get("/console/").has("is rotated"));
    owner.post(&act("UpdateKeyDescription"), &[("Description", "once")]);
    assert!(owner.get(&act("UpdateKeyDescription")).has("value=\"once\""));
    owner.post(&act("UpdateKeyDescription"), &[("Description", "")]);
    assert!(!owner.get(&key).has("once"));
}

#[test]
fn the_lines_to_use_a_key_fit_its_kind() {
    let owner = Browser::owner();
    let all = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}"#;
    let ann = owner.user("ann", all);
    let kinds = [
        ("Aliyun_SM4", "ENCRYPT/DECRYPT", "", ["generate_data_key", "GenerateDataKeyRequest"]),
        ("RSA_3072", "ENCRYPT/DECRYPT", "RSAES_OAEP_SHA_256", ["asymmetric_decrypt", "asymmetricDecrypt"]),
        ("EC_P256K", "SIGN/VERIFY", "ECDSA_SHA_256", ["asymmetric_verify", "asymmetricVerify"]),
        ("HMAC_SHA512", "SIGN/VERIFY", "HMAC_SHA_512", ["verify_mac", "VerifyMac"]),
    ];
    for (spec, usage, algorithm, calls) in kinds {
        let id = owner.make_key(&[("KeySpec", spec), ("KeyUsage", usage)]);
        let page = ann.get(&format!("/console/keys/{id}"));
        for text in
            ["Python", "Java", "Go", "Node.js", algorithm, "http://localhost:7443"].iter().chain(&calls)
        {
            assert!(page.has(text), "{spec}: {text}: {}", page.html);
        }
    }
}

#[test]
fn many_aliases_and_versions_of_a_key_are_on_pages() {
    let owner = Browser::owner();
    let id = owner.make_key(&[]);
    for number in 0..101 {
        let alias = format!("alias/number-{number:03}");
        owner.call(Product::Kms, "CreateAlias", &[("KeyId", &id), ("AliasName", &alias)]).unwrap();
        owner.call(Product::Kms, "CreateKeyVersion", &[("KeyId", &id)]).unwrap();
    }
    let page = owner.get(&format!("/console/keys/{id}"));
    assert!(page.has("1–100 / 101") && page.has("1–100 / 102") && !page.has("number-100"), "{}", page.html);
    let page = owner.get(&format!("/console/keys/{id}?aliases=2"));
    assert!(page.has("101–101 / 101") && page.has("1–100 / 102") && page.has("number-100"), "{}", page.html);
    let page = owner.get(&format!("/console/keys/{id}?aliases=2&versions=2"));
    assert!(page.has("101–102 / 102") && page.has("aliases=2&amp;versions=1"), "{}", page.html);
}

#[test]
fn the_newest_version_of_a_pair_is_the_one_that_is_shown_and_used() {
    let owner = Browser::owner();
    let id = owner.make_key(&[("KeySpec", "EC_P256"), ("KeyUsage", "SIGN/VERIFY")]);
    owner.call(Product::Kms, "CreateKeyVersion", &[("KeyId", &id)]).unwrap();
    let made = owner.call(Product::Kms, "CreateKeyVersion", &[("KeyId", &id)]).unwrap();
    let version = made["KeyVersion"]["KeyVersionId"].as_str().unwrap();
    let page = owner.get(&format!("/console/keys/{id}"));
    assert!(page.has(&format!("<code>{version}</code></p>")), "{}", page.html);
    assert!(page.has(&format!("--KeyVersionId {version}")), "{}", page.html);
}

#[test]
fn tags_are_not_offered_to_a_caller_who_may_not_change_them() {
    let owner = Browser::owner();
    let id = owner.make_key(&[("Tags", r#"[{"TagKey":"team","TagValue":"blue"}]"#)]);
    let look = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":["kms:Describe*","kms:List*"],"Resource":"*"}]}"#;
    let page = owner.user("ann", look).get(&format!("/console/keys/{id}"));
    assert!(page.has("Remove (not allowed)") && page.has("Add tags (not allowed)"), "{}", page.html);
    assert!(!page.has("UntagResource") && !page.has("/TagResource"), "{}", page.html);
}

#[test]
fn an_alias_is_moved_searched_and_deleted() {
    let owner = Browser::owner();
    assert!(owner.get("/console/aliases").has("There are no aliases"));
    let [first, second] = [owner.make_key(&[]), owner.make_key(&[])];
    owner.post("/console/do/kms/CreateAlias", &[("KeyId", &first), ("AliasName", "alias/a/b")]);
    let page = owner.post("/console/do/kms/UpdateAlias?AliasName=alias%2Fa%2Fb", &[("KeyId", &second)]);
    assert!(page.at.contains(&second) && page.has("alias/a/b"));
    for part in ["a%2F", "B", "alias%2Fa"] {
        let page = owner.get(&format!("/console/aliases?text={part}"));
        assert!(page.has(&second) && page.has("alias/a/b"), "{part}: {}", page.html);
    }
    for part in ["c", "alias%2Fb", "as%2Fa"] {
        assert!(owner.get(&format!("/console/aliases?text={part}")).has("No alias contains"), "{part}");
    }
    let to = "/console/do/kms/DeleteAlias?AliasName=alias%2Fa%2Fb";
    let page = owner.post(to, &[("confirmation", "alias/a/b")]);
    assert!(page.at.starts_with("/console/aliases") && page.has("There are no aliases"), "{}", page.html);
}

#[test]
fn a_policy_is_edited_and_an_error_names_its_place() {
    let owner = Browser::owner();
    let id = owner.make_key(&[]);
    let to = format!("/console/do/kms/SetKeyPolicy?KeyId={id}");
    assert!(owner.get(&to).has("Statement"), "the form holds the policy");
    let page = owner.post(&to, &[("Policy", "{\n \"Version\": \"1\",\n \"Odd\": 2\n}")]);
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.html);
    assert!(page.has("&quot;Odd&quot;: 2"), "{}", page.html);
    let policy = owner.get(&to).form("/console/do/kms/SetKeyPolicy").get("Policy").unwrap().to_owned();
    let page = owner.post(&to, &[("Policy", &policy)]);
    assert!(page.has("Done:"), "{}", page.html);
}

#[test]
fn a_public_key_is_shown_and_downloaded() {
    let owner = Browser::owner();
    let id = owner.make_key(&[("KeySpec", "EC_P256"), ("KeyUsage", "SIGN/VERIFY")]);
    let page = owner.get(&format!("/console/keys/{id}"));
    assert!(page.has("-----BEGIN PUBLIC KEY-----") && !page.has("UpdateRotationPolicy"), "{}", page.html);
    let (_, rest) = page.html.split_once("/versions/").unwrap();
    let file = format!("/console/keys/{id}/versions/{}", rest.split('"').next().unwrap());
    let answer = owner.send(&http::Method::GET, &file, "");
    let disposition = answer.headers["content-disposition"].to_str().unwrap();
    assert_eq!(disposition, format!("attachment; filename=\"{id}-public-key.pem\""));
    assert!(answer.body.as_ref().starts_with(b"-----BEGIN PUBLIC KEY-----"));
}

#[test]
fn a_caller_without_permission_gets_a_notice_and_no_form() {
    let owner = Browser::owner();
    let id = owner.make_key(&[("Description", "unseen")]);
    owner.call(Product::Kms, "CreateAlias", &[("KeyId", &id), ("AliasName", "alias/unseen")]).unwrap();
    let lister = owner.user("ann", &allow(&["kms:ListKeys"]));
    let page = lister.get("/console/keys");
    assert!(page.has(&id) && page.has("not allowed") && !page.has("unseen"), "{}", page.html);
    let page = lister.get("/console/aliases");
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(lister.get("/console/").has("not allowed"));
    let reader = owner.user("bob", &allow(&["kms:Describe*", "kms:List*"]));
    let page = reader.get(&format!("/console/keys/{id}"));
    assert!(page.has("Disable the key (not allowed)") && page.has("alias/unseen"), "{}", page.html);
    assert!(!page.has("/do/kms/DisableKey"), "{}", page.html);
    let page = reader.post(&format!("/console/do/kms/DisableKey?KeyId={id}"), &[]);
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.has("the-request-id"));
}

fn allow(actions: &[&str]) -> String {
    let actions = serde_json::to_string(actions).unwrap();
    format!(r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":{actions},"Resource":"*"}}]}}"#)
}

#[test]
fn material_is_imported_by_the_lines_of_the_page_and_deleted() {
    let owner = Browser::owner();
    let id = owner.make_key(&[("Origin", "EXTERNAL")]);
    let act = |action: &str| format!("/console/do/kms/{action}?KeyId={id}");
    let page = owner.get(&format!("/console/keys/{id}"));
    assert!(page.has("Pending import") && page.has(&act("GetParametersForImport")), "{}", page.html);
    let page = owner.post(&act("GetParametersForImport"), &[("WrappingAlgorithm", "RSAES_OAEP_SHA_256")]);
    let token = page.form("/console/do/kms/ImportKeyMaterial").get("ImportToken").unwrap().to_owned();
    assert!(page.has("rsa_oaep_md:sha256"), "{}", page.html);
    let (_, public) = page.html.split_once("echo '").unwrap();
    let wrapped = wrap(public.split('\'').next().unwrap());
    let fields = [
        ("ImportToken", &*token),
        ("EncryptedKeyMaterial", &wrapped),
        ("KeyMaterialExpireUnix", "2099-01-31T12:00"),
    ];
    let page = owner.post(&act("ImportKeyMaterial"), &fields);
    assert!(page.has("Enabled") && page.has("2099-01-31 12:00:00 UTC"), "{}", page.html);
    assert!(!page.has("CreateKeyVersion"), "imported keys have one version");
    let page = owner.post(&act("DeleteKeyMaterial"), &[("confirmation", &id)]);
    assert!(page.has("Pending import"), "{}", page.html);
}

#[test]
fn the_deletion_of_a_key_that_was_used_lately_has_a_warning() {
    let owner = Browser::owner();
    let id = owner.make_key(&[]);
    let form = format!("/console/do/kms/ScheduleKeyDeletion?KeyId={id}");
    assert!(!owner.get(&form).has("This key is in use"));
    owner.call(Product::Kms, "Encrypt", &[("KeyId", &id), ("Plaintext", "YQ==")]).unwrap();
    assert!(owner.get(&form).has("This key is in use. Last used:"));
    assert!(owner.in_chinese().get(&form).has("该密钥正在使用"));
    let refused = owner.post(&form, &[("PendingWindowInDays", "7")]);
    assert!(refused.has("This key is in use"), "not confirmed: {}", refused.html);
}
