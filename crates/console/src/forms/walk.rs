//! Tests all forms: shows each in both languages, and posts it with valid and invalid fields.
//!
//! The valid fields are in [`right()`]. A new form without an entry there fails the tests.

use bulla_wire::{Parameters, Product};
use http::{Method, StatusCode};

mod right;

use self::right::{Fields, borrowed, right};
use super::control::Control;
use super::page::CONFIRMATION;
use super::{COLLECTIONS, FORMS, Field, Form, find};
use crate::Answer;
use crate::layout::TOKEN;
use crate::paths::with_query;
use crate::testing::{Browser, EVERYTHING, Page};

const NOTHING: &str = r#"{"Version":"1","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;

fn forms() -> impl Iterator<Item = &'static Form> {
    FORMS.iter().copied().flatten()
}

#[test]
fn every_form_is_shown_in_both_languages_with_a_label_for_each_control() {
    let owner = Browser::owner();
    let chinese = owner.in_chinese();
    for form in forms() {
        let fields = right(&owner, form);
        for to in [form.path(), form.address(&fields)] {
            check_labels(&owner.get(&to), form, "en", |text| text.english);
            check_labels(&chinese.get(&to), form, "zh-CN", |text| text.chinese);
        }
    }
}

/// Checks that the page of a form has a title and a label for each control, in its language.
fn check_labels(page: &Page, form: &Form, tag: &str, text: fn(crate::texts::Text) -> &'static str) {
    let action = form.action;
    assert_eq!(page.status, StatusCode::OK, "{action}");
    assert!(page.has(&format!("lang=\"{tag}\"")) && page.has(&format!("<h1>{}</h1>", text(form.title))));
    let labels = page.labels(&form.path());
    for (name, label) in &labels {
        assert!(label.is_some(), "{action}: {name} has no label: {}", page.html);
    }
    for field in form.fields.iter().filter(|field| !is_hidden(field)) {
        let is_rows = matches!(field.control, Control::Members | Control::Tags | Control::RamTags);
        let is_its = |name: &str| name == field.parameter || is_rows && name.starts_with(field.parameter);
        let own: Vec<_> = labels.iter().filter(|(name, _)| is_its(name)).collect();
        assert!(!own.is_empty(), "{action}: {} is not there", field.parameter);
        let label = text(field.label);
        assert!(!label.is_empty(), "{action}: {} has no label in {tag}", field.parameter);
        if is_rows {
            assert!(page.has(&format!("<legend>{label}")), "{action}: {}", page.html);
        } else {
            assert!(own[0].1.as_ref().unwrap().starts_with(label), "{action}: {own:?}");
        }
    }
}

fn is_hidden(field: &Field) -> bool {
    matches!(field.control, Control::Hidden | Control::HiddenList)
}

#[test]
fn every_form_does_its_action_and_nothing_without_its_token() {
    let owner = Browser::owner();
    for form in forms() {
        let fields = right(&owner, form);
        let refused = owner.send(&Method::POST, &form.path(), &encode(&fields, None));
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", form.action);
        assert!(html(&refused).contains("This form belongs to another session"), "{}", html(&refused));
        let page = owner.post(&form.address(&fields), &borrowed(&fields));
        assert_eq!(page.status, StatusCode::OK, "{}: {}", form.action, page.html);
        assert!(!page.has("role=\"alert\""), "{}: {}", form.action, page.html);
        let is_done = page.has("role=\"status\"") || page.has("<h2>Equivalent commands</h2>");
        assert!(is_done, "{}: {}", form.action, page.html);
    }
}

/// A form with all of its fields is marked if its request is denied. The ciphertext of Decrypt names the key, not a field.
#[test]
fn every_form_of_a_denied_action_is_marked() {
    let owner = Browser::owner();
    let [denied, all] =
        [("denied", NOTHING), ("all", EVERYTHING)].map(|(name, policy)| owner.user(name, policy));
    for form in forms() {
        let fields = right(&owner, form);
        let filled = with_query(&form.path(), &borrowed(&fields));
        let is_marked =
            |browser: &Browser, to: &str| browser.get(to).has("id=\"not-allowed\">not allowed</span>");
        assert!(!is_marked(&all, &filled), "{}", form.action);
        assert!(!is_marked(&owner, &filled), "{}", form.action);
        assert_eq!(is_marked(&denied, &filled), form.action != "Decrypt", "{}", form.action);
        let token = token(&denied.get(&form.path()), form);
        let refused = denied.send(&Method::POST, &form.path(), &encode(&fields, Some(&token)));
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", form.action);
    }
    let encrypt = find(Product::Kms, "Encrypt").unwrap();
    assert!(!denied.get(&encrypt.path()).has("not-allowed"), "no key is chosen yet");
}

