//! Credentials from an external program of the configuration. It runs without a shell, so nothing in the command is expanded.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bulla_wire::{SecretText, Timestamp};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::Credentials;
use super::error::{CredentialsError, ProcessProblem};
use super::refresh::Session;

/// A program that prints credentials.
pub(super) struct ExternalProcess {
    words: Vec<String>,
    timeout: Duration,
}

impl ExternalProcess {
    /// Splits the command at blanks. Single and double quotes keep blanks together; no other character is special.
    pub(super) fn new(command: &str, place: &str) -> Result<Self, CredentialsError> {
        let invalid = || CredentialsError::Invalid {
            place: place.to_owned(),
            field: "process_command",
            expected: "a program with its arguments, in closed quotes where they have blanks",
        };
        let words = split(command).filter(|words| !words.is_empty()).ok_or_else(invalid)?;
        Ok(Self { words, timeout: TIMEOUT })
    }

    pub(super) fn fetch(&self, place: &str) -> Result<Session, CredentialsError> {
        let output = self.run().and_then(|output| parse(&output));
        output.map_err(|problem| CredentialsError::Process { place: place.to_owned(), problem })
    }

    /// Runs the program and returns its output. It inherits standard error, so that the user sees its messages.
    fn run(&self) -> Result<Zeroizing<Vec<u8>>, ProcessProblem> {
        let deadline = Instant::now() + self.timeout;
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).stdin(Stdio::null()).stdout(Stdio::piped());
        let has_group = !has_terminal();
        if has_group {
            command.process_group(0);
        }
        let mut child = command.spawn().map_err(ProcessProblem::Io)?;
        let stdout = child.stdout.take().expect("its standard output is a pipe");
        let outcome = read_until(stdout, deadline).and_then(|output| {
            let status = wait_until(&mut child, deadline)?;
            if status.success() { Ok(output) } else { Err(ProcessProblem::Failed(status.code())) }
        });
        if matches!(&outcome, Err(problem) if !matches!(problem, ProcessProblem::Failed(_))) {
            kill(&mut child, has_group);
        }
        outcome
    }
}

/// Whether this process has a controlling terminal. If so, the program stays in the foreground process group: it may prompt the
/// user, and Ctrl-C terminates it together with bulla.
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

/// Kills the program, which must not have been waited for, and the processes in its own process group if it has one.
fn kill(child: &mut Child, has_group: bool) {
    // The id is not reused: the child keeps the group until it is waited for.
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw).filter(|_| has_group);
    let _ = match group {
        Some(group) => kill_process_group(group, Signal::KILL).map_err(io::Error::from),
        None => child.kill(),
    }; // fails if all have exited, which is the goal
    let _ = child.wait();
}

/// Reads to the end on a thread, which is detached at the deadline, because a process that the program started may keep the pipe
/// open.
fn read_until(stdout: ChildStdout, deadline: Instant) -> Result<Zeroizing<Vec<u8>>, ProcessProblem> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        // Allocated at once: a vector that grows leaves copies in memory that is not wiped.
        let mut output = Zeroizing::new(Vec::with_capacity(MAX_OUTPUT + 1));
        let read = stdout.take(MAX_OUTPUT as u64 + 1).read_to_end(&mut output);
        let _ = sender.send(read.map(|_| output)); // fails after the deadline
    });
    let left = deadline.saturating_duration_since(Instant::now());
    let read: io::Result<_> = receiver.recv_timeout(left).map_err(|_| ProcessProblem::Timeout)?;
    let output = read.map_err(ProcessProblem::Io)?;
    if output.len() > MAX_OUTPUT { Err(ProcessProblem::TooLong) } else { Ok(output) }
}

