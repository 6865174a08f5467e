//! A run over a tree, in three steps: it begins, walks the tree while workers process the files, and finishes.

use std::fs::{self, DirBuilder, File, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::OFlags;
use walkdir::{DirEntry, WalkDir};

use super::directories::{FileSystems, LastParents, Roots};
use super::plan::{Job, Planned, mode, place, plan, walk_error};
use super::workers::{Counts, on_workers};
use super::{Listener, SkipReason, TreeSummary};
use crate::file_error::FileError;
use crate::file_summary::FileSummary;
use crate::options::Conversion;
use crate::output::{Directory, Durability, OutputError, Target};
use crate::removal::Removal;
use crate::root::Root;

/// The operation on each file of a tree.
pub(super) trait Transform: Sync {
    /// Returns the path of a file's output, where `path` is its place in the output; `None` to skip the file.
    fn output_of(&self, path: &Path) -> Option<PathBuf>;

    /// Writes the output of a file into its directory. The caller syncs the whole tree later.
    fn write(
        &self,
        job: &Job,
        source: File,
        metadata: &Metadata,
        directory: &Arc<Directory>,
    ) -> Result<FileSummary, FileError>;

    /// Removes a source after its output was read back.
    fn remove_source(&self, removal: Removal<'_>) -> Result<(), FileError>;
}

/// A tree with the options of the run.
pub(super) struct Tree<'a> {
    from: &'a Path,
    /// The output tree; `None` to write each output beside its source.
    pub(super) to: Option<&'a Path>,
    options: &'a Conversion,
}

impl<'a> Tree<'a> {
    /// Creates a tree whose outputs are written to the tree `to`, or beside their sources if `to` is `None` or the same
    /// directory.
    pub(super) fn new(from: &'a Path, to: Option<&'a Path>, options: &'a Conversion) -> Self {
        Self { from, to: to.filter(|to| !is_same_directory(from, to)), options }
    }

    pub(super) fn run(
        &self,
        transform: &dyn Transform,
        listener: Listener<'_>,
    ) -> Result<TreeSummary, FileError> {
        let run = Run::begin(self, transform, listener)?;
        on_workers(self.options.files, &|job| run.work(&job), |send| run.walk(send));
        run.finish()
    }
}

/// A run in progress.
struct Run<'a> {
    tree: &'a Tree<'a>,
    transform: &'a dyn Transform,
    roots: Roots,
    output: Identity,
    spared: Vec<Identity>,
    /// The file systems that outputs are written to.
    file_systems: FileSystems,
    counts: Counts<'a>,
    /// Sources to remove, each with its output.
    finished: Mutex<Vec<(PathBuf, PathBuf)>>,
}

/// Device and inode numbers.
type Identity = (u64, u64);

impl<'a> Run<'a> {
    /// Creates the top of the output and opens both trees.
    fn begin(
        tree: &'a Tree<'a>,
        transform: &'a dyn Transform,
        listener: Listener<'a>,
    ) -> Result<Self, FileError> {
        let output_is_new = match tree.to {
            Some(to) => make_top(to, &fs::metadata(tree.from).map_err(FileError::Source)?)?,
            None => false,
        };
        let output = tree.to.unwrap_or(tree.from);
        let roots = Roots {
            source: Root::open(tree.from).map_err(FileError::Source)?,
            output: Root::open(output).map_err(OutputError::from)?,
            output_is_new,
        };
        let file_systems = FileSystems::default();
        file_systems.add(&Arc::new(Directory::open(output).map_err(OutputError::from)?))?;
        Ok(Self {
            tree,
            transform,
            roots,
            output: identity(output).map_err(OutputError::from)?,
            spared: tree.options.spared.iter().filter_map(|path| identity(path).ok()).collect(),
            file_systems,
            counts: Counts::new(listener),
            finished: Mutex::default(),
        })
    }

    /// Copies directories and symbolic links, and sends files to the workers.
    fn walk(&self, send: &mut dyn FnMut(Job)) {
        let mut parents = LastParents::default();
        let walk = WalkDir::new(self.tree.from).follow_links(false);
        // Outputs are created beside their sources during the walk, so each directory is read completely first.
        let walk = if self.tree.to.is_none() { walk.sort_by_file_name() } else { walk };
        let mut walk = walk.into_iter().filter_entry(|entry| self.is_part(entry));
        while let Some(entry) = walk.next() {
            match entry {
                Ok(entry) => {
                    let visited = self.visit(&entry, &mut parents, send);
                    if visited.is_err() && entry.file_type().is_dir() {
                        walk.skip_current_dir();
                    }
                }
                Err(error) => {
                    let failed = error.path().unwrap_or(self.tree.from).to_owned();
                    self.counts.fail(&failed, &failed, walk_error(error));
                }
            }
        }
    }

