//! What is left of plaintexts in the memory of a server that has answered.
//!
//! The texts have a blank in every part of them that is looked for, so that their decoded form is none that the client
//! sent: what hyper keeps in its own read buffers, which are not wiped, is still encoded.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bulla_wire::signature::{acs3, v1};
use bulla_wire::{Parameters, Timestamp};

use crate::harness::{Server, World, skipped};

const TEXTS: usize = 100;

/// A client over one connection.
struct Client {
    stream: BufReader<TcpStream>,
    host: String,
    id: String,
    secret: String,
    sent: usize,
}

/// Where the parameters go, and how they are written.
#[derive(Clone, Copy, Debug)]
enum Way {
    Query,
    Form,
    /// With `+` for blanks, as HTML forms have it.
    PlusForm,
    /// The parameters in the URL, signed by version 3.
    Acs3Query,
}

impl Client {
    fn of(server: &Server<'_>) -> Self {
        let (id, secret) = server.access_key();
        let stream = TcpStream::connect(server.address()).unwrap();
        Self { stream: BufReader::new(stream), host: server.address().to_string(), id, secret, sent: 0 }
    }

    /// The body of the answer.
    fn send(&mut self, way: Way, action: &str, pairs: &[(&str, &str)]) -> String {
        self.sent += 1;
        let nonce = format!("nonce {}", self.sent);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed();
        let date = Timestamp::from_unix(now).to_string();
        let mut parameters = Parameters::default();
        for (name, value) in pairs {
            parameters.set(name, *value);
        }
        if matches!(way, Way::Acs3Query) {
            let request = self.acs3(&parameters, action, &date, &nonce);
            return self.exchange(&request);
        }
        parameters.set("Action", action);
        parameters.set("Version", "2016-01-20");
        let method = if matches!(way, Way::Query) { "GET" } else { "POST" };
        v1::sign(method, &mut parameters, &self.id, &self.secret, &date, &nonce);
        let encoded = match way {
            Way::PlusForm => parameters.encode().replace("%20", "+"),
            _ => parameters.encode(),
        };
        let host = &self.host;
        let request = match way {
            Way::Query => format!("GET /?{encoded} HTTP/1.1\r\nhost: {host}\r\n\r\n"),
            _ => format!(
                "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
                 content-length: {}\r\n\r\n{encoded}",
                encoded.len()
            ),
        };
        self.exchange(&request)
    }

    /// Signed for another query than the client sends: the server parses it, and refuses.
    fn acs3(&self, parameters: &Parameters, action: &str, date: &str, nonce: &str) -> String {
        let outgoing = acs3::Outgoing {
            host: &self.host,
            version: "2016-01-20",
            action,
            body: "",
            date,
            nonce,
            security_token: None,
        };
        let headers = outgoing.headers(&self.id, &self.secret).into_iter();
        let headers: String = headers.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("GET /?{} HTTP/1.1\r\n{headers}\r\n", parameters.encode())
    }

    fn exchange(&mut self, request: &str) -> String {
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(self.stream.read_line(&mut line).unwrap() > 0, "the connection was closed");
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        String::from_utf8(body).unwrap()
    }
}

/// Texts of one kind, which can be told apart in memory.
fn text(kind: char, number: usize) -> String {
    let mark = mark(kind, number);
    // Several times, because a freed piece of memory has other things at its beginning, and in many lengths, because the
    // next text of the same length gets the same piece.
    format!("{mark} & <密> {}", mark.repeat(2 + number))
}

fn mark(kind: char, number: usize) -> String {
    format!("{}{kind}{number:04} ", prefix())
}

/// Put together at run time, and of this process, so that no other memory has it.
fn prefix() -> String {
    format!("needle {:08x} ", std::process::id())
}

/// What a process may write to in its memory, in pieces; none if it may not be read.
fn memory(process: u32) -> Option<Vec<Vec<u8>>> {
    let memory = File::open(format!("/proc/{process}/mem")).ok()?;
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).ok()?;
    let is_writable = |line: &&str| line.split(' ').nth(1).is_some_and(|mode| mode.starts_with("rw"));
    let pieces = maps.lines().filter(is_writable).filter_map(|line| {
        let (from, to) = line.split(' ').next()?.split_once('-')?;
        let [from, to] = [from, to].map(|address| u64::from_str_radix(address, 16).unwrap());
        let mut piece = vec![0; usize::try_from(to - from).unwrap()];
        memory.read_exact_at(&mut piece, from).ok()?; // else a device, which has no such memory
        Some(piece)
    });
    Some(pieces.collect())
}

/// What comes after each place where `text` is.
fn after<'a>(memory: &'a [Vec<u8>], text: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    memory.iter().flat_map(move |piece| {
        let mut rest = &piece[..];
        std::iter::from_fn(move || {
            loop {
                let at = rest.iter().position(|byte| *byte == text[0])?;
                let found = rest[at..].strip_prefix(text);
                rest = &rest[at + 1..];
                if found.is_some() {
                    return found;
                }
            }
        })
    })
}

/// The kinds of texts of which something is left, with the number of texts.
fn survivors(memory: &[Vec<u8>]) -> BTreeMap<char, usize> {
    let prefix = prefix();
    let found: BTreeSet<_> = after(memory, prefix.as_bytes()).filter_map(|after| after.get(..5)).collect();
    let mut counts = BTreeMap::new();
    for text in found {
        *counts.entry(char::from(text[0])).or_default() += 1;
    }
    counts
}

