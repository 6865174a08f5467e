use bulla_wire::Product;
use http::StatusCode;
use pollster::block_on;

use crate::paths::with_query;
use crate::testing::{Browser, EVERYTHING, Page};

const AUDITOR: &str =
    r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"actiontrail:LookupEvents","Resource":"*"}]}"#;

fn search(browser: &Browser, fields: &[(&str, &str)]) -> Page {
    browser.get(&with_query("/console/audit", fields))
}

/// Returns how many lines a page shows.
fn lines(page: &Page) -> usize {
    page.html.matches("<details><summary>").count()
}

/// Returns the target of the link with this text.
fn link<'p>(page: &'p Page, words: &str) -> Option<&'p str> {
    let before =
        page.html.split(&format!(">{words}</a>")).next().filter(|before| before.len() < page.html.len())?;
    before.rsplit("href=\"").next()?.split('"').next()
}

/// Returns an owner whose sealed trail has `count` failed requests of DescribeKey.
fn with_lines(count: usize) -> Browser {
    let owner = Browser::audited_owner();
    for number in 0..count {
        owner.call(Product::Kms, "DescribeKey", &[("KeyId", &format!("alias/{number}"))]).unwrap_err();
    }
    block_on(owner.site.kms.seal_audit()).unwrap();
    owner
}

#[test]
fn lines_are_shown_newest_first_in_pages() {
    let owner = with_lines(120);
    let describing = [("action", "describekey")];
    let mut page = search(&owner, &describing);
    assert!(page.has("alias/119") && !page.has("alias/69<"), "{page:?}");
    let mut count = lines(&page);
    assert_eq!(count, 50);
    while let Some(older) = link(&page, "Older lines").map(|to| to.replace("&amp;", "&")) {
        assert!(older.contains("action=describekey&before="), "{older}");
        page = owner.get(&older);
        count += lines(&page);
        assert!(page.has("Newest lines"), "{page:?}");
    }
    assert_eq!(count, 120);
    assert!(page.has("alias/0<") && page.has("The trail begins here"), "{page:?}");
    let first = link(&page, "Newest lines").unwrap().replace("&amp;", "&");
    assert!(owner.get(&first).has("alias/119"));
}

#[test]
fn lines_are_found_by_each_field_and_open_to_all_members() {
    let owner = with_lines(3);
    let ann = owner.user("ann", EVERYTHING);
    ann.get("/console/keys");
    block_on(owner.site.kms.seal_audit()).unwrap();
    let id = ann.site.kms.account().to_owned();
    for (fields, is_there, is_not) in [
        (&[("caller", "ann")][..], "FindKeys", "alias/1"),
        (&[("caller", &format!("acs:ram::{id}:user/ann"))], "FindKeys", "alias/1"),
        (&[("resource", "alias/1")], "alias/1", "alias/2"),
        (&[("resource", "user/ann")], "AttachPolicyToUser", "alias/1"),
        (&[("action", "CreateUser")], "CreateUser", "alias/1"),
        (&[("code", "Forbidden.AliasNotFound")], "alias/1", "FindKeys"),
        (&[("code", "200"), ("action", "FindKeys")], "FindKeys", "alias/1"),
        (&[("from", "2020-01-01T00:00"), ("caller", "ann")], "FindKeys", "alias/1"),
    ] {
        let page = search(&owner, fields);
        let found = page.html.split("Lines, newest first").nth(1).unwrap();
        assert!(found.contains(is_there) && !found.contains(is_not), "{fields:?}: {found}");
        assert!(found.contains("&quot;request_id&quot;: &quot;"), "{fields:?}: {found}");
        assert_eq!(page.form("/console/audit").get(fields[0].0), Some(fields[0].1), "the form is kept");
    }
    for fields in [[("to", "2020-01-01T00:00:00")], [("from", "2200-01-01T00:00")], [("caller", "none")]] {
        assert!(search(&owner, &fields).has("No line matches"), "{fields:?}");
    }
    let page = search(&owner, &[("from", "yesterday"), ("action", "CreateUser")]);
    assert!(page.has(r#"role="alert""#) && lines(&page) == 0, "{page:?}");
    assert_eq!(page.form("/console/audit").get("action"), Some("CreateUser"));
}

#[test]
fn the_page_describes_the_trail_and_a_search_adds_a_line() {
    let owner = with_lines(1);
    let page = search(&owner, &[]);
    let sealed = owner.site.kms.audit_figures().unwrap().sealed;
    assert!(page.has(&sealed.to_string()) && page.has("takes lines"), "{page:?}");
    assert!(search(&owner, &[("action", "SearchTrail")]).has("SearchTrail"));
    let chinese = search(&owner.in_chinese(), &[]);
    assert!(chinese.has("最新封印") && chinese.has("日志行（由新到旧）"), "{chinese:?}");
    let without_trail = Browser::owner();
    assert!(search(&without_trail, &[]).has("There is no audit trail"));
    assert!(search(&without_trail.in_chinese(), &[]).has("没有审计日志"));
}

#[test]
fn it_takes_a_permission_of_its_own() {
    let owner = with_lines(1);
    let eve = owner.user(
        "eve",
        r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":["kms:*","ram:*"],"Resource":"*"}]}"#,
    );
    let page = search(&eve, &[]);
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.has("Forbidden.NoPermission") && lines(&page) == 0, "{page:?}");
    let auditor = owner.user("auditor", AUDITOR);
    let page = search(&auditor, &[("caller", "eve")]);
    assert!(page.status == StatusCode::OK && page.has("SearchTrail") && page.has("403"), "{page:?}");
}

#[test]
fn nothing_in_a_line_becomes_markup_or_hides() {
    let owner = with_lines(0);
    let evil = "alias/<script>x</script>\u{202e}\u{1b}[2J&\"'";
    owner.call(Product::Kms, "DescribeKey", &[("KeyId", evil)]).unwrap_err();
    block_on(owner.site.kms.seal_audit()).unwrap();
    let page = search(&owner, &[("action", "DescribeKey"), ("caller", "")]);
    assert!(
        lines(&page) == 1 && !page.has("<script>x") && !page.has("\u{202e}") && !page.has("\u{1b}"),
        "{page:?}"
    );
    assert!(
        page.has("&lt;script&gt;x&lt;/script&gt;") && page.has("U+202E") && page.has("U+001B"),
        "{page:?}"
    );
    let page = search(&owner, &[("caller", "\"><b>"), ("before", "</b>")]);
    assert!(!page.has("<b>"), "{page:?}");
}
