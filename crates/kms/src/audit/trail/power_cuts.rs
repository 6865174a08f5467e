//! Tests of a machine that stops at every step, when unsynced content is lost or present in part: the trail verifies and
//! continues.

use super::super::testing::{Memory, Setup, at};
use super::super::verify::{Report, verify};
use super::*;

/// What was confirmed before the stop.
#[derive(Default)]
struct Answered {
    /// The last line that was durable.
    synced: Option<Position>,
    /// The last seal, as the store would record it.
    sealed: Option<Position>,
}

/// Writes two files and begins a third one.
fn work(setup: &Setup, memory: &Memory, answered: &mut Answered) -> Result<(), TrailError> {
    let mut trail = setup.open(memory, None)?;
    for round in 0..5 {
        trail.append(&setup.lines(10))?;
        answered.synced = Some(trail.sync()?);
        trail.append(&setup.lines(1))?;
        let mut sealing = trail.begin_seal(round, at(1))?.unwrap();
        trail.append(&setup.lines(1))?;
        sealing.sync();
        trail.append(&setup.lines(1))?;
        answered.synced = Some(trail.finish_seal(sealing)?);
        answered.sealed = answered.synced;
        trail.rotate_if_due(round, at(2))?;
    }
    Ok(())
}

fn verified(memory: &Memory, expected: Option<Position>) -> Report {
    let directory = tempfile::tempdir().unwrap();
    memory.dump(directory.path());
    verify(&[directory.path().to_owned()], None, expected).unwrap()
}

#[test]
fn a_trail_that_was_stopped_at_any_step_verifies_and_continues() {
    let setup = Setup::new();
    let memory = Memory::default();
    work(&setup, &memory, &mut Answered::default()).unwrap();
    let steps = memory.steps();
    assert!(memory.trail_files().len() > 2, "{:?}", memory.trail_files());
    for step in 0..=steps {
        let memory = Memory::default();
        memory.stop_before(step);
        let mut answered = Answered::default();
        assert_eq!(work(&setup, &memory, &mut answered).is_ok(), step == steps);
        let mut after: Vec<Memory> =
            [0, 1, 100, 700, usize::MAX].map(|kept| memory.after_power_cut(kept)).into();
        after.push(memory.after_kill());
        for (variant, memory) in after.iter().enumerate() {
            let mut trail = setup.open(memory, answered.sealed).unwrap();
            assert_eq!(trail.gaps(), [], "step {step}, variant {variant}: nothing durable is missing");
            let synced = answered.synced.map_or(0, |synced| synced.number);
            assert!(trail.last().number >= synced);
            trail.append(&setup.lines(3)).unwrap();
            trail.seal(9, at(9)).unwrap();
            let report = verified(memory, answered.synced);
            assert!(report.is_sound() && !report.is_torn, "step {step}, variant {variant}: {report:?}");
            assert_eq!(report.sealed, Some(trail.sealed()));
            let kept = String::from_utf8(memory.get("seal-key").unwrap()).unwrap();
            assert_eq!(SealKey::unwrap(&kept, &setup.opening.roots).unwrap().public(), trail.public_key());
            assert_eq!(memory.get("seal-key.next"), None, "step {step}, variant {variant}");
        }
    }
}

/// The stop may come while the trail is opened again.
#[test]
fn a_stop_while_it_is_opened_changes_nothing() {
    let setup = Setup::new();
    let memory = Memory::default();
    work(&setup, &memory, &mut Answered::default()).unwrap();
    let steps = memory.steps();
    for step in 0..steps {
        let memory = Memory::default();
        memory.stop_before(step);
        let mut answered = Answered::default();
        work(&setup, &memory, &mut answered).unwrap_err();
        for second in 0..12 {
            let again = memory.after_power_cut(50);
            again.stop_before(second);
            let is_open = setup.open(&again, answered.sealed).is_ok();
            let again = again.after_power_cut(50);
            let mut trail = setup.open(&again, answered.sealed).unwrap();
            assert_eq!(trail.gaps(), [], "steps {step} and {second}, open: {is_open}");
            trail.append(&setup.lines(1)).unwrap();
            trail.seal(9, at(9)).unwrap();
            let report = verified(&again, answered.synced);
            assert!(report.is_sound(), "steps {step} and {second}: {report:?}");
        }
    }
}

#[test]
fn a_rotation_resumes_when_space_is_freed() {
    let setup = Setup::new();
    let mut failed = 0;
    for room in (0..3000).step_by(50) {
        let memory = Memory::default();
        let mut trail = setup.open(&memory, None).unwrap();
        trail.append(&setup.lines(20)).unwrap();
        memory.limit(Some(room));
        failed += usize::from(trail.rotate_if_due(1, at(1)).is_err());
        memory.limit(None);
        trail.resume(0, at(2)).unwrap();
        trail.append(&setup.lines(1)).unwrap();
        trail.rotate_if_due(2, at(3)).unwrap();
        trail.seal(2, at(3)).unwrap();
        let report = verified(&memory, None);
        assert!(report.is_sound() && report.files == 2 && report.gaps.is_empty(), "{room}: {report:?}");
        assert_eq!(setup.open(&memory.after_kill(), Some(trail.sealed())).unwrap().gaps(), []);
    }
    assert!((20..50).contains(&failed), "{failed}");
}

