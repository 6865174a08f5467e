//! Reports what a command did to files: a note for each named file, one for a tree, failures at the end, and with
//! `--json` an event for each file.

use std::collections::HashMap;
use std::io;
use std::mem;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bulla_files::{FileSummary, SkipReason, TreeEvent, TreeSummary};
use serde_json::{Value, json};

use crate::args::RunOptions;
use crate::failure::{Exit, Failure};
use crate::messages::note;
use crate::streams::write_out;

/// The report of one command.
pub(crate) struct Report {
    /// The past tense of the action, such as `encrypted`.
    verb: &'static str,
    /// The key as named on the command line, if it was.
    key: Option<String>,
    json: bool,
    /// Whether there is more than one file, so that a failure is one of several.
    batch: Mutex<bool>,
    failures: Mutex<Vec<Failure>>,
    files: Mutex<usize>,
    used_key: Mutex<Option<String>>,
    /// The number of files of the current tree that were done by an earlier run.
    already: Mutex<usize>,
    /// The first event that could not be written. The work continues without events.
    lost: Mutex<Option<io::Error>>,
}

impl Report {
    pub(crate) fn new(verb: &'static str, key: Option<String>, paths: usize, run: &RunOptions) -> Self {
        Self {
            verb,
            key,
            json: run.json,
            batch: Mutex::new(paths > 1),
            failures: Mutex::default(),
            files: Mutex::new(0),
            used_key: Mutex::default(),
            already: Mutex::new(0),
            lost: Mutex::default(),
        }
    }

    /// Reports a named file as done.
    pub(crate) fn file(&self, from: &Path, done: &FileSummary) {
        *lock(&self.files) += 1;
        self.warn(from, done);
        if self.json {
            return self.done_event(from, done);
        }
        let from = from.display();
        let key = self.key_of(&done.key_id);
        match (self.verb, done.already_done, &done.output) {
            (verb @ ("encrypted" | "decrypted"), false, Some(to)) => {
                note(format_args!("{verb} {from} -> {} ({key})", to.display()))
            }
            (verb, false, _) => note(format_args!("{verb} {from} ({key})")),
            (verb, true, _) => note(format_args!("{verb} already: {from} ({key})")),
        }
    }

    /// Records a source as done whose result was printed, without a note.
    pub(crate) fn printed(&self) {
        *lock(&self.files) += 1;
    }

    /// Reports an event in a tree.
    pub(crate) fn event(&self, event: &TreeEvent<'_>) {
        match event {
            TreeEvent::Processed { path, file: done } => {
                lock(&self.used_key).get_or_insert_with(|| done.key_id.clone());
                *lock(&self.already) += usize::from(done.already_done);
                self.warn(path, done);
                if self.json {
                    self.done_event(path, done);
                }
            }
            TreeEvent::Failed { path, output, error } => {
                self.failed(path, Failure::of_file(error, path, output));
            }
            TreeEvent::Skipped { path, reason } => self.skipped(path, *reason),
            _ => {}
        }
    }

    fn skipped(&self, path: &Path, reason: SkipReason) {
        let shown = path.display();
        match reason {
            SkipReason::Leftover => {
                note(format_args!("bulla: {shown}: skipped, it is a temporary file of bulla"));
                note(
                    "       if no other run is active there, one was killed: check the file, then remove it",
                );
            }
            SkipReason::Spared => {
                note(format_args!("bulla: {shown}: skipped, it holds the keys of this KMS"));
            }
            SkipReason::Output => {
                note(format_args!("bulla: {shown}: skipped, it is the output and not part of the tree"));
            }
            _ => {}
        }
        if self.json {
            let reason = match reason {
                SkipReason::Link => "link",
                SkipReason::Special => "special",
                SkipReason::Leftover => "leftover",
                SkipReason::Spared => "keys",
                SkipReason::Output => "output",
                _ => "name",
            };
            self.emit("skipped", &[("path", path)], json!({ "reason": reason }));
        }
    }

