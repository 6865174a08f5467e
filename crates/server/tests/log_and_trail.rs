//! A line of the log and the line of the audit trail about the same request are views of one record.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use bulla_kms::SystemClock;
use bulla_server::control::{Call, ControlClient};
use common::{Captured, ID, SECRET, Signed, TestServer};
use serde_json::Value;

/// The lines of requests in the trail of a server that has ended.
fn trail(data: &Path) -> Vec<Value> {
    let files = fs::read_dir(data.join("audit")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|it| it == "jsonl")).collect();
    files.sort();
    let text: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["type"] == "request").collect()
}

/// The expected log line for this trail line.
fn expected(line: &Value, unknown: &[&str]) -> String {
    let of = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    let caller = &line["caller"];
    let mut members = vec![
        format!("time={}", of(&line["time"])),
        format!("request={}", of(&line["request_id"])),
        format!("from={}", of(&line["source"])),
        format!("key={}", of(&line["access_key_id"])),
    ];
    if caller["type"] == "ram-user" {
        members.push(format!("user={}", of(&caller["id"])));
    }
    members.push(format!("action={}", of(&line["action"])));
    members.push(format!("status={}", of(&line["outcome"]["status"])));
    members.push(format!("code={}", of(&line["outcome"]["code"])));
    members.push(format!("us={}", of(&line["microseconds"])));
    let mut add = |name: &str, value: &Value| {
        if !value.is_null() {
            members.push(format!("{name}={}", of(value)));
        }
    };
    add("product", &line["product"]);
    add("caller", &caller["arn"]);
    if caller["type"] == "operator" {
        add("caller", &format!("operator/{}", of(&caller["id"])).into());
    }
    let join = |values: &Value, show: &dyn Fn(&Value) -> String| {
        let values = values.as_array().map(|values| values.iter().map(show).collect::<Vec<_>>().join(","));
        values.map_or(Value::Null, Value::from)
    };
    add("session", &join(&caller["session"], &|link| format!("{}/{}", of(&link["type"]), of(&link["name"]))));
    let resource = |resource: &Value| {
        let (kind, name) = (of(&resource["type"]), of(&resource["name"]));
        let name = if unknown.contains(&&*name) { "?".to_owned() } else { name };
        let version = resource["version"].as_str().map_or(String::new(), |version| format!("@{version}"));
        if name.starts_with("alias/") { name + &version } else { format!("{kind}/{name}{version}") }
    };
    add("resources", &join(&line["resources"], &resource));
    add("decision", &line["decision"]["effect"]);
    add("policy", &line["decision"]["policy"]);
    add("statement", &line["decision"]["statement"]);
    members.join(" ")
}

