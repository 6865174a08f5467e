//! Groups: their names, their members, and lists of both.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use bulla_kms::{Quotas, Role};
use serde_json::{Value, json};
use support::{Bench, text};

fn group(bench: &Bench, name: &str) -> Value {
    bench.ram("CreateGroup", &[("GroupName", name)])["Group"].clone()
}

fn user(bench: &Bench, name: &str) {
    bench.ram("CreateUser", &[("UserName", name), ("DisplayName", &name.to_uppercase())]);
}

fn join(bench: &Bench, user: &str, group: &str) -> Value {
    bench.ram("AddUserToGroup", &[("UserName", user), ("GroupName", group)])
}

fn names(list: &Value, kind: &str) -> Vec<String> {
    let entries = list[format!("{kind}s")][kind].as_array().unwrap();
    entries.iter().map(|entry| text(&entry[format!("{kind}Name")])).collect()
}

#[test]
fn a_group_has_an_id_and_comments() {
    let bench = Bench::new();
    let created = bench.ram("CreateGroup", &[("GroupName", "Ops"), ("Comments", "on call")]);
    let mut expected = json!({
        "GroupId": created["Group"]["GroupId"],
        "GroupName": "Ops",
        "Comments": "on call",
        "CreateDate": "2026-01-01T00:00:00Z",
    });
    assert_eq!(created, json!({ "Group": expected, "RequestId": "r" }));
    let id = text(&created["Group"]["GroupId"]);
    assert!(id.starts_with("g-") && id.len() == 18, "{id}");
    expected["UpdateDate"] = json!("2026-01-01T00:00:00Z");
    let bench = bench.restarted(Role::Command, false);
    let ops = [("GroupName", "OPS")];
    assert_eq!(bench.ram("GetGroup", &ops), json!({ "Group": expected, "RequestId": "r" }));
    let listed = bench.ram("ListGroups", &[]);
    assert_eq!(listed, json!({ "Groups": { "Group": [expected] }, "IsTruncated": false, "RequestId": "r" }));
    bench.clock.pass(60);
    assert_eq!(bench.ram("UpdateGroup", &ops)["Group"], expected, "nothing was changed");
    expected["Comments"] = json!("");
    expected["UpdateDate"] = json!("2026-01-01T00:01:00Z");
    let changed = bench.ram("UpdateGroup", &[ops[0], ("NewComments", "")]);
    assert_eq!(changed, json!({ "Group": expected, "RequestId": "r" }));
}

#[test]
fn names_and_comments_of_groups_have_their_form() {
    let bench = Bench::new();
    let long = "a".repeat(129);
    let name = ("GroupName", "ops");
    for (action, parameters, code) in [
        ("CreateGroup", &[("GroupName", "a@b")][..], "InvalidParameter.GroupName.InvalidChars"),
        ("CreateGroup", &[("GroupName", &long[..65])], "InvalidParameter.GroupName.Length"),
        ("CreateGroup", &[name, ("Comments", &long)], "InvalidParameter.Comments.Length"),
        ("UpdateGroup", &[name, ("NewGroupName", "a@b")], "InvalidParameter.NewGroupName.InvalidChars"),
        ("UpdateGroup", &[name, ("NewComments", &long)], "InvalidParameter.NewComments.Length"),
    ] {
        assert_eq!(bench.ram_code(action, parameters), format!("400 {code}"));
    }
    for action in ["CreateGroup", "GetGroup", "UpdateGroup", "DeleteGroup", "ListUsersForGroup"] {
        let missing = bench.ram_error(action, &[]);
        assert_eq!(missing, "400 MissingParameter: Parameter GroupName is required.", "{action}");
    }
    for action in ["GetGroup", "UpdateGroup", "DeleteGroup", "ListUsersForGroup"] {
        let unknown = bench.ram_error(action, &[name]);
        assert_eq!(unknown, "404 EntityNotExist.Group: The group does not exist.", "{action}");
    }
}