    /// Reports a tree as done, completely or in part.
    pub(crate) fn tree(&self, from: &Path, to: &Path, summary: TreeSummary) {
        *lock(&self.batch) = true;
        *lock(&self.files) += summary.done + summary.failed;
        let already = mem::take(&mut *lock(&self.already));
        if self.json {
            let TreeSummary { done, failed, skipped, .. } = summary;
            let members = json!({ "done": done, "failed": failed, "skipped": skipped });
            return self.emit("finished", &[("path", from), ("output", to)], members);
        }
        let key = lock(&self.used_key).as_deref().map(|id| self.key_of(id));
        let key = key.filter(|_| self.key.is_some()).map_or_else(String::new, |key| format!(" ({key})"));
        let place = if from == to {
            format!("below {}", from.display())
        } else {
            format!("{} -> {}", from.display(), to.display())
        };
        let skipped = match (summary.skipped, summary.special) {
            (0, _) => String::new(),
            (skipped, 0) => format!(", {skipped} skipped"),
            (skipped, special) if skipped == special => {
                format!(", {skipped} skipped: pipes, sockets or devices")
            }
            (skipped, special) => {
                format!(", {skipped} skipped, {special} of them pipes, sockets or devices")
            }
        };
        let files = |count| if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
        let verb = self.verb;
        let now = summary.done.saturating_sub(already);
        let done = match (now, already) {
            (0, 1..) => format!("{verb} already: {}", files(already)),
            (_, 0) => format!("{verb} {}", files(now)),
            _ => format!("{verb} {}, {already} done already", files(now)),
        };
        note(format_args!("{done}: {place}{key}{skipped}"));
    }

    /// Records the outcome of a named path.
    pub(crate) fn outcome(&self, path: &Path, outcome: Result<(), Failure>) {
        if let Err(failure) = outcome {
            *lock(&self.files) += 1;
            self.failed(path, failure);
        }
    }

    /// Prints all failures, and returns the failure of the command.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let Self { batch, failures, files, lost, .. } = self;
        let batch = unlock(batch);
        let files = unlock(files);
        let lost = unlock(lost).map_or(Ok(()), |error| Err(Failure::output(&error)));
        let mut failures = unlock(failures);
        if !batch && failures.len() < 2 {
            return failures.pop().map_or(lost, Err);
        }
        print_all(&failures);
        if let Err(lost) = &lost
            && !failures.is_empty()
        {
            lost.print();
        }
        match failures.len() {
            0 => lost,
            failed => {
                let what = format!("{failed} of {files} files failed");
                let hint = if failed == files { "none is done" } else { "the others are done" };
                Err(Failure::new(Exit::SomeFailed, what, hint))
            }
        }
    }

    fn emit(&self, name: &str, paths: &[(&str, &Path)], members: Value) {
        if let Err(error) = write_out(format!("{}\n", event(name, paths, members)).as_bytes()) {
            lock(&self.lost).get_or_insert(error);
        }
    }

    fn failed(&self, path: &Path, failure: Failure) {
        if self.json {
            let (what, hint) = failure.texts();
            let members = json!({ "error": what, "hint": hint, "exit": failure.exit as u8 });
            self.emit("failed", &[("path", path)], members);
        }
        lock(&self.failures).push(failure);
    }

    /// Warns about a damaged slot, which does not prevent decryption.
    fn warn(&self, path: &Path, done: &FileSummary) {
        if done.damaged_slot {
            note(format_args!("bulla: {}: one of its two slots of wrapped keys is damaged", path.display()));
            note("       the other slot was used; `bulla rewrap` repairs it");
        }
    }

    fn done_event(&self, path: &Path, done: &FileSummary) {
        let output = done.output.as_deref().unwrap_or(Path::new(""));
        let members = json!({
            "key_id": done.key_id,
            "bytes": done.plaintext_len.unwrap_or(0),
            "already": done.already_done,
            "damaged_slot": done.damaged_slot,
        });
        self.emit("done", &[("path", path), ("output", output)], members);
    }

    fn key_of(&self, id: &str) -> String {
        match &self.key {
            Some(named) if named != id => format!("{named}, key {id}"),
            _ => format!("key {id}"),
        }
    }
}

/// Prints failures; one that is the same for many files, such as a refusal of the KMS, is printed once.
fn print_all(failures: &[Failure]) {
    let mut counts = HashMap::new();
    for failure in failures {
        *counts.entry(failure.texts()).or_insert(0) += 1;
    }
    for failure in failures {
        match counts.remove(&failure.texts()) {
            None => {}
            Some(1) => failure.print(),
            Some(files) => failure.print_for(files),
        }
    }
}

/// Returns an event with its paths; a path that is not UTF-8 is also included in base64.
fn event(event: &str, paths: &[(&str, &Path)], mut members: Value) -> Value {
    members["event"] = event.into();
    for (name, path) in paths {
        members[*name] = path.to_string_lossy().into();
        if path.to_str().is_none() {
            members[format!("{name}_base64")] = BASE64_STANDARD.encode(path.as_os_str().as_bytes()).into();
        }
    }
    members
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unlock<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}
