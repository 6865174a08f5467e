//! Searches from the newest line backwards: their pages, conditions and limits.

use tempfile::TempDir;

use super::super::files::first_number;
use super::super::housekeeping::tidy;
use super::super::testing::{Memory, Setup, at};
use super::*;

/// A trail of three files of 20 events each, called event-0 to event-19, of which the first two are compressed on request.
fn written(is_compressed: bool) -> TempDir {
    let setup = Setup::new();
    let memory = Memory::default();
    let mut trail = setup.open(&memory, None).unwrap();
    for round in 0..3 {
        trail.append(&setup.lines(20)).unwrap();
        if round < 2 {
            assert!(trail.rotate_if_due(round, at(1)).unwrap());
        }
    }
    trail.seal(3, at(4)).unwrap();
    if is_compressed {
        let current = first_number(memory.trail_files().last().unwrap()).unwrap().0;
        assert_eq!(tidy(&memory, current, u64::MAX).unwrap().compressed, 2);
    }
    let directory = tempfile::tempdir().unwrap();
    memory.dump(directory.path());
    directory
}

fn search(directory: &TempDir, event: Option<&str>, before: Option<u64>, count: usize) -> FoundLines {
    let conditions = Conditions { action: event.map(str::to_owned), ..Conditions::default() };
    NewestFirst { conditions, before, count }.search(directory.path(), |_| true).unwrap()
}

fn numbers(found: &FoundLines) -> Vec<u64> {
    found.lines.iter().map(|line| line.number).collect()
}

/// The numbers of the lines on all pages.
fn all_pages(directory: &TempDir, event: Option<&str>, count: usize) -> Vec<u64> {
    let mut before = None;
    let mut all = Vec::new();
    loop {
        let found = search(directory, event, before, count);
        assert!(found.lines.len() <= count);
        all.extend(numbers(&found));
        match found.rest {
            Rest::Older { before: next } => before = Some(next),
            Rest::Nothing => return all,
            Rest::Unsearched { .. } => panic!("{found:?}"),
        }
    }
}

#[test]
fn pages_hold_every_line_once_and_neither_keys_nor_seals() {
    for is_compressed in [false, true] {
        let directory = written(is_compressed);
        let expected: Vec<u64> = [2..=21, 24..=43, 46..=65].into_iter().flatten().rev().collect();
        for count in [1, 7, 20, 50, 100] {
            assert_eq!(all_pages(&directory, None, count), expected, "{count}");
        }
        for count in [1, 2, 50] {
            assert_eq!(all_pages(&directory, Some("EVENT-3"), count), [49, 27, 5]);
        }
        assert_eq!(all_pages(&directory, Some("none"), 50), [0; 0]);
        let found = search(&directory, Some("event-19"), Some(65), 1);
        assert_eq!(numbers(&found), [43], "in front of the line, and not the line");
        let text = &found.lines[0].text;
        assert!(text.starts_with(r#"{"seq":43,"#) && text.contains(r#""event":"event-19""#), "{text}");
    }
}

#[test]
fn a_stopped_search_resumes() {
    for is_compressed in [false, true] {
        let directory = written(is_compressed);
        let conditions = Conditions { action: Some("event-3".into()), ..Conditions::default() };
        let mut query = NewestFirst { conditions, before: None, count: 50 };
        let mut all = Vec::new();
        let mut stops = Vec::new();
        loop {
            let found = query.search(directory.path(), |_| false).unwrap();
            all.extend(numbers(&found));
            let Rest::Unsearched { before, back_to } = found.rest else { break };
            assert!([at(0), at(1)].contains(&back_to), "{back_to}");
            stops.push(before);
            query.before = Some(before);
            assert!(stops.len() < 10, "{stops:?}");
        }
        assert_eq!((all, stops), (vec![49, 27, 5], vec![45, 23, 1]), "a piece is a file here");
        let mut read = Vec::new();
        query.before = None;
        let watch = |bytes| {
            read.push(bytes);
            true
        };
        assert_eq!(query.search(directory.path(), watch).unwrap().rest, Rest::Nothing);
        assert!(read.is_sorted() && read.len() == 3 && read[0] > 0, "{read:?}");
    }
}

#[test]
fn concurrent_writes_do_not_shift_pages() {
    let setup = Setup::new();
    let memory = Memory::default();
    let mut trail = setup.open(&memory, None).unwrap();
    trail.append(&setup.lines(20)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    memory.dump(directory.path());
    let first = search(&directory, None, None, 5);
    trail.append(&setup.lines(20)).unwrap();
    memory.dump(directory.path());
    let Rest::Older { before } = first.rest else { panic!("{first:?}") };
    assert_eq!(numbers(&search(&directory, None, Some(before), 5)), [16, 15, 14, 13, 12]);
}

#[test]
fn damaged_lines_are_skipped() {
    let directory = written(false);
    let path = directory.path().join("audit-00000000000000000023.jsonl");
    let mut text = std::fs::read_to_string(&path).unwrap();
    text = text.replace(r#"{"seq":30,"#, r#"{"sea":30,"#);
    std::fs::write(&path, text).unwrap();
    let found = all_pages(&directory, None, 50);
    assert!(found.len() == 59 && !found.contains(&30), "{found:?}");
    std::fs::write(&path, b"\x1f\x8bno gzip").unwrap();
    assert_eq!(all_pages(&directory, None, 50).len(), 40);
    std::fs::remove_file(path).unwrap();
    assert_eq!(all_pages(&directory, None, 50).len(), 40);
}

#[test]
fn a_name_is_searched_in_the_raw_text_first() {
    let holds = |resource: &str, line: &str| {
        Conditions { resource: Some(resource.into()), ..Conditions::default() }.may_hold_for(line)
    };
    let line = r#"{"resources":[{"type":"secret","name":"db/main"},{"type":"key","name":"k-1"}]}"#;
    for there in ["db/main", "secret/db/main", "acs:kms:*:42:secret/db/main", "k-1", "key/k-1", "\"odd", "密"]
    {
        assert!(holds(there, line), "{there}");
    }
    for missing in ["db/mains", "k-2"] {
        assert!(!holds(missing, line), "{missing}");
    }
}
