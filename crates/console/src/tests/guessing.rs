//! Tests of password guessing: failures are delayed by up to two seconds and lock no user out, and the response to an unknown
//! name equals that to an existing one.

use std::time::Duration;

use bulla_wire::Product;
use http::{Method, StatusCode};

use crate::testing::Browser;
use crate::{Answer, Event};

const PASSWORD: &str = "Correct-horse-7";
const TO: &str = "/console/sign-in";
/// The delays of the first failures, in milliseconds. Later ones have the last delay.
const DELAYS: [u128; 6] = [100, 200, 400, 800, 1600, 2000];

/// Fills in one of the sign-in forms, and posts it.
fn try_out(browser: &Browser, fields: &[(&str, &str)]) -> Answer {
    let mut form = browser.get(TO).form(TO);
    for (name, value) in fields {
        form.set(name, *value);
    }
    browser.send(&Method::POST, TO, &form.encode())
}

/// Returns the page of a failure without the token of its forms.
fn page(browser: &Browser, answer: &Answer) -> String {
    let token = browser.get(TO).form(TO).get("token").unwrap().to_owned();
    str::from_utf8(answer.body.as_ref()).unwrap().replace(&token, "")
}

fn check_in(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.delay, Duration::ZERO);
    assert!(matches!(answer.event, Some(Event::SignedIn(_))));
}

#[test]
fn the_right_password_enters_at_once_after_wrong_ones() {
    let owner = Browser::owner();
    for name in ["ann", "bob"] {
        owner.call(Product::Ram, "CreateUser", &[("UserName", name)]).unwrap();
        let fields = [("UserName", name), ("Password", PASSWORD)];
        owner.call(Product::Ram, "CreateLoginProfile", &fields).unwrap();
    }
    let visitor = owner.visitor();
    for failure in 0..8 {
        let answer = try_out(&visitor, &[("UserName", "ann"), ("Password", &format!("Wrong-{failure}"))]);
        assert_eq!((answer.status, &answer.event), (StatusCode::FORBIDDEN, &Some(Event::Refused)));
        assert_eq!(answer.delay.as_millis(), DELAYS[failure.min(5)], "{failure}");
    }
    check_in(&try_out(&visitor, &[("UserName", "bob"), ("Password", PASSWORD)]));
    check_in(&try_out(&owner.visitor(), &[("UserName", "ann"), ("Password", PASSWORD)]));
}

#[test]
fn the_right_secret_enters_at_once_after_thirty_wrong_ones() {
    let owner = Browser::owner();
    owner.call(Product::Ram, "CreateUser", &[("UserName", "ann")]).unwrap();
    let made = owner.call(Product::Ram, "CreateAccessKey", &[("UserName", "ann")]).unwrap();
    let [id, secret] =
        ["AccessKeyId", "AccessKeySecret"].map(|name| made["AccessKey"][name].as_str().unwrap());
    let visitor = owner.visitor();
    for failure in 0..30 {
        let answer = try_out(&visitor, &[("AccessKeyId", id), ("AccessKeySecret", &format!("{failure}"))]);
        assert_eq!(answer.delay.as_millis(), DELAYS[failure.min(5)], "{failure}");
    }
    check_in(&try_out(&visitor, &[("AccessKeyId", id), ("AccessKeySecret", secret)]));
}

/// The tests of the engine check that both names cost one password hash. This test compares the responses and delays.
#[test]
fn a_name_that_does_not_exist_is_answered_as_one_that_does() {
    let owner = Browser::owner();
    owner.call(Product::Ram, "CreateUser", &[("UserName", "ann")]).unwrap();
    let fields = [("UserName", "ann"), ("Password", PASSWORD)];
    owner.call(Product::Ram, "CreateLoginProfile", &fields).unwrap();
    let answers = ["ann", "nobody", "ann@another", "", "root"].map(|name| {
        let visitor = owner.visitor();
        let answer = try_out(&visitor, &[("UserName", name), ("Password", "Wrong-horse-7")]);
        let headers: Vec<_> = answer.headers.keys().cloned().collect();
        (answer.delay, (answer.status, headers, answer.event.clone(), page(&visitor, &answer)))
    });
    // Each is the first failure of its name, and one more of its address.
    let delays = answers.each_ref().map(|(delay, _)| delay.as_millis());
    assert_eq!(delays[..], DELAYS[..5]);
    for (_, answer) in &answers {
        assert_eq!(*answer, answers[0].1);
    }
}
