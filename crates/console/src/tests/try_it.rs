//! Tests of the forms that try out cryptographic operations.

use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bulla_wire::{Parameters, Product};
use http::StatusCode;

use crate::testing::{Browser, EVERYTHING, Page};

/// Returns a member of the reply that a page shows.
fn member(page: &Page, name: &str) -> String {
    let (_, rest) = page
        .html
        .split_once(&format!("&quot;{name}&quot;: &quot;"))
        .unwrap_or_else(|| panic!("{}", page.html));
    rest.split("&quot;").next().unwrap().to_owned()
}

#[test]
fn a_text_is_encrypted_with_a_context_and_decrypted() {
    let owner = Browser::owner();
    let id = owner.make_key(&[]);
    let page = owner.get(&format!("/console/try?key={id}"));
    assert!(page.has("/do/kms/Encrypt?KeyId=") && !page.has("AsymmetricSign"), "{}", page.html);
    let context = [("EncryptionContext:name:0", "file"), ("EncryptionContext:value:0", "a b")];
    let text = ("Plaintext", "<密> & 钥");
    let page = owner.post(&format!("/console/do/kms/Encrypt?KeyId={id}"), &[text, context[0], context[1]]);
    assert!(page.has("bulla kms Encrypt"), "{}", page.html);
    assert!(!page.has("密&gt;"), "what was typed is not sent back: {}", page.html);
    assert!(!page.has("POWvhj4gJiDpkqU="), "nor is it as Base64: {}", page.html);
    let blob = member(&page, "CiphertextBlob");
    let wrong = owner.post("/console/do/kms/Decrypt", &[("CiphertextBlob", &blob)]);
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    let page = owner.post("/console/do/kms/Decrypt", &[("CiphertextBlob", &blob), context[0], context[1]]);
    assert!(page.has("<bdi>&lt;密&gt; &amp; 钥</bdi>"), "{}", page.html);
    let (_, folded) = page.html.split_once("<details>").unwrap();
    let (folded, _) = folded.split_once("</details>").unwrap();
    assert!(folded.contains("&quot;Plaintext&quot;"), "what the page shows already is folded: {}", page.html);
    assert!(page.has("href=\"/console/try\""), "{}", page.html);
}

/// Returns the command lines that a page shows.
fn lines(page: &Page) -> Vec<String> {
    let parts = page.html.split("<bdi>").skip(1).map(|part| part.split("</bdi>").next().unwrap());
    let lines =
        parts.filter(|part| ["export ", "bulla ", "aliyun "].iter().any(|start| part.starts_with(start)));
    lines.map(str::to_owned).collect()
}

#[test]
fn the_commands_of_a_result_and_of_a_secret_name_the_server_or_the_store() {
    let owner = Browser::owner();
    let fields = [("SecretName", "@-a"), ("VersionId", "v1"), ("SecretData", "value")];
    owner.call(Product::Kms, "CreateSecret", &fields).unwrap();
    let random =
        |browser: &Browser| browser.post("/console/do/kms/GetRandomPassword", &[("ExcludeCharacters", "@-")]);
    let read = |browser: &Browser| browser.get("/console/secrets/%40-a");
    let own = ["GetRandomPassword --ExcludeCharacters='@@-'", "GetSecretValue --SecretName='@@-a'"];
    let cloud = ["GetRandomPassword --ExcludeCharacters='@-'", "GetSecretValue --SecretName='@-a'"];
    let store = format!("export BULLA_KMS=embedded:{}", owner.site.kms.data().display());
    for (page, own) in [random(&owner), read(&owner)].iter().zip(own) {
        assert_eq!(lines(page), [store.clone(), format!("bulla kms {own}")]);
        assert!(!page.has("ALIBABA_CLOUD_ACCESS_KEY_ID"), "{page:?}");
    }
    let user = owner.user("ann", EVERYTHING);
    for ((page, own), cloud) in [random(&user), read(&user)].iter().zip(own).zip(cloud) {
        let server = "export BULLA_KMS=http://localhost:7443".to_owned();
        let at = format!("--endpoint localhost:7443 --region {} --insecure", owner.site.kms.region());
        assert_eq!(lines(page), [server, format!("bulla kms {own}"), format!("aliyun kms {cloud} {at}")]);
        assert!(page.has("ALIBABA_CLOUD_ACCESS_KEY_ID"), "{page:?}");
    }
    let key = owner.make_key(&[]);
    let key = |browser: &Browser| browser.get(&format!("/console/keys/{key}"));
    assert!(key(&owner).has(&store) && !key(&owner).has("aliyun kms"));
    assert!(key(&user).has("--endpoint localhost:7443") && !key(&user).has(&store));
}

/// `bulla` has no users, roles and policies of an embedded store.
#[test]
fn the_owner_of_a_store_gets_no_command_that_is_refused() {
    let owner = Browser::owner();
    let user = owner.user("ann", EVERYTHING);
    owner.call(Product::Ram, "CreateUser", &[("UserName", "ci")]).unwrap();
    let make = |browser: &Browser| browser.post("/console/do/ram/CreateAccessKey?UserName=ci", &[]);
    assert!(lines(&make(&owner)).is_empty());
    assert_eq!(lines(&make(&user))[1], "bulla ram CreateAccessKey --UserName=ci");
}

