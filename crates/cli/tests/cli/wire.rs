//! Requests that a server must refuse, over a real connection to the real process.

use crate::harness::World;
use crate::http::{Answer, SigningClient, unix_now};

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.0, answer.1["Code"].as_str()), (status, Some(code)), "{answer:?}");
    assert!(answer.1["RequestId"].is_string(), "{answer:?}");
}

#[test]
fn requests_that_are_refused() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    let caller = SigningClient::owner(&server);
    let send = |request: &[u8]| caller.connect().unwrap().send(request).unwrap();

    let request = caller.request("CreateKey", "Description=once");
    assert_eq!(send(&request).0, 200);
    refused(&send(&request), 400, "SignatureNonceUsed");
    for off in [-3600, 3600] {
        let request = caller.request_at(unix_now() + off, "CreateKey", "");
        refused(&send(&request), 400, "InvalidTimeStamp.Expired");
    }
    refused(&send(&caller.request("CreateKey", "Description=a&Description=b")), 400, "InvalidParameter");
    let many: Vec<_> = (0..10_000).map(|number| format!("p{number}=")).collect();
    let many = caller.request("CreateKey", &many.join("&"));
    refused(&send(&many), 400, "ParseRequestParameterException");
    let edited = String::from_utf8(caller.request("CreateKey", "Description=a")).unwrap();
    refused(&send(edited.replace("Description=a", "Description=b").as_bytes()), 400, "SignatureDoesNotMatch");

    let keys = caller.call("ListKeys", "");
    assert_eq!(keys["TotalCount"], 1, "nothing refused was done: {keys}");

    // A request that was signed for the last run is refused by the next one, used or not.
    let used = request;
    let unused = caller.request("CreateKey", "Description=late");
    let address = server.address().to_string();
    server.stop();
    let server = world.serve("kms", ["--http", "--listen", &address]);
    let caller = SigningClient::owner(&server);
    for request in [used, unused] {
        let answer = caller.connect().unwrap().send(&request).unwrap();
        refused(&answer, 400, "InvalidTimeStamp.Expired");
    }
    assert_eq!(caller.call("ListKeys", "")["TotalCount"], 1);
    server.stop();
}

#[test]
fn a_body_of_100_megabytes() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    let caller = SigningClient::owner(&server);
    let megabyte = vec![b'a'; 1 << 20];

    let announced = String::from_utf8(caller.request("CreateKey", "")).unwrap();
    let announced = announced.replace("content-length: 0", &format!("content-length: {}", 100 << 20));
    let mut connection = caller.connect().unwrap();
    connection.write(announced.as_bytes()).unwrap();
    let mut sent = 0;
    while sent < 100 && connection.write(&megabyte).is_ok() {
        sent += 1;
    }
    assert!(sent < 100, "all of it was taken");

    let chunked = announced.replace(&format!("content-length: {}", 100 << 20), "transfer-encoding: chunked");
    let mut connection = caller.connect().unwrap();
    connection.write(chunked.as_bytes()).unwrap();
    let chunk = [b"100000\r\n", megabyte.as_slice(), b"\r\n"].concat();
    let mut sent = 0;
    while sent < 100 && connection.write(&chunk).is_ok() {
        sent += 1;
    }
    assert!(sent < 100, "all of it was taken");

    // A client that only announces it gets the refusal.
    let mut connection = caller.connect().unwrap();
    let answer = connection.send(announced.as_bytes()).unwrap();
    refused(&answer, 413, "ParseRequestParameterException");
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim();
    let peak: u64 = peak.trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 100 * 1024, "the server took {peak} KiB");
    caller.call("ListKeys", "");
    server.stop();
}