#[test]
fn the_second_button_of_a_form_does_its_action() {
    let owner = Browser::owner();
    let mut count = 0;
    for form in forms().filter(|form| form.second.is_some()) {
        let mut fields = right(&owner, form);
        fields.retain(|(name, _)| *name != "SecretData");
        fields.push(("second", "yes".into()));
        let page = owner.get(&form.address(&fields));
        assert!(page.has("<button class=\"quiet\" name=\"second\" value=\"yes\""), "{}", page.html);
        let answer = owner.send(&Method::POST, &form.path(), &encode(&fields, Some(&token(&page, form))));
        assert!(matches!(answer.status.as_u16(), 200 | 303), "{}: {}", form.action, html(&answer));
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn a_post_to_a_collection_makes_a_thing_of_it() {
    let owner = Browser::owner();
    for (collection, product, action) in COLLECTIONS {
        let form = find(product, action).unwrap();
        let fields = right(&owner, form);
        let token = token(&owner.get(&form.path()), form);
        let to = format!("/console/{collection}");
        let answer = owner.send(&Method::POST, &to, &encode(&fields, Some(&token)));
        assert!(matches!(answer.status.as_u16(), 200 | 303), "{collection}: {}", html(&answer));
        assert_eq!(answer.action, Some(action));
    }
}

/// Invalid input is refused with a message, in any field, and the response does not contain secrets.
#[test]
fn no_input_makes_a_form_fail() {
    let owner = Browser::owner();
    let long = "x".repeat(70_000);
    let odd = ["", "\0", "-1", "99999999999999999999", "{", "\u{202e}<b id=made>", "[\"a\"]", &long];
    for form in forms() {
        let fields = right(&owner, form);
        let token = token(&owner.get(&form.path()), form);
        let post = |fields: &Fields| {
            let answer = owner.send(&Method::POST, &form.path(), &encode(fields, Some(&token)));
            check_answer(form, &answer);
            answer
        };
        post(&Vec::new());
        for name in names(form) {
            for value in odd {
                let mut wrong: Fields = fields.iter().filter(|(other, _)| *other != name).cloned().collect();
                wrong.push((name, value.to_owned()));
                post(&wrong);
            }
        }
        let secrets = form.fields.iter().filter(|field| is_secret(field.control));
        let typed: Fields = secrets.map(|field| (field.parameter, "Typed-and-secret-7".to_owned())).collect();
        if !typed.is_empty() {
            let answer = post(&typed);
            assert!(!html(&answer).contains("Typed-and-secret-7"), "{}: {}", form.action, html(&answer));
        }
    }
}

fn is_secret(control: Control) -> bool {
    matches!(control, Control::Secret | Control::SecretArea | Control::Base64 | Control::Digest)
}

/// Checks that a response either shows or redirects to a result, or explains the problem.
fn check_answer(form: &Form, answer: &Answer) {
    let action = form.action;
    let page = html(answer);
    assert!(answer.status.as_u16() < 500, "{action}: {page}");
    let is_problem = page.contains("role=\"alert\"");
    assert_eq!(is_problem, answer.status.as_u16() >= 400, "{action}: {} {page}", answer.status);
    assert!(!page.contains("<b id=made>"), "{action}: {page}");
}

/// Returns the names of all fields of a form, without its token.
fn names(form: &'static Form) -> Vec<&'static str> {
    let mut names = Vec::new();
    for field in form.also.iter().map(|also| &also.field).chain(form.fields) {
        match field.control {
            Control::Members => names.extend(["EncryptionContext:name:0", "EncryptionContext:value:0"]),
            Control::Tags => names.extend(["Tags:name:0", "Tags:value:0"]),
            Control::RamTags => names.extend(["Tag:name:0", "Tag:value:0"]),
            _ => names.push(field.parameter),
        }
    }
    names.extend(form.confirmed.map(|_| CONFIRMATION));
    names.extend(form.second.map(|_| "second"));
    names
}

impl Form {
    /// Returns the address to which the page of a resource links: the hidden fields are in the query.
    fn address(&self, fields: &Fields) -> String {
        let is_prefilled =
            |name: &str| self.fields.iter().any(|field| is_hidden(field) && field.parameter == name);
        let prefilled: Vec<_> = borrowed(fields).into_iter().filter(|(name, _)| is_prefilled(name)).collect();
        with_query(&self.path(), &prefilled)
    }
}

fn encode(fields: &Fields, token: Option<&str>) -> String {
    let mut form = Parameters::default();
    for (name, value) in fields {
        form.set(name, value);
    }
    if let Some(token) = token {
        form.set(TOKEN, token);
    }
    form.encode()
}

fn token(page: &Page, form: &Form) -> String {
    page.form(&form.path()).get(TOKEN).unwrap().to_owned()
}

fn html(answer: &Answer) -> &str {
    str::from_utf8(answer.body.as_ref()).unwrap()
}
