//! Which plaintexts, passwords and secrets stay in the memory of a server after its answers.
//!
//! Clients send them in the query or in a body of known length; the tests search for them as sent and decoded. Not
//! searched are data that is not wiped: headers and chunked bodies, which hyper reads into buffers of its own, and data
//! that rustls encrypts and decrypts, so the servers here use HTTP. An answer may stay until the next one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
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
/// The number of secrets that the server generates, and of passwords, each of which takes it a tenth of a second.
const FEW: usize = 8;

/// A client with one active connection at a time.
struct Client {
    stream: BufReader<TcpStream>,
    /// Earlier connections that are still open.
    idle: Vec<BufReader<TcpStream>>,
    host: String,
    id: String,
    secret: String,
    sent: usize,
    /// The session of the console.
    cookie: String,
}

/// Where the parameters are sent, and in which encoding.
#[derive(Clone, Copy, Debug)]
enum Way {
    Query,
    Form,
    /// With `+` for blanks, as HTML forms encode them.
    PlusForm,
    /// The parameters in the URL, signed by version 3.
    Acs3Query,
}

impl Client {
    fn of(server: &Server<'_>) -> Self {
        let (id, secret) = server.access_key();
        let stream = TcpStream::connect(server.address()).unwrap();
        let stream = BufReader::new(stream);
        let host = server.address().to_string();
        Self { stream, idle: Vec::new(), host, id, secret, sent: 0, cookie: String::new() }
    }

    /// Continues on another connection. Some of the earlier ones stay open.
    fn reconnect(&mut self) {
        let stream = BufReader::new(TcpStream::connect(&self.host).unwrap());
        let earlier = std::mem::replace(&mut self.stream, stream);
        if self.sent.is_multiple_of(3) {
            self.idle.push(earlier);
        }
    }

