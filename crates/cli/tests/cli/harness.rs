//! A directory for each test, the binary run in it, and servers that are stopped or killed.
//!
//! All output of the binary in any test is searched for the secrets in the directory.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub(crate) const BULLA: &str = env!("CARGO_BIN_EXE_bulla");

/// A fresh machine: `work` to run commands in, and a home with the embedded store.
pub(crate) struct World {
    directory: TempDir,
    /// Texts that must not be printed, besides the key files.
    secrets: Mutex<Vec<String>>,
}

impl World {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["work", "home", "xdg", "tmp"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        Self { directory, secrets: Mutex::default() }
    }

    pub(crate) fn root(&self) -> &Path {
        self.directory.path()
    }

    /// Returns a path in the directory of the commands.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root().join("work").join(name)
    }

    /// Returns the directory of the embedded store.
    pub(crate) fn store(&self) -> PathBuf {
        self.root().join("xdg/bulla")
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Returns all names in the directory of the commands, including hidden ones.
    pub(crate) fn names(&self) -> Vec<String> {
        names_in(&self.path(""))
    }

    /// Forbids all further commands to print this.
    pub(crate) fn keep_secret(&self, secret: impl Into<String>) {
        self.secrets.lock().unwrap().push(secret.into());
    }

    /// Prepares the binary with these arguments.
    pub(crate) fn bulla<S: AsRef<str>>(&self, args: impl IntoIterator<Item = S>) -> Run<'_> {
        self.command(BULLA, args)
    }

    /// Prepares a shell script, in which `bulla` is the binary.
    pub(crate) fn sh(&self, script: &str) -> Run<'_> {
        self.command("sh", ["-c", script])
    }

    pub(crate) fn command<S: AsRef<str>>(&self, program: &str, args: impl IntoIterator<Item = S>) -> Run<'_> {
        let mut command = Command::new(program);
        command.args(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self.prepare(&mut command);
        Run { world: self, command, input: Vec::new() }
    }

    fn prepare(&self, command: &mut Command) {
        let bin = Path::new(BULLA).parent().unwrap().display();
        command
            .current_dir(self.path(""))
            .env_clear()
            .env("PATH", format!("{bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"))
            .env("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true") // independent of the machine
            .env("HOME", self.root().join("home"))
            .env("XDG_DATA_HOME", self.root().join("xdg"))
            .env("TMPDIR", self.root().join("tmp"));
    }

    /// Starts a server with its data in `data`, on a free port.
    pub(crate) fn serve<S: AsRef<str>>(&self, data: &str, flags: impl IntoIterator<Item = S>) -> Server<'_> {
        self.try_serve(data, flags, &[]).unwrap_or_else(|outcome| panic!("{outcome:?}"))
    }

    /// The same with more environment variables. Returns its messages if it did not start.
    pub(crate) fn try_serve<S: AsRef<str>>(
        &self,
        data: &str,
        flags: impl IntoIterator<Item = S>,
        environment: &[(&str, &str)],
    ) -> Result<Server<'_>, Outcome> {
        self.spawn_server(Command::new(BULLA), data, flags, environment)
    }

    /// The same after a shell ran `first`, such as `ulimit -n 300`.
    pub(crate) fn serve_in_shell<S: AsRef<str>>(
        &self,
        data: &str,
        flags: impl IntoIterator<Item = S>,
        first: &str,
    ) -> Server<'_> {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{first}; exec \"$0\" \"$@\""), BULLA]);
        self.spawn_server(shell, data, flags, &[]).unwrap_or_else(|outcome| panic!("{outcome:?}"))
    }

    fn spawn_server<S: AsRef<str>>(
        &self,
        mut command: Command,
        data: &str,
        flags: impl IntoIterator<Item = S>,
        environment: &[(&str, &str)],
    ) -> Result<Server<'_>, Outcome> {
        let flags: Vec<_> = flags.into_iter().map(|flag| flag.as_ref().to_owned()).collect();
        command.args(["serve", "--data", data]);
        if !flags.iter().any(|flag| ["--listen", "--config"].contains(&flag.as_str())) {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        self.prepare(&mut command);
        let log = tempfile::Builder::new().prefix("serve-").suffix(".log").tempfile_in(self.root()).unwrap();
        let (log, log_path) = log.keep().unwrap();
        command.args(flags).envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        match line.strip_prefix("bulla: listening on ") {
            Some(url) => {
                let url = url.trim_end().to_owned();
                let data = self.path(data);
                Ok(Server { world: self, child, stdout: Some(stdout), url, data, log: log_path })
            }
            None => {
                let status = child.wait().unwrap();
                Err(Outcome::new(self, status, line.into_bytes(), fs::read(log_path).unwrap()))
            }
        }
    }

    /// Returns all texts that must not appear in any output.
    fn all_secrets(&self) -> Vec<String> {
        let mut secrets = self.secrets.lock().unwrap().clone();
        collect_secrets(self.root(), &mut secrets);
        secrets
    }

    fn check_for_secrets(&self, place: &str, output: &[u8]) {
        for secret in self.all_secrets() {
            assert!(!contains(output, secret.as_bytes()), "{place} shows the secret {secret}");
        }
    }
}

