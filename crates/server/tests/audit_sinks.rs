//! The audit trail of a server at collectors of syslog: over a Unix socket, TCP and TLS.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use bulla_kms::SystemClock;
use bulla_server::{AuditSinks, AuditTarget, OtherSink, SyslogTarget, TlsOptions};
use common::TestServer;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

fn with_sink(target: SyslogTarget, is_required: bool) -> TestServer {
    let sink = OtherSink { is_required, target: AuditTarget::Syslog(target) };
    let sinks = AuditSinks { is_file_required: !is_required, others: vec![sink] };
    TestServer::with_options(|_| TlsOptions::Off, SystemClock, |options| options.audit = sinks)
}

/// Parses a message: the header, and the line.
fn parse(message: &str) -> (Vec<String>, Value) {
    let mut parts = message.splitn(8, ' ').map(str::to_owned);
    let header = parts.by_ref().take(7).collect();
    (header, serde_json::from_str(&parts.next().unwrap()).unwrap())
}

/// Reads a message with octet counting; `None` at the end.
fn read_frame(stream: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut length = Vec::new();
    if stream.read_until(b' ', &mut length)? == 0 {
        return Ok(None);
    }
    let length: usize = str::from_utf8(&length).unwrap().trim_end().parse().unwrap();
    let mut message = vec![0; length];
    stream.read_exact(&mut message)?;
    Ok(Some(String::from_utf8(message).unwrap()))
}

/// Starts a collector on a free port that accepts one connection after another. `open` makes a connection readable.
fn collector<S: Read>(open: impl Fn(TcpStream) -> S + Send + 'static) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, received) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(open(stream.unwrap()));
            while let Ok(Some(message)) = read_frame(&mut stream) {
                let _ = sender.send(message);
            }
        }
    });
    (format!("localhost:{port}"), received)
}

/// Waits for the line of an action.
fn line_of(received: &mpsc::Receiver<String>, action: &str) -> (Vec<String>, Value) {
    loop {
        let message = received.recv_timeout(Duration::from_secs(20)).unwrap();
        let (header, line) = parse(&message);
        if line["action"] == action {
            return (header, line);
        }
    }
}

#[test]
fn a_unix_socket_gets_each_line_as_a_message() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let server = with_sink(SyslogTarget::Unix(path), true);
    server.create_key();
    let mut message = vec![0; 65536];
    let (header, line) = loop {
        let length = socket.recv(&mut message).unwrap();
        let (header, line) = parse(str::from_utf8(&message[..length]).unwrap());
        if line["action"] == "CreateKey" {
            break (header, line);
        }
    };
    assert_eq!((&*header[0], &*header[3]), ("<110>1", "bulla"));
    assert_eq!(header[1], line["time"]);
    assert_eq!(header[4], std::process::id().to_string());
    assert_eq!(&header[5..], ["audit", "-"]);
    assert!(line["prev"].is_string() && line["seq"].is_u64());
}

#[test]
fn a_collector_over_tcp_may_disconnect_and_reconnect() {
    let (address, received) = collector(|stream| stream);
    let server = with_sink(SyslogTarget::Tcp(address), true);
    server.create_key();
    line_of(&received, "CreateKey");
    // No collector listens there: the files alone are not enough.
    let nowhere = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let server = with_sink(SyslogTarget::Tcp(nowhere.clone()), true);
    while server.kms.is_ready() {
        thread::sleep(Duration::from_millis(10));
    }
    let refused = server.send(common::Signed::new("POST", "Action=ListKeys").into_query());
    assert_eq!(refused.status, 503, "{}", refused.body);
    let named = format!("no line can be written: syslog tcp://{nowhere}: Connection refused");
    while !server.log.text().contains(&named) {
        thread::sleep(Duration::from_millis(10));
    }
    let listener = TcpListener::bind(&nowhere).unwrap();
    let mut stream = BufReader::new(listener.accept().unwrap().0);
    while !server.kms.is_ready() {
        thread::sleep(Duration::from_millis(10));
    }
    server.call("Action=ListAliases");
    let mut actions = Vec::new();
    while actions.last().is_none_or(|action| *action != "ListAliases") {
        let (_, line) = parse(&read_frame(&mut stream).unwrap().unwrap());
        actions.push(line["action"].as_str().unwrap_or_default().to_owned());
    }
}

/// The end of a connection is detected before more is written to it.
#[test]
fn a_collector_that_closes_a_connection_gets_the_next_lines_by_another_one() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = with_sink(SyslogTarget::Tcp(address), true);
    for action in ["ListKeys", "ListAliases", "ListSecrets"] {
        server.call(&format!("Action={action}"));
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        loop {
            let (_, line) = parse(&read_frame(&mut stream).unwrap().unwrap());
            if line["action"] == action {
                break;
            }
        }
    }
}

#[test]
fn a_collector_over_tls_needs_a_certificate_that_is_trusted() {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".into()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let (address, received) = collector(move |stream| {
        StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream)
    });
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    fs::write(&ca, common::pem("CERTIFICATE", cert.der())).unwrap();
    let target = SyslogTarget::Tls { address: address.clone(), ca: Some(ca) };
    let server = with_sink(target, true);
    server.create_key();
    line_of(&received, "CreateKey");
    drop(server); // so that the collector accepts another connection

    let server = with_sink(SyslogTarget::Tls { address, ca: None }, false);
    while server.kms.audit_sinks()[1].fault.is_none() {
        thread::sleep(Duration::from_millis(10));
    }
    let fault = server.kms.audit_sinks()[1].fault.clone().unwrap();
    assert!(fault.contains("certificate"), "{fault}");
    server.create_key(); // the files are enough
    while !server.log.text().contains("the audit sink syslog tls://") {
        thread::sleep(Duration::from_millis(10));
    }
}
