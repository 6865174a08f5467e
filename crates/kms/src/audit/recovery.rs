//! Opens a trail after a crash, or after changes by another process.
//!
//! The newest file is read as far as its lines are consecutive. The rest is cut off: an incomplete line is dropped, complete
//! lines are moved to a separate file (`audit-NUMBER.cut`), and a line of the trail records that they are missing. A crash
//! cannot lose sealed lines, so if such lines are missing, that line calls them `lost`. If the current file is missing or
//! cannot be continued, another one is begun.

use std::io::{self, Read};

use super::chain::Position;
use super::files::{Directory, LogFile, first_number};
use super::key_files::{self, CURRENT, NEXT, UNFINISHED, write_new};
use super::line::{Content, Gap, GapReason, Time};
use super::scan::Scan;
use super::seal::SealKey;
use super::trail::{Beginning, Current, Opening, Trail, begin_file};
use super::trail_error::TrailError;

/// What the directory contains.
struct Found {
    /// The newest file that begins with a certificate.
    scan: Option<Scan>,
    /// The highest number in the name of a file without a certificate, or 0.
    unusable: u64,
    /// The content of `seal-key` and `seal-key.next`.
    keys: [Option<SealKey>; 2],
}

/// The file to continue, and its keys.
struct Begun<F> {
    current: Current<F>,
    key: SealKey,
    is_old_key_kept: bool,
    /// Whether the key introduces itself: no earlier key certifies it.
    is_first_key: bool,
}

impl<D: Directory> Trail<D> {
    pub(crate) fn open_in(directory: D, opening: Opening) -> Result<Self, TrailError> {
        let failed = |error| TrailError::new(&directory.path(""), error);
        let mut found = Found::read(&directory, &opening).map_err(failed)?;
        let mut gaps = found.gaps(&opening);
        let losses = found.scan.as_ref().map_or(0, |scan| scan.losses);
        let [held, following] = found.keys;
        let begun = match found.scan.take() {
            Some(scan) => continue_newest(&directory, &opening, scan, held, following, &mut gaps)?,
            None => begin(&directory, &opening, held, &mut gaps)?,
        };
        let Begun { current, key, is_old_key_kept, is_first_key } = begun;
        let Opening { identity, roots, limits, noted, unwritten: _, now } = opening;
        let mut trail = Self {
            directory,
            identity,
            roots,
            limits,
            closed: Vec::new(),
            current,
            key,
            next: None,
            is_old_key_kept,
            new_first_key: None,
            stopped: None,
            buffer: Vec::new(),
            copy: None,
            elsewhere: None,
            half_begun: None,
            gaps: Vec::new(),
            lost: 0,
            losses,
            noted: noted.map_or(0, |noted| noted.number),
        };
        let files = trail.files().map_err(|error| TrailError::new(&trail.directory.path(""), error))?;
        trail.closed = files.range(..trail.current.first).copied().collect();
        trail.new_first_key = is_first_key.then(|| trail.public_key());
        trail.destroy_old_key()?;
        let _ = trail.directory.remove(NEXT); // of a file that was not begun; usually it does not exist
        trail.note(gaps, now)?;
        Ok(trail)
    }

    /// Writes the gaps into the trail.
    fn note(&mut self, gaps: Vec<Gap>, now: Time) -> Result<(), TrailError> {
        let mut last = self.begin_write();
        for gap in &gaps {
            let number = match gap.to {
                Some(to) if gap.from == Some(last.number + 1) => to + 1,
                _ => last.number + 1,
            };
            let members = self.members(now, Content::Gap(gap.clone()));
            last = last.append_as(number, members.as_str(), &mut self.buffer);
        }
        if !gaps.is_empty() {
            self.write(last)?;
        }
        self.lost = gaps.iter().map(Gap::lost_lines).sum();
        self.losses += gaps.iter().filter(|gap| gap.is_loss()).count() as u64;
        self.gaps = gaps;
        Ok(())
    }
}

impl Found {
    fn read(directory: &impl Directory, opening: &Opening) -> io::Result<Self> {
        let mut names = directory.names()?;
        for unfinished in names.iter().filter(|name| name.ends_with(UNFINISHED)) {
            directory.remove(unfinished)?;
        }
        let key = |name| key_files::load(directory, name, &opening.roots);
        let mut found = Self { scan: None, unusable: 0, keys: [key(CURRENT)?, key(NEXT)?] };
        names.retain(|name| first_number(name).is_some());
        // If the compression of a file was not finished, the plain file comes first.
        names.sort_by_key(|name| first_number(name).map(|(first, is_compressed)| (first, !is_compressed)));
        let noted_number = opening.noted.map(|noted| noted.number);
        while let Some(name) = names.pop() {
            found.scan = Scan::read(directory, &name, noted_number)?;
            if found.scan.is_some() {
                break;
            }
            found.unusable = found.unusable.max(first_number(&name).map_or(0, |(first, _)| first));
        }
        Ok(found)
    }

    /// Returns which lines are missing, according to the newest file and the store's record.
    fn gaps(&self, opening: &Opening) -> Vec<Gap> {
        let last = self.scan.as_ref().map_or(0, |scan| scan.last.number);
        let rest = self.scan.as_ref().map(|scan| scan.rest).unwrap_or_default();
        let noted = opening.noted.map_or(0, |noted| noted.number);
        let end = (last + rest.lines).max(noted).max(self.unusable);
        let is_lost = noted > last || self.unusable > last || rest.is_sealed;
        let reason = if is_lost { GapReason::Lost } else { GapReason::Cut };
        let mut gaps = Vec::new();
        if end > last {
            gaps.push(Gap { reason, ..Gap::lost(last + 1, end) });
        }
        let found = self.scan.as_ref().and_then(|scan| scan.requested_hash);
        if found.is_some_and(|hash| opening.noted.is_some_and(|noted| noted.hash != hash)) {
            gaps.push(Gap::lost(noted, noted));
        }
        if let Some(unwritten) = opening.unwritten {
            unwritten.add_to(&mut gaps, last, end);
        }
        gaps
    }
}