/// A command about to run.
pub(crate) struct Run<'a> {
    world: &'a World,
    command: Command,
    input: Vec<u8>,
}

impl<'a> Run<'a> {
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.command.env(name, value.as_ref());
        self
    }

    pub(crate) fn envs(mut self, variables: &[(String, String)]) -> Self {
        self.command.envs(variables.iter().map(|(name, value)| (name, value)));
        self
    }

    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Outcome {
        let input = self.input.clone();
        let mut running = self.start();
        let mut stdin = running.stdin();
        thread::scope(|scope| {
            scope.spawn(move || {
                let _ = stdin.write_all(&input); // a command that does not read it fails or succeeds without it
            });
            running.finish()
        })
    }

    /// Runs it to its end, without a reader of its standard output.
    pub(crate) fn run_without_reader(mut self) -> Outcome {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let output =
            self.command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        Outcome::new(self.world, output.status, output.stdout, output.stderr)
    }

    /// Runs it and expects success.
    pub(crate) fn ok(self) -> Outcome {
        let outcome = self.run();
        assert_eq!(outcome.code(), Some(0), "{outcome:?}");
        outcome
    }

    /// Starts it with a pipe as standard input, which stays open.
    pub(crate) fn start(mut self) -> Running<'a> {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running { world: self.world, child: self.command.spawn().unwrap() }
    }
}

/// A running command.
pub(crate) struct Running<'a> {
    world: &'a World,
    child: Child,
}

impl Running<'_> {
    pub(crate) fn stdin(&mut self) -> impl Write + use<> {
        self.child.stdin.take().unwrap()
    }

    pub(crate) fn stderr(&mut self) -> impl Read + use<> {
        self.child.stderr.take().unwrap()
    }

    pub(crate) fn is_running(&self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap_or_default();
        status.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(&self.child, signal);
    }

    pub(crate) fn finish(self) -> Outcome {
        let output = self.child.wait_with_output().unwrap();
        Outcome::new(self.world, output.status, output.stdout, output.stderr)
    }
}

/// The outcome of a command.
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Outcome {
    fn new(world: &World, status: ExitStatus, stdout: Vec<u8>, stderr: Vec<u8>) -> Self {
        world.check_for_secrets("standard output", &stdout);
        world.check_for_secrets("standard error", &stderr);
        let stderr = String::from_utf8(stderr).expect("messages are text");
        let outcome = Self { status, stdout, stderr };
        assert!(!outcome.stderr.contains("panicked"), "{outcome:?}");
        assert!(![Some(101), Some(134)].contains(&outcome.code()), "{outcome:?}");
        assert!(!outcome.stderr.contains("internal error"), "{outcome:?}");
        outcome
    }

    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    pub(crate) fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// Asserts the exit code and the full text on standard error.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, stderr: &str) {
        assert_eq!((self.code(), self.stderr.as_str()), (Some(code), stderr));
        assert_eq!(String::from_utf8_lossy(&self.stdout), "", "a failed command prints no result");
    }

    /// Asserts the exit code, that the error has two lines, and parts of them.
    #[track_caller]
    pub(crate) fn fails_with(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code(), Some(code), "{self:?}");
        assert!(self.stderr.starts_with("bulla: "), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 2, "what happened and what to do: {self:?}");
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is not in {self:?}");
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stdout = String::from_utf8_lossy(&self.stdout);
        write!(f, "{}\n1> {stdout:.2000}\n2> {:.4000}", self.status, self.stderr)
    }
}

