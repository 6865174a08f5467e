//! The walk over the inputs of a command. An input that fails does not stop the others.

use std::path::Path;

use bulla_files::{FileError, FileSummary, Progress, TreeEvent, TreeSummary};

use crate::failure::{Exit, Failure};
use crate::formats::suffixes;
use crate::paths::{FileOrStdin, Input};
use crate::progress::{self, Total};
use crate::report::Report;

/// What a command does to its inputs.
pub(super) trait Work {
    fn progress(&self) -> &Progress;

    /// Refuses an input before it is opened.
    fn check(&self, _input: &Input) -> Result<(), Failure> {
        Ok(())
    }

    /// Processes one source. Returns `None` if the result was printed.
    fn source(&self, source: &FileOrStdin) -> Result<Option<FileSummary>, Failure>;

    /// Processes every file below a directory. `to` is the result of [`Work::tree_output`].
    fn tree(&self, tree: &Path, to: Option<&Path>, listener: Listener<'_>) -> Result<TreeSummary, FileError>;

    /// Returns the directory for the results of a tree; `None` if they are written beside or into their sources.
    fn tree_output(&self, _tree: &Path) -> Result<Option<&Path>, Failure> {
        Ok(None)
    }

    fn tree_total<'a>(&self, _tree: &'a Path) -> Total<'a> {
        Total::Unknown
    }

    /// Returns whether a directory without encrypted files is a failure, because it is probably not the intended one.
    fn expects_encrypted_files(&self) -> bool {
        true
    }
}

pub(super) type Listener<'a> = &'a (dyn Fn(TreeEvent<'_>) + Sync);

/// Processes each input, and reports at the end which ones failed.
pub(super) fn walk(inputs: &[Input], work: &dyn Work, report: Report) -> Result<(), Failure> {
    for input in inputs {
        let outcome = work.check(input).and_then(|()| match input {
            Input::Source(source) => one_source(source, work, &report),
            Input::Tree(tree) => one_tree(tree, work, &report),
        });
        report.outcome(input.typed(), outcome);
    }
    report.finish()
}

fn one_source(source: &FileOrStdin, work: &dyn Work, report: &Report) -> Result<(), Failure> {
    match work.source(source)? {
        Some(done) => report.file(source.name(), &done),
        None => report.printed(),
    }
    Ok(())
}

fn one_tree(tree: &Path, work: &dyn Work, report: &Report) -> Result<(), Failure> {
    let output = work.tree_output(tree)?;
    let to = output.unwrap_or(tree);
    let listener = |event: TreeEvent<'_>| report.event(&event);
    let run = || work.tree(tree, output, &listener);
    let summary = progress::show(work.tree_total(tree), work.progress(), run)
        .map_err(|error| Failure::of_file(&error, tree, to))?;
    if work.expects_encrypted_files() && summary.done + summary.failed == 0 {
        let what = format!("{}: nothing in it is encrypted", tree.display());
        let hint = format!("check its name; encrypted files end in {}", suffixes());
        return Err(Failure::new(Exit::Other, what, hint));
    }
    report.tree(tree, to, summary);
    Ok(())
}
