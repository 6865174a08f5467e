//! What a caller may not open or do is marked as such.

use bulla_wire::Product;
use http::StatusCode;

use crate::testing::{Browser, EVERYTHING};

const SEE: &str = r#"{"Version":"1","Statement":[
    {"Effect":"Allow","Action":["kms:List*","kms:Describe*"],"Resource":"*"},
    {"Effect":"Deny","Action":"kms:DescribeBackups","Resource":"*"}]}"#;
const PAGES: [(&str, &str); 14] = [
    ("", "Overview"),
    ("keys", "Keys"),
    ("aliases", "Aliases"),
    ("secrets", "Secrets"),
    ("users", "Users"),
    ("groups", "Groups"),
    ("roles", "Roles"),
    ("policies", "Policies"),
    ("may", "Check access"),
    ("account", "Account"),
    ("audit", "Audit trail"),
    ("limits", "Limits"),
    ("try", "Try it"),
    ("files", "Files"),
];

/// A page of the navigation is marked exactly if it is refused.
#[test]
fn the_navigation_marks_the_pages_that_are_refused() {
    let owner = Browser::audited_owner();
    let audit = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":["actiontrail:*","ram:List*"],"Resource":"*"}]}"#;
    let callers =
        [owner.clone(), owner.user("all", EVERYTHING), owner.user("see", SEE), owner.user("auditor", audit)];
    let mut marked = Vec::new();
    for browser in &callers {
        let start = browser.get("/console/");
        for (page, title) in PAGES {
            let answer = browser.get(&format!("/console/{page}"));
            let is_refused = answer.status == StatusCode::FORBIDDEN;
            assert_eq!(start.has(&format!(">{title} (not allowed)</span>")), is_refused, "{page}: {start:?}");
            assert_eq!(start.has(&format!(">{title}</a></li>")), !is_refused, "{page}: {start:?}");
        }
        marked.push(start.html.matches("(not allowed)</span></li>").count());
    }
    assert_eq!(marked, [0, 0, 6, 4]);
    assert!(callers[2].in_chinese().get("/console/").has(">用户（无权限）</span></li>"));
}

#[test]
fn a_page_about_the_own_sign_in_has_the_same_marks() {
    let owner = Browser::owner();
    owner.call(Product::Ram, "CreateUser", &[("UserName", "ann")]).unwrap();
    let profile = [("UserName", "ann"), ("Password", "Right-Horse-7")];
    owner.call(Product::Ram, "CreateLoginProfile", &profile).unwrap();
    let ann = owner.visitor();
    ann.post("/console/sign-in", &profile);
    for page in ["password", "device"] {
        assert!(ann.get(&format!("/console/{page}")).has("Users (not allowed)"), "{page}");
    }
}