fn wait_until(child: &mut Child, deadline: Instant) -> Result<ExitStatus, ProcessProblem> {
    loop {
        if let Some(status) = child.try_wait().map_err(ProcessProblem::Io)? {
            return Ok(status);
        }
        if Instant::now() >= deadline {
            return Err(ProcessProblem::Timeout);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

#[derive(Deserialize)]
struct Output {
    mode: String,
    #[serde(default)]
    access_key_id: String,
    #[serde(default)]
    access_key_secret: SecretText,
    #[serde(default)]
    sts_token: SecretText,
    #[serde(default)]
    expiration: String,
}

fn parse(output: &[u8]) -> Result<Session, ProcessProblem> {
    let output: Output = serde_json::from_slice(output).map_err(|_| ProcessProblem::Output)?;
    let with_token = match output.mode.to_ascii_lowercase().as_str() {
        "ak" => false,
        "ststoken" => true,
        _ => return Err(ProcessProblem::Output),
    };
    let expires = match output.expiration.as_str() {
        "" => None,
        text => Some(Timestamp::parse(text).ok_or(ProcessProblem::Output)?),
    };
    let incomplete = output.access_key_id.is_empty()
        || output.access_key_secret.expose().is_empty()
        || with_token && output.sts_token.expose().is_empty();
    if incomplete {
        return Err(ProcessProblem::Output);
    }
    let credentials = Credentials {
        access_key_id: output.access_key_id,
        access_key_secret: output.access_key_secret,
        security_token: with_token.then_some(output.sts_token),
    };
    Ok(Session { credentials, expires })
}

/// Splits a command into words; `None` if a quote is not closed.
fn split(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in command.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, blank) if blank.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// The timeout of the official libraries.
const TIMEOUT: Duration = Duration::from_secs(60);
const MAX_OUTPUT: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn run(command: &str) -> Result<Session, String> {
        let process = ExternalProcess::new(command, "here").map_err(|error| error.to_string())?;
        process.fetch("here").map_err(|error| error.to_string())
    }

    #[test]
    fn quotes_keep_blanks_together() {
        for (command, words) in [
            ("a b  c", vec!["a", "b", "c"]),
            ("'/a b/c' \"d 'e\" f\"g\"h", vec!["/a b/c", "d 'e", "fgh"]),
            ("a '' b", vec!["a", "", "b"]),
            ("a\\ b $(c) ; d", vec!["a\\", "b", "$(c)", ";", "d"]),
        ] {
            assert_eq!(split(command).unwrap(), words);
        }
        assert!(split("a 'b").is_none());
        for wrong in ["", "  ", "a \"b"] {
            assert!(run(wrong).unwrap_err().starts_with("here: process_command is not "), "{wrong}");
        }
    }

    #[test]
    fn what_a_program_prints() {
        let session =
            run(r#"echo '{"mode":"AK","access_key_id":"i","access_key_secret":"s","sts_token":"no"}'"#);
        let session = session.unwrap();
        assert_eq!(session.credentials.access_key_id, "i");
        assert!(session.credentials.security_token.is_none() && session.expires.is_none());
        let session = run(
            r#"echo '{"mode":"StsToken","access_key_id":"i","access_key_secret":"s","sts_token":"t","expiration":"2030-01-01T00:00:00Z"}'"#,
        );
        let session = session.unwrap();
        assert_eq!(session.credentials.security_token.unwrap().expose(), "t");
        assert_eq!(session.expires.unwrap().unix(), 1_893_456_000);
    }

    #[test]
    fn output_that_cannot_be_used() {
        for output in [
            "hunter2",
            "{}",
            r#"{"mode":"RamRoleArn","access_key_id":"i","access_key_secret":"hunter2"}"#,
            r#"{"mode":"AK","access_key_id":"i"}"#,
            r#"{"mode":"StsToken","access_key_id":"i","access_key_secret":"hunter2"}"#,
            r#"{"mode":"AK","access_key_id":"i","access_key_secret":"hunter2","expiration":"soon"}"#,
        ] {
            let error = run(&format!("echo '{output}'")).unwrap_err();
            assert_eq!(error, "here: the external program did not print JSON with usable credentials");
        }
        let error = run("head -c 70000 /dev/zero").unwrap_err();
        assert_eq!(error, "here: the external program printed more than 64 KiB");
    }

    #[test]
    fn programs_that_fail() {
        assert_eq!(run("/nonexistent/program").unwrap_err(), "here: the external program cannot be run");
        assert_eq!(run("sh -c 'exit 3'").unwrap_err(), "here: the external program failed with exit code 3");
        assert_eq!(
            run("sh -c 'kill -9 $$'").unwrap_err(),
            "here: the external program was ended by a signal"
        );
    }

    #[test]
    fn a_program_that_does_not_end_is_killed() {
        for command in ["sleep 3", "sh -c 'exec >&- 2>&-; exec sleep 3'", "sh -c 'sleep 3 2>&- & exit'"] {
            let mut process = ExternalProcess::new(command, "here").unwrap();
            process.timeout = Duration::from_millis(100);
            let error = process.fetch("here").unwrap_err();
            assert_eq!(error.to_string(), "here: the external program did not end within 60 seconds");
        }
    }

    #[test]
    fn the_processes_that_a_killed_program_started_are_killed_too() {
        if has_terminal() {
            eprintln!("LEFT OUT: with a terminal the program has no group of its own");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("alive");
        for command in ["(sleep 1; touch MARK) & sleep 9", "(sleep 1; touch MARK) & exit"] {
            let command = format!("sh -c '{}'", command.replace("MARK", mark.to_str().unwrap()));
            let mut process = ExternalProcess::new(&command, "here").unwrap();
            process.timeout = Duration::from_millis(200);
            assert!(process.fetch("here").is_err());
            thread::sleep(Duration::from_millis(1500));
            assert!(!mark.exists(), "{command}");
        }
    }
}
