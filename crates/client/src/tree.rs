//! Many files: a whole tree into another one, or each file beside its source, on all cores.
//!
//! Directories and links are made by the thread that walks, files by workers. A file that fails stops no other one.
//! What was written is made durable by one `syncfs` for each file system, and only then are sources removed.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use walkdir::{DirEntry, WalkDir};

use crate::decrypt::Decryptor;
use crate::encrypt::{Done, Encryptor, Format, suffix};
use crate::file_error::FileError;
use crate::output::{Directory, Durability, OutputError, directory_of};
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
    /// A file beside which its result would go was passed over, because by its name it is one already, or is none.
    Skipped(&'a Path),
    /// A directory that keys lie in was left as it is, with all that is in it.
    Spared(&'a Path),
}

/// What came of a tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeSummary {
    /// Files that are done.
    pub done: usize,
    /// Entries that failed.
    pub failed: usize,
    /// Files that were passed over.
    pub skipped: usize,
}

/// Whoever is told what happens, from any thread.
type Listener<'a> = &'a (dyn Fn(TreeEvent<'_>) + Sync);

/// Encrypts every file below `from`, to the same place below `to`, or beside itself.
///
/// # Errors
/// [`FileError`], if nothing could be begun; failed files are events and are counted.
pub fn encrypt_tree(
    encryptor: &Encryptor<'_>,
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
    let (jobs, durability, removes) = (options.jobs, options.durability, options.remove_source);
    let tree = Tree { jobs, durability, removes, spared: &options.spared, listener };
    tree.run(from, to, &name, &one, &remove)
}

/// Decrypts every file below `from`, to the same place below `to`, or beside itself.
///
/// # Errors
/// [`FileError`], if nothing could be begun; failed files are events and are counted.
pub fn decrypt_tree(
    decryptor: &Decryptor<'_>,
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
        decryptor.decrypt_of_tree(source, &job.from, &job.to, directory)
    };
    let remove = |removal: Removal<'_>| decryptor.remove_source(removal);
    let (jobs, durability, removes) = (options.jobs, options.durability, options.remove_source);
    let tree = Tree { jobs, durability, removes, spared: &options.spared, listener };
    tree.run(from, to, &name, &one, &remove)
}

/// Does something to every file below `path` whose name `wanted` likes, on several threads.
pub fn each_file(
    path: &Path,
    jobs: usize,
    wanted: &(dyn Fn(&Path) -> bool + Sync),
    listener: Listener<'_>,
    work: &(dyn Fn(&Path) -> Result<Done, FileError> + Sync),
) -> TreeSummary {
    let counts = Counts::default();
    on_workers(jobs, &|path: PathBuf| counts.tell(listener, (&path, &path), work(&path)), |send| {
        for entry in WalkDir::new(path).follow_links(false) {
            match entry {
                Ok(entry) if !entry.file_type().is_file() => {}
                Ok(entry) if wanted(entry.path()) => send(entry.into_path()),
                Ok(entry) => counts.skip(listener, entry.path()),
                Err(error) => {
                    let failed = error.path().unwrap_or(path).to_owned();
                    counts.fail(listener, (&failed, &failed), walked(error));
                }
            }
        }
    });
    counts.summary()
}

/// A file to be worked on.
struct Job {
    from: PathBuf,
    to: PathBuf,
    parent: Arc<Parent>,
}

/// The directory of some outputs, opened for the first of them and closed with the last.
struct Parent {
    path: PathBuf,
    opened: Mutex<Option<Arc<Directory>>>,
}

/// The file systems that were written to, each by one of its directories.
#[derive(Default)]
struct FileSystems(Mutex<HashMap<u64, Arc<Directory>>>);

struct Tree<'a> {
    jobs: usize,
    durability: Durability,
    removes: bool,
    spared: &'a [PathBuf],
    listener: Listener<'a>,
}

