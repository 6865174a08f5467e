//! Verifies a trail from its files alone.
//!
//! The chain of hashes and the seals over it prove the lines. Up to the last seal, every change is found: of a byte, of the
//! order, of the number of lines. Lines after it are "not yet sealed", and a trail may have been truncated there; a position
//! or a seal that was kept elsewhere (`expected`) reveals that.
//!
//! A public key that was kept elsewhere (`anchor`) proves the origin of the trail: the key of a file, or one that is linked
//! to the first file by certificates. A seal covers all lines before it, so lines older than that key are proved too. Without
//! it, only the integrity of the trail is proved.
//!
//! Files that housekeeping has deleted are not missing: the number of the first file determines where the trail begins.

mod file;

use std::collections::{HashSet, VecDeque};
use std::fs::{self, File};
use std::io;
use std::iter;
use std::mem;
use std::path::PathBuf;

use super::chain::{Framed, Hash, Position};
use super::line::{Content, Gap, KeyLine, SealLine};
use super::scan::{content, is_notable};
use super::seal::PublicKey;
use super::sources::{CERTIFICATES, Common, ReadError, TrailFile};

/// The result of verifying a trail.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The number of files.
    pub files: usize,
    /// The store in the first line.
    pub store: Option<String>,
    /// The number of the first line.
    pub first: Option<u64>,
    /// The last line.
    pub last: Option<Position>,
    /// The last seal. It proves the lines before it.
    pub sealed: Option<Position>,
    /// The commit of the store in the last seal.
    pub commit: Option<u64>,
    /// The public key at the beginning of the first file: that of the file before it, if that certifies it.
    pub first_key: Option<PublicKey>,
    /// The public key of the last file.
    pub last_key: Option<PublicKey>,
    /// Whether the last line is incomplete: it is being written, or was when the machine stopped.
    pub is_torn: bool,
    /// The faults, in the order of detection: at most [`Report::MAX_FAULTS`].
    pub faults: Vec<Fault>,
    /// The missing lines that the trail itself records, each with the number of the recording line.
    pub gaps: Vec<(u64, Gap)>,
    /// The number of losses of durable lines, and of keys, that the trail recorded before the first file.
    pub earlier_losses: u64,
}

/// A fault of a trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub path: PathBuf,
    /// The kind of fault.
    pub kind: FaultKind,
}

/// A kind of fault of a trail.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// The content after this line is not a line of a trail.
    Malformed {
        /// The number of the line before it; 0 at the beginning.
        after: u64,
    },
    /// This line differs from the one that the next line was written after.
    Changed {
        /// Its number.
        number: u64,
    },
    /// Lines are missing.
    Missing {
        /// The first missing number.
        from: u64,
        /// The last missing number.
        to: u64,
    },
    /// A line comes after one with a higher number, or the same.
    OutOfOrder {
        /// Its number.
        number: u64,
    },
    /// A line belongs to another store.
    Foreign {
        /// Its number.
        number: u64,
    },
    /// The signature of a seal is wrong.
    ForgedSeal {
        /// Its number.
        number: u64,
    },
    /// A seal is by another key than that of its file.
    WrongKey {
        /// Its number.
        number: u64,
    },
    /// A file does not begin with the certificate of its key, or the certificate is not signed by the key of the file before.
    NoCertificate {
        /// The number of its first line.
        number: u64,
    },
    /// A key is not certified by an earlier key.
    NewKey {
        /// The number of its line.
        number: u64,
    },
    /// A line comes after the last one of its file, or a certificate within a file.
    Misplaced {
        /// Its number.
        number: u64,
    },
    /// The file ends within a line, and another file follows.
    Torn {
        /// The number of the line before.
        after: u64,
    },
    /// The compressed file cannot be decompressed to its end.
    Undecompressed {
        /// The number of the line before.
        after: u64,
    },
    /// The last file announces another one, which is missing.
    FileMissing {
        /// The number of its first line.
        from: u64,
    },
    /// The trail has a line with the expected number, but another hash.
    Unexpected {
        /// Its number.
        number: u64,
    },
    /// The trail has no line with the expected number.
    ExpectedMissing {
        /// The number.
        number: u64,
    },
    /// The public key is not linked to the trail.
    NotAnchored,
}

impl Report {
    /// Maximum number of faults; a file with so many is not a trail.
    pub const MAX_FAULTS: usize = 1000;

    /// Whether there is no fault, and no durable line is lost.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty() && self.earlier_losses == 0 && !self.gaps.iter().any(|(_, gap)| gap.is_loss())
    }

    /// The number of lines after the last seal.
    #[must_use]
    pub fn unsealed(&self) -> u64 {
        let number = |position: Option<Position>| position.map_or(0, |position| position.number);
        number(self.last).saturating_sub(number(self.sealed))
    }
}

