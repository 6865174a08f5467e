//! Reads one file of the trail as far as its lines are consecutive, for opening a trail.

use std::io;

use serde::de::IgnoredAny;

use super::chain::{Framed, Hash, Position};
use super::files::{Directory, LogFile, first_number};
use super::line::{Content, KeyLine};
use super::lines::{Lines, Next};
use super::seal::PublicKey;
use super::sources::is_damage;

/// The consecutive lines of a file.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) name: String,
    pub(super) is_compressed: bool,
    /// The number of its first line.
    pub(super) first: u64,
    pub(super) last: Position,
    /// The last seal.
    pub(super) sealed: Position,
    /// The highest commit of its seals.
    pub(super) sealed_commit: u64,
    pub(super) sealed_epoch: u64,
    /// The number of losses that these lines, and files before, have recorded.
    pub(super) losses: u64,
    /// Bytes up to the end of the last of these lines.
    pub(super) len: u64,
    /// The key that its first line certifies.
    pub(super) key: PublicKey,
    /// The key that its last line announces for the next file.
    pub(super) next: Option<PublicKey>,
    /// The hash of the requested line, if it is in the file.
    pub(super) requested_hash: Option<Hash>,
    pub(super) rest: Rest,
    /// The last line, which only the next one proves, and the state before it.
    last_line: Vec<u8>,
    before: Option<(Position, Position, u64, u64)>,
}

/// The content after these lines.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rest {
    pub(super) bytes: u64,
    /// Whole lines.
    pub(super) lines: u64,
    /// Whether one of them has a valid seal. Then they were not just written when the machine stopped.
    pub(super) is_sealed: bool,
}

impl Scan {
    /// Reads a file; none if it does not begin with the certificate of a key. Also finds the hash of the line with the number
    /// `requested`.
    pub(super) fn read(
        directory: &impl Directory,
        name: &str,
        requested: Option<u64>,
    ) -> io::Result<Option<Self>> {
        let Some((_, is_compressed)) = first_number(name) else { return Ok(None) };
        let file = directory.open(name)?;
        let mut lines = Lines::new(file.reader()?)?;
        let Some(mut scan) = Self::begin(&mut lines, name, is_compressed)? else { return Ok(None) };
        scan.note_requested(requested);
        loop {
            match lines.next() {
                // The end of a compressed file is missing, or damaged.
                Err(error) if is_compressed && is_damage(&error) => break,
                Err(error) => return Err(error),
                Ok(Next::End) => break,
                Ok(Next::Torn(bytes)) => scan.rest.bytes += bytes.len() as u64,
                Ok(Next::Line(line)) => {
                    if scan.rest.bytes > 0 || !scan.follow(line) {
                        if scan.rest.bytes == 0 && scan.disproves_last(line) {
                            scan.step_back(requested);
                        }
                        scan.skip(line);
                    }
                    scan.note_requested(requested);
                }
            }
        }
        if serde_json::from_slice::<IgnoredAny>(&scan.last_line).is_err() {
            scan.step_back(requested);
        }
        Ok(Some(scan))
    }

    fn begin(
        lines: &mut Lines<impl io::BufRead>,
        name: &str,
        is_compressed: bool,
    ) -> io::Result<Option<Self>> {
        let Ok(Next::Line(line)) = lines.next() else { return Ok(None) };
        let Some(framed) = Framed::parse(line) else { return Ok(None) };
        let Some(Content::Key(KeyLine { public_key, losses, .. })) = content(line) else { return Ok(None) };
        let Ok(key) = public_key.parse() else { return Ok(None) };
        let last = Position { number: framed.number, hash: Hash::of(line) };
        Ok(Some(Self {
            name: name.to_owned(),
            is_compressed,
            first: framed.number,
            last,
            sealed: last,
            sealed_commit: 0,
            sealed_epoch: 0,
            losses,
            len: line.len() as u64 + 1,
            key,
            next: None,
            requested_hash: None,
            rest: Rest::default(),
            last_line: line.to_vec(),
            before: None,
        }))
    }

    /// Adds the line, if it follows the last one.
    fn follow(&mut self, line: &[u8]) -> bool {
        let Some(framed) = Framed::parse(line) else { return false };
        if framed.prev != self.last.hash || framed.number <= self.last.number {
            return false;
        }
        let is_next = framed.number == self.last.number + 1;
        let content = is_notable(framed).then(|| content(line)).flatten();
        match &content {
            Some(Content::Gap(gap)) if is_next || gap.explains(self.last.number, framed.number) => {}
            _ if is_next && self.next.is_none() => {}
            _ => return false,
        }
        self.before = Some((self.last, self.sealed, self.losses, self.len));
        self.last_line.clear();
        self.last_line.extend_from_slice(line);
        self.last = Position { number: framed.number, hash: Hash::of(line) };
        self.len += line.len() as u64 + 1;
        if let Some(Content::Gap(gap)) = &content {
            self.losses += u64::from(gap.is_loss());
        }
        if let Some(Content::Seal(seal)) = content {
            self.sealed = self.last;
            self.sealed_commit = seal.commit;
            self.sealed_epoch = seal.epoch;
            self.next = seal.next.and_then(|next| next.parse().ok());
        }
        true
    }

    /// Whether the line was written after a different last line.
    fn disproves_last(&self, line: &[u8]) -> bool {
        Framed::parse(line)
            .is_some_and(|line| line.number == self.last.number + 1 && line.prev != self.last.hash)
    }

    /// Removes the last line, which is damaged.
    fn step_back(&mut self, requested: Option<u64>) {
        let Some((last, sealed, losses, len)) = self.before.take() else { return };
        if requested == Some(self.last.number) {
            self.requested_hash = None;
        }
        self.rest.bytes += self.len - len;
        self.rest.lines += 1;
        self.next = None;
        self.last = last;
        self.sealed = sealed;
        self.losses = losses;
        self.len = len;
    }

    fn skip(&mut self, line: &[u8]) {
        self.rest.bytes += line.len() as u64 + 1;
        self.rest.lines += 1;
        let framed = Framed::parse(line).filter(|framed| is_notable(*framed));
        self.rest.is_sealed |= framed.is_some_and(|framed| self.key.verifies(framed));
    }

    fn note_requested(&mut self, requested: Option<u64>) {
        if self.rest.bytes == 0 && requested == Some(self.last.number) {
            self.requested_hash = Some(self.last.hash);
        }
    }
}

/// Whether the line may be one that the trail itself writes. Texts in a line have no quotation marks without a backslash.
pub(super) fn is_notable(line: Framed<'_>) -> bool {
    [r#""type":"seal""#, r#""type":"gap""#, r#""type":"key""#].iter().any(|kind| line.members.contains(kind))
}

/// Parses a line; none if it is not JSON, or not a line of a trail.
pub(super) fn content(line: &[u8]) -> Option<Content<'_>> {
    serde_json::from_slice(line).ok()
}