#[test]
fn names_of_groups_are_unique_without_case_and_as_many_as_the_quota_allows() {
    let bench = Bench::with_quotas(Quotas { groups: 2, ..Quotas::default() });
    group(&bench, "Ops");
    let taken = bench.ram_error("CreateGroup", &[("GroupName", "oPS")]);
    assert_eq!(taken, "409 EntityAlreadyExists.Group: The group does already EXIST.");
    group(&bench, "dev");
    let full = bench.ram_error("CreateGroup", &[("GroupName", "third")]);
    assert_eq!(full, "409 LimitExceeded.Group: The count of groups beyond the current limits.");
    let renaming = [("GroupName", "dev"), ("NewGroupName", "ops")];
    assert_eq!(bench.ram_code("UpdateGroup", &renaming), "409 EntityAlreadyExists.Group");
    assert_eq!(bench.ram("DeleteGroup", &[("GroupName", "OPS")]), json!({ "RequestId": "r" }));
    bench.ram("UpdateGroup", &renaming);
    assert_eq!(names(&bench.ram("ListGroups", &[]), "Group"), ["ops"]);
}

#[test]
fn users_join_and_leave_groups() {
    let bench = Bench::with_quotas(Quotas { groups_per_user: 2, ..Quotas::default() });
    ["ops", "dev", "third"].iter().for_each(|name| drop(group(&bench, name)));
    user(&bench, "alice");
    assert_eq!(join(&bench, "alice", "ops"), json!({ "RequestId": "r" }));
    bench.clock.pass(60);
    join(&bench, "ALICE", "Dev");
    let error = |action: &str, user: &str, group: &str| {
        bench.ram_error(action, &[("UserName", user), ("GroupName", group)])
    };
    for (action, user, group, expected) in [
        (
            "AddUserToGroup",
            "alice",
            "ops",
            "409 EntityAlreadyExists.User.Group: The user has already joined the group.",
        ),
        (
            "AddUserToGroup",
            "alice",
            "third",
            "409 LimitExceeded.User.Group: The count of groups the target user joined beyond the current limits.",
        ),
        ("AddUserToGroup", "bob", "ops", "404 EntityNotExist.User: The user does not exist."),
        ("AddUserToGroup", "bob", "none", "404 EntityNotExist.User: The user does not exist."),
        ("AddUserToGroup", "alice", "none", "404 EntityNotExist.Group: The group does not exist."),
        ("RemoveUserFromGroup", "bob", "ops", "404 EntityNotExist.User: The user does not exist."),
        ("RemoveUserFromGroup", "alice", "none", "404 EntityNotExist.Group: The group does not exist."),
        (
            "RemoveUserFromGroup",
            "alice",
            "third",
            "404 EntityNotExist.User.Group: The user has not joined the group.",
        ),
    ] {
        assert_eq!(error(action, user, group), expected, "{action} {user} {group}");
    }
    let bench = bench.restarted(Role::Command, false);
    let groups = bench.ram("ListGroupsForUser", &[("UserName", "alice")]);
    assert_eq!(names(&groups, "Group"), ["ops", "dev"], "in the order of joining");
    let mut first = groups["Groups"]["Group"][0].clone();
    first["GroupId"].take();
    assert_eq!(
        first,
        json!({ "GroupId": null, "GroupName": "ops", "Comments": "", "JoinDate": "2026-01-01T00:00:00Z" })
    );
    let members = bench.ram("ListUsersForGroup", &[("GroupName", "dev")]);
    let member = json!({ "UserName": "alice", "DisplayName": "ALICE", "JoinDate": "2026-01-01T00:01:00Z" });
    assert_eq!(members, json!({ "Users": { "User": [member] }, "IsTruncated": false, "RequestId": "r" }));
    let leave = [("UserName", "alice"), ("GroupName", "dev")];
    assert_eq!(bench.ram("RemoveUserFromGroup", &leave), json!({ "RequestId": "r" }));
    assert_eq!(names(&bench.ram("ListGroupsForUser", &[("UserName", "alice")]), "Group"), ["ops"]);
    assert_eq!(bench.ram("ListUsersForGroup", &[("GroupName", "dev")])["Users"]["User"], json!([]));
    assert_eq!(bench.ram_code("ListGroupsForUser", &[("UserName", "bob")]), "404 EntityNotExist.User");
}

