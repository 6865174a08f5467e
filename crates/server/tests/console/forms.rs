//! Forms that no page sends: malformed, with too many fields, or not text.

use crate::visitor::{Site, Visitor};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

#[test]
fn what_is_no_form_changes_nothing() {
    let site = Site::new();
    let mut root = site.root();
    let token = root.token("/console/do/kms/CreateKey");
    let before = site.keys();
    let form = format!("token={token}");
    let multipart =
        format!("--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n{token}\r\n--b--\r\n");
    let json = format!(r#"{{"token":"{token}"}}"#);
    let mut latin = form.clone().into_bytes();
    latin.extend(b"&Description=\xff\xfe");
    let many: String = (0..1000).map(|number| format!("&f{number}=")).collect();
    let cases = [
        ("no type", "", form.clone().into_bytes()),
        (
            "text, as a form of another site may send",
            "Content-Type: text/plain\r\n",
            form.clone().into_bytes(),
        ),
        (
            "a type of another name",
            "Content-Type: text/application/x-www-form-urlencoded\r\n",
            form.clone().into_bytes(),
        ),
        ("two types", &*format!("{FORM}{FORM}"), form.clone().into_bytes()),
        ("multipart", "Content-Type: multipart/form-data; boundary=b\r\n", multipart.into_bytes()),
        ("JSON", "Content-Type: application/json\r\n", json.into_bytes()),
        ("nothing", FORM, Vec::new()),
        ("bytes that are no text", FORM, latin),
        ("escapes that are no text", FORM, format!("{form}&Description=%ff%fe").into_bytes()),
        ("a field twice", FORM, format!("{form}&Description=a&Description=b").into_bytes()),
        ("a thousand fields", FORM, format!("{form}{many}").into_bytes()),
    ];
    for (what, kind, body) in cases {
        let answer = sent(&mut root, kind, &body);
        assert!(matches!(answer, 400 | 403 | 413), "{what}: {answer}");
        assert_eq!(site.keys(), before, "{what}");
    }
    assert_eq!(sent(&mut root, FORM, form.as_bytes()), 303);
}

fn sent(root: &mut Visitor<'_>, kind: &str, body: &[u8]) -> u16 {
    let headers = format!("{}{kind}", root.headers);
    root.exchange("POST", "/console/keys", &headers, body).status
}

/// The API refuses text that is not part of a parameter, and the form shows it again, escaped.
#[test]
fn an_error_repeats_what_was_typed_as_text() {
    let site = Site::new();
    let key = site.server.create_key();
    let mut root = site.root();
    let payload = "\"><script>alert(1)</script><img src=x onerror=alert(1)>\u{202e}\r\nSet-Cookie: a=b";
    for fields in [
        [("KeyId", key.as_str()), ("AliasName", payload)],
        [("KeyId", payload), ("AliasName", "alias/a")],
        [(payload, "a"), ("AliasName", payload)],
    ] {
        let answer = root.send("/console/do/kms/CreateAlias", &fields);
        assert!(answer.status >= 400, "{answer:?}");
        assert!(!answer.body.contains("<img") && !answer.body.contains("<script>"), "{}", answer.body);
        assert_eq!(answer.header("set-cookie"), "");
    }
    let in_query = "/console/do/kms/CreateAlias?KeyId=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&AliasName=%3Cimg%20src=x%3E";
    let page = root.get(in_query).body;
    assert!(
        page.contains("&lt;img src=x&gt;") && !page.contains("<img") && !page.contains("<script>"),
        "{page}"
    );
}

/// A password, secret or token in the query, which logs and histories keep, is not accepted.
#[test]
fn a_link_neither_signs_in_nor_acts() {
    let site = Site::new();
    let mut visitor = site.visitor();
    let token = visitor.token("/console/sign-in");
    let link = format!("/console/sign-in?token={token}&AccessKeyId=testid&AccessKeySecret=testsecret");
    visitor.get(&link);
    assert!(!visitor.is_signed_in());
    let mut root = site.root();
    let token = root.token("/console/do/kms/CreateKey");
    let before = site.keys();
    root.get(&format!("/console/keys?token={token}&Action=CreateKey"));
    root.get(&format!("/console/do/kms/CreateKey?token={token}&Description=a"));
    assert_eq!(site.keys(), before);
}
