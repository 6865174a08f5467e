//! Verifying a trail from its files alone.
//!
//! Lines are proved by the chain of hashes and by the seals over it. Up to the last seal every change is found: of a byte,
//! of the order, of the number of lines. Lines after it are "not yet sealed", and a trail may have been cut there; what tells
//! that is a position or a seal that was kept elsewhere (`expected`).
//!
//! Whose trail it is tells a public key that was kept elsewhere (`anchor`): the key of a file of the trail, or one that the
//! certificates lead from to the first file. A seal is over all lines before it, so lines that are older than that key are
//! proved too. Without it, a trail is only proved to be whole.
//!
//! Files that were deleted because of their age are not missing: the first file says by its number where the trail begins.

use std::collections::{HashSet, VecDeque};
use std::fs::{self, File};
use std::io;
use std::iter;
use std::mem;
use std::path::PathBuf;

use super::chain::{Framed, Hash, Position};
use super::line::{Content, Gap, GapReason, KeyLine, SealLine};
use super::lines::{Lines, Next};
use super::scan::{content, is_notable};
use super::seal::PublicKey;
use super::sources::{CERTIFICATES, Common, ReadError, Source, is_damage};

/// What was found in a trail.
#[derive(Debug, Default)]
pub struct Report {
    /// How many files were read.
    pub files: usize,
    /// The store, as the first line says.
    pub store: Option<String>,
    /// The number of the first line.
    pub first: Option<u64>,
    /// The last line.
    pub last: Option<Position>,
    /// The last seal. It proves the lines before it.
    pub sealed: Option<Position>,
    /// The commit of the store that the last seal names.
    pub commit: Option<u64>,
    /// The public key that the first file begins with: of the file before it, if that is certified by one.
    pub first_key: Option<PublicKey>,
    /// The public key of the last file.
    pub last_key: Option<PublicKey>,
    /// Whether the last line is not whole: it is being written, or was when the machine stopped.
    pub is_torn: bool,
    /// What is wrong, in the order in which it was found: at most [`Report::MAX_FAULTS`].
    pub faults: Vec<Fault>,
    /// Lines that are missing according to the trail itself, with the number of the line that says so.
    pub gaps: Vec<(u64, Gap)>,
}

/// Something that is wrong with a trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What can be wrong with a trail.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// What follows this line is not a line of a trail.
    Malformed {
        /// The number of the line before it; 0 at the beginning.
        after: u64,
    },
    /// This line is not the one that the next line was written after.
    Changed {
        /// Its number.
        number: u64,
    },
    /// Lines are missing.
    Missing {
        /// The first one.
        from: u64,
        /// The last one.
        to: u64,
    },
    /// A line comes after one that has a higher number, or the same.
    OutOfOrder {
        /// Its number.
        number: u64,
    },
    /// A line is of another store.
    Foreign {
        /// Its number.
        number: u64,
    },
    /// The signature of a seal is not right.
    ForgedSeal {
        /// Its number.
        number: u64,
    },
    /// A seal is not by the key of its file.
    WrongKey {
        /// Its number.
        number: u64,
    },
    /// A file does not begin with the certificate of its key, or the certificate is not by the key of the file before.
    NoCertificate {
        /// The number of its first line.
        number: u64,
    },
    /// A key introduces itself: no earlier key certifies it.
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
    /// The trail has another line of the number that was expected.
    Unexpected {
        /// Its number.
        number: u64,
    },
    /// The trail has no line of the number that was expected.
    ExpectedMissing {
        /// The number.
        number: u64,
    },
    /// The public key does not lead to the trail.
    NotAnchored,
}

impl Report {
    /// Faults that are kept; a trail with so many is no trail.
    pub const MAX_FAULTS: usize = 1000;

    /// Whether nothing is wrong, and no line that was durable is lost.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let is_loss = |gap: &Gap| !matches!(gap.reason, GapReason::Missed | GapReason::Cut);
        self.faults.is_empty() && !self.gaps.iter().any(|(_, gap)| is_loss(gap))
    }

    /// How many lines come after the last seal.
    #[must_use]
    pub fn unsealed(&self) -> u64 {
        let number = |position: Option<Position>| position.map_or(0, |position| position.number);
        number(self.last).saturating_sub(number(self.sealed))
    }
}

