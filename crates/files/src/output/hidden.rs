//! Hidden names, `.NAME.bulla-XXXXXX.part` and `.removed`: a file has one for a moment where it cannot be without a name.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{io, mem};

use tempfile::TempPath;

use super::Directory;

/// Lets [`remove_partials`], and with it the end of the process, wait until this is dropped.
pub(crate) fn without_a_stop() -> impl Drop {
    partials()
}

/// Removes every hidden file of this process and lets nobody make or publish another one: for a process that is
/// about to exit.
pub fn remove_partials() {
    let partials = partials();
    for path in partials.iter() {
        let _ = fs::remove_file(path); // there is nobody left to tell
    }
    mem::forget(partials);
}

/// A hidden file that goes when it is dropped, or by [`remove_partials`].
pub(super) struct Partial(pub(super) Option<TempPath>);

impl Partial {
    /// Makes a file and notes it, so that a signal in between waits.
    pub(super) fn make<T: AsRef<Path>>(make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let mut partials = partials();
        let made = make()?;
        partials.insert(made.as_ref().to_owned());
        Ok(made)
    }

    pub(super) fn publish(mut self, place: &Path, replace: bool) -> io::Result<()> {
        let Some(path) = self.0.take() else { return Ok(()) };
        let mut partials = partials();
        partials.remove::<Path>(&path);
        if replace { path.persist(place) } else { path.persist_noclobber(place) }
            .map_err(|failed| failed.error)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            partials().remove::<Path>(&path);
        }
    }
}

pub(super) fn hidden(directory: &Directory, name: &OsStr, mode: u32) -> io::Result<(File, Partial)> {
    let prefix = hidden_prefix(name);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(PART);
    let mut cause = None;
    let mut create = |path: &Path| {
        let created = File::options().read(true).write(true).create_new(true).mode(mode).open(path);
        created.inspect_err(|error| cause = error.raw_os_error())
    };
    // The error of `tempfile` names the hidden file, which tells the user nothing.
    let made = Partial::make(|| builder.make_in(&directory.anchor, &mut create));
    let made = made.map_err(|error| cause.map_or_else(|| error.kind().into(), io::Error::from_raw_os_error));
    let (file, path) = made?.into_parts();
    Ok((file, Partial(Some(path))))
}

pub(super) fn hidden_prefix(name: &OsStr) -> OsString {
    let name = name.as_bytes();
    let begin = &name[..name.len().min(NAMED)];
    // Half a character is no name on file systems that count in characters.
    let whole = match str::from_utf8(begin) {
        Err(error) if error.error_len().is_none() => &begin[..error.valid_up_to()],
        _ => begin,
    };
    let mut prefix = OsString::from(".");
    prefix.push(OsStr::from_bytes(whole));
    prefix.push(MARK);
    prefix
}

/// Whether a file has the hidden name of an output that is being written or of a source that is being removed.
pub(crate) fn is_hidden_name(name: &OsStr) -> bool {
    let name = name.as_bytes();
    let rest = name.strip_suffix(PART.as_bytes()).or(name.strip_suffix(REMOVED.as_bytes()));
    let parts = rest.and_then(|rest| rest.split_last_chunk::<RANDOM_LEN>());
    parts.is_some_and(|(prefix, random)| {
        prefix.starts_with(b".")
            && prefix.ends_with(MARK.as_bytes())
            && random.iter().all(u8::is_ascii_alphanumeric)
    })
}

fn partials() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    PARTIALS.lock().unwrap_or_else(PoisonError::into_inner)
}

static PARTIALS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
/// A hidden name is `.NAME`, this, some random letters and digits, and one of the two suffixes.
const MARK: &str = ".bulla-";
pub(super) const PART: &str = ".part";
pub(super) const REMOVED: &str = ".removed";
/// Random letters and digits that `tempfile` puts into a name.
const RANDOM_LEN: usize = 6;
/// Bytes of a name that its hidden name takes over: names end at 255, on eCryptfs at 143.
const NAMED: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_name_is_short_and_has_whole_characters() {
        for name in ["out", &"x".repeat(255), &"密".repeat(85), &format!("x{}", "密".repeat(84))] {
            let prefix = hidden_prefix(OsStr::new(name));
            let text = prefix.to_str().expect("it is text as the name is");
            assert!(text.len() + RANDOM_LEN + REMOVED.len() <= 143, "{text}");
            assert!(name.starts_with(text.strip_prefix('.').unwrap().strip_suffix(MARK).unwrap()), "{text}");
        }
        // What is no text stays as it is.
        let odd = hidden_prefix(OsStr::from_bytes(b"a\xffb"));
        assert_eq!(odd.as_bytes(), b".a\xffb.bulla-");
    }

    #[test]
    fn hidden_names_are_known_and_others_are_not() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["out", "-", ".hidden", &"x".repeat(255)] {
            let parent = Directory::open(directory.path()).unwrap();
            let _hidden = hidden(&parent, OsStr::new(name), 0o600).unwrap();
            let entry = fs::read_dir(directory.path()).unwrap().next().unwrap().unwrap();
            assert!(is_hidden_name(&entry.file_name()), "{name}");
        }
        let path = directory.path().join("source");
        fs::write(&path, "").unwrap();
        assert!(is_hidden_name(&crate::output::Target::of(&path).unwrap().set_aside().unwrap()));
        for name in [
            "",
            "part",
            ".part",
            "out.bulla-aaaaaa.part",
            ".out.bulla-aaaaa.part",
            ".out.bulla-aaaaaa.parts",
            ".out.bulla-aaa-aa.part",
            ".out.bulla-aaaaaa",
            ".out.bulla.part",
            ".out.bulla",
        ] {
            assert!(!is_hidden_name(OsStr::new(name)), "{name}");
        }
    }
}
