//! Users, roles and policies on the command line: credentials that work, and explanations that agree with the server.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::{Server, World, contains};

/// Returns the variables of a client with another access key.
fn as_user(server: &Server<'_>, key_file: &[u8]) -> Vec<(String, String)> {
    let key: serde_json::Value = serde_json::from_slice(key_file).unwrap();
    let field = |name: &str| key[name].as_str().unwrap().to_owned();
    let mut environment = server.environment();
    environment.retain(|(name, _)| !name.starts_with("ALIBABA_CLOUD_ACCESS_KEY"));
    environment.push(("ALIBABA_CLOUD_ACCESS_KEY_ID".into(), field("AccessKeyId")));
    environment.push(("ALIBABA_CLOUD_ACCESS_KEY_SECRET".into(), field("AccessKeySecret")));
    environment
}

/// Creates a user with an access key, and returns the variables of its clients.
fn user(world: &World, server: &Server<'_>, name: &str, policies: &[&str]) -> Vec<(String, String)> {
    let root = server.environment();
    let file = format!("{name}.json");
    world.bulla(["user", "create", name]).envs(&root).ok();
    world.bulla(["access-key", "create", "--user", name, "-o", &file]).envs(&root).ok();
    for policy in policies {
        world.bulla(["user", "attach", name, policy]).envs(&root).ok();
    }
    as_user(server, &world.read(&file))
}

#[test]
fn a_new_access_key_signs_requests_and_is_stored_in_a_private_file() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    let bob = user(&world, &server, "bob", &["AliyunKMSReadOnlyAccess"]);
    let mode = fs::metadata(world.path("bob.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    world.bulla(["key", "list"]).envs(&bob).ok();
    let denied = world.bulla(["key", "create"]).envs(&bob).run();
    denied.fails_with(3, &["Forbidden.NoPermission", "no policy of the caller allows kms:CreateKey"]);
    let denied = world.bulla(["user", "list"]).envs(&bob).run();
    denied.fails_with(
        3,
        &["NoPermission", "Resource: acs:ram:*:", "no policy of the caller allows ram:ListUsers"],
    );

    let root = server.environment();
    let id = bob.iter().find(|(name, _)| name == "ALIBABA_CLOUD_ACCESS_KEY_ID").unwrap().1.clone();
    world.bulla(["access-key", "disable", &id, "--user", "bob"]).envs(&root).ok();
    world.bulla(["key", "list"]).envs(&bob).run().fails_with(3, &["Forbidden.AccessKey"]);
    server.stop();
}

#[test]
fn an_access_key_is_not_created_for_a_file_that_cannot_be_written() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    let root = server.environment();
    world.bulla(["user", "create", "bob"]).envs(&root).ok();
    world.write("exists.json", "mine");
    for (path, code) in [("exists.json", 6), ("missing/key.json", 1)] {
        let create = world.bulla(["access-key", "create", "--user", "bob", "-o", path]).envs(&root);
        create.run().fails_with(code, &[path]);
    }
    assert_eq!(world.read("exists.json"), b"mine");
    // No file is left for an access key that was not created.
    let create = world.bulla(["access-key", "create", "--user", "nobody", "-o", "new.json"]).envs(&root);
    create.run().fails_with(3, &["EntityNotExist.User"]);
    assert_eq!(world.names(), ["exists.json", "kms"]);
    let keys = world.bulla(["access-key", "list", "--user", "bob", "--json"]).envs(&root).ok().json();
    assert_eq!(keys.as_array().unwrap().len(), 0);

    // If the secret was lost, the message names its access key.
    let create = world.sh("bulla access-key create --user bob > /dev/full").envs(&root).run();
    let keys = world.bulla(["access-key", "list", "--user", "bob", "--json"]).envs(&root).ok().json();
    let id = keys[0]["AccessKeyId"].as_str().unwrap();
    create.fails_with(1, &[id, "bulla access-key delete"]);
    server.stop();
}

