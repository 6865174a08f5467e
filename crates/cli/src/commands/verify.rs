//! `bulla verify`: every chunk opened, nothing kept.

use std::path::Path;

use bulla_client::{Decryptor, Done, FileError, each_file};

use super::{decrypted_name, is_standard, shown};
use crate::args::{Place, Verify};
use crate::failure::Failure;
use crate::kms::Kms;
use crate::progress;
use crate::report::Report;

pub(crate) fn run(place: &Place, args: &Verify) -> Result<(), Failure> {
    let kms = Kms::connect(place)?;
    let mut options = super::decrypt::reading(&args.reading, &kms)?;
    options.jobs = super::jobs(&args.telling);
    let report = Report::new("verified", None, args.paths.len(), &args.telling);
    let context = super::context(&args.reading.opening.context)?;
    let decryptor = Decryptor::new(kms.service(), context, options);
    for path in &args.paths {
        report.outcome(path, verify(&decryptor, path, args, &report));
    }
    report.finish()
}

fn verify(decryptor: &Decryptor<'_>, path: &Path, args: &Verify, report: &Report) -> Result<(), Failure> {
    if !is_standard(path) && path.is_dir() {
        let wanted = |path: &Path| decrypted_name(path).is_ok();
        let work = |path: &Path| whole(decryptor, path);
        let listener = |event: bulla_client::TreeEvent<'_>| report.event(&event);
        let jobs = super::jobs(&args.telling);
        let summary =
            progress::show(None, decryptor.progress(), || each_file(path, jobs, &wanted, &listener, &work));
        report.tree(path, path, summary);
        return Ok(());
    }
    let source = super::open(path)?;
    let size = source.metadata().ok().filter(|source| source.is_file()).map(|source| source.len());
    let verified = progress::show(size, decryptor.progress(), || decryptor.verify(source, path));
    let done = verified.map_err(|error| Failure::of_file(&error, shown(path), path))?;
    if done.damaged_slot {
        return Err(Failure::of_file(&FileError::DamagedSlot, shown(path), path));
    }
    report.file(shown(path), &done);
    Ok(())
}

/// In a tree a damaged slot is a failed file too.
fn whole(decryptor: &Decryptor<'_>, path: &Path) -> Result<Done, FileError> {
    match decryptor.verify_of_tree(path)? {
        done if done.damaged_slot => Err(FileError::DamagedSlot),
        done => Ok(done),
    }
}
