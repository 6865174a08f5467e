//! `bulla decrypt`: the wrapped key unwrapped by the KMS, files decrypted with it; nothing unverified is seen.

use std::path::Path;

use bulla_envelope::KeyService;
use bulla_files::{DecryptOptions, Decryptor, decrypt_tree};

use super::encrypt::durability;
use super::{decrypted_name, is_standard, shown, standard_output};
use crate::args::{Decrypt, KmsLocation, Reading};
use crate::failure::{Destination, Exit, Failure};
use crate::kms::Kms;
use crate::process;
use crate::progress::{self, Total, plaintext_len};
use crate::report::Report;

pub(crate) fn run(location: &KmsLocation, args: &Decrypt) -> Result<(), Failure> {
    process::clean_up_on_signals()?;
    super::check_output(&args.paths, &args.output, &args.batch)?;
    let kms = Kms::connect(location)?;
    let mut options = reading(&args.reading, &kms)?;
    options.replace = args.output.force;
    options.resume = args.batch.resume;
    options.remove_source = args.batch.remove_source;
    options.whole = args.whole;
    options.spared = kms.spared();
    options.durability = durability(args.batch.no_sync);
    options.jobs = super::jobs(&args.batch.run);
    options.files = kms.files_at_once(&args.batch.run);
    let report = Report::new("decrypted", None, args.paths.len(), &args.batch.run);
    let context = super::context(&args.reading.opening.context)?;
    let decryptor = Decryptor::new(kms.service(), context, options);
    for path in &args.paths {
        let allowed = kms.refuse_to_remove(path, args.batch.remove_source);
        report.outcome(path, allowed.and_then(|()| decrypt(&decryptor, path, args, &report)));
    }
    report.finish()
}

/// The options that say what may be read.
pub(super) fn reading(args: &Reading, kms: &Kms) -> Result<DecryptOptions, Failure> {
    let mut options = DecryptOptions::default();
    options.format = args.format.map(super::format);
    options.allowed = kms.allowed(&args.opening.allowed)?;
    Ok(options)
}

fn decrypt(
    decryptor: &Decryptor<impl KeyService>,
    path: &Path,
    args: &Decrypt,
    report: &Report,
) -> Result<(), Failure> {
    if !is_standard(path) && path.is_dir() {
        let to = args.output.path.as_deref();
        if to.is_some_and(is_standard) {
            let what = format!("{} is a directory, and standard output is one stream", path.display());
            return Err(Failure::new(Exit::Usage, what, "name a directory with -o"));
        }
        let listener = |event: bulla_files::TreeEvent<'_>| report.event(&event);
        let summary = progress::show(Total::Tree(path, plaintext_len), decryptor.progress(), || {
            decrypt_tree(decryptor, path, to, &listener)
        });
        let summary = summary.map_err(|error| Failure::of_file(&error, path, to.unwrap_or(path)))?;
        if !args.batch.resume {
            super::refuse_nothing(path, &summary)?; // what was done before may be gone, with --remove-source
        }
        report.tree(path, to.unwrap_or(path), summary);
        return Ok(());
    }
    let source = super::open(path)?;
    let to = match &args.output.path {
        Some(path) => path.clone(),
        None if is_standard(path) => path.to_owned(),
        None => decrypted_name(path)?,
    };
    let size = source.metadata().ok().filter(|source| source.is_file()).map(|source| source.len());
    if is_standard(&to) {
        let output = standard_output()?;
        let opened = progress::show(size.into(), decryptor.progress(), || {
            decryptor.decrypt_to_stream(source, path, output)
        });
        return opened.map_err(|error| Failure::of_file(&error, shown(path), Destination::StandardOutput));
    }
    if size.is_none() {
        super::refuse_for_pipe(&args.batch)?;
    }
    // A named pipe that was opened once cannot be opened again: whoever writes to it may be done.
    let done =
        progress::show(size.into(), decryptor.progress(), || match is_standard(path) || size.is_none() {
            true => decryptor.decrypt_open(source, path, &to),
            false => decryptor.decrypt_file(path, &to),
        });
    let done = done.map_err(|error| Failure::of_file(&error, shown(path), &to))?;
    report.file(shown(path), &done);
    Ok(())
}