    /// Returns the body of the answer.
    fn send(&mut self, way: Way, action: &str, pairs: &[(&str, &str)]) -> String {
        self.sent += 1;
        if self.sent.is_multiple_of(5) {
            self.reconnect();
        }
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
        let is_about_people = ["CreateUser", "CreateAccessKey", "CreateLoginProfile"].contains(&action);
        parameters.set("Action", action);
        parameters.set("Version", if is_about_people { "2015-05-01" } else { "2016-01-20" });
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

    /// Signs another query than the client sends: the server parses the request and refuses it.
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

    /// Fills in and submits the form of a page of the console. Returns the next page.
    fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> String {
        let page = self.browse("GET", path, "");
        let (_, token) = page.split_once(r#"name="token" value=""#).unwrap_or_else(|| panic!("{page}"));
        let mut form = Parameters::default();
        for (name, value) in [("token", token.split('"').next().unwrap())].iter().chain(fields) {
            form.set(name, *value);
        }
        self.browse("POST", path, &form.encode())
    }

    fn browse(&mut self, method: &str, path: &str, body: &str) -> String {
        let Self { host, cookie, .. } = self;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\norigin: http://{host}\r\nsec-fetch-site: same-origin\r\n\
             cookie: {cookie}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        self.exchange(&request)
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
            if let Some(value) = line.strip_prefix("set-cookie: bulla-session") {
                self.cookie = format!("bulla-session{}", value.split(';').next().unwrap());
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

/// Returns a text of a kind, which can be recognized in memory. Texts of kinds in capitals have no characters that are
/// encoded in transit.
fn text(kind: char, number: usize) -> String {
    let mark = mark(kind, number);
    if kind.is_uppercase() {
        return mark.repeat(3 + number);
    }
    // Repeated, because freed memory is overwritten at its beginning, and in many lengths, because the next text of the
    // same length gets the same memory.
    format!("{mark} & <密> {}", mark.repeat(2 + number))
}

fn mark(kind: char, number: usize) -> String {
    let blank = if kind.is_uppercase() { '-' } else { ' ' };
    format!("{}{kind}{number:04}{blank}", prefix(blank))
}

/// Returns a password of up to 110 characters of three kinds.
fn password(kind: char, number: usize) -> String {
    mark(kind, number).repeat(2 + number % 4)
}

/// Returns the name of a user; names are compared regardless of case.
fn user(kind: char, number: usize) -> String {
    format!("user-{}-{number}", u32::from(kind))
}

/// Composed at run time from the process id, so that no other memory has it.
fn prefix(blank: char) -> String {
    format!("needle{blank}{:08x}{blank}", std::process::id())
}

/// Returns the writable memory of a process, in pieces; `None` if it may not be read.
fn memory(process: u32) -> Option<Vec<Vec<u8>>> {
    let memory = File::open(format!("/proc/{process}/mem")).ok()?;
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).ok()?;
    let is_writable = |line: &&str| line.split(' ').nth(1).is_some_and(|mode| mode.starts_with("rw"));
    let pieces = maps.lines().filter(is_writable).filter_map(|line| {
        let (from, to) = line.split(' ').next()?.split_once('-')?;
        let [from, to] = [from, to].map(|address| u64::from_str_radix(address, 16).unwrap());
        let mut piece = vec![0; usize::try_from(to - from).unwrap()];
        memory.read_exact_at(&mut piece, from).ok()?; // otherwise a device, which has no such memory
        Some(piece)
    });
    Some(pieces.collect())
}

/// Returns what follows each occurrence of `text`.
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

/// Returns the kinds of texts that are left, with the number of texts.
fn survivors(memory: &[Vec<u8>]) -> BTreeMap<char, usize> {
    let mut counts = BTreeMap::new();
    for blank in [' ', '-'] {
        let prefix = prefix(blank);
        let found: BTreeSet<_> =
            after(memory, prefix.as_bytes()).filter_map(|after| after.get(..5)).collect();
        for text in found {
            *counts.entry(char::from(text[0])).or_default() += 1;
        }
    }
    counts
}

/// A secret that the server generated: its description, and its last bytes, because freed memory is overwritten at its
/// beginning.
type Drawn = (&'static str, Vec<u8>);

/// Counts how many of each are left, in one pass.
fn left_of(memory: &[Vec<u8>], drawn: &[Drawn]) -> BTreeMap<&'static str, usize> {
    let mut by_beginning = HashMap::<[u8; 2], Vec<usize>>::new();
    let mut is_beginning = vec![false; 1 << 16];
    for (number, (_, bytes)) in drawn.iter().enumerate() {
        by_beginning.entry([bytes[0], bytes[1]]).or_default().push(number);
        is_beginning[usize::from(u16::from_be_bytes([bytes[0], bytes[1]]))] = true;
    }
    let mut found = BTreeSet::<usize>::new();
    for piece in memory {
        for at in 1..piece.len() {
            let beginning = [piece[at - 1], piece[at]];
            if is_beginning[usize::from(u16::from_be_bytes(beginning))] {
                let here = |number: &usize| piece[at - 1..].starts_with(&drawn[*number].1);
                found.extend(by_beginning[&beginning].iter().copied().filter(here));
            }
        }
    }
    let mut counts = BTreeMap::new();
    for number in found {
        *counts.entry(drawn[number].0).or_default() += 1;
    }
    counts
}

/// Reports if the memory of the server may not be read: the server denies other processes of its user to trace it.
fn is_readable(server: &Server<'_>, test: &str) -> bool {
    let readable = memory(server.id()).is_some();
    if !readable {
        skipped(test, "only root can read the memory of a server");
    }
    readable
}

/// Returns the memory after another answer, longer than all others.
fn memory_after(server: &Server<'_>, mut client: Client) -> Vec<Vec<u8>> {
    let key = create_key(&mut client);
    // The last answer may still be in memory, and so may the stack of its thread.
    let other = "x".repeat(2 * text(' ', TEXTS).len());
    let encrypted = client.send(Way::Form, "Encrypt", &[("KeyId", &key), ("Plaintext", &other)]);
    client.send(Way::Form, "Decrypt", &[("CiphertextBlob", &blob(&encrypted))]);
    let memory = memory(server.id()).unwrap();
    assert!(after(&memory, client.id.as_bytes()).next().is_some(), "what is there is found");
    assert!(after(&memory, client.secret.as_bytes()).next().is_none(), "secrets of access keys are sealed");
    memory
}

fn create_key(client: &mut Client) -> String {
    member(&client.send(Way::Form, "CreateKey", &[]), "KeyId").to_owned()
}

#[test]
fn no_plaintext_is_left_in_memory() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    if !is_readable(&server, "no_plaintext_is_left_in_memory") {
        return;
    }
    let mut client = Client::of(&server);
    let key = create_key(&mut client);
    for number in 0..TEXTS {
        encrypt_and_decrypt(&mut client, &key, number);
        encrypt_base64(&mut client, &key, number);
        put_and_get(&mut client, number);
    }
    assert_eq!(survivors(&memory_after(&server, client)), BTreeMap::new(), "of {TEXTS} texts each");
    server.stop();
}

#[test]
fn nothing_that_the_server_draws_is_left_in_memory() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    if !is_readable(&server, "nothing_that_the_server_draws_is_left_in_memory") {
        return;
    }
    let mut client = Client::of(&server);
    let key = create_key(&mut client);
    let mut drawn = Vec::<Drawn>::new();
    for number in 0..FEW {
        for format in ["JSON", "XML"] {
            let user = format!("{format}{number}");
            client.send(Way::Form, "CreateUser", &[("UserName", &user)]);
            let mut ask = |action, name, value: &str, wanted| {
                let answer = client.send(Way::Form, action, &[(name, value), ("Format", format)]);
                member(&answer, wanted).to_owned()
            };
            let data_key = ask("GenerateDataKey", "KeyId", &key, "Plaintext");
            let secret = ask("CreateAccessKey", "UserName", &user, "AccessKeySecret");
            let password = ask("GetRandomPassword", "ExcludeCharacters", "&<>\"'/\\", "RandomPassword");
            drawn.push(("data keys", BASE64_STANDARD.decode(&data_key).unwrap()[20..].to_vec()));
            for (what, text) in
                [("data keys in base64", data_key), ("access keys", secret), ("random passwords", password)]
            {
                drawn.push((what, text.as_bytes()[text.len() - 14..].to_vec()));
            }
        }
    }
    let known = [("ids of access keys", client.id.clone().into_bytes())];
    let memory = memory_after(&server, client);
    assert_eq!(left_of(&memory, &known).len(), 1, "what is there is found");
    assert_eq!(left_of(&memory, &drawn), BTreeMap::new(), "of {} each", 2 * FEW);
    server.stop();
}

#[test]
fn no_password_is_left_in_memory() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    if !is_readable(&server, "no_password_is_left_in_memory") {
        return;
    }
    let mut client = Client::of(&server);
    for number in 0..FEW {
        for (kind, way) in [('q', Way::Query), ('f', Way::Form), ('F', Way::Form)] {
            let (user, password) = (user(kind, number), password(kind, number));
            client.send(Way::Form, "CreateUser", &[("UserName", &user)]);
            let answer =
                client.send(way, "CreateLoginProfile", &[("UserName", &user), ("Password", &password)]);
            assert!(answer.contains("CreateDate"), "{answer}");
            client.post("/console/sign-in", &[("UserName", &user), ("Password", &password)]);
            let page = client.browse("GET", "/console/", "");
            assert!(page.contains(&user), "{page}");
        }
    }
    let (id, secret) = (client.id.clone(), client.secret.clone());
    client.post("/console/sign-in", &[("AccessKeyId", &id), ("AccessKeySecret", &secret)]);
    for number in 0..FEW {
        for kind in ['c', 'C'] {
            let user = user(kind, number);
            client.send(Way::Form, "CreateUser", &[("UserName", &user)]);
            let fields = [("UserName", &*user), ("Password", &password(kind, number))];
            client.post("/console/do/ram/CreateLoginProfile", &fields);
            // A second one is refused, and the form is shown again.
            let page = client.post("/console/do/ram/CreateLoginProfile", &fields);
            assert!(page.contains("EntityAlreadyExists"), "{page}");
        }
    }
    assert_eq!(survivors(&memory_after(&server, client)), BTreeMap::new(), "of {FEW} passwords each");
    server.stop();
}

/// Checking a password takes 64 MiB, which are returned to the system afterwards.
#[test]
fn a_password_leaves_no_memory_in_use() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    let mut client = Client::of(&server);
    client.browse("GET", "/console/sign-in", "");
    let before = resident(server.id());
    for _ in 0..2 {
        let page = client.post("/console/sign-in", &[("UserName", "absent"), ("Password", "wrong")]);
        assert!(page.contains("Password"), "{page}");
    }
    let after = resident(server.id());
    assert!(
        after < before + (32 << 10),
        "{before} KiB, and {after} KiB after two passwords: a CFLAGS of yours replaces that of .cargo/config.toml"
    );
    server.stop();
}