#[test]
fn lists_of_several_pages_are_whole() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    let root = server.environment();
    world.sh("seq 1 205 | xargs -P 4 -I N bulla user create user-N > /dev/null").envs(&root).ok();
    let users = world.bulla(["user", "list", "--json"]).envs(&root).ok().json();
    let mut names: Vec<_> =
        users.as_array().unwrap().iter().map(|user| user["UserName"].to_string()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 205);
    assert_eq!(world.bulla(["user", "list"]).envs(&root).ok().text().lines().count(), 206);
    server.stop();
}

#[test]
fn a_role_is_assumed_in_a_shell() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    let root = server.environment();
    let bob = user(&world, &server, "bob", &["AliyunSTSAssumeRoleAccess"]);
    world.write(
        "trust.json",
        r#"{"Version":"1","Statement":[{"Effect":"Allow","Principal":{"RAM":"acs:ram::111122223333:user/bob"},"Action":"sts:AssumeRole"}]}"#,
    );
    world.bulla(["role", "create", "ci", "--trust", "trust.json"]).envs(&root).ok();
    world.bulla(["role", "attach", "ci", "AliyunKMSFullAccess"]).envs(&root).ok();
    let script =
        "set -e; eval \"$(bulla role assume ci --session-name build)\"; bulla whoami; bulla key create";
    let text = world.sh(script).envs(&bob).ok().text();
    assert!(text.contains("acs:ram::111122223333:assumed-role/ci/build"), "{text}");

    let reply = world.bulla(["role", "assume", "ci", "--json", "--duration", "900"]).envs(&bob).ok().json();
    assert!(reply["Credentials"]["AccessKeyId"].as_str().unwrap().starts_with("STS."));
    world.write(
        "nothing.json",
        r#"{"Version":"1","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#,
    );
    let script = "eval \"$(bulla role assume ci --policy nothing.json)\"; bulla key list";
    world.sh(script).envs(&bob).run().fails_with(3, &["a policy of the session denies kms:ListKeys"]);
    world.bulla(["role", "assume", "other"]).envs(&bob).run().fails_with(3, &["NoPermission"]);
    world.bulla(["role", "assume", "ci"]).envs(&root).run().fails_with(3, &["NoPermission"]);
    server.stop();
}

/// For any policies, the client's explanation agrees with the server.
#[test]
fn explanations_agree_with_the_server() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    let root = server.environment();
    let documents = [
        r#"{"Effect":"Allow","Action":"kms:*","Resource":"*"}"#,
        r#"{"Effect":"Allow","Action":"kms:*","Resource":"*"},{"Effect":"Deny","Action":"kms:Des*","Resource":"*"}"#,
        r#"{"Effect":"Allow","Action":"kms:Describe*","Resource":"acs:kms:*:*:key/*"}"#,
        r#"{"Effect":"Allow","NotAction":"kms:DescribeKey","Resource":"acs:kms:*:*:*"}"#,
        r#"{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"Bool":{"acs:SecureTransport":true}}}"#,
        r#"{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"IpAddress":{"acs:SourceIp":"127.0.0.0/8"}}}"#,
        r#"{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"kms:tag/team":"blue"}}}"#,
        r#"{"Effect":"Allow","Action":"ecs:ListTagResources","Resource":"*"}"#,
    ];
    let mut keys = Vec::new();
    for tags in [r#"[{"TagKey":"team","TagValue":"blue"}]"#, r#"[{"TagKey":"team","TagValue":"red"}]"#] {
        let id = world.bulla(["key", "create"]).envs(&root).ok().text().trim().to_owned();
        world.bulla(["kms", "TagResource", "--KeyId", &id, "--Tags", tags]).envs(&root).ok();
        keys.push(id);
    }
    let mut seen = [0, 0];
    for (number, statements) in documents.iter().enumerate() {
        let name = format!("user{number}");
        let them = user(&world, &server, &name, &[]);
        let document = format!(r#"{{"Version":"1","Statement":[{statements}]}}"#);
        world.write("policy.json", document);
        world.bulla(["policy", "create", &name, "policy.json"]).envs(&root).ok();
        world.bulla(["user", "attach", &name, &name]).envs(&root).ok();
        for key in &keys {
            for action in ["DescribeKey", "ListKeyVersions", "ListResourceTags"] {
                let is_allowed =
                    world.bulla(["kms", action, "--KeyId", key]).envs(&them).run().code() == Some(0);
                let question = [&format!("kms:{action}"), key.as_str(), "--source-ip", "127.0.0.1", "--json"]
                    .map(str::to_owned);
                let explain = ["policy", "explain", "--as", &name].map(str::to_owned);
                let outcome = world.bulla(explain.iter().chain(&question)).envs(&root).ok().json();
                assert_eq!(outcome["Allowed"], is_allowed, "{action} by {statements}: {outcome}");
                assert_eq!(outcome["NotRead"].as_array().unwrap().len(), 0, "{outcome}");
                let who = world.bulla(["policy", "who-can"].map(str::to_owned).iter().chain(&question));
                let who = who.envs(&root).ok();
                assert_eq!(contains(&who.stdout, format!("user/{name}\"").as_bytes()), is_allowed);
                seen[usize::from(is_allowed)] += 1;
            }
        }
    }
    assert!(seen[0] > 10 && seen[1] > 10, "both answers are compared: {seen:?}");
    server.stop();
}