/// A running server, killed when dropped.
pub(crate) struct Server<'a> {
    world: &'a World,
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    pub(crate) url: String,
    data: PathBuf,
    log: PathBuf,
}

impl Server<'_> {
    pub(crate) fn address(&self) -> SocketAddr {
        self.url.split_once("://").unwrap().1.parse().unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the access key that the first start created: id and secret.
    pub(crate) fn access_key(&self) -> (String, String) {
        let text = fs::read(self.data.join("root-access-key.json")).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let field = |name: &str| json[name].as_str().unwrap().to_owned();
        (field("AccessKeyId"), field("AccessKeySecret"))
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.data.join("tls/ca.pem")
    }

    /// Returns the environment of a client, from the server's hints.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let (id, secret) = self.access_key();
        let ca = self.ca().display().to_string();
        [
            ("BULLA_KMS", self.url.clone()),
            ("ALIBABA_CLOUD_CA_BUNDLE", ca),
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", id),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// Returns its standard error so far. A thread writes the log, so the line of a request or an event may come later:
    /// wait for a line, and count lines in [`Self::complete_log`].
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Returns the log with every line of events before this call: lines are written in order, so it is complete once a
    /// request that is sent now has its line.
    pub(crate) fn complete_log(&self) -> String {
        let reply = self.world.bulla(["kms", "DescribeRegions"]).envs(&self.environment()).ok().json();
        let marker = format!(" request={} ", reply["RequestId"].as_str().unwrap());
        wait_for("the log", || self.log().contains(&marker));
        self.log()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(&self.child, signal);
    }

    /// Stops it, and expects a regular end.
    pub(crate) fn stop(self) {
        send(&self.child, Signal::TERM);
        self.ends_without_a_signal();
    }

    /// Expects it to end regularly after a signal.
    pub(crate) fn ends_without_a_signal(mut self) {
        let status = wait(&mut self.child, Duration::from_secs(20));
        assert_eq!(status.code(), Some(0), "{status}: {}", self.log());
        let mut rest = Vec::new();
        self.stdout.take().unwrap().read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"", "one line for programs");
    }

    /// Kills it, as a power failure does, except for the page cache.
    pub(crate) fn kill(mut self) {
        send(&self.child, Signal::KILL);
        assert_eq!(wait(&mut self.child, Duration::from_secs(20)).signal(), Some(9));
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
        if !thread::panicking() {
            let log = fs::read(&self.log).unwrap();
            self.world.check_for_secrets("the log", &log);
            let sound = !contains(&log, b"panicked") && !contains(&log, b"internal error");
            assert!(sound, "{}", String::from_utf8_lossy(&log));
        }
    }
}

/// Returns all names in a directory, sorted.
pub(crate) fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Copies a directory with its contents, modes and times.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

/// Returns bytes that look random but are the same each time.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Returns a random number below `limit`, such as a moment to kill a process.
pub(crate) fn random_below(limit: u64) -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0) % limit
}

/// Waits until `ready`, or fails.
#[track_caller]
pub(crate) fn wait_for(what: &str, mut ready: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !ready() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Reports a test that cannot run here, in a conspicuous line.
pub(crate) fn skipped(test: &str, why: &str) {
    // Unlike `eprintln!`, this is not captured by the test runner.
    let _ = writeln!(io::stderr(), "\n*** SKIPPED: {test}: {why} ***\n");
}

fn send(child: &Child, signal: Signal) {
    let id = i32::try_from(child.id()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
}

fn wait(child: &mut Child, patience: Duration) -> ExitStatus {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < deadline, "it does not end");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Collects the secrets in the key files below a directory.
fn collect_secrets(directory: &Path, secrets: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().into_string().unwrap_or_default();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            collect_secrets(&path, secrets);
        } else if !kind.is_file() {
            // Reading a pipe in place of a key would never end.
        } else if name.starts_with("root-key") {
            let text = fs::read_to_string(&path).unwrap_or_default();
            secrets.extend(text.trim().split_once(':').map(|(_, key)| key.to_owned()));
        } else if name.starts_with("root-access-key.json") {
            let text = fs::read(&path).unwrap_or_default();
            let json: Option<serde_json::Value> = serde_json::from_slice(&text).ok();
            secrets.extend(json.and_then(|json| json["AccessKeySecret"].as_str().map(str::to_owned)));
        }
    }
    secrets.retain(|secret| secret.len() >= 8);
}

pub(crate) fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