type NameOf<'a> = &'a dyn Fn(&Path) -> Option<PathBuf>;
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
        if let Some(to) = to {
            make_directory(to, &fs::metadata(from).map_err(FileError::Source)?, Path::is_dir)?;
        }
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
                let directory = job.parent.open(&roots.1, &file_systems)?;
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
        on_workers(self.jobs, &one, |send| {
            // The output may lie in the input: it is not part of it. Nor is what the keys of the files lie in.
            let is_part = |entry: &DirEntry| {
                if !entry.file_type().is_dir() && entry.depth() > 0 {
                    return true;
                }
                let found = fs::metadata(entry.path()).ok().map(identity);
                let spare = found.is_some_and(|found| spared.contains(&found));
                if spare {
                    (self.listener)(TreeEvent::Spared(entry.path()));
                }
                !spare && (to.is_none() || entry.depth() == 0 || found != Some(own))
            };
            let mut parent = None;
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
                match plan(&entry, &place, to.is_some(), name, &mut parent) {
                    Ok(Planned::File(job)) => send(job),
                    Ok(Planned::Nothing) => {}
                    Ok(Planned::Skip) => counts.skip(self.listener, entry.path()),
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
                let source = roots.0.directory(directory_of(&from)).map_err(FileError::Source)?;
                let output = roots.1.directory(directory_of(&to)).map_err(OutputError::Directory)?;
                remove(Removal::begin((source, &from), (output, &to))?)
            };
            if let Err(error) = removal() {
                counts.done.fetch_sub(1, Ordering::Relaxed);
                counts.fail(self.listener, (&from, &to), error);
            }
        }
        Ok(counts.summary())
    }
}

impl Parent {
    fn open(&self, root: &Root, file_systems: &FileSystems) -> Result<Arc<Directory>, FileError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(directory) = &*opened {
            return Ok(directory.clone());
        }
        let directory = root.directory(&self.path).map_err(OutputError::Directory)?;
        let directory = Arc::new(Directory::at(directory, &self.path));
        file_systems.add(&directory)?;
        Ok(opened.insert(directory).clone())
    }
}

impl FileSystems {
    fn add(&self, directory: &Arc<Directory>) -> Result<(), FileError> {
        let file_system = directory.file_system().map_err(OutputError::Directory)?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(file_system).or_insert_with(|| directory.clone());
        Ok(())
    }

    fn sync(self) -> Result<(), FileError> {
        let known = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(known.values().try_for_each(|directory| directory.sync_file_system())?)
    }
}

enum Planned {
    File(Job),
    /// A directory or link, which is done already.
    Nothing,
    Skip,
}

/// Where an entry has its place in the output.
fn place(entry: &DirEntry, from: &Path, to: Option<&Path>) -> PathBuf {
    let relative = entry.path().strip_prefix(from).unwrap_or(entry.path());
    to.map_or_else(|| entry.path().to_owned(), |to| to.join(relative))
}

/// What is to be done about an entry. `parent` is that of the last file: those of one directory come together.
fn plan(
    entry: &DirEntry,
    place: &Path,
    copies: bool,
    name: NameOf<'_>,
    parent: &mut Option<Arc<Parent>>,
) -> Result<Planned, FileError> {
    let kind = entry.file_type();
    if entry.depth() == 0 {
        return Ok(Planned::Nothing); // a directory or a link to one, whose place is there already
    }
    if kind.is_dir() {
        if copies {
            let is_directory = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
            make_directory(place, &entry.metadata().map_err(walked)?, is_directory)?;
        }
        return Ok(Planned::Nothing);
    }
    if kind.is_symlink() {
        if copies {
            copy_link(entry.path(), place)?;
        }
        return Ok(Planned::Nothing);
    }
    if !kind.is_file() {
        return Err(FileError::Special);
    }
    let Some(output) = name(place) else { return Ok(Planned::Skip) };
    let path = output.parent().unwrap_or(Path::new("."));
    let parent = match parent {
        Some(last) if last.path == path => last.clone(),
        _ => parent.insert(Arc::new(Parent { path: path.to_owned(), opened: Mutex::default() })).clone(),
    };
    Ok(Planned::File(Job { from: entry.path().to_owned(), to: output, parent }))
}

