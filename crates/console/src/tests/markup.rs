//! Tests of the HTML of all pages: every form, and every page that is reachable by links.

use std::collections::BTreeSet;

use crate::testing::Browser;

#[test]
fn no_page_has_an_empty_class() {
    let owner = Browser::audited_owner();
    furnish(&owner);
    let pages = pages(&owner);
    assert!(pages.len() > 50, "{pages:?}");
    for (at, html) in pages {
        assert!(!html.contains("class=\"\"") && !html.contains("id=\"\""), "{at}: {html}");
    }
}

/// Creates a resource of each kind.
fn furnish(owner: &Browser) {
    let id = owner.make_key(&[("Tags", r#"[{"TagKey":"team","TagValue":"blue"}]"#)]);
    owner.make_key(&[("KeySpec", "EC_P256"), ("KeyUsage", "SIGN/VERIFY")]);
    owner.make_key(&[("Origin", "EXTERNAL")]);
    owner.post("/console/do/kms/CreateAlias", &[("KeyId", &id), ("AliasName", "alias/a")]);
    let secret = [("SecretName", "s"), ("VersionId", "v1"), ("SecretData", "x")];
    owner.post("/console/do/kms/CreateSecret", &secret);
    let policy = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}]}"#;
    owner.user("ann", policy);
    owner.post("/console/do/ram/CreateGroup", &[("GroupName", "g")]);
    owner.post("/console/do/ram/CreateRole", &[("RoleName", "r")]);
}

/// Returns the pages that are reachable by links, each path once.
fn pages(owner: &Browser) -> Vec<(String, String)> {
    let mut waiting = vec!["/console/".to_owned(), "/console/nothing/here".to_owned()];
    let mut seen = BTreeSet::new();
    let mut pages = Vec::new();
    while let Some(at) = waiting.pop() {
        let path = at.split('?').next().unwrap_or_default().to_owned();
        if path.starts_with("/console/assets")
            || path == "/console/language"
            || path.ends_with(".pem")
            || !seen.insert(path)
        {
            continue;
        }
        let page = owner.get(&at);
        let links = page.html.split("href=\"").skip(1).map(|link| link.split('"').next().unwrap_or_default());
        let links = links.filter(|link| link.starts_with("/console/"));
        waiting.extend(links.map(|link| link.replace("&amp;", "&")));
        pages.push((at, page.html));
    }
    pages
}
