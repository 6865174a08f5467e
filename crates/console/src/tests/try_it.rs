//! What the forms for learning answer.

use http::StatusCode;

use crate::testing::{Browser, Page};

/// The member of the reply that a page shows.
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
    assert!(page.has("bulla kms Encrypt") && page.has("aliyun kms Encrypt"), "{}", page.html);
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

#[test]
fn a_text_is_signed_by_the_version_that_the_page_fills_in() {
    let owner = Browser::owner();
    let id = owner.make_key(&[("KeySpec", "EC_P256"), ("KeyUsage", "SIGN/VERIFY")]);
    let page = owner.get(&format!("/console/try?key={id}"));
    let (_, rest) = page.html.split_once("/console/do/kms/AsymmetricSign?").unwrap();
    let query = rest.split('"').next().unwrap().replace("&amp;", "&");
    let fields = [("Algorithm", "ECDSA_SHA_256"), ("Digest", "text")];
    let page = owner.post(&format!("/console/do/kms/AsymmetricSign?{query}"), &fields);
    let signature = member(&page, "Value");
    let verify = |text| {
        let fields = [("Algorithm", "ECDSA_SHA_256"), ("Digest", text), ("Value", &*signature)];
        owner.post(&format!("/console/do/kms/AsymmetricVerify?{query}"), &fields)
    };
    assert!(verify("text").has("&quot;Value&quot;: true"));
    assert!(verify("test").has("&quot;Value&quot;: false"));
}
