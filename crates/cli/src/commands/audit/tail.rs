//! `bulla audit tail`: prints the last lines, and with `--follow` each further one.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::mem;
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::Duration;

use bulla_kms::audit::TrailFile;

use super::summary::summary;
use super::{Unread, as_it_is, event, sources, unreadable};
use crate::args::Tail;
use crate::failure::Failure;
use crate::results::{print, print_raw};

pub(super) fn run(tail: &Tail) -> Result<(), Failure> {
    let sources = sources(&tail.place)?;
    let Last { lines, end, unread } = last_lines(&sources, tail.lines);
    for line in lines {
        show(&line, tail.json)?;
    }
    let newest = sources.into_iter().next_back().filter(|_| tail.follow);
    let Some(newest) = newest else { return unread.into_result() };
    let is_damaged = unread.into_result().inspect_err(Failure::print).is_err();
    let mut follower = Follower { source: newest, file: None, position: end, is_damaged };
    loop {
        follower.read_on(|line| show(line, tail.json))?;
        thread::sleep(PAUSE);
    }
}

/// The end of a trail.
#[derive(Default)]
struct Last {
    /// The last lines that record an event.
    lines: Vec<Vec<u8>>,
    /// The number of bytes of the newest file that were read.
    end: u64,
    unread: Unread,
}

/// Returns the last `count` lines that record an event. A damaged file may have had more.
fn last_lines(sources: &[TrailFile], count: usize) -> Last {
    let mut lines = VecDeque::new();
    let mut end = None;
    let mut unread = Unread::default();
    for source in sources.iter().rev() {
        let mut of_file = VecDeque::new();
        let mut read = 0;
        unread.note(source.for_each(|line| {
            read += line.len() as u64 + 1;
            if event(line).is_some() {
                of_file.push_back(line.to_owned());
            }
            if of_file.len() > count - lines.len() {
                of_file.pop_front();
            }
            true
        }));
        end.get_or_insert(read);
        of_file.append(&mut lines);
        lines = of_file;
        if lines.len() >= count {
            break;
        }
    }
    Last { lines: lines.into(), end: end.unwrap_or_default(), unread }
}

fn show(line: &[u8], as_json: bool) -> Result<(), Failure> {
    match event(line) {
        Some(_) if as_json => print_raw(as_it_is(line)),
        Some(record) => print(summary(&record)),
        None => Ok(()),
    }
}

/// Reads appended lines, from one file to the next.
struct Follower {
    source: TrailFile,
    /// The open file of the source. It stays readable when the file is compressed.
    file: Option<File>,
    /// The position after the last complete line that was read.
    position: u64,
    /// Whether a failure to read the file was printed.
    is_damaged: bool,
}

impl Follower {
    fn read_on(&mut self, mut visit: impl FnMut(&[u8]) -> Result<(), Failure>) -> Result<(), Failure> {
        loop {
            // Determined before reading: the lines that were appended before the next file began are read below.
            let successor = self.source.successor().map_err(|error| unreadable(&error))?;
            while self.read_lines(&mut visit)? {}
            let Some(successor) = successor else { return Ok(()) };
            *self = Self { source: successor, file: None, position: 0, is_damaged: false };
        }
    }

    /// Reads some complete lines. Returns `false` if there are none.
    fn read_lines(&mut self, visit: &mut impl FnMut(&[u8]) -> Result<(), Failure>) -> Result<bool, Failure> {
        let path = self.source.path();
        let failed = |error| Failure::io(path, &error);
        let file = match self.file.take() {
            Some(file) => file,
            None if path.extension().is_some_and(|extension| extension == "gz") => {
                return self.read_compressed(visit);
            }
            None => match File::open(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return self.read_compressed(visit),
                file => file.map_err(failed)?,
            },
        };
        let mut bytes = vec![0; CHUNK];
        let read = file.read_at(&mut bytes, self.position).map_err(failed)?;
        self.file = Some(file);
        let whole = bytes[..read].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        for line in bytes[..whole].split_inclusive(|byte| *byte == b'\n') {
            visit(&line[..line.len() - 1])?;
        }
        self.position += whole as u64;
        Ok(whole > 0)
    }

    /// Reads the rest of a file that was closed and compressed before it was opened.
    fn read_compressed(
        &mut self,
        visit: &mut impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<bool, Failure> {
        let mut position = 0;
        let mut visited = Ok(());
        let read = self.source.for_each(|line| {
            if position >= self.position {
                visited = visit(line);
            }
            position += line.len() as u64 + 1;
            visited.is_ok()
        });
        visited?;
        match read {
            // Deleted meanwhile.
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => return Ok(false),
            // What follows is in the next file.
            Err(error) if error.is_damage() => {
                if !mem::replace(&mut self.is_damaged, true) {
                    unreadable(&error).print();
                }
            }
            read => read.map_err(|error| unreadable(&error))?,
        }
        let has_more = position > self.position;
        self.position = position;
        Ok(has_more)
    }
}

const PAUSE: Duration = Duration::from_millis(300);
/// More than the longest line.
const CHUNK: usize = 2 << 20;
