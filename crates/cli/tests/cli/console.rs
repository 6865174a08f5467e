//! `bulla console`: which browsers its link admits, how often, and what other users and programs of the machine learn.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, bind, connect, ipproto, socket, sockopt};
use rustix::process::{Signal, Uid, geteuid};
use rustix::thread::set_thread_res_uid;

use crate::harness::{Run, Running, World, skipped, wait_for};

/// A user without relation to the one that runs the command.
const OTHER_USER: u32 = 65_534;
const USED_TWICE: &str = "the link was used a second time";

/// The running command, and what it has printed.
struct Console<'a> {
    running: Running<'a>,
    messages: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
    /// The random host name, with the port.
    host: String,
    /// The path and query of the link.
    link: String,
}

/// A browser with its own cookie.
struct Browser {
    host: String,
    from: SocketAddrV4,
    cookie: String,
}

/// An answer: the status, the head and the body.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl<'a> Console<'a> {
    fn start(command: Run<'a>) -> Self {
        let mut running = command.start();
        let messages = Arc::new(Mutex::new(String::new()));
        let lines = BufReader::new(running.stderr()).lines();
        let telling = Arc::clone(&messages);
        let reader = thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| *telling.lock().unwrap() += &(line + "\n"));
        });
        wait_for("the link", || messages.lock().unwrap().contains("Ctrl-C"));
        let text = messages.lock().unwrap().clone();
        let (_, url) = text.split_once("http://").unwrap();
        let (host, link) = url.lines().next().unwrap().split_once('/').unwrap();
        let (host, link) = (host.to_owned(), format!("/{link}"));
        Self { running, messages, reader, host, link }
    }

    fn port(&self) -> u16 {
        self.host.rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// Returns the secret part of the link.
    fn token(&self) -> &str {
        self.link.split_once("link=").unwrap().1
    }

    fn browser(&self) -> Browser {
        let from = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        Browser { host: self.host.clone(), from, cookie: String::new() }
    }

    fn messages(&self) -> String {
        self.messages.lock().unwrap().clone()
    }

    /// Stops it with Ctrl-C.
    fn stop(self) -> String {
        self.running.signal(Signal::INT);
        self.reader.join().unwrap();
        let outcome = self.running.finish();
        assert_eq!((outcome.code(), &*outcome.stdout), (Some(0), &b""[..]), "{outcome:?}");
        self.messages.lock().unwrap().clone()
    }
}

