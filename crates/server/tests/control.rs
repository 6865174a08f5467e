//! The control socket: which users may connect, which requests are valid, and the answer and audit line of each call.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use bulla_kms::audit::{Content, Record, TrailFile};
use bulla_kms::{AuditOutput, AuditSink, BackupOutput, IncomingBackup, Options, Role};
use bulla_server::control::{Call, ControlClient, ControlError, ErrorKind, Status};
use bulla_wire::kms::CreateSecret;
use common::TestServer;
use serde_json::{Value, json};

fn path(server: &TestServer) -> PathBuf {
    server.data.path().join("control.sock")
}

fn connect(server: &TestServer) -> UnixStream {
    let stream = UnixStream::connect(path(server)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Returns the answer to these bytes, line by line, until the server closes the connection.
fn ask(server: &TestServer, request: impl AsRef<[u8]>) -> Vec<Value> {
    let mut stream = connect(server);
    let _ = stream.write_all(request.as_ref()); // a request that is too long is not read to its end
    lines(stream)
}

fn lines(stream: UnixStream) -> Vec<Value> {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    lines.map(|line| serde_json::from_str(&line).unwrap()).collect()
}

fn call(server: &TestServer, call: Call) -> Result<Value, ControlError> {
    ControlClient::connect(server.data.path()).unwrap().unwrap().call(call, |_| {})
}

fn status(server: &TestServer) -> Status {
    serde_json::from_value(call(server, Call::Status).unwrap()).unwrap()
}

/// Returns the calls in the audit trail: the user, the name, the status and the code.
fn noted(server: &TestServer) -> Vec<(String, String, u16, String)> {
    let mut noted = Vec::new();
    for source in TrailFile::all(&[server.data.path().join("audit")]).unwrap() {
        let read = source.for_each(|line| {
            let record = Record::parse(line).unwrap();
            if let Content::Request(request) = record.content
                && request.product.as_deref() == Some("Control")
            {
                let caller = request.caller.unwrap();
                let text = |text: Option<&str>| text.unwrap_or("-").to_owned();
                noted.push((
                    format!("{:?} {}", caller.kind, text(caller.id.as_deref())),
                    text(request.action.as_deref()),
                    request.outcome.status,
                    text(request.outcome.code.as_deref()),
                ));
            }
            true
        });
        read.unwrap();
    }
    noted
}

fn trail_text(server: &TestServer) -> String {
    let mut text = String::new();
    for source in TrailFile::all(&[server.data.path().join("audit")]).unwrap() {
        let mut add = |line: &[u8]| {
            text.push_str(str::from_utf8(line).unwrap());
            true
        };
        source.for_each(&mut add).unwrap();
    }
    text
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(20), "waiting for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn me() -> String {
    format!("Operator {}", rustix::process::geteuid().as_raw())
}

#[test]
fn the_socket_is_private_and_removed_at_the_end() {
    let server = TestServer::plain();
    let mode = fs::symlink_metadata(path(&server)).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
    let socket = path(&server);
    let data = std::sync::Arc::clone(&server.data);
    drop(server);
    assert!(!socket.exists());
    assert!(ControlClient::connect(data.path()).unwrap().is_none());
}

#[test]
fn status_reports_the_state_of_a_server_and_is_audited() {
    let server = TestServer::plain();
    server.create_key();
    let status = status(&server);
    assert_eq!(status.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(status.process, std::process::id());
    assert_eq!(status.listen, format!("http://{}", server.address));
    assert!(status.ready && status.unready.is_empty(), "{status:?}");
    assert_eq!((status.store.epoch, status.store.records["key"]), (1, 1));
    assert!(status.store.commit >= 2, "{status:?}");
    assert_eq!(status.root_key.provider, "file");
    let audit = status.audit.unwrap();
    assert_eq!((audit.node.as_deref(), audit.missed, audit.files), (Some("test"), Some(0), 1));
    assert_eq!(noted(&server), [(me(), "status".into(), 200, "-".into())]);
}

#[test]
fn status_reports_a_lost_store_and_a_trail_that_takes_no_lines() {
    let server = TestServer::plain();
    let store = server.data.path().join("store.redb");
    fs::rename(&store, server.data.path().join("aside")).unwrap();
    wait_until("the store to be missed", || !status(&server).ready);
    let unready = status(&server).unready;
    assert!(unready[0].starts_with("the store is lost, and writes are refused: "), "{unready:?}");
    fs::rename(server.data.path().join("aside"), &store).unwrap();
    wait_until("the store to be back", || status(&server).ready);

    fs::remove_dir_all(server.data.path().join("audit")).unwrap();
    fs::write(server.data.path().join("audit"), "in the way").unwrap();
    wait_until("the trail to be missed", || status(&server).audit.unwrap().fault.is_some());
    let current = status(&server);
    assert!(!current.ready && current.unready[0].contains("no line can be written"), "{current:?}");
}

#[test]
fn malformed_requests_get_an_error_and_are_audited() {
    let server = TestServer::plain();
    let kinds: [(&[u8], &str, u16, &str); 6] = [
        (b"GET / HTTP/1.1\r\n", "malformed", 400, "Malformed"),
        (b"{}\n", "malformed", 400, "Malformed"),
        (b"[1]\n", "malformed", 400, "Malformed"),
        (
            br#"{"bulla":2,"call":"status"}
"#,
            "version",
            400,
            "Version",
        ),
        (
            br#"{"bulla":1,"call":"nonsense"}
"#,
            "unknown-call",
            404,
            "UnknownCall",
        ),
        (&[b'x'; 1 << 20], "malformed", 413, "Malformed"),
    ];
    for (request, kind, ..) in kinds {
        let [answer] = ask(&server, request).try_into().unwrap();
        assert_eq!((&answer["bulla"], &answer["error"]["kind"]), (&json!(1), &json!(kind)), "{answer}");
        assert!(answer["error"]["what"].is_string() && answer["error"]["do"].is_string(), "{answer}");
    }
    let version = ask(&server, "{\"bulla\":2,\"call\":\"status\"}\n");
    let what = version[0]["error"]["what"].as_str().unwrap();
    assert!(what.contains(concat!("bulla ", env!("CARGO_PKG_VERSION"), ", has version 1")), "{what}");
    let lines = noted(&server);
    for ((.., status, code), line) in kinds.iter().zip(&lines) {
        assert_eq!(line, &(me(), "-".into(), *status, (*code).to_owned()));
    }
    assert_eq!(lines.len(), 7);
    // The server ignores unknown members.
    let [answer] = ask(&server, "{\"new\":[1],\"bulla\":1,\"call\":\"status\"}\n").try_into().unwrap();
    assert_eq!(answer["ok"]["ready"], true);
}

/// A request that never ends is answered after its time limit, and other clients meanwhile.
#[test]
fn half_a_request_delays_no_other_client() {
    let server = TestServer::plain();
    let mut half = connect(&server);
    half.write_all(b"{\"bulla\":1,").unwrap();
    let mut closed = connect(&server);
    closed.write_all(b"{\"bulla\":1,").unwrap();
    drop(closed);
    assert!(status(&server).ready);
    let [answer] = lines(half).try_into().unwrap();
    assert_eq!(answer["error"]["what"], "the request did not arrive in time");
    let codes: Vec<_> = noted(&server).into_iter().map(|(.., code)| code).collect();
    assert_eq!(codes, ["-", "Malformed"], "one that is closed has called nothing");
}

#[test]
fn a_flood_of_connections_takes_nothing_of_the_api_and_ends_with_its_time() {
    let server = TestServer::plain();
    let silent: Vec<_> = (0..200).map(|_| connect(&server)).collect();
    server.create_key();
    let refused = call(&server, Call::Status).unwrap_err();
    let ControlError::Refused(error) = refused else { panic!("{refused}") };
    assert_eq!(error.kind, ErrorKind::Busy);
    wait_until("a place", || call(&server, Call::Status).is_ok());
    drop(silent);
}

/// The mode of the socket keeps other users away; if it was changed, the kernel's credentials do.
#[test]
fn another_user_is_refused_without_a_word() {
    const UNPRIVILEGED_UID: u32 = 65_534;
    if !rustix::process::geteuid().is_root() {
        let _ = writeln!(
            std::io::stderr(),
            "\n*** SKIPPED: another_user_is_refused_without_a_word: not root ***\n"
        );
        return;
    }
    let server = TestServer::plain();
    let open = |path: PathBuf| fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    open(server.data.path().into());
    open(path(&server));
    let script = "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n\
                  try: s.sendall(b'{\"bulla\":1,\"call\":\"status\"}\\n')\nexcept BrokenPipeError: pass\n\
                  try: print(len(s.recv(1000)))\nexcept ConnectionResetError: print(0)\n";
    let mut python = std::process::Command::new("python3");
    std::os::unix::process::CommandExt::uid(&mut python, UNPRIVILEGED_UID);
    let output = python.args(["-c", script]).arg(path(&server)).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0\n", "{}", String::from_utf8_lossy(&output.stderr));
    wait_until("the event", || server.log.text().contains("user 65534 is neither the user of"));
    assert_eq!(noted(&server), []);
    assert!(status(&server).ready, "root is let in");
}

#[test]
fn a_server_that_stops_closes_connections_that_call_nothing() {
    let server = TestServer::plain();
    let mut silent = connect(&server);
    let begun = Instant::now();
    server.stopper.stop();
    let (log, result) = server.join();
    result.unwrap();
    assert!(!log.text().contains("cut off"), "{}", log.text());
    assert!(begun.elapsed() < Duration::from_secs(15), "the time limit of a stop");
    assert_eq!(silent.read(&mut [0; 1]).unwrap_or(0), 0);
}

#[test]
fn another_file_in_the_place_of_the_socket_is_kept_and_reported() {
    let server = TestServer::plain();
    let data = std::sync::Arc::clone(&server.data);
    drop(server);
    fs::write(data.path().join("control.sock"), "precious").unwrap();
    let server = TestServer::restarted(data);
    let event = "another file has its name";
    wait_until("the event", || server.log.text().contains("there is no control socket in "));
    assert!(server.log.text().contains(event), "{}", server.log.text());
    assert_eq!(fs::read(path(&server)).unwrap(), b"precious");
    server.create_key();
}

#[test]
fn the_store_is_checked_while_it_is_used() {
    let server = TestServer::plain();
    for _ in 0..20 {
        server.create_key();
    }
    thread::scope(|scope| {
        let creating = scope.spawn(|| (0..20).for_each(|_| drop(server.create_key())));
        for _ in 0..5 {
            let report = call(&server, Call::StoreCheck).unwrap();
            assert_eq!((&report["faults"], &report["epoch"]), (&json!([]), &json!(1)), "{report}");
            assert!(report["records"].as_u64().unwrap() > 40, "{report}");
        }
        creating.join().unwrap();
    });
    let expected = (me(), "store-check".to_owned(), 200, "-".to_owned());
    assert_eq!(noted(&server), vec![expected; 5]);
}

#[test]
fn after_a_sync_every_line_before_it_is_sealed() {
    let server = TestServer::plain();
    for _ in 0..5 {
        server.create_key();
        let sealed = call(&server, Call::AuditSync).unwrap()["sealed"].as_str().unwrap().to_owned();
        let audit = [server.data.path().join("audit")];
        let report = bulla_kms::audit::verify(&audit, None, Some(sealed.parse().unwrap())).unwrap();
        assert!(report.is_sound(), "{report:?}");
        assert_eq!((report.unsealed(), report.sealed.unwrap().to_string()), (0, sealed));
    }
    assert_eq!(noted(&server).len(), 5);
}

/// Every call except status is refused, like requests.
#[test]
fn without_its_line_no_call_is_answered() {
    let server = TestServer::plain();
    fs::remove_dir_all(server.data.path().join("audit")).unwrap();
    fs::write(server.data.path().join("audit"), "in the way").unwrap();
    wait_until("the trail to be missed", || !status(&server).ready);
    for refused in [Call::StoreCheck, Call::AuditSync, Call::Backup] {
        let error = call(&server, refused).unwrap_err();
        let ControlError::Refused(error) = error else { panic!("{error}") };
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert!(error.what.contains("the audit trail takes no lines"), "{error:?}");
    }
    assert!(status(&server).audit.unwrap().missed.unwrap() > 0);
    fs::remove_file(server.data.path().join("audit")).unwrap();
    wait_until("the trail to be back", || status(&server).ready);
    call(&server, Call::StoreCheck).unwrap();
}

/// Another thread holds the trail and does not release it, as in a write to a disk that hangs.
#[test]
fn status_answers_while_the_trail_hangs_and_its_lines_come_later() {
    struct Hangs(Sender<()>, Receiver<()>);
    impl AuditOutput for Hangs {
        fn write(&mut self, _: &[u8]) -> std::io::Result<()> {
            Ok(())
        }
    }
    impl Drop for Hangs {
        fn drop(&mut self) {
            let _ = self.0.send(()); // ignored when the server ends
            let _ = self.1.recv();
        }
    }
    let server = TestServer::plain();
    let set_sink = |began, resume| {
        let output = Box::new(Hangs(began, resume));
        let sink = AuditSink { name: "sink".into(), is_required: false, output };
        server.kms.set_audit_sinks(true, vec![sink]).unwrap();
    };
    set_sink(channel().0, channel().1);
    let server = &server;
    thread::scope(|scope| {
        let (began, has_begun) = channel();
        let (resume, resumed) = channel();
        // The sink exists already, so the holder of the trail drops the second one.
        scope.spawn(|| set_sink(began, resumed));
        has_begun.recv().unwrap();
        let refused = [Call::StoreCheck, Call::AuditSync, Call::Backup];
        let refused = refused.map(|refused| scope.spawn(move || call(server, refused).unwrap_err()));
        let statuses: Vec<_> = (0..3).map(|_| status(server)).collect();
        let refused = refused.map(|refused| refused.join().unwrap());
        let answer = server.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
        resume.send(()).unwrap();
        assert!(statuses.iter().all(|status| status.audit.as_ref().unwrap().files == 1), "{statuses:?}");
        assert_eq!(answer.status, 200);
        for error in refused {
            let error = error.to_string();
            let is_refused = ["it has taken no bytes for 10 seconds", "its disk hangs"];
            assert!(is_refused.iter().any(|why| error.contains(why)), "{error}");
        }
    });
    let statuses = || noted(server).into_iter().filter(|(_, name, ..)| name == "status").count();
    wait_until("the lines", || statuses() == 3);
    call(server, Call::StoreCheck).unwrap();
}

#[test]
fn a_backup_is_sent_whole_while_the_store_is_used() {
    let server = TestServer::plain();
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(server.data.path(), Role::Command);
    thread::scope(|scope| {
        let creating = scope.spawn(|| (0..30).for_each(|_| drop(server.create_key())));
        for number in 0..3 {
            let path = folder.path().join(number.to_string());
            let incoming = IncomingBackup::begin(&path, BackupOutput::default()).unwrap();
            let client = ControlClient::connect(server.data.path()).unwrap().unwrap();
            let answer = client.call_for(Call::Backup, &mut incoming.file(), |_| {}).unwrap();
            assert_eq!(answer["root_key"]["provider"], "file");
            let facts = serde_json::from_value(answer["backup"].clone()).unwrap();
            let verified = incoming.finish(&options, facts).unwrap();
            assert_eq!(answer["backup"]["id"], verified.id);
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        }
        creating.join().unwrap();
    });
    let expected = (me(), "backup".to_owned(), 200, "-".to_owned());
    assert_eq!(noted(&server), vec![expected; 3]);
    assert_eq!(trail_text(&server).matches("backup-created").count(), 3);
}

/// What a line says is what the client was answered, also if other calls and clients are the reason.
#[test]
fn the_line_of_a_call_has_its_outcome() {
    const REQUEST: &[u8] = b"{\"bulla\":1,\"call\":\"backup\"}\n";
    let server = TestServer::plain();
    for number in 0..80 {
        let secret = CreateSecret {
            secret_name: format!("large-{number}"),
            secret_data: "x".repeat(30_000).into(),
            version_id: "1".into(),
            ..CreateSecret::default()
        };
        let owner = server.kms.owner();
        let created = server.kms.call(secret.into(), &owner);
        bulla_server::runtime().unwrap().block_on(created).unwrap();
    }
    let mut unread = connect(&server);
    unread.write_all(REQUEST).unwrap();
    unread.read_exact(&mut [0]).unwrap(); // it runs, and cannot end before the rest is read
    assert_eq!(ask(&server, REQUEST)[0]["error"]["kind"], "busy");
    drop(unread);
    let is_noted = |status| {
        noted(&server).iter().any(|(_, name, found, _)| (name.as_str(), *found) == ("backup", status))
    };
    assert!(is_noted(429));
    wait_until("the first one to end", || is_noted(499));
    assert!(!is_noted(200) && !trail_text(&server).contains("backup-created"));
    let backup = || ControlClient::connect(server.data.path()).unwrap().unwrap();
    wait_until("the next one", || backup().call_for(Call::Backup, &mut Vec::new(), |_| {}).is_ok());
    assert!(is_noted(200));
    wait_until("its event", || trail_text(&server).contains("backup-created"));
}

#[test]
fn a_backup_whose_client_disconnects_unread_is_not_recorded_as_made() {
    let server = TestServer::plain();
    drop(connect(&server).write_all(b"{\"bulla\":1,\"call\":\"backup\"}\n"));
    wait_until("its line", || !noted(&server).is_empty());
    let (_, name, status, _) = &noted(&server)[0];
    assert_eq!((name.as_str(), *status), ("backup", 499));
    assert!(!trail_text(&server).contains("backup-created"));
}

#[test]
fn a_call_for_which_no_place_is_left_has_a_line() {
    let server = TestServer::plain();
    let silent: Vec<_> = (0..16).map(|_| connect(&server)).collect();
    let refused = ask(&server, "{\"bulla\":1,\"call\":\"store-check\"}\n");
    assert_eq!(refused[0]["error"]["kind"], "busy");
    wait_until("its line", || !noted(&server).is_empty());
    assert_eq!(noted(&server), [(me(), "store-check".to_owned(), 429, "Busy".to_owned())]);
    drop(silent);
}

/// The thread of the first one ends, and its client has no file that looks like a backup.
#[test]
fn a_client_that_disconnects_during_a_backup_leaves_room_for_the_next_one() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let server = TestServer::plain();
    let backup = || ControlClient::connect(server.data.path()).unwrap().unwrap();
    let failed = backup().call_for(Call::Backup, &mut Full, |_| {}).unwrap_err();
    assert!(matches!(failed, ControlError::Output(_)), "{failed}");
    drop(connect(&server).write_all(b"{\"bulla\":1,\"call\":\"backup\"}\n"));
    wait_until("the next one", || backup().call_for(Call::Backup, &mut Vec::new(), |_| {}).is_ok());
}