/// Verifies the trail in these files and directories.
///
/// # Errors
/// [`ReadError`] if one of them cannot be read. Faults of the trail are in the [`Report`].
pub fn verify(
    paths: &[PathBuf],
    anchor: Option<PublicKey>,
    expected: Option<Position>,
) -> Result<Report, ReadError> {
    let mut oldest = None;
    loop {
        let sources = TrailFile::all(paths)?;
        let first = sources.first().map(TrailFile::first);
        match verify_sources(paths, sources, anchor, expected) {
            // A server has deleted the oldest file since they were listed.
            Err(error) if error.source.kind() == io::ErrorKind::NotFound && first > oldest => oldest = first,
            report => return report,
        }
    }
}

fn verify_sources(
    paths: &[PathBuf],
    sources: Vec<TrailFile>,
    anchor: Option<PublicKey>,
    expected: Option<Position>,
) -> Result<Report, ReadError> {
    let mut files = opened_ahead(sources).peekable();
    let _ = files.peek(); // files that are deleted before the certificates are read remain open
    let mut verifier = Verifier { anchor, expected, ..Verifier::default() };
    verifier.read_certificates(paths);
    let mut last = None;
    for (source, file) in files {
        verifier.read(&source, file)?;
        last = Some(source);
    }
    if paths.iter().any(|path| path.is_dir()) {
        verifier.read_begun_since(last)?;
    }
    Ok(verifier.finish())
}

/// Opens files in advance, because a server may delete them meanwhile: the oldest first.
fn opened_ahead(sources: Vec<TrailFile>) -> impl Iterator<Item = (TrailFile, io::Result<File>)> {
    let mut sources = sources.into_iter();
    let mut opened = VecDeque::with_capacity(AHEAD);
    iter::from_fn(move || {
        while opened.len() < AHEAD
            && let Some(source) = sources.next()
        {
            let file = source.open();
            opened.push_back((source, file));
        }
        opened.pop_front()
    })
}

/// Maximum open files: fewer than any limit of a process, more than are deleted while one is read.
const AHEAD: usize = 64;

/// The state after the lines so far.
#[derive(Clone, Default)]
struct Verifier {
    report: Report,
    path: PathBuf,
    anchor: Option<PublicKey>,
    expected: Option<Position>,
    /// Keys that are linked to the anchor by the certificates of deleted files.
    earlier: HashSet<PublicKey>,
    is_anchored: bool,
    /// The key of the current file.
    key: Option<PublicKey>,
    /// The key that the last line announces for the next file.
    next: Option<PublicKey>,
    /// Whether the line before could not be parsed, so that nothing is known about the next one.
    is_unknown: bool,
    /// Whether the next line is the first one of its file.
    is_first: bool,
    /// Missing lines before the first line of a file, until the next line explains them.
    unexplained: Option<(u64, u64)>,
    /// The number of the first line, if it cannot be read.
    unread: Option<u64>,
}

