//! The open directories of a tree, for its sources and its outputs, and the file systems of the outputs, which are synced at the
//! end.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::file_error::FileError;
use crate::output::{Directory, OutputError, directory_of};
use crate::root::Root;

/// The top directories of a tree and of its output.
pub(super) struct Roots {
    pub(super) source: Root,
    pub(super) output: Root,
    /// Whether this run created the top of the output.
    pub(super) output_is_new: bool,
}

/// The directory of some files, opened for the first of them and closed after the last.
pub(super) struct Parent {
    path: PathBuf,
    opened: Mutex<Option<Arc<Directory>>>,
}

/// The directory of the last file. The files of a directory follow each other, so they share it.
#[derive(Default)]
pub(super) struct Parents(Option<Arc<Parent>>);

/// The directories of the last source and of the last output.
#[derive(Default)]
pub(super) struct LastParents {
    pub(super) source: Parents,
    pub(super) output: Parents,
}

/// The file systems that were written to, each represented by one of its directories.
#[derive(Default)]
pub(super) struct FileSystems(Mutex<HashMap<u64, Arc<Directory>>>);

impl Parent {
    /// Returns the open directory. Calls `open` for the first file.
    pub(super) fn open(
        &self,
        open: impl FnOnce(&Path) -> Result<Arc<Directory>, FileError>,
    ) -> Result<Arc<Directory>, FileError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        match &*opened {
            Some(directory) => Ok(directory.clone()),
            None => Ok(opened.insert(open(&self.path)?).clone()),
        }
    }
}

impl Roots {
    /// Opens a directory of the source, relative to its top.
    pub(super) fn source_directory(&self, path: &Path) -> Result<Arc<Directory>, FileError> {
        self.source.directory(path).map(Arc::new).map_err(FileError::Source)
    }

    /// Opens a directory of the output, relative to its top.
    pub(super) fn output_directory(&self, path: &Path) -> Result<Arc<Directory>, FileError> {
        let directory = self.output.directory(path).map_err(OutputError::Directory)?;
        Ok(Arc::new(directory.of_new_tree(self.output_is_new)))
    }
}

impl Parents {
    pub(super) fn of(&mut self, path: &Path) -> Arc<Parent> {
        let path = directory_of(path);
        match &self.0 {
            Some(last) if last.path == path => last.clone(),
            _ => {
                let parent = Parent { path: path.to_owned(), opened: Mutex::default() };
                self.0.insert(Arc::new(parent)).clone()
            }
        }
    }
}

impl FileSystems {
    pub(super) fn add(&self, directory: &Arc<Directory>) -> Result<(), FileError> {
        let file_system = directory.file_system().map_err(OutputError::Directory)?;
        let mut file_systems = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file_systems.entry(file_system).or_insert_with(|| directory.clone());
        Ok(())
    }

    pub(super) fn sync(self) -> Result<(), FileError> {
        let file_systems = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(file_systems.values().try_for_each(|directory| directory.sync_file_system())?)
    }
}
