//! `bulla verify`: decrypts every chunk of files and discards the plaintext.

use std::path::Path;

use bulla_envelope::KeyService;
use bulla_files::{Decryptor, FileError, FileSummary, Progress, TreeSummary};

use super::reading::decrypt_options;
use super::walk::{Listener, Work, walk};
use crate::args::{KmsFlags, Verify};
use crate::failure::Failure;
use crate::kms::KmsConnection;
use crate::paths::{FileOrStdin, file_len};
use crate::progress::{self, Total, plaintext_len};
use crate::report::Report;

pub(crate) fn run(kms: &KmsFlags, args: &Verify) -> Result<(), Failure> {
    let context = args.reading.opening.context.encryption_context()?;
    let kms = KmsConnection::connect(kms)?;
    let options =
        decrypt_options(&args.reading, &kms)?.jobs(args.run.threads()).files(kms.files_at_once(&args.run));
    let report = Report::new("verified", None, args.paths.len(), &args.run);
    walk(&args.paths, &Verification(Decryptor::new(kms.service(), context, options)), report)
}

struct Verification<K>(Decryptor<K>);

impl<K: KeyService> Work for Verification<K> {
    fn progress(&self) -> &Progress {
        self.0.progress()
    }

    fn source(&self, source: &FileOrStdin) -> Result<Option<FileSummary>, Failure> {
        let file = source.open()?;
        let total = file_len(&file).into();
        progress::show(total, self.progress(), || match self.0.verify_open(&file, source.name())? {
            done if done.damaged_slot => Err(FileError::DamagedSlot),
            done => Ok(Some(done)),
        })
        .map_err(|error| Failure::of_file(&error, source.name(), source.name()))
    }

    fn tree(
        &self,
        tree: &Path,
        _to: Option<&Path>,
        listener: Listener<'_>,
    ) -> Result<TreeSummary, FileError> {
        self.0.verify_tree(tree, listener)
    }

    fn tree_total<'a>(&self, tree: &'a Path) -> Total<'a> {
        Total::Tree(tree, plaintext_len)
    }
}