impl Verifier {
    /// Reads files that a server has begun since the last one was listed, even if it has deleted that one already.
    fn read_begun_since(&mut self, mut last: Option<TrailFile>) -> Result<(), ReadError> {
        while let Some(before) = last.take().filter(|_| self.next.is_some()) {
            let Some(source) = before.announced()? else { break };
            let file = source.open();
            let is_deleted = file.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
            if is_deleted || source.first() != self.last().number + 1 {
                self.next = None;
                break;
            }
            self.read(&source, file)?;
            last = Some(source);
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) {
        let is_first = mem::take(&mut self.is_first);
        let (Some(framed), Ok(common)) = (Framed::parse(line), serde_json::from_slice::<Common<'_>>(line))
        else {
            // Consecutive ones are one fault.
            if !mem::replace(&mut self.is_unknown, true) || is_first {
                self.fault(FaultKind::Malformed { after: self.last().number });
            }
            return;
        };
        let number = framed.number;
        let content = is_notable(framed).then(|| content(line)).flatten();
        let gap = match &content {
            Some(Content::Gap(gap)) => Some(gap),
            _ => None,
        };
        self.explain(gap);
        if !self.follow(framed, gap, is_first) {
            return;
        }
        let hash = Hash::of(line);
        self.report.last = Some(Position { number, hash });
        self.report.first.get_or_insert(number);
        if *self.report.store.get_or_insert_with(|| common.store.to_string()) != common.store {
            self.fault(FaultKind::Foreign { number });
        }
        if let Some(expected) = self.expected.take_if(|expected| expected.number == number)
            && expected.hash != hash
        {
            self.fault(FaultKind::Unexpected { number });
        }
        if is_first != matches!(content, Some(Content::Key(_))) {
            self.fault(if is_first {
                FaultKind::NoCertificate { number }
            } else {
                FaultKind::Misplaced { number }
            });
        }
        if !is_first && self.next.is_some() {
            self.fault(FaultKind::Misplaced { number });
        }
        match content {
            Some(Content::Key(certificate)) if is_first => self.certificate(framed, &certificate),
            Some(Content::Seal(seal)) => self.seal(framed, hash, &seal),
            Some(Content::Gap(gap)) => self.report.gaps.push((number, gap)),
            _ => {}
        }
    }

    /// Whether the line is accepted as the next one. Adds a fault if it is wrong.
    fn follow(&mut self, line: Framed<'_>, gap: Option<&Gap>, is_first_of_file: bool) -> bool {
        let number = line.number;
        let is_unknown = mem::take(&mut self.is_unknown);
        let Some(last) = self.report.last.filter(|_| !is_unknown) else {
            if let Some(from) = self.unread.take().filter(|from| *from < number) {
                self.fault(FaultKind::Missing { from, to: number - 1 });
            }
            return true;
        };
        let is_after = line.prev == last.hash;
        if number <= last.number {
            self.fault(FaultKind::OutOfOrder { number });
            return false;
        }
        if number > last.number + 1 {
            let missing = (last.number + 1, number - 1);
            if is_after && is_first_of_file {
                self.unexplained = Some(missing);
            } else if !is_after || !gap.is_some_and(|gap| gap.explains(last.number, number)) {
                self.fault(FaultKind::Missing { from: missing.0, to: missing.1 });
            }
        } else if !is_after {
            self.fault(FaultKind::Changed { number: last.number });
        }
        true
    }

    /// Missing lines before a file are a fault, unless its second line records them.
    fn explain(&mut self, gap: Option<&Gap>) {
        if let Some((from, to)) = self.unexplained.take()
            && gap.is_none_or(|gap| (gap.from, gap.to) != (Some(from), Some(to)))
        {
            self.fault(FaultKind::Missing { from, to });
        }
    }

    fn certificate(&mut self, line: Framed<'_>, certificate: &KeyLine<'_>) {
        let number = line.number;
        let announced = self.next.take();
        let before = self.key.take();
        let (Ok(key), Ok(signer)) = (certificate.public_key.parse(), certificate.key.parse::<PublicKey>())
        else {
            return self.fault(FaultKind::NoCertificate { number });
        };
        self.key = Some(key);
        self.report.last_key = Some(key);
        if !signer.verifies(line) {
            return self.fault(FaultKind::NoCertificate { number });
        }
        let is_first = self.report.first_key.is_none();
        self.report.first_key.get_or_insert(signer);
        if is_first {
            self.report.earlier_losses = certificate.losses;
        }
        let is_led_to = if is_first {
            self.is_anchored = self.earlier.contains(&signer) || self.anchor == Some(signer);
            true
        } else if Some(signer) == announced {
            true // the announced file is missing, which is another fault
        } else {
            Some(signer) == before && announced.is_none_or(|announced| announced == key)
        };
        if !is_led_to {
            self.is_anchored = self.anchor == Some(signer);
            let is_new = signer == key;
            self.fault(if is_new {
                FaultKind::NewKey { number }
            } else {
                FaultKind::NoCertificate { number }
            });
        }
        self.is_anchored |= self.anchor == Some(key);
    }

    fn seal(&mut self, line: Framed<'_>, hash: Hash, seal: &SealLine<'_>) {
        let number = line.number;
        let Some(key) = self.key else { return }; // which is a fault already
        if seal.key.parse() != Ok(key) {
            return self.fault(FaultKind::WrongKey { number });
        }
        if !key.verifies(line) {
            return self.fault(FaultKind::ForgedSeal { number });
        }
        self.report.sealed = Some(Position { number, hash });
        self.report.commit = Some(seal.commit);
        self.next = seal.next.as_ref().and_then(|next| next.parse().ok());
    }

    /// Reads the certificates of deleted files, and skips those that cannot be read.
    fn read_certificates(&mut self, paths: &[PathBuf]) {
        let Some(anchor) = self.anchor else { return };
        let is_file = |path: &&PathBuf| path.file_name().is_some_and(|name| name == CERTIFICATES);
        let places = paths.iter().filter(|path| path.is_dir()).map(|path| path.join(CERTIFICATES));
        for path in places.chain(paths.iter().filter(is_file).cloned()) {
            self.earlier.extend(led_to(&fs::read(path).unwrap_or_default(), anchor));
        }
    }

    fn finish(mut self) -> Report {
        self.explain(None);
        if self.next.is_some() {
            self.fault(FaultKind::FileMissing { from: self.last().number + 1 });
        }
        if let Some(expected) = self.expected {
            self.fault(FaultKind::ExpectedMissing { number: expected.number });
        }
        if self.anchor.is_some() && !self.is_anchored {
            self.fault(FaultKind::NotAnchored);
        }
        self.report
    }

    fn last(&self) -> Position {
        self.report.last.unwrap_or(Position::START)
    }

    fn fault(&mut self, kind: FaultKind) {
        if self.report.faults.len() < Report::MAX_FAULTS {
            self.report.faults.push(Fault { path: self.path.clone(), kind });
        }
    }
}

/// Returns the keys that the certificates link to `anchor`. An incomplete line at the end is being written.
fn led_to(certificates: &[u8], anchor: PublicKey) -> HashSet<PublicKey> {
    let mut reached = HashSet::from([anchor]);
    for line in
        certificates.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"))
    {
        let (Some(framed), Some(Content::Key(certificate))) = (Framed::parse(line), content(line)) else {
            continue;
        };
        let (Ok(key), Ok(signer)) = (certificate.public_key.parse(), certificate.key.parse::<PublicKey>())
        else {
            continue;
        };
        if reached.contains(&signer) && signer.verifies(framed) {
            reached.insert(key);
        }
    }
    reached
}

#[cfg(test)]
mod tests;