/// Changes to the files while no process was running.
#[test]
fn lines_lost_while_closed_stay_reported() {
    type Damage = fn(&Memory);
    let newest = |memory: &Memory| memory.trail_files().pop().unwrap();
    let damages: [(&str, Damage, &[GapReason]); 7] = [
        (
            "trail",
            |memory| memory.trail_files().iter().for_each(|name| memory.remove(name).unwrap()),
            &[GapReason::Lost],
        ),
        (
            "newest file",
            |memory| memory.remove(&memory.trail_files().pop().unwrap()).unwrap(),
            &[GapReason::Lost],
        ),
        (
            "end",
            |memory| memory.edit(&memory.trail_files().pop().unwrap(), |content| content.truncate(1200)),
            &[GapReason::Lost],
        ),
        (
            "byte",
            |memory| memory.edit(&memory.trail_files().pop().unwrap(), |content| content[800] ^= 1),
            &[GapReason::Lost],
        ),
        (
            "everything but names",
            |memory| memory.edit(&memory.trail_files().pop().unwrap(), |content| content.fill(0)),
            &[GapReason::Lost],
        ),
        ("key", |memory| memory.remove("seal-key").unwrap(), &[GapReason::Key]),
        (
            "directory",
            |memory| memory.names().unwrap().iter().for_each(|name| memory.remove(name).unwrap()),
            &[GapReason::Lost, GapReason::Key],
        ),
    ];
    for (what, damage, reasons) in damages {
        let setup = Setup::new();
        let memory = Memory::default();
        let mut answered = Answered::default();
        work(&setup, &memory, &mut answered).unwrap();
        let before = answered.sealed.unwrap();
        assert_ne!(newest(&memory), memory.trail_files()[0]);
        damage(&memory);
        let memory = memory.after_kill();
        let mut trail = setup.open(&memory, answered.sealed).unwrap();
        assert_eq!(trail.gaps().iter().map(|gap| gap.reason).collect::<Vec<_>>(), reasons, "{what}");
        assert!(trail.last().number > before.number, "{what}: no number is used again");
        assert_eq!(trail.lost_lines() > 0, reasons.contains(&GapReason::Lost), "{what}");
        let is_first = ["trail", "key", "directory"].contains(&what);
        assert_eq!(trail.new_first_key(), is_first.then(|| trail.public_key()), "{what}");
        trail.append(&setup.lines(1)).unwrap();
        trail.seal(9, at(9)).unwrap();
        let sealed = trail.sealed();
        drop(trail);
        let again = setup.open(&memory, Some(sealed)).unwrap();
        assert_eq!(again.gaps(), [], "{what}: it is reported once");
        assert_eq!(again.new_first_key(), None, "{what}");
        let report = verified(&memory, None);
        assert!(!report.is_sound(), "{what}");
        let reported: Vec<_> = report.gaps.iter().map(|(_, gap)| gap.reason).collect();
        assert!(reported.ends_with(reasons), "{what}: {report:?}");
        assert_eq!(report.sealed, Some(sealed), "{what}");
    }
}

/// Blocks of a file may become durable in another order than they were written in.
#[test]
fn whole_lines_that_do_not_follow_are_kept_apart() {
    let setup = Setup::new();
    let memory = Memory::default();
    let mut trail = setup.open(&memory, None).unwrap();
    let last = trail.append(&setup.lines(2)).unwrap();
    trail.append(&setup.lines(3)).unwrap();
    let len = memory.get(&memory.trail_files()[0]).unwrap().len();
    memory.edit(&memory.trail_files()[0], |content| content[len - 600..len - 550].fill(0));
    let memory = memory.after_kill();
    let trail = setup.open(&memory, Some(last)).unwrap();
    let [Gap { reason: GapReason::Cut, from: Some(from), to: Some(to), .. }] = trail.gaps() else {
        panic!("{:?}", trail.gaps());
    };
    assert_eq!(trail.last().number, to + 1);
    assert!(memory.get(&format!("audit-{from:020}.cut")).is_some());
    let report = verified(&memory, None);
    assert!(report.is_sound() && report.gaps.len() == 1, "{report:?}");
}

#[test]
fn a_failure_at_any_step_of_a_rotation_loses_neither_its_key_nor_the_file_that_it_names() {
    let setup = Setup::new();
    for step in 0.. {
        let memory = Memory::default();
        let mut trail = setup.open(&memory, None).unwrap();
        trail.append(&setup.lines(20)).unwrap();
        memory.stop_before(step);
        let is_done = trail.rotate_if_due(1, at(1)).is_ok();
        memory.stop_before(u64::MAX);
        trail.resume(0, at(2)).unwrap();
        trail.append(&setup.lines(1)).unwrap();
        trail.seal(2, at(3)).unwrap();
        let report = verified(&memory, Some(trail.sealed()));
        assert!(report.is_sound(), "{step}: {report:?}");
        let again = setup.open(&memory.after_kill(), Some(trail.sealed())).unwrap();
        assert_eq!((again.gaps(), again.public_key()), (&[][..], trail.public_key()), "{step}");
        if is_done {
            assert!(step > 10, "{step}");
            break;
        }
    }
}