/// Begins a trail.
fn begin<D: Directory>(
    directory: &D,
    opening: &Opening,
    held: Option<SealKey>,
    gaps: &mut Vec<Gap>,
) -> Result<Begun<D::File>, TrailError> {
    let is_key_lost = held.is_none() && !gaps.is_empty();
    let key = match held {
        Some(key) => key,
        None => keep_random(directory, CURRENT, opening)?,
    };
    let current = begin_after(directory, opening, Position::START, 0, gaps, &key, &key)?;
    gaps.extend(is_key_lost.then_some(KEY_LOST));
    Ok(Begun { current, key, is_old_key_kept: false, is_first_key: true })
}

/// Continues the newest file, or begins another one after it.
fn continue_newest<D: Directory>(
    directory: &D,
    opening: &Opening,
    scan: Scan,
    held: Option<SealKey>,
    following: Option<SealKey>,
    gaps: &mut Vec<Gap>,
) -> Result<Begun<D::File>, TrailError> {
    let is_key = |key: &SealKey| key.public() == scan.key;
    let is_next = |key: &SealKey| Some(key.public()) == scan.next;
    let is_open = !scan.is_compressed && scan.next.is_none();
    let begin = |key: &SealKey, signer: &SealKey, gaps: &[Gap]| {
        begin_after(directory, opening, scan.last, scan.losses, gaps, key, signer)
    };
    match (held, following) {
        (Some(key), _) if is_key(&key) && is_open => Ok(Begun {
            current: resume(directory, &scan, gaps)?,
            key,
            is_old_key_kept: false,
            is_first_key: false,
        }),
        // Stopped before the key of the previous file was destroyed.
        (_, Some(key)) if is_key(&key) && is_open => Ok(Begun {
            current: resume(directory, &scan, gaps)?,
            key,
            is_old_key_kept: true,
            is_first_key: false,
        }),
        // Stopped before the next file existed.
        (Some(signer), Some(key)) if is_key(&signer) && is_next(&key) => Ok(Begun {
            current: begin(&key, &signer, gaps)?,
            key,
            is_old_key_kept: true,
            is_first_key: false,
        }),
        // The current file is missing.
        (Some(signer), _) | (_, Some(signer)) if is_key(&signer) || is_next(&signer) => {
            let key = keep_random(directory, NEXT, opening)?;
            Ok(Begun {
                current: begin(&key, &signer, gaps)?,
                key,
                is_old_key_kept: true,
                is_first_key: false,
            })
        }
        _ => {
            let key = keep_random(directory, CURRENT, opening)?;
            let current = begin(&key, &key, gaps)?;
            gaps.push(KEY_LOST);
            Ok(Begun { current, key, is_old_key_kept: false, is_first_key: true })
        }
    }
}

/// Begins a file after `before`, and after the missing lines.
fn begin_after<D: Directory>(
    directory: &D,
    opening: &Opening,
    before: Position,
    losses: u64,
    gaps: &[Gap],
    key: &SealKey,
    signer: &SealKey,
) -> Result<Current<D::File>, TrailError> {
    let next = before.number + 1;
    let end = gaps.iter().find(|gap| gap.from == Some(next)).and_then(|gap| gap.to);
    let number = end.map_or(next, |end| end + 1);
    let beginning = Beginning { before, number, key, signer, losses, now: opening.now, lines: &[] };
    begin_file(directory, &opening.identity, &beginning).map(|(current, _)| current)
}

/// Opens the newest file for appending, without the content after its lines.
fn resume<D: Directory>(directory: &D, scan: &Scan, gaps: &[Gap]) -> Result<Current<D::File>, TrailError> {
    let opened = directory.open(&scan.name).and_then(|mut file| {
        if scan.rest.bytes > 0 {
            if scan.rest.lines > 0 {
                keep_rest(directory, scan, &file, gaps)?;
            }
            file.truncate(scan.len)?;
        }
        Ok(file)
    });
    let file = opened.map_err(|error| TrailError::new(&directory.path(&scan.name), error))?;
    let Scan { first, len, last, sealed, sealed_commit, sealed_epoch, .. } = *scan;
    // Whether the lines are durable is unknown.
    let synced = Position::START;
    let name = scan.name.clone();
    let for_seal = file.share().ok(); // otherwise when there is a seal
    Ok(Current { name, file, for_seal, first, len, last, synced, sealed, sealed_commit, sealed_epoch })
}

/// Keeps complete lines that are not consecutive: they may reveal who damaged the file.
fn keep_rest<D: Directory>(directory: &D, scan: &Scan, file: &D::File, gaps: &[Gap]) -> io::Result<()> {
    let mut reader = file.reader()?;
    io::copy(&mut reader.by_ref().take(scan.len), &mut io::sink())?;
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest)?;
    let number = gaps.first().and_then(|gap| gap.from).unwrap_or_default();
    write_new(directory, &format!("audit-{number:020}.cut"), &rest).map(drop)
}

fn keep_random(directory: &impl Directory, name: &str, opening: &Opening) -> Result<SealKey, TrailError> {
    let key = SealKey::random();
    key_files::keep(directory, name, &key, &opening.roots)
        .map_err(|error| TrailError::new(&directory.path(name), error))?;
    Ok(key)
}

const KEY_LOST: Gap = Gap { reason: GapReason::Key, from: None, to: None, lines: None };