#[test]
fn a_membership_outlives_a_renaming_and_stops_deletions() {
    let bench = Bench::new();
    group(&bench, "ops");
    user(&bench, "alice");
    join(&bench, "alice", "ops");
    bench.ram("UpdateUser", &[("UserName", "alice"), ("NewUserName", "carol")]);
    bench.ram("UpdateGroup", &[("GroupName", "ops"), ("NewGroupName", "oncall")]);
    assert_eq!(names(&bench.ram("ListUsersForGroup", &[("GroupName", "oncall")]), "User"), ["carol"]);
    assert_eq!(names(&bench.ram("ListGroupsForUser", &[("UserName", "carol")]), "Group"), ["oncall"]);
    assert_eq!(
        bench.ram_error("DeleteGroup", &[("GroupName", "oncall")]),
        "409 DeleteConflict.Group.User: The group CAN NOT has any user member while deleting the group."
    );
    assert_eq!(
        bench.ram_error("DeleteUser", &[("UserName", "carol")]),
        "409 DeleteConflict.User.Group: The user CAN NOT be in any group while deleting the user."
    );
    group(&bench, "ops");
    user(&bench, "alice");
    assert_eq!(bench.ram("ListUsersForGroup", &[("GroupName", "ops")])["Users"]["User"], json!([]));
    assert_eq!(bench.ram("ListGroupsForUser", &[("UserName", "alice")])["Groups"]["Group"], json!([]));
    bench.ram("RemoveUserFromGroup", &[("UserName", "carol"), ("GroupName", "oncall")]);
    bench.ram("DeleteGroup", &[("GroupName", "oncall")]);
    bench.ram("DeleteUser", &[("UserName", "carol")]);
}

#[test]
fn members_and_groups_are_listed_by_name_a_page_at_a_time() {
    let bench = Bench::new();
    for name in ["d", "B", "a", "c"] {
        group(&bench, name);
        user(&bench, name);
        join(&bench, name, "d");
    }
    for (action, kind, of) in
        [("ListGroups", "Group", None), ("ListUsersForGroup", "User", Some(("GroupName", "d")))]
    {
        let page = |marker: Option<&str>| {
            let marker = marker.map(|marker| ("Marker", marker));
            bench.ram(action, &[of.as_slice(), &[("MaxItems", "3")], marker.as_slice()].concat())
        };
        let first = page(None);
        assert_eq!(
            (names(&first, kind), &first["IsTruncated"]),
            (["a", "B", "c"].map(String::from).into(), &json!(true))
        );
        let last = page(first["Marker"].as_str());
        assert_eq!(
            (names(&last, kind), &last["IsTruncated"]),
            (["d"].map(String::from).into(), &json!(false))
        );
        assert_eq!(last.get("Marker"), None);
        for (parameter, value) in [("MaxItems", "0"), ("MaxItems", "1001"), ("Marker", "?")] {
            let code = bench.ram_code(action, &[of.as_slice(), &[(parameter, value)]].concat());
            assert_eq!(code, format!("400 InvalidParameter.{parameter}"));
        }
    }
    // A member that left where a page ended is skipped as well.
    let first = bench.ram("ListUsersForGroup", &[("GroupName", "d"), ("MaxItems", "2")]);
    bench.ram("RemoveUserFromGroup", &[("UserName", "b"), ("GroupName", "d")]);
    let marker = text(&first["Marker"]);
    let rest = bench.ram("ListUsersForGroup", &[("GroupName", "d"), ("Marker", &marker)]);
    assert_eq!(names(&rest, "User"), ["c", "d"]);
}