/// Whether a tree would go into itself, by whatever name: then each output goes beside its source.
fn is_same_directory(from: &Path, to: &Path) -> bool {
    let place = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    place(to).is_some_and(|to| place(from) == Some(to))
}

/// One that can be written to, whatever the mode of the source. Within a tree a link that leads to a directory is none:
/// what is written would go somewhere else.
fn make_directory(
    path: &Path,
    source: &fs::Metadata,
    is_directory: fn(&Path) -> bool,
) -> Result<(), FileError> {
    match DirBuilder::new().mode(source.mode() & 0o777 | 0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match is_directory(path) {
            true => Ok(()),
            false => Err(OutputError::NotADirectory.into()),
        },
        made => Ok(made.map_err(OutputError::from)?),
    }
}

/// A link to the same place; one that is there already is as good.
fn copy_link(from: &Path, to: &Path) -> Result<(), FileError> {
    let target = fs::read_link(from).map_err(FileError::Source)?;
    match std::os::unix::fs::symlink(&target, to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match fs::read_link(to) {
            Ok(there) if there == target => Ok(()),
            _ => Err(OutputError::Exists.into()),
        },
        made => Ok(made.map_err(OutputError::from)?),
    }
}

#[derive(Default)]
struct Counts {
    done: AtomicUsize,
    failed: AtomicUsize,
    skipped: AtomicUsize,
}

impl Counts {
    fn tell(&self, listener: Listener<'_>, (from, to): (&Path, &Path), result: Result<Done, FileError>) {
        match result {
            Ok(done) => {
                self.done.fetch_add(1, Ordering::Relaxed);
                listener(TreeEvent::Done(from, &done));
            }
            Err(error) => self.fail(listener, (from, to), error),
        }
    }

    fn fail(&self, listener: Listener<'_>, (from, to): (&Path, &Path), error: FileError) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        listener(TreeEvent::Failed(from, to, &error));
    }

    fn skip(&self, listener: Listener<'_>, path: &Path) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
        listener(TreeEvent::Skipped(path));
    }

    fn summary(&self) -> TreeSummary {
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        TreeSummary { done: count(&self.done), failed: count(&self.failed), skipped: count(&self.skipped) }
    }
}

/// Lets `produce` send jobs to several threads, some at a time; returns when all are done. Without a second thread the
/// work is done on this one.
fn on_workers<J: Send>(jobs: usize, work: &(dyn Fn(J) + Sync), produce: impl FnOnce(&mut dyn FnMut(J))) {
    let (sender, receiver) = sync_channel::<Vec<J>>(QUEUE);
    let receiver = Mutex::new(receiver);
    let next =
        |receiver: &Mutex<Receiver<Vec<J>>>| receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
    thread::scope(|scope| {
        let worker = || {
            while let Ok(bundle) = next(&receiver) {
                bundle.into_iter().for_each(work);
            }
        };
        let started = (0..jobs.max(1))
            .filter(|_| thread::Builder::new().name("files".into()).spawn_scoped(scope, worker).is_ok())
            .count();
        if started == 0 {
            return produce(&mut |job| work(job));
        }
        let mut bundle = Vec::new();
        produce(&mut |job| {
            bundle.push(job);
            if bundle.len() == BUNDLE {
                let _ = sender.send(std::mem::take(&mut bundle)); // the workers outlive the sender
            }
        });
        let _ = sender.send(bundle);
        drop(sender);
    });
}

fn has_suffix(path: &Path, suffix: &str) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(suffix.as_bytes())
}

fn walked(error: walkdir::Error) -> FileError {
    FileError::Source(error.into())
}

/// Files that a thread gets at once: waking it for each would take as long as the work.
const BUNDLE: usize = 16;
/// Bundles that wait for a thread.
const QUEUE: usize = 16;
