//! Tests of a disk that hangs at each operation, and completes it later: the trail continues without the late lines, and
//! records which lines only other sinks have.

use std::collections::BTreeMap;
use std::fs;
use std::thread::sleep;

use super::super::chain::Framed;
use super::super::testing::{Setup, at};
use super::super::verify::verify;
use super::*;

/// So short that a busy machine may exceed it without a hang, which the tests allow for.
const LIMIT: Duration = Duration::from_millis(100);

/// Fills a file, and begins another one.
fn work(trail: &mut Trail, setup: &Setup) -> Result<(), TrailError> {
    trail.append(&setup.lines(3))?;
    trail.sync()?;
    trail.append(&setup.lines(15))?;
    trail.rotate_if_due(1, at(1))?;
    trail.append(&setup.lines(3)).map(drop)
}

/// Lines by number.
fn numbered(text: &str) -> BTreeMap<u64, String> {
    text.lines().map(|line| (Framed::parse(line.as_bytes()).unwrap().number, line.to_owned())).collect()
}

fn numbers(text: &str) -> Vec<u64> {
    text.lines().map(|line| Framed::parse(line.as_bytes()).unwrap().number).collect()
}

fn in_files(path: &Path) -> String {
    let mut files: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|it| it == "jsonl"));
    files.sort();
    files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

#[test]
fn a_trail_continues_after_a_hang_at_any_operation() {
    let setup = Setup::new();
    let mut hangs = 0;
    for operations in 0.. {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit");
        let mut trail = Trail::open(&path, setup.opening.clone()).unwrap();
        trail.copy_lines(true);
        trail.bound_waits(Some(LIMIT)).unwrap();
        let latch = trail.latch();
        latch.hang_after(operations);
        let is_done = match work(&mut trail, &setup) {
            Ok(()) => true,
            Err(TrailError::Hangs { .. }) => {
                latch.hang_after(0); // also if the machine was busy before it hung
                trail.append_elsewhere(&setup.lines(2));
                assert!(matches!(trail.resume(2, at(2)), Err(TrailError::Hangs { .. })), "{operations}");
                trail.append_elsewhere(&setup.lines(2));
                false
            }
            Err(error) => panic!("{operations}: {error}"),
        };
        latch.release();
        trail.bound_waits(Some(Duration::from_secs(60))).unwrap(); // for a busy machine
        while trail.resume(4, at(3)).is_err() {
            sleep(Duration::from_millis(1));
        }
        trail.bound_waits(None).unwrap();
        trail.append(&setup.lines(1)).unwrap();
        trail.seal(2, at(4)).unwrap();
        let files = in_files(&path);
        let copy = String::from_utf8(trail.take_copy()).unwrap();
        assert!(numbers(&copy).is_sorted_by(|one, next| one < next), "{operations}: of other sinks\n{copy}");
        let copied = numbered(&copy);
        let written = numbered(&files);
        let differs =
            written.iter().find(|(number, line)| copied.get(number).is_some_and(|copy| copy != *line));
        assert_eq!(differs, None, "{operations}: no number is given twice\n{files}");
        let report = verify(std::slice::from_ref(&path), None, Some(trail.sealed())).unwrap();
        assert!(report.is_sound(), "{operations}: {report:?}\n{files}");
        drop(trail);
        let trail = Trail::open(&path, setup.opening.clone()).unwrap();
        assert_eq!(trail.gaps(), [], "{operations}: its key was kept");
        if is_done {
            break;
        }
        assert_eq!(report.gaps.len(), 1, "{operations}: {report:?}\n{files}");
        hangs += 1;
    }
    assert!(hangs > 10, "{hangs}");
}