/// Says so if the memory of the server may not be read: it does not let others of its user trace it.
fn is_readable(server: &Server<'_>, test: &str) -> bool {
    let readable = memory(server.id()).is_some();
    if !readable {
        skipped(test, "only root can read the memory of a server");
    }
    readable
}

#[test]
fn no_decoded_plaintext_is_left_in_memory() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    if !is_readable(&server, "no_decoded_plaintext_is_left_in_memory") {
        return;
    }
    let mut client = Client::of(&server);
    let created = client.send(Way::Form, "CreateKey", &[]);
    let key = serde_json::from_str::<serde_json::Value>(&created).unwrap()["KeyMetadata"]["KeyId"].clone();
    let key = key.as_str().unwrap();
    for number in 0..TEXTS {
        encrypt_and_decrypt(&mut client, key, number);
        encrypt_base64(&mut client, key, number);
        put_and_get(&mut client, number);
    }
    // hyper keeps its last answer until the next one, which must be as long.
    let other = "x".repeat(2 * text(' ', TEXTS).len());
    let encrypted = client.send(Way::Form, "Encrypt", &[("KeyId", key), ("Plaintext", &other)]);
    client.send(Way::Form, "Decrypt", &[("CiphertextBlob", &blob(&encrypted))]);

    let memory = memory(server.id()).unwrap();
    assert!(after(&memory, client.id.as_bytes()).next().is_some(), "what is there is found");
    assert!(after(&memory, client.secret.as_bytes()).next().is_none(), "secrets of access keys are sealed");
    assert_eq!(survivors(&memory), BTreeMap::new(), "of {TEXTS} texts each");
    server.stop();
}

fn encrypt_and_decrypt(client: &mut Client, key: &str, number: usize) {
    let ways = [('q', Way::Query), ('f', Way::Form), ('p', Way::PlusForm), ('a', Way::Acs3Query)];
    for (kind, way) in ways {
        let answer = client.send(way, "Encrypt", &[("KeyId", key), ("Plaintext", &text(kind, number))]);
        if kind == 'a' {
            assert!(answer.contains("SignatureDoesNotMatch"), "{answer}");
            continue;
        }
        for format in ["JSON", "XML"] {
            let parameters = [("CiphertextBlob", &*blob(&answer)), ("Format", format)];
            let answer = client.send(Way::Form, "Decrypt", &parameters);
            assert!(answer.contains(&mark(kind, number)), "{answer}");
        }
    }
}

/// What base64 stands for is only counted, also of a text that turns out at its end not to be base64.
fn encrypt_base64(client: &mut Client, key: &str, number: usize) {
    let whole = text('w', number);
    let broken = text('b', number);
    for plaintext in [BASE64_STANDARD.encode(whole), BASE64_STANDARD.encode(broken) + "!"] {
        let answer = client.send(Way::Form, "Encrypt", &[("KeyId", key), ("Plaintext", &plaintext)]);
        assert!(answer.contains("CiphertextBlob"), "{answer}");
    }
}

fn put_and_get(client: &mut Client, number: usize) {
    let name = format!("secret{number}");
    let first = text('c', number);
    let second = text('s', number);
    let parameters =
        |version, data| [("SecretName", name.as_str()), ("VersionId", version), ("SecretData", data)];
    assert!(client.send(Way::Form, "CreateSecret", &parameters("v1", &first)).contains("SecretName"));
    for _ in 0..2 {
        let answer = client.send(Way::Form, "PutSecretValue", &parameters("v2", &second));
        assert!(answer.contains("VersionStages"), "{answer}");
    }
    let read = client.send(Way::Form, "GetSecretValue", &[("SecretName", &name)]);
    assert!(read.contains(&mark('s', number)), "{read}");
    let list = format!(r#"[{{"SecretName":"{name}","VersionId":"v1"}}]"#);
    let read = client.send(Way::Form, "BatchGetSecretValue", &[("SecretsList", &list)]);
    assert!(read.contains(&mark('c', number)), "{read}");
}

fn blob(answer: &str) -> String {
    let answer: serde_json::Value = serde_json::from_str(answer).unwrap();
    answer["CiphertextBlob"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[test]
fn the_files_of_a_first_start_are_not_left_in_memory() {
    let world = World::new();
    for start in ["first", "second"] {
        let server = world.serve("kms", [] as [&str; 0]);
        if !is_readable(&server, "the_files_of_a_first_start_are_not_left_in_memory") {
            return;
        }
        let memory = memory(server.id()).unwrap();
        let line = String::from_utf8(world.read("kms/root-key")).unwrap();
        // The last letters: a freed piece of memory has other things at its beginning.
        let end = &line.trim_end()[line.len() - 33..];
        assert_eq!(after(&memory, end.as_bytes()).count(), 0, "the root key, {start} start");
        let (_, secret) = server.access_key();
        let member = format!("\"AccessKeySecret\": \"{}", &secret[..8]);
        assert_eq!(after(&memory, member.as_bytes()).count(), 0, "the file of the access key, {start} start");
        server.stop();
    }
}
