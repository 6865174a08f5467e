//! Users: their names and profiles, and lists of them.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use bulla_kms::{Quotas, Role};
use serde_json::{Value, json};
use support::{Bench, text};

fn create(bench: &Bench, name: &str) -> Value {
    bench.ram("CreateUser", &[("UserName", name)])["User"].clone()
}

fn user(bench: &Bench, name: &str) -> Value {
    bench.ram("GetUser", &[("UserName", name)])["User"].clone()
}

fn names(list: &Value) -> Vec<String> {
    list["Users"]["User"].as_array().unwrap().iter().map(|user| text(&user["UserName"])).collect()
}

#[test]
fn a_user_has_an_id_and_what_people_know_it_by() {
    let bench = Bench::new();
    let created = bench.ram(
        "CreateUser",
        &[
            ("UserName", "Alice.B"),
            ("DisplayName", "Alice 张"),
            ("MobilePhone", "86-18600008888"),
            ("Email", "alice@example.com"),
            ("Comments", "on call"),
        ],
    );
    let id = text(&created["User"]["UserId"]);
    assert_eq!((id.len(), id.bytes().all(|byte| byte.is_ascii_digit())), (18, true));
    let mut expected = json!({
        "UserId": id,
        "UserName": "Alice.B",
        "DisplayName": "Alice 张",
        "MobilePhone": "86-18600008888",
        "Email": "alice@example.com",
        "Comments": "on call",
        "CreateDate": "2026-01-01T00:00:00Z",
    });
    assert_eq!(created, json!({ "User": expected, "RequestId": "r" }));
    expected["UpdateDate"] = json!("2026-01-01T00:00:00Z");
    let listed = bench.ram("ListUsers", &[]);
    assert_eq!(listed, json!({ "Users": { "User": [expected] }, "IsTruncated": false, "RequestId": "r" }));
    expected["LastLoginDate"] = json!("");
    let bench = bench.restarted(Role::Command, false);
    assert_eq!(user(&bench, "alice.b"), expected, "names are found without case");
    let empty = create(&bench, "bob");
    for field in ["DisplayName", "MobilePhone", "Email", "Comments"] {
        assert_eq!(empty[field], json!(""), "{field}");
    }
}

#[test]
fn what_a_user_is_known_by_has_its_form() {
    let bench = Bench::new();
    let refused = |parameter: &str, value: &str| {
        let user = ("UserName", "alice");
        let create: Vec<_> = [user].into_iter().filter(|_| parameter != "UserName").collect();
        bench.ram_error("CreateUser", &[&create[..], &[(parameter, value)]].concat())
    };
    let long = "a".repeat(129);
    for (parameter, value, fault) in [
        ("UserName", "a@b", "InvalidChars"),
        ("UserName", &long[..65], "Length"),
        ("DisplayName", "a/b", "InvalidChars"),
        ("DisplayName", &long, "Length"),
        ("Comments", &long, "Length"),
        ("MobilePhone", "18600008888", "Format"),
        ("Email", "alice", "Format"),
    ] {
        let message = match fault {
            "InvalidChars" => format!("The parameter - \"{parameter}\" contains invalid chars."),
            "Length" => format!("The parameter - \"{parameter}\" beyond the length limit."),
            _ => format!("The format of the parameter - \"{parameter}\" is incorrect."),
        };
        let expected = format!("400 InvalidParameter.{parameter}.{fault}: {message}");
        assert_eq!(refused(parameter, value), expected);
    }
    create(&bench, "alice");
    for (parameter, value, fault) in [
        ("NewUserName", "a@b", "InvalidChars"),
        ("NewUserName", &long[..65], "Length"),
        ("NewDisplayName", "a/b", "InvalidChars"),
        ("NewComments", &long, "Length"),
        ("NewMobilePhone", "1", "Format"),
        ("NewEmail", "alice", "Format"),
    ] {
        let code = bench.ram_code("UpdateUser", &[("UserName", "alice"), (parameter, value)]);
        assert_eq!(code, format!("400 InvalidParameter.{parameter}.{fault}"));
    }
    assert_eq!(bench.ram_code("CreateUser", &[]), "400 MissingParameter");
    for action in ["GetUser", "UpdateUser", "DeleteUser"] {
        assert_eq!(
            bench.ram_error(action, &[]),
            "400 MissingParameter: Parameter UserName is required.",
            "{action}"
        );
        let missing = bench.ram_error(action, &[("UserName", "nobody")]);
        assert_eq!(missing, "404 EntityNotExist.User: The user does not exist.", "{action}");
    }
}