/// The tags of a role, and root, to which policies do not apply.
#[test]
fn explanations_know_the_tags_of_roles_and_that_root_assumes_none() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    let root = server.environment();
    world.write(
        "trust.json",
        r#"{"Version":"1","Statement":[{"Effect":"Allow","Principal":{"RAM":"acs:ram::111122223333:root"},"Action":"sts:AssumeRole"}]}"#,
    );
    world.write(
        "blue.json",
        r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"ram:GetRole","Resource":"*","Condition":{"StringEquals":{"acs:ResourceTag/team":"blue"}}}]}"#,
    );
    world.bulla(["policy", "create", "blue", "blue.json"]).envs(&root).ok();
    let bob = user(&world, &server, "bob", &["blue"]);
    for (role, team) in [("first", "blue"), ("second", "red")] {
        world.bulla(["role", "create", role, "--trust", "trust.json"]).envs(&root).ok();
        let names = format!(r#"["{role}"]"#);
        let tags = format!(r#"[{{"Key":"team","Value":"{team}"}}]"#);
        let tag =
            ["ram", "TagResources", "--ResourceType", "role", "--ResourceNames", &names, "--Tag", &tags];
        world.bulla(tag).envs(&root).ok();
        let is_allowed =
            world.bulla(["ram", "GetRole", "--RoleName", role]).envs(&bob).run().code() == Some(0);
        let resource = format!("role/{role}");
        let explain = ["policy", "explain", "--as", "bob", "ram:GetRole", &resource, "--json"];
        let outcome = world.bulla(explain).envs(&root).ok().json();
        assert_eq!(
            (&outcome["Allowed"], is_allowed),
            (&(team == "blue").into(), team == "blue"),
            "{outcome}"
        );
    }
    let explain = world.bulla(["policy", "explain", "sts:AssumeRole", "role/first"]).envs(&root).ok();
    assert!(explain.text().starts_with("root is denied sts:AssumeRole"), "{}", explain.text());
    let who = world.bulla(["policy", "who-can", "sts:AssumeRole", "role/first"]).envs(&root).ok();
    assert!(who.text().starts_with("these may sts:AssumeRole"), "{}", who.text());
    server.stop();
}

#[test]
fn a_key_is_shown_to_a_user_who_may_not_list_its_aliases() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    let root = server.environment();
    world.bulla(["key", "create", "--alias", "work"]).envs(&root).ok();
    world.write(
        "look.json",
        r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":["kms:DescribeKey","kms:ListKeys"],"Resource":"*"}]}"#,
    );
    world.bulla(["policy", "create", "look", "look.json"]).envs(&root).ok();
    let bob = user(&world, &server, "bob", &["look"]);
    let shown = world.bulla(["key", "show", "work"]).envs(&bob).ok().text();
    assert!(shown.contains("Aliases          (no permission to list them)\n"), "{shown}");
    let listed = world.bulla(["key", "list"]).envs(&bob).ok();
    assert_eq!(listed.text().lines().count(), 2);
    assert!(listed.stderr.contains("no permission to list them"), "{}", listed.stderr);
    server.stop();
}
