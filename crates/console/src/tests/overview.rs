//! Tests of the first page.

use crate::testing::Browser;

#[test]
fn the_overview_counts_and_charts_what_the_caller_may_list() {
    let owner = Browser::owner();
    assert!(owner.get("/console/").has("There are no keys yet"));
    owner.make_key(&[]);
    owner.make_key(&[("KeySpec", "HMAC_SHA256"), ("KeyUsage", "SIGN/VERIFY")]);
    let page = owner.get("/console/");
    assert!(page.has("HMAC_SHA256") && page.has("spec=HMAC_SHA256") && page.has("Nothing is scheduled"));
    assert!(!page.has("<svg"), "an embedded store answers no requests");
    let policy = |action: &str| {
        format!(r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":"{action}","Resource":"*"}}]}}"#)
    };
    let ann = owner.user("ann", &policy("kms:ListKeys"));
    owner.site.users.traffic().count(owner.site.kms.elapsed(), true);
    let page = ann.get("/console/");
    assert!(page.has("<svg") && page.has("Requests (upwards): <strong>1</strong>"), "{}", page.html);
    assert!(ann.in_chinese().get("/console/").has("最近一小时的请求"));
    let bob = owner.user("bob", &policy("kms:ListSecrets"));
    let page = bob.get("/console/");
    assert!(!page.has("<svg") && !page.has("HMAC_SHA256") && page.has("not allowed"), "{}", page.html);
}
