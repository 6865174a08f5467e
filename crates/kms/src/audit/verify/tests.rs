//! Each kind of tampering with a trail is found.

use std::fs;
use std::io::Read;

use flate2::bufread::MultiGzDecoder;
use tempfile::TempDir;

use super::super::housekeeping::tidy;
use super::super::testing::{Memory, Setup, at};
use super::super::trail::Trail;
use super::*;

/// A trail of three files with 20 events each; the last one also has a seal and two lines after it.
struct Written {
    setup: Setup,
    memory: Memory,
    trail: Trail<Memory>,
    first_key: PublicKey,
}

impl Written {
    fn new() -> Self {
        let setup = Setup::new();
        let memory = Memory::default();
        let mut trail = setup.open(&memory, None).unwrap();
        let first_key = trail.public_key();
        for second in 1..=3 {
            trail.append(&setup.lines(20)).unwrap();
            if second < 3 {
                assert!(trail.rotate_if_due(second, at(1)).unwrap());
            }
        }
        trail.seal(3, at(4)).unwrap();
        trail.append(&setup.lines(2)).unwrap();
        Self { setup, memory, trail, first_key }
    }

    /// The numbers of the first lines of its files.
    const FIRST: [u64; 3] = [1, 23, 45];

    /// Changes the lines of a file.
    fn tamper(&self, file: usize, change: impl FnOnce(&mut Vec<String>)) {
        let name = &self.memory.trail_files()[file];
        self.memory.edit(name, |content| {
            let text = String::from_utf8(content.clone()).unwrap();
            let mut lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
            change(&mut lines);
            *content = lines.concat().into_bytes();
        });
    }

    fn verify(&self) -> Report {
        self.verify_with(None, None)
    }

    fn verify_with(&self, anchor: Option<PublicKey>, expected: Option<Position>) -> Report {
        let directory = self.directory();
        verify(&[directory.path().to_owned()], anchor, expected).unwrap()
    }

    fn directory(&self) -> TempDir {
        let directory = tempfile::tempdir().unwrap();
        self.memory.dump(directory.path());
        directory
    }

    fn faults(&self) -> Vec<FaultKind> {
        kinds(&self.verify())
    }
}

fn kinds(report: &Report) -> Vec<FaultKind> {
    report.faults.iter().map(|fault| fault.kind.clone()).collect()
}

#[test]
fn an_intact_trail_verifies_and_reports_unsealed_lines() {
    let written = Written::new();
    let report = written.verify();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.files, report.first, report.last), (3, Some(1), Some(written.trail.last())));
    assert_eq!((report.sealed, report.unsealed()), (Some(written.trail.sealed()), 2));
    assert_eq!(report.commit, Some(3));
    assert_eq!(
        (report.first_key, report.last_key),
        (Some(written.first_key), Some(written.trail.public_key()))
    );
    assert_eq!(report.store, Some(written.setup.opening.identity.store.to_string()));
    // An incomplete line is being written.
    let name = written.memory.trail_files().pop().unwrap();
    written.memory.edit(&name, |content| content.extend_from_slice(b"{\"seq\":70,"));
    let report = written.verify();
    assert!(report.is_sound() && report.is_torn);
}

/// The last bit of every byte of a sealed file.
#[test]
fn a_flipped_bit_is_found() {
    let written = Written::new();
    let directory = written.directory();
    let path = directory.path().join(&written.memory.trail_files()[1]);
    let content = fs::read(&path).unwrap();
    for at in (0..content.len()).step_by(7) {
        let mut flipped = content.clone();
        flipped[at] ^= 1;
        fs::write(&path, flipped).unwrap();
        let report = verify(&[directory.path().to_owned()], None, None).unwrap();
        assert!(!report.faults.is_empty(), "byte {at}");
    }
    let edit = |lines: &mut Vec<String>| lines[4] = lines[4].replace("event-3", "event-4");
    written.tamper(1, edit);
    assert_eq!(written.faults(), [FaultKind::Changed { number: 27 }]);
}

#[test]
fn a_removed_line_is_found() {
    let written = Written::new();
    written.tamper(1, |lines| drop(lines.drain(3..5)));
    assert_eq!(written.faults(), [FaultKind::Missing { from: 26, to: 27 }]);
}

#[test]
fn swapped_lines_are_found() {
    let written = Written::new();
    written.tamper(0, |lines| lines.swap(3, 4));
    let missing = FaultKind::Missing { from: 4, to: 4 };
    assert_eq!(written.faults(), [missing, FaultKind::OutOfOrder { number: 4 }]);
}