    /// Handles an entry. Returns an error, which was reported already, if the entry has no place in the output.
    fn visit(
        &self,
        entry: &DirEntry,
        parents: &mut LastParents,
        send: &mut dyn FnMut(Job),
    ) -> Result<(), NoPlace> {
        let place = place(entry, self.tree.from, self.tree.to);
        let copy = self.tree.to.map(|_| &self.roots);
        match plan(entry, &place, copy, self.transform, parents) {
            Ok(Planned::File(job)) => send(job),
            Ok(Planned::Nothing) => {}
            Ok(Planned::Skip(reason)) => self.counts.skip(entry.path(), reason),
            Err(error) => {
                self.counts.fail(entry.path(), &place, error);
                return Err(NoPlace);
            }
        }
        Ok(())
    }

    /// Whether an entry is part of the tree. The output directory and excluded directories are not.
    fn is_part(&self, entry: &DirEntry) -> bool {
        if !entry.file_type().is_dir() && entry.depth() > 0 {
            return true;
        }
        let found = identity(entry.path()).ok();
        let is_spared = found.is_some_and(|found| self.spared.contains(&found));
        if is_spared {
            self.counts.skip(entry.path(), SkipReason::Spared);
        }
        let is_output = self.tree.to.is_some() && entry.depth() > 0 && found == Some(self.output);
        if is_output && !self.roots.output_is_new {
            self.counts.skip(entry.path(), SkipReason::Output);
        }
        !is_spared && !is_output
    }

    /// Processes one file.
    fn work(&self, job: &Job) {
        let result = self.write(job);
        if self.tree.options.remove_source && result.is_ok() {
            let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
            finished.push((job.from.clone(), job.to.clone()));
        }
        self.counts.finish(&job.from, &job.to, result);
    }

    /// Writes the output of one file.
    fn write(&self, job: &Job) -> Result<FileSummary, FileError> {
        let directory = job.source.open(|path| self.roots.source_directory(path))?;
        let (source, metadata) = Target::within(directory, &job.from)?.open(OFlags::RDONLY)?;
        let directory = job.output.open(|path| {
            let directory = self.roots.output_directory(path)?;
            self.file_systems.add(&directory)?;
            Ok(directory)
        })?;
        self.transform.write(job, source, &metadata, &directory)
    }

    /// Makes all outputs durable, and only then removes sources.
    fn finish(self) -> Result<TreeSummary, FileError> {
        let Self { tree, transform, roots, file_systems, counts, finished, .. } = self;
        if tree.options.durability == Durability::Synced || tree.options.remove_source {
            file_systems.sync()?;
        }
        for (from, to) in finished.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let removal = || {
                let target = |root: &Root, path| Target::within(root.parent(path)?.into(), path);
                let removal = Removal::begin(target(&roots.source, &from)?, target(&roots.output, &to)?)?;
                transform.remove_source(removal)
            };
            if let Err(error) = removal() {
                counts.mark_failed(&from, &to, error);
            }
        }
        Ok(counts.summary())
    }
}

/// The error for an entry that has no place in the output.
struct NoPlace;

/// Whether two paths are the same directory. Then each output is written beside its source.
fn is_same_directory(from: &Path, to: &Path) -> bool {
    identity(to).is_ok_and(|to| identity(from).is_ok_and(|from| from == to))
}

fn identity(path: &Path) -> io::Result<Identity> {
    fs::metadata(path).map(|found| (found.dev(), found.ino()))
}

/// Creates the top of the output, unless it exists. It may be a symbolic link to a directory, because the caller named it.
fn make_top(path: &Path, source: &Metadata) -> Result<bool, FileError> {
    match DirBuilder::new().mode(mode(source)).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if path.is_dir() {
                Ok(false)
            } else {
                Err(OutputError::NotADirectory.into())
            }
        }
        made => Ok(made.map(|()| true).map_err(OutputError::from)?),
    }
}
