//! `bulla encrypt`: a data key from the KMS, files encrypted with it, the wrapped key kept with them.

use std::io::{self, IsTerminal};
use std::path::Path;

use bulla_envelope::KeyService;
use bulla_files::output::Durability;
use bulla_files::{EncryptOptions, Encryptor, Format, encrypt_tree};

use super::{encrypted_name, is_standard, shown, standard_output};
use crate::args::{DataKeyPer, Encrypt, KmsLocation};
use crate::failure::{Destination, Exit, Failure};
use crate::kms::Kms;
use crate::process;
use crate::progress::{self, Total};
use crate::report::Report;

pub(crate) fn run(location: &KmsLocation, args: &Encrypt) -> Result<(), Failure> {
    process::clean_up_on_signals()?;
    super::check_output(&args.paths, &args.output, &args.batch)?;
    let context = super::context(&args.context)?;
    let kms = Kms::connect(location)?;
    let keys = kms.keys(&args.keys)?;
    let options = options(args, &kms);
    if options.format == Format::Text && keys.len() > 1 {
        let what = "the text format has room for the wrapped key of one key only";
        return Err(Failure::new(Exit::Usage, what, "name one key, or use --format bulla"));
    }
    let report = Report::new("encrypted", keys.first().cloned(), args.paths.len(), &args.batch.run);
    let encryptor = Encryptor::new(kms.service(), keys, context, options);
    for path in &args.paths {
        let allowed = kms.refuse_to_remove(path, args.batch.remove_source);
        report.outcome(path, allowed.and_then(|()| encrypt(&encryptor, path, args, &report)));
    }
    report.finish()
}

fn encrypt(
    encryptor: &Encryptor<impl KeyService>,
    path: &Path,
    args: &Encrypt,
    report: &Report,
) -> Result<(), Failure> {
    let format = super::format(args.format);
    let to = match &args.output.path {
        Some(path) => path.clone(),
        None if is_standard(path) => path.to_owned(),
        None => encrypted_name(path, format),
    };
    if !is_standard(path) && path.is_dir() {
        let to = args.output.path.as_deref();
        if to.is_some_and(is_standard) {
            let what = format!("{} is a directory, and standard output is one stream", path.display());
            return Err(Failure::new(Exit::Usage, what, "name a directory with -o"));
        }
        let listener = |event: bulla_files::TreeEvent<'_>| report.event(&event);
        let summary = progress::show(Total::Tree(path, |_, len| Some(len)), encryptor.progress(), || {
            encrypt_tree(encryptor, path, to, &listener)
        });
        let summary = summary.map_err(|error| Failure::of_file(&error, path, to.unwrap_or(path)))?;
        report.tree(path, to.unwrap_or(path), summary);
        return Ok(());
    }
    let source = super::open(path)?;
    let size = source.metadata().ok().filter(|source| source.is_file()).map(|source| source.len());
    if is_standard(&to) {
        refuse_terminal(format)?;
        let output = standard_output()?;
        let sealed = progress::show(size.into(), encryptor.progress(), || {
            encryptor.encrypt_open_to_stream(&source, output)
        });
        sealed.map_err(|error| Failure::of_file(&error, shown(path), Destination::StandardOutput))?;
        return Ok(());
    }
    if size.is_none() {
        super::refuse_for_pipe(&args.batch)?;
    }
    // A named pipe that was opened once cannot be opened again: whoever writes to it may be done.
    let done =
        progress::show(size.into(), encryptor.progress(), || match is_standard(path) || size.is_none() {
            true => encryptor.encrypt_open(&source, &to),
            false => encryptor.encrypt_file(path, &to),
        });
    let done = done.map_err(|error| Failure::of_file(&error, shown(path), &to))?;
    report.file(shown(path), &done);
    Ok(())
}

fn options(args: &Encrypt, kms: &Kms) -> EncryptOptions {
    let mut options = EncryptOptions::default();
    options.format = super::format(args.format);
    options.data_key_per_file = args.data_key_per == DataKeyPer::File;
    options.replace = args.output.force;
    options.resume = args.batch.resume;
    options.remove_source = args.batch.remove_source;
    options.durability = durability(args.batch.no_sync);
    options.jobs = super::jobs(&args.batch.run);
    options.files = kms.files_at_once(&args.batch.run);
    options.region = kms.region();
    options.spared = kms.spared();
    options
}

pub(super) fn durability(no_sync: bool) -> Durability {
    if no_sync { Durability::Later } else { Durability::Synced }
}

fn refuse_terminal(format: Format) -> Result<(), Failure> {
    if format == Format::Native && io::stdout().is_terminal() {
        let what = "the output is binary, and standard output is a terminal";
        return Err(Failure::new(Exit::Usage, what, "name a file with -o, pipe it on, or use --format text"));
    }
    Ok(())
}
