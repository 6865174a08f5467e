//! Many files: a whole tree into another one, or each file beside its source, on all cores.
//!
//! Directories and links are made by the thread that walks, files by workers. A file that fails stops no other one.
//! What was written is made durable by one `syncfs` for each file system, and only then are sources removed.

mod directories;
mod in_place;
mod plan;
mod workers;

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use bulla_envelope::KeyService;
use walkdir::{DirEntry, WalkDir};

use self::directories::{FileSystems, Parents};
pub use self::in_place::{rekey_tree, rewrap_tree, verify_tree};
use self::plan::{Job, NameOf, Planned, mode, place, plan, walked};
use self::workers::{Counts, on_workers};
use crate::decrypt::Decryptor;
use crate::done::Done;
use crate::encrypt::Encryptor;
use crate::file_error::FileError;
use crate::format::{Format, suffix};
use crate::output::{Directory, Durability, OutputError, Target};
use crate::removal::Removal;
use crate::root::Root;

/// What happened to one entry of a tree.
#[derive(Debug)]
#[non_exhaustive]
pub enum TreeEvent<'a> {
    /// A file is done.
    Done(&'a Path, &'a Done),
    /// A file, directory or link failed, and the path of its result; the others go on.
    Failed(&'a Path, &'a Path, &'a FileError),
    /// An entry was passed over.
    Skipped(&'a Path, SkipReason),
    /// A directory that keys lie in was left as it is, with all that is in it.
    Spared(&'a Path),
    /// The output lies in the tree and was there before: what is in it is no part of the tree.
    Output(&'a Path),
}

/// Why an entry of a tree was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// The name of the file says that there is nothing to do.
    Name,
    /// It is a link, and the files stay in place.
    Link,
    /// It is a device, pipe or socket, which holds no content.
    Special,
    /// It has the hidden name that an output or a source has for a moment; a run that was killed may leave one.
    Leftover,
}

/// What came of a tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeSummary {
    /// Files that are done.
    pub done: usize,
    /// Entries that failed.
    pub failed: usize,
    /// Entries that were passed over.
    pub skipped: usize,
    /// Those of them that are devices, pipes or sockets.
    pub special: usize,
}

/// Whoever is told what happens, from any thread.
type Listener<'a> = &'a (dyn Fn(TreeEvent<'_>) + Sync);

/// Encrypts every file below `from`, to the same place below `to`, or beside itself.
///
/// # Errors
/// [`FileError`], if nothing could be begun; failed files are events and are counted.
pub fn encrypt_tree(
    encryptor: &Encryptor<impl KeyService>,
    from: &Path,
    to: Option<&Path>,
    listener: Listener<'_>,
) -> Result<TreeSummary, FileError> {
    let options = &encryptor.options;
    let to = to.filter(|to| !is_same_directory(from, to));
    let added = suffix(options.format);
    let name = |path: &Path| {
        let mut name = path.as_os_str().to_owned();
        name.push(added);
        let encrypted = to.is_none() && has_suffix(path, added);
        (!encrypted).then(|| PathBuf::from(name))
    };
    let one =
        |job: &Job, source, directory: &Arc<Directory>| encryptor.encrypt_of_tree(source, &job.to, directory);
    let remove = |removal: Removal<'_>| encryptor.remove_source(removal);
    let (files, durability, removes) = (options.files, options.durability, options.remove_source);
    let tree = Tree { files, durability, removes, spared: &options.spared, listener };
    tree.run(from, to, &name, &one, &remove)
}

/// Decrypts every file below `from`, to the same place below `to`, or beside itself.
///
/// # Errors
/// [`FileError`], if nothing could be begun; failed files are events and are counted.
pub fn decrypt_tree(
    decryptor: &Decryptor<impl KeyService>,
    from: &Path,
    to: Option<&Path>,
    listener: Listener<'_>,
) -> Result<TreeSummary, FileError> {
    let options = &decryptor.options;
    let to = to.filter(|to| !is_same_directory(from, to));
    let name = |path: &Path| {
        let suffixes = [Format::Native, Format::Text].map(suffix);
        let found = suffixes.into_iter().find(|suffix| has_suffix(path, suffix));
        match (found, to) {
            (Some(_), _) => Some(path.with_extension("")),
            // In a tree of its own every file must be accounted for: this one will say that it is not encrypted.
            (None, Some(_)) => Some(path.to_owned()),
            (None, None) => None,
        }
    };
    let one = |job: &Job, source, directory: &Arc<Directory>| {
        // Of two formats of one file the native one gets the output, whichever comes first.
        let native = job.from.with_extension(&suffix(Format::Native)[1..]);
        if has_suffix(&job.from, suffix(Format::Text)) && native.symlink_metadata().is_ok() {
            return Err(OutputError::Twice.into());
        }
        decryptor.decrypt_of_tree(source, &job.from, &job.to, directory)
    };
    let remove = |removal: Removal<'_>| decryptor.remove_source(removal);
    let (files, durability, removes) = (options.files, options.durability, options.remove_source);
    let tree = Tree { files, durability, removes, spared: &options.spared, listener };
    tree.run(from, to, &name, &one, &remove)
}

struct Tree<'a> {
    files: usize,
    durability: Durability,
    removes: bool,
    spared: &'a [PathBuf],
    listener: Listener<'a>,
}

type Work<'a> = &'a (dyn Fn(&Job, (File, fs::Metadata), &Arc<Directory>) -> Result<Done, FileError> + Sync);
type Remove<'a> = &'a dyn Fn(Removal<'_>) -> Result<(), FileError>;

impl Tree<'_> {
    fn run(
        &self,
        from: &Path,
        to: Option<&Path>,
        name: NameOf<'_>,
        work: Work<'_>,
        remove: Remove<'_>,
    ) -> Result<TreeSummary, FileError> {
        let output = to.unwrap_or(from);
        let made = match to {
            Some(to) => make_top(to, &fs::metadata(from).map_err(FileError::Source)?)?,
            None => false,
        };
        let root = |path: &Path, failed: fn(io::Error) -> FileError| Root::open(path).map_err(failed);
        let roots = (root(from, FileError::Source)?, root(output, |error| OutputError::from(error).into())?);
        let file_systems = FileSystems::default();
        file_systems.add(&Arc::new(Directory::open(output).map_err(OutputError::from)?))?;
        let identity = |found: fs::Metadata| (found.dev(), found.ino());
        let own = identity(fs::metadata(output).map_err(OutputError::from)?);
        let spared: Vec<_> =
            self.spared.iter().filter_map(|path| fs::metadata(path).ok()).map(identity).collect();
        let (counts, finished) = (Counts::default(), Mutex::new(Vec::new()));
        let one = |job: Job| {
            let result = roots.0.file(&job.from).and_then(|source| {
                let directory = job.parent.open(&roots.1, |directory| file_systems.add(directory))?;
                work(&job, source, &directory)
            });
            if self.removes && result.is_ok() {
                finished
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((job.from.clone(), job.to.clone()));
            }
            counts.tell(self.listener, (&job.from, &job.to), result);
        };
        on_workers(self.files, &one, |send| {
            // The output may lie in the input: it is not part of it. Nor is what the keys of the files lie in.
            let is_part = |entry: &DirEntry| {
                if !entry.file_type().is_dir() && entry.depth() > 0 {
                    return true;
                }
                let found = fs::metadata(entry.path()).ok().map(identity);
                let spare = found.is_some_and(|found| spared.contains(&found));
                if spare {
                    counts.pass_over();
                    (self.listener)(TreeEvent::Spared(entry.path()));
                }
                let output = to.is_some() && entry.depth() > 0 && found == Some(own);
                if output && !made {
                    counts.pass_over();
                    (self.listener)(TreeEvent::Output(entry.path()));
                }
                !spare && !output
            };
            let mut parents = Parents::default();
            let walk = WalkDir::new(from).follow_links(false);
            // Outputs appear beside their sources while they are made: each directory is read to its end first.
            let walk = if to.is_none() { walk.sort_by_file_name() } else { walk };
            let mut walk = walk.into_iter().filter_entry(is_part);
            while let Some(entry) = walk.next() {
                let entry = match entry {
                    Ok(entry) => entry,
                    Err(error) => {
                        let failed = error.path().unwrap_or(from).to_owned();
                        counts.fail(self.listener, (&failed, &failed), walked(error));
                        continue;
                    }
                };
                let place = place(&entry, from, to);
                let copy = to.map(|_| &roots);
                match plan(&entry, &place, copy, name, &mut parents) {
                    Ok(Planned::File(job)) => send(job),
                    Ok(Planned::Nothing) => {}
                    Ok(Planned::Skip(reason)) => counts.skip(self.listener, entry.path(), reason),
                    Err(error) => {
                        counts.fail(self.listener, (entry.path(), &place), error);
                        if entry.file_type().is_dir() {
                            walk.skip_current_dir(); // there is no place for what is in it
                        }
                    }
                }
            }
        });
        if self.durability == Durability::Synced || self.removes {
            file_systems.sync()?;
        }
        for (from, to) in finished.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let removal = || {
                let place = |root: &Root, path| Target::within(root.parent(path)?.into(), path);
                remove(Removal::begin(place(&roots.0, &from)?, place(&roots.1, &to)?)?)
            };
            if let Err(error) = removal() {
                counts.done.fetch_sub(1, Ordering::Relaxed);
                counts.fail(self.listener, (&from, &to), error);
            }
        }
        Ok(counts.summary())
    }
}

/// Whether a tree would go into itself, by whatever name: then each output goes beside its source.
fn is_same_directory(from: &Path, to: &Path) -> bool {
    let place = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    place(to).is_some_and(|to| place(from) == Some(to))
}

/// Makes the top of the output, unless it is there; it may be a link to a directory, since somebody named it.
fn make_top(path: &Path, source: &fs::Metadata) -> Result<bool, FileError> {
    match DirBuilder::new().mode(mode(source)).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match path.is_dir() {
            true => Ok(false),
            false => Err(OutputError::NotADirectory.into()),
        },
        made => Ok(made.map(|()| true).map_err(OutputError::from)?),
    }
}

fn has_suffix(path: &Path, suffix: &str) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(suffix.as_bytes())
}