/// The lines of requests, without how long their answers have waited.
fn requests(log: &Captured) -> Vec<String> {
    let lines = log.text();
    let lines = lines.lines().filter(|line| line.contains(" action="));
    lines.map(|line| line.split(" wait_us=").next().unwrap().to_owned()).collect()
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

/// A user who may use keys and no more, and a role that the user may assume: the id and secret of the user's access key, and the
/// ARN of the role.
fn people(server: &TestServer) -> (String, String, String) {
    let ram = |query: &str| server.call(&format!("Version=2015-05-01&{query}"));
    ram("Action=CreateUser&UserName=alice");
    let account = server.kms.account();
    ram("Action=CreatePolicy&PolicyName=readers&PolicyDocument=%7B%22Version%22:%221%22,%22Statement%22:%5B\
         %7B%22Effect%22:%22Allow%22,%22Action%22:%5B%22kms:GenerateDataKey%22,%22sts:AssumeRole%22%5D,%22Resource%22:%22*%22%7D%5D%7D");
    ram("Action=AttachPolicyToUser&PolicyType=Custom&PolicyName=readers&UserName=alice");
    let role = ram(&format!(
        "Action=CreateRole&RoleName=batch&AssumeRolePolicyDocument=%7B%22Version%22:%221%22,%22Statement%22:%5B\
         %7B%22Effect%22:%22Allow%22,%22Action%22:%22sts:AssumeRole%22,%22Principal%22:%7B%22RAM%22:%5B\
         %22acs:ram::{account}:root%22%5D%7D%7D%5D%7D"
    ));
    let key = ram("Action=CreateAccessKey&UserName=alice");
    (key.field("AccessKeyId"), key.field("AccessKeySecret"), role.field("Arn"))
}

#[test]
fn each_request_is_in_the_log_as_it_is_in_the_trail() {
    let server = TestServer::plain();
    let data = Arc::clone(&server.data);
    let key = server.create_key();
    server.call(&format!("Action=CreateAlias&KeyId={key}&AliasName=alias/sales"));
    server.call("Action=GenerateDataKey&KeyId=alias/sales&EncryptionContext=%7B%22a%22:%22b%22%7D");
    let (id, secret, role) = people(&server);
    let by_user = |query: &str| server.send(Signed::by("POST", query, &id, &secret, 0).into_query()).status;
    assert_eq!(by_user(&format!("Action=GenerateDataKey&KeyId={key}")), 200);
    assert_eq!(by_user(&format!("Action=DescribeKey&KeyId={key}")), 403);
    let assume = format!("Version=2015-04-01&Action=AssumeRole&RoleArn={role}&RoleSessionName=night");
    let session = server.send(Signed::by("POST", &assume, &id, &secret, 0).into_query());
    let token = session.field("SecurityToken");
    let query = Signed::by(
        "POST",
        &format!(
            "Action=DisableKey&KeyId={key}&SecurityToken={}",
            token.replace('+', "%2B").replace('=', "%3D")
        ),
        &session.field("AccessKeyId"),
        &session.field("AccessKeySecret"),
        0,
    );
    server.send(query.into_query()).refused(403, "Forbidden.NoPermission");
    server.call(&format!("Action=DisableKey&KeyId={key}"));
    let refused = |query: &str| server.send(Signed::new("POST", query).into_query()).status;
    assert_eq!(refused(&format!("Action=Encrypt&KeyId={key}&Plaintext=aHVudGVyMg==")), 409);
    assert_eq!(refused("Action=DescribeKey&KeyId=hunter2"), 404);
    assert_eq!(refused("Action=DescribeKey&KeyId=alias/hunter2"), 404);
    assert_eq!(refused("Action=DescribeKey&KeyId=11111111-2222-4333-8444-555555555555"), 404);
    assert_eq!(refused("Action=DescribeKey"), 400, "no key");
    assert_eq!(refused("Action=NoSuchAction"), 404);
    let wrong = Signed::by("POST", "Action=ListKeys", ID, "wrong", 0);
    server.send(wrong.into_query()).refused(400, "SignatureDoesNotMatch");
    let unknown = Signed::by("POST", "Action=ListKeys", SECRET, ID, 0);
    server.send(unknown.into_query()).refused(404, "InvalidAccessKeyId.NotFound");
    assert_eq!(server.send("GET /?Action=ListKeys HTTP/1.1\r\nHost: a\r\n\r\n").status, 400);
    assert_eq!(server.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
    ControlClient::connect(data.path()).unwrap().unwrap().call(Call::AuditSync, |_| {}).unwrap();
    server.stopper.stop();
    let (log, ended) = server.join();
    ended.unwrap();

    let (health, logged): (Vec<_>, Vec<_>) =
        requests(&log).into_iter().partition(|line| line.contains(" action=- status=200 code=- "));
    assert_eq!(health.len(), 1, "the trail has none of it: {health:?}");
    let trail = trail(data.path());
    let expected = trail.iter().map(|line| expected(line, &["hunter2", "alias/hunter2"])).collect();
    assert_eq!(sorted(logged.clone()), sorted(expected));
    assert_eq!(logged.len(), 23);
    let line = |action: &str, code: &str| {
        let found = logged.iter().find(|line| line.contains(&format!(" action={action} status={code} ")));
        found.unwrap_or_else(|| panic!("{action} {code} in {logged:#?}")).clone()
    };
    assert!(
        line("CreateAlias", "200 code=-").contains(":root resources="),
        "{}",
        line("CreateAlias", "200 code=-")
    );
    assert!(line("CreateAlias", "200 code=-").contains("alias/sales"), "what a change makes is named");
    let allowed =
        logged.iter().find(|line| line.contains("GenerateDataKey") && line.contains("alice")).unwrap();
    assert!(allowed.contains(&format!(":user/alice resources=key/{key}@")), "{allowed}");
    assert!(allowed.ends_with(" decision=Allow policy=custom/readers statement=0"), "{allowed}");
    let of_session = line("DisableKey", "403 code=Forbidden.NoPermission");
    assert!(of_session.contains(":assumed-role/batch/night session=user/alice,role/batch "), "{of_session}");
    assert!(line("audit-sync", "200 code=-").contains(" from=- key=- "));
}

/// A record is made for the log alone.
#[test]
fn without_a_trail_the_log_has_the_same_lines() {
    let server = TestServer::with_trail(None);
    let key = server.create_key();
    server.call(&format!("Action=CreateAlias&KeyId={key}&AliasName=alias/sales"));
    server.call("Action=GenerateDataKey&KeyId=alias/sales");
    server.send("GET /?Action=ListKeys HTTP/1.1\r\nHost: a\r\n\r\n");
    server.stopper.stop();
    let (log, ended) = server.join();
    ended.unwrap();
    let lines = requests(&log);
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(lines[0].contains(" action=CreateKey status=200 code=- us="), "{}", lines[0]);
    assert!(lines[0].contains(&format!("key/{key}@")), "{}", lines[0]);
    assert!(lines[1].contains("alias/sales"), "{}", lines[1]);
    assert!(lines[2].contains(&format!(" resources=key/{key}@")), "{}", lines[2]);
    assert!(lines[3].contains(" key=- action=- status=400 code=MissingAccessKeyId us="), "{}", lines[3]);
}

/// The client gets another answer than the one that the trail would have.
#[test]
fn a_request_that_the_trail_does_not_take_is_in_the_log_as_it_was_answered() {
    let server = TestServer::plain();
    let key = server.create_key();
    let away = server.data.path().join("away");
    fs::rename(server.data.path().join("audit"), &away).unwrap();
    for _ in 0..2 {
        let describe = Signed::new("POST", &format!("Action=DescribeKey&KeyId={key}"));
        server.send(describe.into_query()).refused(503, "ServiceUnavailableTemporary");
    }
    server.stopper.stop();
    let (log, ended) = server.join();
    ended.unwrap();
    let refused: Vec<_> = requests(&log).into_iter().filter(|line| line.contains("DescribeKey")).collect();
    assert_eq!(refused.len(), 2, "{refused:#?}");
    let code = " key=testid action=DescribeKey status=503 code=ServiceUnavailableTemporary us=";
    assert!(refused.iter().all(|line| line.contains(code)), "{refused:#?}");
}

/// The trail does not take the lines of calls that are answered anyway either.
#[test]
fn calls_that_are_answered_without_the_trail_are_in_the_log_as_they_were_answered() {
    let server = TestServer::plain();
    let trail = server.data.path().join("audit");
    fs::remove_dir_all(&trail).unwrap();
    fs::write(&trail, "in the way").unwrap();
    let describe = Signed::new("POST", "Action=ListKeys");
    server.send(describe.into_query()).refused(503, "ServiceUnavailableTemporary");
    let control = || ControlClient::connect(server.data.path()).unwrap().unwrap();
    control().call(Call::Status, |_| {}).unwrap();
    control().call(Call::StoreCheck, |_| {}).unwrap_err();
    let mut malformed = UnixStream::connect(server.data.path().join("control.sock")).unwrap();
    malformed.write_all(b"{}\n").unwrap();
    malformed.read_to_end(&mut Vec::new()).unwrap();
    server.stopper.stop();
    let (log, ended) = server.join();
    ended.unwrap();
    let lines = requests(&log);
    let of_operator: Vec<_> = lines.iter().filter(|line| line.contains(" product=Control ")).collect();
    let [status, check, malformed] = &*of_operator else { panic!("{lines:#?}") };
    assert!(status.contains(" action=status status=200 code=- "), "{status}");
    assert!(check.contains(" action=store-check status=503 "), "{check}");
    assert!(malformed.contains(" action=- status=400 code=Malformed "), "{malformed}");
}

/// A page takes actions and queries, each with a record.
#[test]
fn pages_of_the_console_have_lines_beside_those_of_their_actions() {
    let server = TestServer::with_console(SystemClock);
    let data = Arc::clone(&server.data);
    assert_eq!(server.send("GET /console/sign-in HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 200);
    server.stopper.stop();
    let (log, ended) = server.join();
    ended.unwrap();
    let lines = requests(&log);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(" from=127.0.0.1 key=- action=- status=200 code=- us="), "{}", lines[0]);
    assert!(trail(data.path()).is_empty());
}
