//! A progress bar: bytes, rate and time left, on a terminal only, and only for work that takes long enough.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use bulla_files::{Format, Progress};
use indicatif::{ProgressBar, ProgressStyle};
use walkdir::{DirEntry, WalkDir};

/// The total amount of work.
#[derive(Clone, Copy)]
pub(crate) enum Total<'a> {
    Unknown,
    Bytes(u64),
    /// All files below a directory for which the function returns a length.
    Tree(&'a Path, fn(&Path, u64) -> Option<u64>),
}

impl From<Option<u64>> for Total<'_> {
    fn from(bytes: Option<u64>) -> Self {
        bytes.map_or(Self::Unknown, Self::Bytes)
    }
}

/// Runs the work, and shows meanwhile how many bytes of `total` are done.
pub(crate) fn show<T>(total: Total<'_>, done: &Progress, work: impl FnOnce() -> T) -> T {
    if !io::stderr().is_terminal() {
        return work();
    }
    let before = done.bytes();
    thread::scope(|scope| {
        let (finished, end) = channel::<()>();
        let watch = move || {
            if end.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let bar = bar(total.bytes());
            while end.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                bar.set_position(done.bytes().saturating_sub(before));
            }
            bar.finish_and_clear();
        };
        // Without a thread there is no bar; the work is not affected.
        let _ = thread::Builder::new().name("progress".into()).spawn_scoped(scope, watch);
        let result = work();
        drop(finished);
        result
    })
}

impl Total<'_> {
    /// Returns the total, for a tree as it is now. It need not be exact, and must not delay the work.
    fn bytes(self) -> Option<u64> {
        match self {
            Self::Unknown => None,
            Self::Bytes(bytes) => Some(bytes),
            Self::Tree(path, len_of) => {
                let files =
                    WalkDir::new(path).into_iter().flatten().filter(|entry| entry.file_type().is_file());
                let len = |entry: DirEntry| len_of(entry.path(), entry.metadata().ok()?.len());
                Some(files.filter_map(len).sum())
            }
        }
    }
}

/// Returns the length of the plaintext of a file, if its name has the suffix of an encrypted file.
pub(crate) fn plaintext_len(path: &Path, len: u64) -> Option<u64> {
    Format::by_suffix(path).map(|_| len.saturating_sub(HEADER_LEN))
}

fn bar(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => {
            (ProgressBar::new(total), "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left")
        }
        None => (ProgressBar::no_length(), "{spinner} {bytes}, {bytes_per_sec}, {elapsed}"),
    };
    let style = ProgressStyle::with_template(template).expect("the templates are well formed");
    bar.with_style(style.progress_chars("=> "))
}

/// Work that is done sooner shows no bar.
const PATIENCE: Duration = Duration::from_millis(500);
/// The approximate length of a header with one key.
const HEADER_LEN: u64 = 900;
const INTERVAL: Duration = Duration::from_millis(100);
