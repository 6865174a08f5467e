//! `bulla rewrap` and `bulla rekey`: change the keys of encrypted files in place.

use std::path::Path;

use bulla_envelope::KeyService;
use bulla_files::{FileError, FileSummary, Progress, RewrapOptions, Rewrapper, TreeSummary, output};

use super::walk::{Listener, Work, walk};
use crate::args::{DataKeyPer, KmsFlags, Opening, Rekey, Rewrap, RunOptions};
use crate::failure::{Exit, Failure};
use crate::kms::KmsConnection;
use crate::names::KeyName;
use crate::paths::{FileOrStdin, Input};
use crate::process;
use crate::progress::{self, Total};
use crate::report::Report;

pub(crate) fn run(kms: &KmsFlags, args: &Rewrap) -> Result<(), Failure> {
    let options = RewrapOptions::new().whole_set(args.whole_set);
    let Rewrap { paths, keys, opening, run, .. } = args;
    Request { change: Change::Rewrap, inputs: paths, keys, opening, run, options }.run(kms)
}

pub(crate) fn rekey(kms: &KmsFlags, args: &Rekey) -> Result<(), Failure> {
    let options = RewrapOptions::new().data_key_per_file(args.data_key_per == DataKeyPer::File);
    let Rekey { paths, keys, opening, run, .. } = args;
    Request { change: Change::Rekey, inputs: paths, keys, opening, run, options }.run(kms)
}

#[derive(Clone, Copy)]
enum Change {
    Rewrap,
    Rekey,
}

/// The arguments of either command.
struct Request<'a> {
    change: Change,
    inputs: &'a [Input],
    keys: &'a [KeyName],
    opening: &'a Opening,
    run: &'a RunOptions,
    options: RewrapOptions,
}

impl Request<'_> {
    fn run(self, kms: &KmsFlags) -> Result<(), Failure> {
        let Self { change, inputs, keys, opening, run, options } = self;
        let context = opening.context.encryption_context()?;
        let kms = KmsConnection::connect(kms)?;
        process::clean_up_on_signals()?;
        let options = match keys {
            [] => options, // without -k
            keys => options.keys(keys.iter().map(KeyName::to_string)),
        };
        let options = options
            .allowed(kms.allowed(&opening.allowed)?)
            .region(kms.region())
            .jobs(run.threads())
            .files(kms.files_at_once(run));
        let report = Report::new(change.verb(), None, inputs.len(), run);
        let rewrapper = Rewrapper::new(kms.service(), context, options);
        walk(inputs, &InPlace { change, rewrapper }, report)
    }
}

impl Change {
    fn verb(self) -> &'static str {
        match self {
            Self::Rewrap => "rewrapped",
            Self::Rekey => "rekeyed",
        }
    }
}

/// A change of files in place.
struct InPlace<K> {
    change: Change,
    rewrapper: Rewrapper<K>,
}

impl<K: KeyService> Work for InPlace<K> {
    fn progress(&self) -> &Progress {
        self.rewrapper.progress()
    }

    fn source(&self, source: &FileOrStdin) -> Result<Option<FileSummary>, Failure> {
        let FileOrStdin::File(path) = source else {
            let verb = self.change.verb();
            let what = format!("files are {verb} in place, and {} is not a file", source.name().display());
            return Err(Failure::new(Exit::Usage, what, "name a file"));
        };
        progress::show(Total::Unknown, self.progress(), || {
            let target = output::resolve_in_place(path)?; // a link that was named is followed
            match self.change {
                Change::Rewrap => self.rewrapper.rewrap(&target),
                Change::Rekey => self.rewrapper.rekey(&target),
            }
        })
        .map(Some)
        .map_err(|error| Failure::of_file(&error, path, path))
    }

    fn tree(
        &self,
        tree: &Path,
        _to: Option<&Path>,
        listener: Listener<'_>,
    ) -> Result<TreeSummary, FileError> {
        match self.change {
            Change::Rewrap => self.rewrapper.rewrap_tree(tree, listener),
            Change::Rekey => self.rewrapper.rekey_tree(tree, listener),
        }
    }
}
