//! `bulla rewrap` and `bulla rekey`: other keys for files that are there.

use std::path::Path;

use bulla_envelope::KeyService;
use bulla_files::{
    Done, FileError, RewrapOptions, Rewrapper, TreeEvent, TreeSummary, rekey_tree, resolve_in_place,
    rewrap_tree,
};

use super::is_standard;
use crate::args::{DataKeyPer, KmsLocation, Opening, Rekey, Rewrap, RunOptions};
use crate::failure::{Exit, Failure};
use crate::kms::Kms;
use crate::names::KeyName;
use crate::process;
use crate::progress::{self, Total};
use crate::report::Report;

pub(crate) fn run(location: &KmsLocation, args: &Rewrap) -> Result<(), Failure> {
    let kms = Kms::connect(location)?;
    let mut options = options(&kms, &args.keys, &args.opening)?;
    options.whole_set = args.whole_set;
    let rewrapper = Rewrapper::new(kms.service(), super::context(&args.opening.context)?, options);
    let jobs = Jobs {
        verb: "rewrapped",
        files: kms.files_at_once(&args.run),
        rewrapper: &rewrapper,
        run: &args.run,
        file: &|path, _| rewrapper.rewrap(path),
        tree: &|path, files, listener| rewrap_tree(&rewrapper, path, files, listener),
    };
    jobs.run(&args.paths)
}

pub(crate) fn rekey(location: &KmsLocation, args: &Rekey) -> Result<(), Failure> {
    let kms = Kms::connect(location)?;
    let mut options = options(&kms, &args.keys, &args.opening)?;
    options.data_key_per_file = args.data_key_per == DataKeyPer::File;
    let rewrapper = Rewrapper::new(kms.service(), super::context(&args.opening.context)?, options);
    let jobs = Jobs {
        verb: "rekeyed",
        files: kms.files_at_once(&args.run),
        rewrapper: &rewrapper,
        run: &args.run,
        file: &|path, threads| rewrapper.rekey(path, threads),
        tree: &|path, files, listener| rekey_tree(&rewrapper, path, files, listener),
    };
    jobs.run(&args.paths)
}

fn options(kms: &Kms, keys: &[KeyName], opening: &Opening) -> Result<RewrapOptions, Failure> {
    process::clean_up_on_signals()?;
    let mut options = RewrapOptions::default();
    options.keys = keys.iter().map(KeyName::to_string).collect();
    options.allowed = kms.allowed(&opening.allowed)?;
    options.region = kms.region();
    Ok(options)
}

/// The same work for every file that is named or lies below a directory.
struct Jobs<'a, K> {
    verb: &'static str,
    /// Files of a tree at once.
    files: usize,
    rewrapper: &'a Rewrapper<K>,
    run: &'a RunOptions,
    file: &'a dyn Fn(&Path, usize) -> Result<Done, FileError>,
    tree: &'a dyn Fn(&Path, usize, Listener<'_>) -> Result<TreeSummary, FileError>,
}

type Listener<'a> = &'a (dyn Fn(TreeEvent<'_>) + Sync);

impl<K: KeyService> Jobs<'_, K> {
    fn run(&self, paths: &[std::path::PathBuf]) -> Result<(), Failure> {
        let report = Report::new(self.verb, None, paths.len(), self.run);
        for path in paths {
            report.outcome(path, self.one(path, &report));
        }
        report.finish()
    }

    fn one(&self, path: &Path, report: &Report) -> Result<(), Failure> {
        if is_standard(path) {
            let what = format!("files are {} in their places, and standard input is none", self.verb);
            return Err(Failure::new(Exit::Usage, what, "name a file"));
        }
        let (progress, jobs) = (self.rewrapper.progress(), super::jobs(self.run));
        if path.is_dir() {
            let listener = |event: TreeEvent<'_>| report.event(&event);
            let summary =
                progress::show(Total::Unknown, progress, || (self.tree)(path, self.files, &listener));
            let summary = summary.map_err(|error| Failure::of_file(&error, path, path))?;
            super::refuse_nothing(path, &summary)?;
            report.tree(path, path, summary);
            return Ok(());
        }
        let done = progress::show(Total::Unknown, progress, || {
            let target = resolve_in_place(path)?; // a link that was named is followed
            (self.file)(&target, jobs)
        });
        report.file(path, &done.map_err(|error| Failure::of_file(&error, path, path))?);
        Ok(())
    }
}