/// Returns the KiB of a process that are in memory.
fn resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn encrypt_and_decrypt(client: &mut Client, key: &str, number: usize) {
    let ways = [('q', Way::Query), ('f', Way::Form), ('p', Way::PlusForm), ('a', Way::Acs3Query)];
    let plain = ways.map(|(kind, way)| (kind.to_ascii_uppercase(), way));
    for (kind, way) in ways.into_iter().chain(plain) {
        let answer = client.send(way, "Encrypt", &[("KeyId", key), ("Plaintext", &text(kind, number))]);
        if matches!(way, Way::Acs3Query) {
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

/// Decoded base64 is only counted, even if the end of the text is not base64.
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
    member(answer, "CiphertextBlob").to_owned()
}

/// Returns the first member of this name in an answer in JSON or XML. Its value has no escapes.
fn member<'a>(answer: &'a str, name: &str) -> &'a str {
    let places = [(format!("\"{name}\":\""), '"'), (format!("<{name}>"), '<')];
    let found = places.iter().find_map(|(begin, end)| answer.split_once(begin)?.1.split(*end).next());
    found.unwrap_or_else(|| panic!("{name} is not in {answer}"))
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
        // The last letters: freed memory is overwritten at its beginning.
        let end = &line.trim_end()[line.len() - 33..];
        assert_eq!(after(&memory, end.as_bytes()).count(), 0, "the root key, {start} start");
        let (_, secret) = server.access_key();
        let member = format!("\"AccessKeySecret\": \"{}", &secret[..8]);
        assert_eq!(after(&memory, member.as_bytes()).count(), 0, "the file of the access key, {start} start");
        server.stop();
    }
}