impl Browser {
    /// Connects from the address and port that this browser has.
    fn connect(&self) -> TcpStream {
        let to: SocketAddr = format!("127.0.0.1:{}", self.host.rsplit_once(':').unwrap().1).parse().unwrap();
        let made = socket(AddressFamily::INET, SocketType::STREAM, Some(ipproto::TCP)).unwrap();
        sockopt::set_socket_reuseaddr(&made, true).unwrap();
        bind(&made, &self.from).unwrap();
        connect(&made, &to).unwrap();
        let stream = TcpStream::from(made);
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    /// Opens the page of a link and submits its form, as a browser with scripts does.
    fn enter(&mut self, link: &str) -> Answer {
        let page = self.get(link);
        let (_, token) = page.body.split_once(r#"name="token" value=""#).unwrap();
        let (_, link) = link.split_once("link=").unwrap();
        let form = format!("token={}&link={link}", token.split('"').next().unwrap());
        self.ask("POST", "/console/enter", &form)
    }

    fn is_in(&mut self) -> bool {
        let answer = self.get("/console/keys");
        assert!(matches!(answer.status, 200 | 403), "{}", answer.body);
        answer.status == 200
    }

    fn ask(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let mut stream = self.connect();
        self.ask_by(&mut stream, method, path, body)
    }

    fn ask_by(&mut self, stream: &mut TcpStream, method: &str, path: &str, body: &str) -> Answer {
        let Self { host, cookie, .. } = self;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nCookie: {cookie}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let head = head.to_ascii_lowercase();
        if let Some((_, set)) = text.split_once("set-cookie: ") {
            self.cookie = set.split(';').next().unwrap().to_owned();
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head, body: body.to_owned() }
    }
}

impl Answer {
    /// Asserts that it is a page with this status and text, and with the id of its request.
    fn check_page(&self, status: u16, text: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        assert!(self.head.contains("content-type: text/html; charset=utf-8"), "{}", self.head);
        assert!(self.body.contains(text) && self.body.contains("<code>"), "{text}: {}", self.body);
        self.check_headers();
    }

    fn check_headers(&self) {
        for header in [
            "content-security-policy: default-src 'none'; ",
            "cross-origin-opener-policy: same-origin\r\n",
            "cross-origin-resource-policy: same-origin\r\n",
            "x-content-type-options: nosniff\r\n",
            "referrer-policy: no-referrer\r\n",
            "cache-control: no-store\r\n",
        ] {
            assert!(self.head.contains(header), "{header}: {}", self.head);
        }
    }
}

#[test]
fn the_link_lets_in_once_and_its_second_use_ends_every_session() {
    let world = World::new();
    let console = Console::start(world.bulla(["console", "--no-open"]));
    let mut owner = console.browser();
    assert!(!owner.is_in());
    // A browser that prefetches, or a scanner of links, requests the page only.
    for method in ["GET", "HEAD", "GET"] {
        assert_eq!(console.browser().ask(method, &console.link, "").status, 200, "{method}");
    }
    let answer = owner.enter(&console.link);
    assert_eq!(answer.status, 303, "{}", answer.body);
    let port = console.port();
    assert!(answer.head.contains(&format!("set-cookie: bulla-session-{port}=")), "{}", answer.head);
    assert!(answer.head.contains("httponly; samesite=strict"), "{}", answer.head);
    assert!(owner.is_in());
    world.bulla(["key", "create", "--alias", "meanwhile"]).ok();
    assert!(owner.get("/console/keys").body.contains("alias/meanwhile"));

    let mut thief = console.browser();
    assert_eq!(thief.enter(&console.link).status, 403);
    assert!(!thief.is_in() && !owner.is_in());
    wait_for("the word of the second use", || console.messages().contains(USED_TWICE));
    assert_eq!(owner.enter(&console.link).status, 403);
    assert!(!owner.is_in());
    let messages = console.stop();
    assert!(messages.contains("run bulla console again"), "{messages}");
}

#[test]
fn nothing_but_the_console_is_served_and_under_no_other_name() {
    let world = World::new();
    let console = Console::start(world.bulla(["console", "--no-open", "--listen", "localhost:0"]));
    let mut owner = console.browser();
    assert_eq!(owner.enter(&console.link).status, 303);
    for path in ["/", "/?utm=1"] {
        let answer = owner.get(path);
        assert_eq!((answer.status, answer.head.contains("location: /console/\r\n")), (303, true), "{path}");
        answer.check_headers();
    }
    for path in ["/?Action=ListKeys&Version=2016-01-20", "/healthz", "/consoles/"] {
        owner.get(path).check_page(404, "There is no such page.");
    }
    let large = "a".repeat(400_000);
    owner.ask("POST", "/console/keys", &large).check_page(413, "The form is too large.");
    let port = console.port();
    let name = console.host.clone();
    for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("x{name}")] {
        let mut elsewhere = Browser { host: host.clone(), cookie: owner.cookie.clone(), ..console.browser() };
        for path in ["/console/keys", "/console/enter", &console.link, "/", "/healthz"] {
            elsewhere.get(path).check_page(421, "Open the link that `bulla console` has printed.");
        }
    }
    assert!(!console.stop().contains(USED_TWICE));
}

/// The pages keep their style and the choice of the language, which need no store.
#[test]
fn while_the_store_cannot_be_opened_the_pages_say_why_and_what_to_do() {
    let world = World::new();
    let console = Console::start(world.bulla(["console", "--no-open", "--data", "data"]));
    let mut owner = console.browser();
    assert_eq!(owner.enter(&console.link).status, 303);
    let page = owner.get("/console/keys").body;
    let style = page.split('"').find(|part| part.ends_with(".css")).unwrap();

    let server = world.serve("data", ["--http"]);
    for path in ["/console/", "/console/keys", "/console/do/kms/CreateKey"] {
        owner.get(path).check_page(503, "Stop the server, or open /console/ of it.");
    }
    let mut elsewhere = Browser { host: format!("evil.example:{}", console.port()), ..console.browser() };
    elsewhere.get("/console/keys").check_page(421, "Open the link");
    assert_eq!(owner.get(style).status, 200);
    let answer = owner.get("/console/language?to=zh");
    assert!(answer.status == 303 && answer.head.contains("set-cookie: bulla-language=zh"), "{}", answer.head);
    let mut chinese = Browser { cookie: "bulla-language=zh".into(), ..console.browser() };
    chinese.get("/console/").check_page(503, "请停止该服务器，或打开它的 /console/。");
    server.stop();

    fs::set_permissions(world.path("data"), fs::Permissions::from_mode(0o777)).unwrap();
    owner.get("/console/keys").check_page(503, "is open to others");
    fs::set_permissions(world.path("data"), fs::Permissions::from_mode(0o700)).unwrap();
    console.stop();
}

/// The other user knows the link and the cookie, which other users of the machine cannot read.
#[test]
fn other_users_of_the_machine_are_refused() {
    if !geteuid().is_root() {
        return skipped("other_users_of_the_machine_are_refused", "only root can connect as another user");
    }
    let world = World::new();
    let console = Console::start(world.bulla(["console", "--no-open"]));
    let mut owner = console.browser();
    assert_eq!(owner.enter(&console.link).status, 303);
    // The owner has an open connection, which the other user imitates: from the same port of other addresses of this
    // machine.
    let open = owner.connect();
    let SocketAddr::V4(from) = open.local_addr().unwrap() else { panic!("{open:?}") };
    let imitations = (2..18).map(|last| SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, last), from.port()));
    let own = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    let tries = imitations.map(|from| (from, "/console/keys"));
    for (from, path) in tries.chain([(own, "/console/keys"), (own, &console.link)]) {
        let mut thief = Browser { from, cookie: owner.cookie.clone(), ..console.browser() };
        let path = path.to_owned();
        let answer = as_another_user(move || thief.get(&path));
        answer.check_page(403, "Run `bulla console` to open your own.");
        assert!(!answer.head.contains("set-cookie"), "{}", answer.head);
    }
    // A connection that the other user closes without waiting for an answer has no owner, which is reported as root.
    let form = format!("link={}", console.token());
    let host = console.host.clone();
    let thief = console.browser();
    as_another_user(move || {
        let request =
            format!("POST /console/enter HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9999\r\n\r\n{form}");
        thief.connect().write_all(request.as_bytes()).unwrap();
    });
    assert!(owner.is_in());
    assert!(!console.stop().contains(USED_TWICE));
}

