//! `bulla verify`: every chunk opened, nothing kept.

use std::path::Path;

use bulla_envelope::KeyService;
use bulla_files::{Decryptor, FileError, verify_tree};

use super::{is_standard, shown};
use crate::args::{KmsLocation, Verify};
use crate::failure::Failure;
use crate::kms::Kms;
use crate::progress::{self, Total, plaintext_len};
use crate::report::Report;

pub(crate) fn run(location: &KmsLocation, args: &Verify) -> Result<(), Failure> {
    let kms = Kms::connect(location)?;
    let mut options = super::decrypt::reading(&args.reading, &kms)?;
    options.jobs = super::jobs(&args.run);
    options.files = kms.files_at_once(&args.run);
    let report = Report::new("verified", None, args.paths.len(), &args.run);
    let context = super::context(&args.reading.opening.context)?;
    let decryptor = Decryptor::new(kms.service(), context, options);
    for path in &args.paths {
        report.outcome(path, verify(&decryptor, path, &report));
    }
    report.finish()
}

fn verify(decryptor: &Decryptor<impl KeyService>, path: &Path, report: &Report) -> Result<(), Failure> {
    if !is_standard(path) && path.is_dir() {
        let listener = |event: bulla_files::TreeEvent<'_>| report.event(&event);
        let summary = progress::show(Total::Tree(path, plaintext_len), decryptor.progress(), || {
            verify_tree(decryptor, path, &listener)
        });
        let summary = summary.map_err(|error| Failure::of_file(&error, path, path))?;
        super::refuse_nothing(path, &summary)?;
        report.tree(path, path, summary);
        return Ok(());
    }
    let source = super::open(path)?;
    let size = source.metadata().ok().filter(|source| source.is_file()).map(|source| source.len());
    let verified = progress::show(size.into(), decryptor.progress(), || decryptor.verify(source, path));
    let done = verified.map_err(|error| Failure::of_file(&error, shown(path), path))?;
    if done.damaged_slot {
        return Err(Failure::of_file(&FileError::DamagedSlot, shown(path), path));
    }
    report.file(shown(path), &done);
    Ok(())
}
