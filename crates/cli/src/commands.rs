//! One file per command, and what several of them share: paths, contexts, standard streams.

pub(crate) mod alias;
pub(crate) mod cat;
pub(crate) mod decrypt;
pub(crate) mod encrypt;
pub(crate) mod inspect;
pub(crate) mod key;
pub(crate) mod kms;
pub(crate) mod manual;
mod pages;
pub(crate) mod rewrap;
pub(crate) mod serve;
pub(crate) mod verify;

use std::fs::File;
use std::path::{Path, PathBuf};

use bulla_envelope::EncryptionContext;
use bulla_files::{Format, TreeSummary, all_cores, suffix};

use crate::failure::{Exit, Failure};
use crate::streams::standard_input;
use crate::{args, streams};

fn context(typed: &args::Context) -> Result<EncryptionContext, Failure> {
    let pairs = typed.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    EncryptionContext::new(pairs)
        .map_err(|error| Failure::new(Exit::Usage, error.to_string(), "give each -c NAME once"))
}

fn format(typed: args::Format) -> Format {
    match typed {
        args::Format::Bulla => Format::Native,
        args::Format::Text => Format::Text,
    }
}

fn jobs(typed: &args::RunOptions) -> usize {
    typed.jobs.map_or_else(all_cores, usize::from)
}

/// One output cannot stand for several inputs, nor a stream for a file.
fn check_output(paths: &[PathBuf], output: &args::Output, batch: &args::Batch) -> Result<(), Failure> {
    let to_standard = |path: &PathBuf| is_standard(path);
    if paths.len() > 1 && output.path.is_some() {
        let what = "-o names one output, but there are several inputs";
        return Err(Failure::new(Exit::Usage, what, "leave -o out, or run once for each input"));
    }
    let prints = match &output.path {
        Some(path) => is_standard(path),
        None => paths.iter().any(to_standard),
    };
    if prints || paths.iter().any(to_standard) {
        refuse_for_pipe(batch)?;
    }
    if prints && batch.run.json {
        let what = "standard output cannot take both the result and --json";
        return Err(Failure::new(Exit::Usage, what, "name a file with -o"));
    }
    Ok(())
}

/// A stream cannot be gone on with, and there is nothing of it to remove.
fn refuse_for_pipe(batch: &args::Batch) -> Result<(), Failure> {
    match batch.resume || batch.remove_source {
        true => {
            let what = "--resume and --remove-source are for files, and this is a stream";
            Err(Failure::new(Exit::Usage, what, "leave them out, or name files"))
        }
        false => Ok(()),
    }
}

/// `-` stands for standard input and output.
fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Standard output for a result that is not text.
fn standard_output() -> Result<File, Failure> {
    streams::standard_output().map_err(|error| Failure::output(&error))
}

/// Refuses a directory in which nothing is encrypted: it is hardly the one that was meant.
fn refuse_nothing(path: &Path, summary: &TreeSummary) -> Result<(), Failure> {
    match summary.done + summary.failed {
        0 => {
            let what = format!("{}: nothing in it is encrypted", path.display());
            let suffixes = [Format::Native, Format::Text].map(suffix).join(" or ");
            Err(Failure::new(Exit::Other, what, format!("check its name; encrypted files end in {suffixes}")))
        }
        _ => Ok(()),
    }
}

/// How to call an input in messages.
fn shown(path: &Path) -> &Path {
    if is_standard(path) { Path::new("standard input") } else { path }
}

/// Opens an input for reading.
fn open(path: &Path) -> Result<File, Failure> {
    let file = match is_standard(path) {
        true => standard_input(),
        false => File::open(path),
    };
    let file = file.map_err(|error| Failure::io(shown(path), &error))?;
    let metadata = file.metadata().map_err(|error| Failure::io(shown(path), &error))?;
    if metadata.is_dir() {
        let what = format!("{} is a directory", shown(path).display());
        return Err(Failure::new(Exit::Usage, what, "name the files in it"));
    }
    Ok(file)
}

/// The path with a format's suffix.
fn encrypted_name(path: &Path, format: Format) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix(format));
    name.into()
}

/// The path without the suffix of a format.
fn decrypted_name(path: &Path) -> Result<PathBuf, Failure> {
    let name = path.as_os_str().as_encoded_bytes();
    let suffixes = [Format::Native, Format::Text].map(suffix);
    match suffixes.iter().any(|suffix| name.ends_with(suffix.as_bytes())) {
        true => Ok(path.with_extension("")),
        false => {
            let what = format!("{} does not end in {}", path.display(), suffixes.join(" or "));
            Err(Failure::new(Exit::Usage, what, "name the output with -o"))
        }
    }
}
