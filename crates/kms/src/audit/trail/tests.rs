//! Lines in the trail are complete, and changes to its files are noticed.

use std::fs;

use super::super::chain::{Framed, Hash};
use super::super::line::Content;
use super::super::scan::content;
use super::super::testing::{Memory, Setup, at};
use super::super::verify::verify;
use super::*;
use crate::audit::files::file_name;

/// The last line of the current file.
fn last_line(memory: &Memory) -> String {
    let files = memory.trail_files();
    let text = String::from_utf8(memory.get(files.last().unwrap()).unwrap()).unwrap();
    text.lines().last().unwrap().to_owned()
}

fn gap(line: &str) -> Gap {
    match content(line.as_bytes()) {
        Some(Content::Gap(gap)) => gap,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_trail_begins_with_its_key_and_each_line_follows_the_one_before() {
    let setup = Setup::new();
    let memory = Memory::default();
    let mut trail = setup.open(&memory, None).unwrap();
    trail.copy_lines(true);
    let written = trail.append(&setup.lines(3)).unwrap();
    assert_eq!(written.number, 4);
    assert_eq!(trail.take_copy().iter().filter(|byte| **byte == b'\n').count(), 3);
    trail.seal(7, at(2)).unwrap().unwrap();
    assert!(trail.seal(7, at(3)).unwrap().is_none(), "nothing new");
    let text = String::from_utf8(memory.get("audit-00000000000000000001.jsonl").unwrap()).unwrap();
    let mut before = Position::START;
    for line in text.lines() {
        let framed = Framed::parse(line.as_bytes()).unwrap();
        assert_eq!((framed.number, framed.prev), (before.number + 1, before.hash));
        assert!(content(line.as_bytes()).is_some(), "{line}");
        before = Position { number: framed.number, hash: Hash::of(line.as_bytes()) };
    }
    assert_eq!((before, before), (trail.last(), trail.sealed()));
    assert!(trail.public_key().verifies(Framed::parse(last_line(&memory).as_bytes()).unwrap()));
}

#[test]
fn a_reopened_trail_continues_its_numbers() {
    let setup = Setup::new();
    let memory = Memory::default();
    let mut trail = setup.open(&memory, None).unwrap();
    let last = trail.append(&setup.lines(2)).unwrap();
    let key = trail.public_key();
    drop(trail);
    let mut trail = setup.open(&memory.after_kill(), Some(last)).unwrap();
    assert_eq!((trail.last(), trail.public_key(), trail.gaps()), (last, key, &[][..]));
    assert_eq!(trail.append(&setup.lines(1)).unwrap().number, 4);
}

#[test]
fn a_full_disk_leaves_no_half_line_and_the_missed_ones_are_counted() {
    let setup = Setup::new();
    let memory = Memory::default();
    let mut trail = setup.open(&memory, None).unwrap();
    let last = trail.append(&setup.lines(2)).unwrap();
    let before = memory.get(&memory.trail_files()[0]).unwrap();
    memory.limit(Some(100));
    assert!(matches!(trail.append(&setup.lines(5)), Err(TrailError::Full { .. })));
    assert_eq!(memory.get(&memory.trail_files()[0]).unwrap(), before);
    assert_eq!(trail.last(), last);
    memory.limit(None);
    assert!(
        matches!(trail.append(&setup.lines(1)), Err(TrailError::Full { .. })),
        "not before it is resumed"
    );
    memory.limit(Some(0));
    assert!(matches!(trail.resume(6, at(3)), Err(TrailError::Full { .. })));
    memory.limit(None);
    assert_eq!(trail.resume(7, at(4)).unwrap().number, last.number + 1);
    assert_eq!(
        gap(&last_line(&memory)),
        Gap { reason: GapReason::Missed, from: None, to: None, lines: Some(7) }
    );
    trail.append(&setup.lines(1)).unwrap();
}

/// On a real disk: changes to the current file by others.
#[test]
fn a_replaced_file_is_detected_and_another_begins() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit");
    let setup = Setup::new();
    type Attack = fn(&Path);
    let attacks: [(Attack, Loss); 6] = [
        (|file| fs::remove_file(file).unwrap(), Loss::Removed),
        (|file| fs::rename(file, file.with_extension("old")).unwrap(), Loss::Removed),
        (|file| fs::remove_dir_all(file.parent().unwrap()).unwrap(), Loss::Removed),
        (
            |file| {
                let directory = file.parent().unwrap();
                fs::rename(directory, directory.with_extension("old")).unwrap();
                fs::create_dir(directory).unwrap();
            },
            Loss::Removed,
        ),
        (
            |file| {
                let copy = fs::read(file).unwrap();
                fs::remove_file(file).unwrap();
                fs::write(file, copy).unwrap();
            },
            Loss::Replaced,
        ),
        (|file| fs::File::options().write(true).open(file).unwrap().set_len(100).unwrap(), Loss::Overwritten),
    ];
    for (attack, loss) in attacks {
        let mut trail = Trail::open(&path, setup.opening.clone()).unwrap();
        trail.append(&setup.lines(2)).unwrap();
        let first = trail.current.first;
        attack(&path.join(file_name(first)));
        match trail.append(&setup.lines(1)) {
            Err(TrailError::Lost(lost)) => assert_eq!(lost.loss, loss),
            other => panic!("{other:?}"),
        }
        trail.check().unwrap_err();
        let last = trail.last();
        assert_eq!(trail.resume(1, at(5)).unwrap().number, last.number + 3, "key, lost, missed");
        let text = fs::read_to_string(path.join(file_name(last.number + 1))).unwrap();
        assert_eq!(gap(text.lines().nth(1).unwrap()), Gap::lost(first, last.number));
        assert_eq!(trail.lost_lines(), last.number - first + 1);
        trail.append(&setup.lines(1)).unwrap();
        trail.seal(1, at(6)).unwrap().unwrap();
        drop(trail);
        assert_eq!(Trail::open(&path, setup.opening.clone()).unwrap().gaps(), [], "its key was kept");
        fs::remove_dir_all(&path).unwrap();
    }
}

#[test]
fn a_large_file_is_followed_by_another_one_with_a_key_of_its_own() {
    let setup = Setup::new();
    let memory = Memory::default();
    let mut trail = setup.open(&memory, None).unwrap();
    let first = trail.public_key();
    let first_kept = memory.get("seal-key").unwrap();
    assert!(!trail.rotate_if_due(1, at(1)).unwrap());
    trail.append(&setup.lines(20)).unwrap();
    assert!(trail.rotate_if_due(1, at(2)).unwrap());
    assert!(!trail.rotate_if_due(1, at(2)).unwrap());
    let files = memory.trail_files();
    assert_eq!(files.len(), 2);
    let old = String::from_utf8(memory.get(&files[0]).unwrap()).unwrap();
    let new = String::from_utf8(memory.get(&files[1]).unwrap()).unwrap();
    let framed = |line: &'static str| Framed::parse(line.as_bytes()).unwrap();
    let last: &'static str = Box::leak(old.lines().last().unwrap().to_owned().into());
    let begin: &'static str = Box::leak(new.lines().next().unwrap().to_owned().into());
    assert!(first.verifies(framed(last)) && first.verifies(framed(begin)), "the old key signs both");
    assert!(last.contains(&format!(r#""next":"{}""#, trail.public_key())));
    assert!(begin.contains(&format!(r#""public_key":"{}","key":"{first}""#, trail.public_key())));
    let kept = memory.get("seal-key").unwrap();
    assert!(kept != first_kept && memory.get("seal-key.next").is_none());
    let kept = String::from_utf8(kept).unwrap();
    assert_eq!(SealKey::unwrap(&kept, &setup.opening.roots).unwrap().public(), trail.public_key());
}

fn numbers(text: &str) -> Vec<u64> {
    text.lines().map(|line| Framed::parse(line.as_bytes()).unwrap().number).collect()
}

/// Also if other sinks have fewer lines than a file begins with.
#[test]
fn a_file_that_is_begun_after_lines_elsewhere_reuses_none_of_their_numbers() {
    for elsewhere in [1, 2, 5] {
        let setup = Setup::new();
        let memory = Memory::default();
        let mut trail = setup.open(&memory, None).unwrap();
        trail.copy_lines(true);
        trail.append(&setup.lines(2)).unwrap();
        memory.remove("audit-00000000000000000001.jsonl").unwrap();
        trail.append(&setup.lines(1)).unwrap_err();
        trail.append_elsewhere(&setup.lines(elsewhere));
        let to = 3 + elsewhere as u64;
        assert_eq!(trail.resume(4, at(1)).unwrap().number, to + 3);
        trail.append(&setup.lines(1)).unwrap();
        assert_eq!(trail.lost_lines(), 3);
        let copy = String::from_utf8(trail.take_copy()).unwrap();
        assert_eq!(numbers(&copy), (2..=to + 4).collect::<Vec<_>>());
        let files = memory.trail_files();
        assert_eq!(files, [format!("audit-{:020}.jsonl", to + 1)]);
        let text = String::from_utf8(memory.get(&files[0]).unwrap()).unwrap();
        let gaps: Vec<_> = text.lines().skip(1).take(2).map(gap).collect();
        let missed = Gap { reason: GapReason::Missed, from: Some(4), to: Some(to), lines: Some(4) };
        assert_eq!(gaps, [missed, Gap::lost(1, 3)], "the second line says which numbers were left out");
        trail.seal(1, at(2)).unwrap();
        let directory = tempfile::tempdir().unwrap();
        memory.dump(directory.path());
        let report = verify(&[directory.path().to_owned()], None, None).unwrap();
        assert_eq!((&*report.faults, report.gaps.len()), (&[][..], 2), "{report:?}");
    }
}

/// The next file exists, but beginning it was reported as failed; meanwhile another sink gets lines.
#[test]
fn a_file_that_was_half_begun_is_begun_again_after_lines_elsewhere() {
    let setup = Setup::new();
    for step in 1.. {
        let memory = Memory::default();
        let mut trail = setup.open(&memory, None).unwrap();
        trail.copy_lines(true);
        trail.append(&setup.lines(20)).unwrap();
        memory.stop_before(step);
        let has_succeeded = trail.rotate_if_due(1, at(1)).is_ok();
        memory.stop_before(u64::MAX);
        if has_succeeded {
            assert!(step > 5, "{step}");
            break;
        }
        trail.append_elsewhere(&setup.lines(1));
        trail.resume(1, at(2)).unwrap();
        trail.append(&setup.lines(1)).unwrap();
        trail.seal(1, at(3)).unwrap();
        let copy = String::from_utf8(trail.take_copy()).unwrap();
        assert!(numbers(&copy).is_sorted_by(|one, next| one < next), "{step}: {copy}");
        let directory = tempfile::tempdir().unwrap();
        memory.dump(directory.path());
        let report = verify(&[directory.path().to_owned()], None, None).unwrap();
        assert_eq!((&*report.faults, report.gaps.len()), (&[][..], 1), "{step}: {report:?}");
    }
}

/// Another sink gets the lines while the file accepts none.
#[test]
fn numbers_that_only_another_sink_has_are_missing_in_the_file() {
    let setup = Setup::new();
    let memory = Memory::default();
    let mut trail = setup.open(&memory, None).unwrap();
    trail.copy_lines(true);
    trail.append(&setup.lines(2)).unwrap();
    memory.limit(Some(0));
    for round in 0..2 {
        trail.append(&setup.lines(1)).unwrap_err();
        trail.append_elsewhere(&setup.lines(2));
        assert!(trail.resume(3, at(round)).is_err());
    }
    memory.limit(None);
    assert_eq!(trail.resume(3, at(3)).unwrap().number, 8);
    let expected = Gap { reason: GapReason::Missed, from: Some(4), to: Some(7), lines: Some(3) };
    assert_eq!(gap(&last_line(&memory)), expected);
    trail.append(&setup.lines(1)).unwrap();
    let copy = String::from_utf8(trail.take_copy()).unwrap();
    assert_eq!(numbers(&copy), (2..=9).collect::<Vec<_>>());
    trail.seal(1, at(4)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    memory.dump(directory.path());
    let report = verify(&[directory.path().to_owned()], None, None).unwrap();
    assert!(report.is_sound() && report.gaps.len() == 1, "{report:?}");
}

/// Also beside lines that a power cut took, and without a file.
#[test]
fn lines_of_an_earlier_run_that_the_files_did_not_accept_are_named() {
    let setup = Setup::new();
    let opened = |memory: &Memory, up_to, lines| {
        let opening = Opening { unwritten: Some(Unwritten { up_to, lines }), ..setup.opening.clone() };
        let mut trail = Trail::open_in(memory.clone(), opening).unwrap();
        trail.append(&setup.lines(1)).unwrap();
        trail.seal(1, at(4)).unwrap();
        let directory = tempfile::tempdir().unwrap();
        memory.dump(directory.path());
        let report = verify(&[directory.path().to_owned()], None, None).unwrap();
        assert_eq!(report.faults, [], "{report:?}");
        (trail.gaps().to_vec(), trail.last().number)
    };
    let missed = |from, to, lines| Gap { reason: GapReason::Missed, from, to, lines };
    let memory = Memory::default();
    setup.open(&memory, None).unwrap().append(&setup.lines(5)).unwrap();

    assert_eq!(opened(&memory.after_kill(), 20, 3), (vec![missed(Some(7), Some(20), Some(3))], 23));
    assert_eq!(opened(&memory.after_kill(), 20, 0), (vec![missed(Some(7), Some(20), None)], 23));
    assert_eq!(opened(&memory.after_kill(), 6, 3), (vec![missed(None, None, Some(3))], 9));
    assert_eq!(opened(&memory.after_kill(), 6, 0), (vec![], 8), "none");
    assert_eq!(opened(&memory.after_kill(), 5, 3), (vec![], 8), "the trail has continued since");

    let damaged = memory.after_kill();
    damaged.edit("audit-00000000000000000001.jsonl", |content| {
        let line = content.iter().take_while(|byte| **byte != b'\n').count();
        content[line + 1] ^= 1; // lines 2 to 6 no longer follow
    });
    let cut = Gap { reason: GapReason::Cut, from: Some(2), to: Some(6), lines: None };
    let key_lost = Gap { reason: GapReason::Key, from: None, to: None, lines: None };
    assert_eq!(
        opened(&damaged.after_kill(), 20, 0),
        (vec![missed(Some(2), Some(20), None), cut.clone()], 24)
    );
    assert_eq!(opened(&damaged.after_kill(), 6, 3), (vec![cut, missed(None, None, Some(3))], 10));
    assert_eq!(opened(&Memory::default(), 20, 0), (vec![missed(Some(1), Some(20), None), key_lost], 25));
}

#[test]
fn earlier_files_that_are_missing_with_the_current_one_are_lost_too() {
    let setup = Setup::new();
    for (kept, is_reopened) in [(0, false), (1, false), (2, false), (3, false), (1, true)] {
        let memory = Memory::default();
        let mut trail = setup.open(&memory, None).unwrap();
        for round in 0..3 {
            trail.append(&setup.lines(20)).unwrap();
            assert!(trail.rotate_if_due(round, at(1)).unwrap());
        }
        if is_reopened {
            drop(trail);
            trail = setup.open(&memory, None).unwrap();
        }
        let last = trail.last().number;
        let files = memory.trail_files();
        assert_eq!(files.len(), 4);
        files[kept..].iter().for_each(|name| memory.remove(name).unwrap());
        trail.append(&setup.lines(1)).unwrap_err();
        trail.resume(1, at(2)).unwrap();
        let (from, _) = first_number(&files[kept]).unwrap();
        assert_eq!(trail.lost_lines(), last + 1 - from, "{kept}");
        memory.remove(memory.trail_files().last().unwrap()).unwrap();
        trail.append(&setup.lines(1)).unwrap_err();
        let first = trail.file();
        let again = trail.last().number + 1 - first;
        trail.resume(1, at(3)).unwrap();
        assert_eq!(trail.lost_lines(), last + 1 - from + again, "{kept}: the first loss counts once");
        trail.seal(4, at(4)).unwrap();
        let directory = tempfile::tempdir().unwrap();
        memory.dump(directory.path());
        let report = verify(&[directory.path().to_owned()], None, None).unwrap();
        let is_again = |gap: &Gap| gap.from == Some(first) && gap.lost_lines() == again;
        assert!(report.gaps.iter().any(|(_, gap)| is_again(gap)), "{kept}: {report:?}");
        assert!(!report.is_sound(), "also if the remaining lines have no fault");
    }
}

#[test]
fn files_that_housekeeping_deleted_are_not_lost() {
    let setup = Setup::new();
    let memory = Memory::default();
    let mut trail = setup.open(&memory, None).unwrap();
    for round in 0..3 {
        trail.append(&setup.lines(20)).unwrap();
        assert!(trail.rotate_if_due(round, at(1)).unwrap());
    }
    memory.remove(&memory.trail_files()[0]).unwrap();
    trail.append(&setup.lines(20)).unwrap();
    assert!(trail.rotate_if_due(4, at(1)).unwrap());
    let files = memory.trail_files();
    files.iter().for_each(|name| memory.remove(name).unwrap());
    trail.append(&setup.lines(1)).unwrap_err();
    let last = trail.last().number;
    trail.resume(0, at(2)).unwrap();
    assert_eq!(trail.lost_lines(), last + 1 - first_number(&files[0]).unwrap().0);
}
