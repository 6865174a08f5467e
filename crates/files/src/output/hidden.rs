//! Hidden names for files that briefly need one: `.NAME.bulla-XXXXXX.part` for an output that is being written, and
//! `.NAME.bulla-XXXXXX.removed` for a source that is being removed.

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

/// Blocks signal clean-up, and with it the exit of the process, until dropped.
pub(crate) fn defer_exit() -> impl Drop {
    partials()
}

/// Removes all hidden files of this process and prevents it from creating or publishing others. For a process that is about to
/// exit.
pub fn remove_partials() {
    let partials = partials();
    for path in partials.iter() {
        let _ = fs::remove_file(path); // no error can be reported anymore
    }
    mem::forget(partials);
}

/// A hidden file, deleted on drop or by [`remove_partials`].
pub(super) struct Partial(pub(super) Option<TempPath>);

impl Partial {
    /// Creates a file and registers it. A clean-up in between waits until it is registered.
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
    // An error of `tempfile` contains the hidden name, which does not help the user.
    let made = Partial::make(|| builder.make_in(&directory.anchor, &mut create));
    let made = made.map_err(|error| cause.map_or_else(|| error.kind().into(), io::Error::from_raw_os_error));
    let (file, path) = made?.into_parts();
    Ok((file, Partial(Some(path))))
}

pub(super) fn hidden_prefix(name: &OsStr) -> OsString {
    let name = name.as_bytes();
    let begin = &name[..name.len().min(NAMED)];
    // On file systems that count characters, half of a character is invalid.
    let whole = match str::from_utf8(begin) {
        Err(error) if error.error_len().is_none() => &begin[..error.valid_up_to()],
        _ => begin,
    };
    let mut prefix = OsString::from(".");
    prefix.push(OsStr::from_bytes(whole));
    prefix.push(MARK);
    prefix
}

/// Whether a name is the hidden name of an output that is being written or of a source that is being removed.
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
/// The middle part of a hidden name, between `.NAME` and six random letters and digits, which are followed by one of the
/// suffixes.
const MARK: &str = ".bulla-";
pub(super) const PART: &str = ".part";
pub(super) const REMOVED: &str = ".removed";
/// The number of random letters and digits that `tempfile` uses.
const RANDOM_LEN: usize = 6;
/// Maximum number of bytes of a name that its hidden name contains. Names have up to 255 bytes, on eCryptfs up to 143.
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
        // A name that is not UTF-8 is kept.
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