#[test]
fn data_keys_signatures_codes_and_passwords_are_made() {
    let owner = Browser::owner();
    let id = owner.make_key(&[]);
    let page = owner.post(&format!("/console/do/kms/GenerateDataKey?KeyId={id}"), &[("NumberOfBytes", "16")]);
    assert_eq!(member(&page, "Plaintext").len(), 24);
    let to = format!("/console/do/kms/GenerateDataKeyWithoutPlaintext?KeyId={id}");
    let page = owner.post(&to, &[]);
    assert!(page.has("CiphertextBlob") && !page.has("Plaintext&quot;"), "{}", page.html);
    let fields = [("PasswordLength", "20"), ("ExcludePunctuation", "true")];
    assert_eq!(member(&owner.post("/console/do/kms/GetRandomPassword", &fields), "RandomPassword").len(), 20);
    let id = owner.make_key(&[("KeySpec", "HMAC_SHA256"), ("KeyUsage", "SIGN/VERIFY")]);
    let fields = [("KeyId", &*id), ("Algorithm", "HMAC_SHA_256"), ("Message", "m")];
    let mac = member(&owner.post("/console/do/kms/GenerateMac", &fields), "Mac");
    let page = owner.post("/console/do/kms/VerifyMac", &[fields[0], fields[1], fields[2], ("Mac", &mac)]);
    assert!(page.has("&quot;Value&quot;: true"), "{}", page.html);
}

/// Returns the query of the link to an action's form on the page of a key.
fn query_of(page: &Page, action: &str) -> String {
    let (_, rest) = page.html.split_once(&format!("/console/do/kms/{action}?")).unwrap();
    rest.split('"').next().unwrap().replace("&amp;", "&")
}

#[test]
fn a_text_is_signed_as_the_links_of_the_page_fill_in() {
    let owner = Browser::owner();
    for spec in ["RSA_2048", "EC_P256", "EC_P256K", "EC_SM2"] {
        let id = owner.make_key(&[("KeySpec", spec), ("KeyUsage", "SIGN/VERIFY")]);
        let query = query_of(&owner.get(&format!("/console/try?key={id}")), "AsymmetricSign");
        let page = owner.post(&format!("/console/do/kms/AsymmetricSign?{query}"), &[("Digest", "text")]);
        let signature = member(&page, "Value");
        let verify = |text| {
            let to = format!("/console/do/kms/AsymmetricVerify?{query}");
            owner.post(&to, &[("Digest", text), ("Value", &*signature)])
        };
        assert!(verify("text").has("&quot;Value&quot;: true"), "{spec}");
        assert!(verify("test").has("&quot;Value&quot;: false"), "{spec}");
    }
}

#[test]
fn a_text_is_encrypted_by_a_public_key_and_decrypted() {
    let owner = Browser::owner();
    for spec in ["RSA_2048", "EC_SM2"] {
        let id = owner.make_key(&[("KeySpec", spec), ("KeyUsage", "ENCRYPT/DECRYPT")]);
        let query = query_of(&owner.get(&format!("/console/try?key={id}")), "AsymmetricEncrypt");
        let to = format!("/console/do/kms/AsymmetricEncrypt?{query}");
        let blob = member(&owner.post(&to, &[("Plaintext", "密钥")]), "CiphertextBlob");
        let to = format!("/console/do/kms/AsymmetricDecrypt?{query}");
        let page = owner.post(&to, &[("CiphertextBlob", &blob)]);
        assert!(page.has("<bdi>密钥</bdi>"), "{spec}: {}", page.html);
    }
}

/// The signed digest is that of the standard: openssl verifies the signature and knows only the message.
#[test]
fn openssl_verifies_a_signature_of_sm2() {
    let owner = Browser::owner();
    let id = owner.make_key(&[("KeySpec", "EC_SM2"), ("KeyUsage", "SIGN/VERIFY")]);
    let query = query_of(&owner.get(&format!("/console/try?key={id}")), "AsymmetricSign");
    let page = owner.post(&format!("/console/do/kms/AsymmetricSign?{query}"), &[("Digest", "签名\r\n")]);
    let signature = BASE64_STANDARD.decode(member(&page, "Value")).unwrap();
    let version = Parameters::from_query(&query).unwrap().get("KeyVersionId").unwrap().to_owned();
    let public = owner.call(Product::Kms, "GetPublicKey", &[("KeyId", &id), ("KeyVersionId", &version)]);
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| std::fs::write(directory.path().join(name), content).unwrap();
    file("public.pem", public.unwrap()["PublicKey"].as_str().unwrap().as_bytes());
    file("message", "签名\n".as_bytes());
    file("signature", &signature);
    let arguments = "pkeyutl -verify -pubin -inkey public.pem -in message -sigfile signature -rawin -digest sm3 \
                     -pkeyopt distid:1234567812345678";
    let openssl = Command::new("openssl").current_dir(&directory).args(arguments.split_whitespace()).output();
    let openssl = openssl.unwrap();
    assert!(openssl.status.success(), "{openssl:?}");
}