#[test]
fn a_change_leaves_what_it_does_not_name_and_clears_what_is_empty() {
    let bench = Bench::new();
    let alice = ("UserName", "alice");
    bench.ram("CreateUser", &[alice, ("Email", "a@b"), ("Comments", "one"), ("DisplayName", "A")]);
    let before = user(&bench, "alice");
    bench.clock.pass(60);
    bench.ram("UpdateUser", &[alice]);
    assert_eq!(user(&bench, "alice"), before, "nothing was changed");
    let changed =
        bench.ram("UpdateUser", &[alice, ("NewEmail", ""), ("NewMobilePhone", "1-2")])["User"].clone();
    assert_eq!(
        changed,
        json!({
            "UserId": before["UserId"],
            "UserName": "alice",
            "DisplayName": "A",
            "MobilePhone": "1-2",
            "Email": "",
            "Comments": "one",
            "CreateDate": "2026-01-01T00:00:00Z",
            "UpdateDate": "2026-01-01T00:01:00Z",
        })
    );
    bench.ram("UpdateUser", &[alice, ("NewComments", ""), ("NewDisplayName", "B")]);
    let last = user(&bench, "alice");
    assert_eq!([&last["Comments"], &last["DisplayName"]], [&json!(""), &json!("B")]);
}

#[test]
fn a_renamed_user_is_the_same_one_and_leaves_its_name_to_others() {
    let bench = Bench::new();
    let id = create(&bench, "alice")["UserId"].clone();
    create(&bench, "bob");
    let rename = |from: &str, to: &str| {
        bench.ram("UpdateUser", &[("UserName", from), ("NewUserName", to)])["User"].clone()
    };
    assert_eq!(
        bench.ram_error("UpdateUser", &[("UserName", "alice"), ("NewUserName", "BOB")]),
        "409 EntityAlreadyExists.User: The user does already EXIST."
    );
    assert_eq!(rename("alice", "Alice")["UserName"], json!("Alice"), "another case is a change");
    let renamed = rename("ALICE", "carol");
    assert_eq!((&renamed["UserId"], &renamed["UserName"]), (&id, &json!("carol")));
    assert_eq!(bench.ram_code("GetUser", &[("UserName", "alice")]), "404 EntityNotExist.User");
    assert_ne!(create(&bench, "alice")["UserId"], id);
    let bench = bench.restarted(Role::Command, false);
    assert_eq!(user(&bench, "carol")["UserId"], id);
}

#[test]
fn names_are_unique_without_case_and_as_many_as_the_quota_allows() {
    let bench = Bench::with_quotas(Quotas { users: 2, ..Quotas::default() });
    create(&bench, "Alice");
    let taken = bench.ram_error("CreateUser", &[("UserName", "aLICE")]);
    assert_eq!(taken, "409 EntityAlreadyExists.User: The user does already EXIST.");
    create(&bench, "bob");
    let full = bench.ram_error("CreateUser", &[("UserName", "carol")]);
    assert_eq!(full, "409 LimitExceeded.User: The count of users beyond the current limits.");
    assert_eq!(bench.ram("DeleteUser", &[("UserName", "ALICE")]), json!({ "RequestId": "r" }));
    create(&bench, "carol");
    assert_eq!(names(&bench.ram("ListUsers", &[])), ["bob", "carol"]);
}

#[test]
fn users_are_listed_by_name_a_page_at_a_time() {
    let bench = Bench::new();
    for name in ["d", "B", "a", "c", "E"] {
        create(&bench, name);
    }
    let page = |marker: Option<&str>, size: &str| {
        let marker = marker.map(|marker| ("Marker", marker));
        bench.ram("ListUsers", &[&[("MaxItems", size)][..], marker.as_slice()].concat())
    };
    let first = page(None, "2");
    assert_eq!((names(&first), &first["IsTruncated"]), (vec!["a".into(), "B".into()], &json!(true)));
    bench.ram("DeleteUser", &[("UserName", "b")]);
    let second = page(first["Marker"].as_str(), "2");
    assert_eq!(names(&second), ["c", "d"]);
    let last = page(second["Marker"].as_str(), "2");
    assert_eq!((names(&last), &last["IsTruncated"]), (vec!["E".into()], &json!(false)));
    assert_eq!(last.get("Marker"), None);
    assert_eq!(names(&page(first["Marker"].as_str(), "3")), ["c", "d", "E"]);
    for (parameter, value) in [("MaxItems", "0"), ("MaxItems", "1001"), ("MaxItems", "x"), ("Marker", "?")] {
        let refused = bench.ram_error("ListUsers", &[(parameter, value)]);
        let message = format!("The parameter - \"{parameter}\" is incorrect.");
        assert_eq!(refused, format!("400 InvalidParameter.{parameter}: {message}"));
    }
    assert_eq!(names(&page(None, "1000")).len(), 4);
}