#[test]
fn truncation_is_detected() {
    // In a file that is followed by another one, also within a line.
    let written = Written::new();
    written.tamper(1, |lines| lines.truncate(10));
    assert_eq!(written.faults(), [FaultKind::Missing { from: 33, to: 44 }]);
    let written = Written::new();
    let name = written.memory.trail_files()[1].clone();
    written.memory.edit(&name, |content| content.truncate(content.len() - 5));
    assert_eq!(written.faults(), [FaultKind::Torn { after: 43 }, FaultKind::Missing { from: 44, to: 44 }]);
    // The newest file: the one before announces it.
    let written = Written::new();
    let directory = written.directory();
    fs::remove_file(directory.path().join(&written.memory.trail_files()[2])).unwrap();
    let report = verify(&[directory.path().to_owned()], None, None).unwrap();
    assert_eq!(kinds(&report), [FaultKind::FileMissing { from: 45 }]);
    // The end of the newest file, with its seal: only a position that was kept elsewhere reveals it.
    let written = Written::new();
    let sealed = written.trail.sealed();
    assert!(written.verify_with(None, Some(sealed)).is_sound());
    written.tamper(2, |lines| lines.truncate(10));
    assert!(written.verify().is_sound());
    let report = written.verify_with(None, Some(sealed));
    assert_eq!(kinds(&report), [FaultKind::ExpectedMissing { number: sealed.number }]);
}

fn decompressed(content: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    MultiGzDecoder::new(content).read_to_end(&mut plain).unwrap();
    plain
}

/// Each byte of the compressed form of the first two files. Some changes have no effect.
#[test]
fn a_damaged_compressed_file_is_one_fault_and_its_missing_lines_another() {
    let written = Written::new();
    let current = Written::FIRST[2];
    assert_eq!(tidy(&written.memory, current, u64::MAX).unwrap().compressed, 2);
    let directory = written.directory();
    for file in 0..2 {
        let path = directory.path().join(&written.memory.trail_files()[file]);
        let content = fs::read(&path).unwrap();
        let sound = decompressed(&content);
        for at in 0..content.len() {
            let mut damaged = content.clone();
            damaged[at] ^= 0x10;
            fs::write(&path, damaged).unwrap();
            let report = verify(&[directory.path().to_owned()], None, None).unwrap();
            assert_eq!((report.files, report.last), (3, Some(written.trail.last())), "byte {at}");
            let before = Written::FIRST[file] - 1;
            let end = Written::FIRST[file + 1] - 1;
            match &*kinds(&report) {
                [] => assert_eq!(decompressed(&fs::read(&path).unwrap()), sound, "byte {at}"),
                [FaultKind::Undecompressed { after }] => assert_eq!(*after, end, "byte {at}: {report:?}"),
                [FaultKind::Undecompressed { after }, FaultKind::Missing { from, to }] => {
                    assert!((before..end).contains(after), "byte {at}");
                    assert_eq!((*from, *to), (after + 1, end), "byte {at}");
                }
                // Only the next file reveals a change of the last line.
                [FaultKind::Undecompressed { after }, FaultKind::Changed { number }] => {
                    assert_eq!((*after, *number), (end, end), "byte {at}");
                }
                faults => panic!("byte {at}: {faults:?}"),
            }
        }
        fs::write(&path, content).unwrap();
    }
}

#[test]
fn consecutive_malformed_lines_are_one_fault() {
    let written = Written::new();
    written.tamper(1, |lines| lines[3..9].iter_mut().for_each(|line| *line = "no line\n".to_owned()));
    assert_eq!(written.faults(), [FaultKind::Malformed { after: 25 }]);
}

#[test]
fn a_replaced_file_is_found() {
    // A line of another trail of the same store, with the same number.
    let written = Written::new();
    let other = Memory::default();
    let mut trail = written.setup.open(&other, None).unwrap();
    trail.append(&written.setup.lines(20)).unwrap();
    trail.rotate_if_due(1, at(1)).unwrap();
    trail.append(&written.setup.lines(20)).unwrap();
    trail.rotate_if_due(2, at(1)).unwrap();
    let name = &written.memory.trail_files()[1];
    written.memory.put(name, &other.get(name).unwrap());
    assert_eq!(
        written.faults(),
        [
            FaultKind::Changed { number: 22 },
            FaultKind::NoCertificate { number: 23 },
            FaultKind::Changed { number: 44 },
            FaultKind::NoCertificate { number: 45 },
        ]
    );
}

#[test]
fn a_file_of_another_store_is_found() {
    let written = Written::new();
    let other = Written::new();
    let name = &written.memory.trail_files()[2];
    written.memory.put(name, &other.memory.get(name).unwrap());
    let faults = written.faults();
    for expected in [FaultKind::Changed { number: 44 }, FaultKind::Foreign { number: 45 }] {
        assert!(faults.contains(&expected), "{faults:?}");
    }
    // The whole trail: only a key that was kept elsewhere reveals it.
    assert!(other.verify().is_sound());
    assert_eq!(kinds(&other.verify_with(Some(written.first_key), None)), [FaultKind::NotAnchored]);
}

/// Computes the chain of a file again after its lines were edited.
fn rechain(lines: &mut [String], mut before: Position) {
    for line in lines {
        let framed = Framed::parse(line.trim_end().as_bytes()).unwrap();
        let mut out = Vec::new();
        before = before.append_as(framed.number, framed.members, &mut out);
        *line = String::from_utf8(out).unwrap();
    }
}