/// Verifies the trail in these files and directories.
///
/// # Errors
/// [`ReadError`] if one of them cannot be read. What is wrong with the trail is in the [`Report`].
pub fn verify(
    paths: &[PathBuf],
    anchor: Option<PublicKey>,
    expected: Option<Position>,
) -> Result<Report, ReadError> {
    let mut oldest = None;
    loop {
        let sources = Source::all(paths)?;
        let first = sources.first().map(Source::first);
        match verify_sources(paths, sources, anchor, expected) {
            // A server has deleted the oldest file since they were listed.
            Err(error) if error.source.kind() == io::ErrorKind::NotFound && first > oldest => oldest = first,
            report => return report,
        }
    }
}

fn verify_sources(
    paths: &[PathBuf],
    sources: Vec<Source>,
    anchor: Option<PublicKey>,
    expected: Option<Position>,
) -> Result<Report, ReadError> {
    let mut files = opened_ahead(sources).peekable();
    let _ = files.peek(); // files that are deleted before the certificates are read stay open
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

/// Opens files before it is their turn, since a server may delete them meanwhile: the oldest first.
fn opened_ahead(sources: Vec<Source>) -> impl Iterator<Item = (Source, io::Result<File>)> {
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

/// Files that are open at once: fewer than any limit of a process, more than are deleted while one is read.
const AHEAD: usize = 64;

/// How far the trail was read.
#[derive(Default)]
struct Verifier {
    report: Report,
    path: PathBuf,
    anchor: Option<PublicKey>,
    expected: Option<Position>,
    /// Keys that the anchor leads to by the certificates of deleted files.
    earlier: HashSet<PublicKey>,
    is_anchored: bool,
    /// The key of the current file.
    key: Option<PublicKey>,
    /// The key that the last line announces for the next file.
    next: Option<PublicKey>,
    /// Whether the line before could not be read, so that nothing is known about the next one.
    is_unknown: bool,
    /// Whether the next line is the first one of its file.
    is_first: bool,
    /// Lines missing before the first line of a file, until the next line says why.
    unexplained: Option<(u64, u64)>,
}

impl Verifier {
    /// Reads files that a server has begun since the last one was listed. One that it has deleted already was begun, too.
    fn read_begun_since(&mut self, mut last: Option<Source>) -> Result<(), ReadError> {
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

    fn read(&mut self, source: &Source, file: io::Result<File>) -> Result<(), ReadError> {
        if self.report.is_torn {
            self.report.is_torn = false;
            self.fault(FaultKind::Torn { after: self.last().number });
        }
        self.path = source.path().to_owned();
        self.report.files += 1;
        self.is_first = true;
        let mut lines = match file.and_then(Lines::new) {
            Err(error) if is_damage(&error) => {
                self.fault(FaultKind::Undecompressed { after: self.last().number });
                return Ok(());
            }
            lines => lines.map_err(|source| ReadError { path: self.path.clone(), source })?,
        };
        loop {
            match lines.next() {
                Ok(Next::Line(line)) => self.line(line),
                Ok(Next::End) => break,
                Ok(Next::Torn(_)) => self.report.is_torn = true,
                Err(error) if is_damage(&error) => {
                    self.fault(FaultKind::Undecompressed { after: self.last().number });
                    break;
                }
                Err(source) => return Err(ReadError { path: self.path.clone(), source }),
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) {
        let is_first = mem::take(&mut self.is_first);
        let (Some(framed), Ok(common)) = (Framed::parse(line), serde_json::from_slice::<Common<'_>>(line))
        else {
            self.fault(FaultKind::Malformed { after: self.last().number });
            self.is_unknown = true;
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

    /// Whether the line is taken as the next one. What is wrong about that is noted.
    fn follow(&mut self, line: Framed<'_>, gap: Option<&Gap>, is_first_of_file: bool) -> bool {
        let Some(last) = self.report.last.filter(|_| !mem::take(&mut self.is_unknown)) else { return true };
        let number = line.number;
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

    /// Lines that are missing before a file are a fault, unless its second line says so.
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
        let is_led_to = if is_first {
            self.is_anchored = self.earlier.contains(&signer) || self.anchor == Some(signer);
            true
        } else if Some(signer) == announced {
            true // the announced file is missing, which is a fault of its own
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
        let Some(key) = self.key else { return }; // that is a fault already
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

    /// Reads the certificates of deleted files. What cannot be read leads nowhere.
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

/// The keys that the certificates lead to from `anchor`. Half a line at the end is being written.
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
