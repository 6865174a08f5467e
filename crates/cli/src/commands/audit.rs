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
    if error.is_damage() {
        let what = format!("{}: it cannot be read to its end: corrupt gzip stream", error.path.display());
        let hint = "read its missing lines in a copy that was kept elsewhere; bulla audit verify names them";
        return Failure::new(Exit::Damaged, what, hint);
    }
    let failure = Failure::io(&error.path, &error.source);
    let hint = match error.source.kind() {
        ErrorKind::PermissionDenied => "run as the user of the server, or as root",
        _ => return failure,
    };
    failure.advising(hint)
}

/// Calls `visit` with each line that records an event, skipping keys, seals and malformed lines. Reads all files, and then returns
/// the failure to read one of them.
fn for_each_record(
    sources: &[TrailFile],
    mut visit: impl FnMut(&[u8], &Record<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut unread = Unread::default();
    for source in sources {
        let mut visited = Ok(());
        let read = source.for_each(|line| {
            if let Some(record) = event(line) {
                visited = visit(line, &record);
            }
            visited.is_ok()
        });
        visited?;
        unread.note(read);
    }
    unread.into_result()
}

/// The failures to read files of a trail.
#[derive(Default)]
struct Unread(Option<Failure>);

impl Unread {
    /// Notes whether a file was read, and prints an earlier failure, so that the last one is left.
    fn note(&mut self, read: Result<(), ReadError>) {
        let Err(error) = read else { return };
        let mut failure = unreadable(&error);
        if let Some(before) = &self.0 {
            before.print();
            if before.exit == Exit::Damaged {
                failure.exit = Exit::Damaged;
            }
        }
        self.0 = Some(failure);
    }

    fn into_result(self) -> Result<(), Failure> {
        self.0.map_or(Ok(()), Err)
    }
}

/// Parses a line that records an event.
fn event(line: &[u8]) -> Option<Record<'_>> {
    Record::parse(line).filter(|record| !matches!(record.content, Content::Key(_) | Content::Seal(_)))
}

/// Returns a line as it is in the file, for programs.
fn as_it_is(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}