/// Runs `act` in a thread of another user, without the rights of root.
fn as_another_user<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = thread::spawn(move || {
        let user = Uid::from_raw(OTHER_USER);
        set_thread_res_uid(user, user, user).unwrap();
        act()
    });
    thread.join().unwrap()
}

/// Other users can read the arguments and environments of processes, and files that are not private.
#[test]
fn the_desktop_gets_the_link_in_a_private_file() {
    let world = World::new();
    let opener = world.write("bin", "");
    fs::remove_file(&opener).unwrap();
    fs::create_dir(&opener).unwrap();
    let script = "#!/bin/sh\necho \"$@\" > argument\ncp -p \"$1\" page && mv page opened\nwhile ! [ -e seen ]; do sleep 0.01; done\n";
    let script_path = world.write("bin/xdg-open", script);
    fs::set_permissions(script_path, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", opener.display());
    let command = world.bulla(["console"]).env("DISPLAY", ":99").env("PATH", path);
    let console = Console::start(command);
    wait_for("the desktop", || world.path("opened").exists());
    let argument = String::from_utf8(world.read("argument")).unwrap();
    let page = String::from_utf8(world.read("opened")).unwrap();
    let url = format!("http://{}{}", console.host, console.link);
    assert!(page.contains(&format!("url={url}\"")), "{page}");
    assert_eq!(fs::metadata(world.path("opened")).unwrap().permissions().mode() & 0o777, 0o600);
    let messages = [format!("link={}", console.token()), console.host.clone()];
    for file in process_files() {
        let text = String::from_utf8_lossy(&fs::read(&file).unwrap_or_default()).into_owned();
        assert!(!messages.iter().any(|part| text.contains(part)), "{} tells the link", file.display());
    }
    world.write("seen", "");
    let mut owner = console.browser();
    assert_eq!(owner.enter(&console.link).status, 303);
    console.stop();
    assert!(!fs::exists(argument.trim()).unwrap(), "{argument} is left behind");
}

/// Returns the arguments and the environment of every process.
fn process_files() -> Vec<std::path::PathBuf> {
    let is_process = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let names = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let processes: Vec<_> = names.filter(|name| is_process(name)).collect();
    assert!(processes.len() > 1);
    let files = ["cmdline", "environ"];
    processes.iter().flat_map(|id| files.map(|file| format!("/proc/{id}/{file}").into())).collect()
}