/// The attacker has no key.
#[test]
fn a_forged_seal_is_found() {
    let written = Written::new();
    written.tamper(1, |lines| {
        lines[4] = lines[4].replace("event-3", "event-4");
        let first = Framed::parse(lines[0].trim_end().as_bytes()).unwrap();
        let before = Position { number: first.number - 1, hash: first.prev };
        rechain(lines, before);
    });
    assert_eq!(written.faults(), [FaultKind::ForgedSeal { number: 44 }, FaultKind::Changed { number: 44 }]);
    // The last file, with a new chain up to its end: only the seal reveals it.
    let written = Written::new();
    written.tamper(2, |lines| {
        lines[4] = lines[4].replace("event-3", "event-4");
        let first = Framed::parse(lines[0].trim_end().as_bytes()).unwrap();
        let before = Position { number: first.number - 1, hash: first.prev };
        rechain(lines, before);
    });
    assert_eq!(written.faults(), [FaultKind::ForgedSeal { number: 66 }]);
}

/// The attacker has the key of the newest file, but not those of earlier ones, which were destroyed.
#[test]
fn a_key_that_is_stolen_today_cannot_seal_yesterdays_file_again() {
    let written = Written::new();
    let stolen = String::from_utf8(written.memory.get("seal-key").unwrap()).unwrap();
    let stolen = super::super::seal::SealKey::unwrap(&stolen, &written.setup.opening.roots).unwrap();
    let sign_again = |line: &mut String, before: Position, key: &str| {
        let framed = Framed::parse(line.trim_end().as_bytes()).unwrap();
        let (members, _) = framed.members.rsplit_once(r#","signature":"#).unwrap();
        let members = members.replace(key, &stolen.public().to_string());
        let members = super::super::line::Members::from_rendered(members);
        let signed = stolen.sign(before.hash, framed.number, &members);
        let mut out = Vec::new();
        let last = before.append_as(framed.number, signed.as_str(), &mut out);
        *line = String::from_utf8(out).unwrap();
        last
    };
    for keeps_key in [true, false] {
        let written_by = written.memory.after_kill();
        let names = written_by.trail_files();
        let text = String::from_utf8(written_by.get(&names[1]).unwrap()).unwrap();
        let mut lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
        lines[4] = lines[4].replace("event-3", "event-4");
        let first: KeyLine<'_> = serde_json::from_str(&lines[0]).unwrap();
        let old_key = first.public_key.to_string();
        let framed = Framed::parse(lines[0].trim_end().as_bytes()).unwrap();
        let before = Position { number: framed.number - 1, hash: framed.prev };
        rechain(&mut lines, before);
        let (seal, others) = lines.split_last_mut().unwrap();
        let end = Position { number: 43, hash: Hash::of(others.last().unwrap().trim_end().as_bytes()) };
        let end = sign_again(seal, end, if keeps_key { "no key" } else { &old_key });
        written_by.put(&names[1], lines.concat().as_bytes());
        // The file after it gets a new chain and a new seal.
        let text = String::from_utf8(written_by.get(&names[2]).unwrap()).unwrap();
        let mut lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
        let mut last = sign_again(&mut lines[0], end, "no key");
        for line in &mut lines[1..] {
            if line.contains(r#""type":"seal""#) {
                last = sign_again(line, last, "no key");
            } else {
                rechain(std::slice::from_mut(line), last);
                last = Position { number: last.number + 1, hash: Hash::of(line.trim_end().as_bytes()) };
            }
        }
        written_by.put(&names[2], lines.concat().as_bytes());
        let directory = tempfile::tempdir().unwrap();
        written_by.dump(directory.path());
        let faults = kinds(&verify(&[directory.path().to_owned()], None, None).unwrap());
        let seal =
            if keeps_key { FaultKind::ForgedSeal { number: 44 } } else { FaultKind::WrongKey { number: 44 } };
        assert_eq!(faults, [seal, FaultKind::NoCertificate { number: 45 }]);
    }
}

#[test]
fn a_trail_may_begin_later_and_leads_back_to_each_of_its_keys() {
    let written = Written::new();
    let directory = written.directory();
    let names = written.memory.trail_files();
    let paths: Vec<PathBuf> = names[1..].iter().map(|name| directory.path().join(name)).collect();
    let report = verify(&paths, None, None).unwrap();
    assert!(report.is_sound() && report.first == Some(Written::FIRST[1]), "{report:?}");
    let first = report.first_key.unwrap();
    assert_eq!(first, written.first_key, "it signs the first line of the second file");
    for anchor in [first, written.trail.public_key()] {
        assert!(verify(&paths, Some(anchor), None).unwrap().is_sound());
    }
    let report = verify(&paths[1..], Some(first), None).unwrap();
    assert_eq!(kinds(&report), [FaultKind::NotAnchored]);
}

#[test]
fn a_position_that_was_noted_elsewhere_is_compared() {
    let written = Written::new();
    let sealed = written.trail.sealed();
    assert!(written.verify_with(Some(written.first_key), Some(sealed)).is_sound());
    let other = Position { number: sealed.number, hash: Hash::NONE };
    let report = written.verify_with(None, Some(other));
    assert_eq!(kinds(&report), [FaultKind::Unexpected { number: sealed.number }]);
}
