//! `bulla audit`: reads the audit trail from its files, without opening a store and without a key.

mod action_trail;
mod csv;
mod export;
mod search;
mod since;
mod summary;
mod tail;
mod verify;
pub(super) use self::summary::of_gap;
mod wanted;

use std::io::ErrorKind;
use std::path::Path;

use bulla_kms::audit::{Content, ReadError, Record, TrailFile};
use bulla_kms::trail_directory;

pub(crate) use self::since::{Since, span};
use crate::args::{Audit, KmsFlags, TrailOf};
use crate::commands::serve::DATA;
use crate::failure::{Exit, Failure};

pub(crate) fn run(flags: &KmsFlags, command: &Audit) -> Result<(), Failure> {
    match command {
        Audit::Verify(verify) => verify::run(verify),
        Audit::Tail(tail) => tail::run(tail),
        Audit::Search(search) => search::run(flags, search),
        Audit::Export(export) => export::run(flags, export),
    }
}

/// Returns the data directory of the trail.
fn data(place: &TrailOf) -> &Path {
    place.data.as_deref().unwrap_or(Path::new(DATA))
}

/// Returns the files of a trail, oldest first.
fn sources(place: &TrailOf) -> Result<Vec<TrailFile>, Failure> {
    let directory = trail_directory(data(place));
    let hint = "name the data directory of the server with --data";
    match TrailFile::all(std::slice::from_ref(&directory)) {
        Ok(found) if found.is_empty() => Err(no_trail(&directory).advising(hint)),
        Err(error) if error.source.kind() == ErrorKind::NotFound => Err(no_trail(&directory).advising(hint)),
        found => found.map_err(|error| unreadable(&error)),
    }
}

fn no_trail(path: &Path) -> Failure {
    let what = format!("{}: no audit files", path.display());
    Failure::new(Exit::Other, what, "name the audit files, or the directory that they are in")
}

fn unreadable(error: &ReadError) -> Failure {
    let failure = Failure::io(&error.path, &error.source);
    let hint = match error.source.kind() {
        ErrorKind::PermissionDenied => "run as the user of the server, or as root",
        _ => return failure,
    };
    failure.advising(hint)
}

/// Calls `visit` with each line that records an event, skipping keys, seals and malformed lines.
fn for_each_record(
    sources: &[TrailFile],
    mut visit: impl FnMut(&[u8], &Record<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut failed = None;
    for source in sources {
        let read = source.for_each(|line| {
            if let Some(record) = event(line)
                && let Err(failure) = visit(line, &record)
            {
                failed = Some(failure);
            }
            failed.is_none()
        });
        if let Some(failure) = failed {
            return Err(failure);
        }
        read.map_err(|error| unreadable(&error))?;
    }
    Ok(())
}

/// Parses a line that records an event.
fn event(line: &[u8]) -> Option<Record<'_>> {
    Record::parse(line).filter(|record| !matches!(record.content, Content::Key(_) | Content::Seal(_)))
}

/// Returns a line as it is in the file, for programs.
fn as_it_is(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}
