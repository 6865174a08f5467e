//! Files of the text format that were truncated, changed or rearranged: a clear error, and no output. Those of the
//! native format are in [`super::native_damage`].

use std::collections::BTreeSet;
use std::thread;

use crate::harness::{Outcome, World};

const TEXT: &str = "date,region\n2026-01-05,East\n";

fn encrypted(world: &World) -> Vec<u8> {
    world.write("file", TEXT);
    world.bulla(["encrypt", "--format", "text", "file"]).ok();
    world.read("file.cipher")
}

/// Positions around every line end, and at every seventh byte; unit tests of the format cover every byte.
fn positions(sealed: &[u8]) -> Vec<usize> {
    let ends = sealed.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    let around = ends.flat_map(|end| [end - 1, end, end + 1]);
    let all: BTreeSet<_> = around.chain((0..sealed.len()).step_by(7)).collect();
    all.into_iter().filter(|at| *at < sealed.len()).collect()
}

#[track_caller]
fn refused(outcome: &Outcome) {
    assert!(matches!(outcome.code(), Some(4 | 5)), "{outcome:?}");
    outcome.fails_with(outcome.code().unwrap(), &[]);
    assert!(outcome.stdout.is_empty());
}

/// Decrypts each damaged file in two ways, two at a time.
fn all_refused(world: &World, damaged: &[(usize, Vec<u8>)]) {
    let work = |half: &[(usize, Vec<u8>)]| {
        for (at, bytes) in half {
            let name = format!("{at}.damaged");
            world.write(&name, bytes);
            refused(&world.bulla(["decrypt", &name, "-o", &format!("{at}.out")]).run());
            refused(&world.bulla(["decrypt", "-"]).stdin(bytes.as_slice()).run());
        }
    };
    let (one, other) = damaged.split_at(damaged.len() / 2);
    thread::scope(|scope| {
        scope.spawn(|| work(one));
        work(other);
    });
    let outputs: Vec<_> = world.names().into_iter().filter(|name| name.contains("out")).collect();
    assert!(outputs.is_empty(), "{outputs:?}");
    assert!(world.names().iter().all(|name| !name.starts_with('.')), "{:?}", world.names());
}

#[test]
fn a_file_that_was_cut_is_refused() {
    let world = World::new();
    let sealed = encrypted(&world);
    let whole = sealed.len() - 1; // without the last line end it is still complete
    let cuts: Vec<_> = positions(&sealed)
        .into_iter()
        .filter(|&length| length < whole)
        .map(|length| (length, sealed[..length].to_vec()))
        .collect();
    all_refused(&world, &cuts);
    world.write("whole", &sealed[..whole]);
    assert_eq!(world.bulla(["decrypt", "whole", "-o", "-"]).ok().text(), TEXT);
}

#[test]
fn a_flipped_bit_is_refused() {
    let world = World::new();
    let sealed = encrypted(&world);
    let flips: Vec<_> = positions(&sealed)
        .into_iter()
        .filter(|&at| at != sealed.len() - 1)
        .map(|at| {
            let mut bytes = sealed.clone();
            bytes[at] ^= 1 << (at % 8);
            (at, bytes)
        })
        .collect();
    all_refused(&world, &flips);
}

#[test]
fn exchanged_lines_are_refused() {
    let world = World::new();
    let one = String::from_utf8(encrypted(&world)).unwrap();
    let other = world.bulla(["encrypt", "--format", "text", "-"]).stdin(TEXT).ok().text();
    let one: Vec<_> = one.lines().collect();
    let other: Vec<_> = other.lines().collect();
    let text = |lines: &[&str]| (lines.join("\n") + "\n").into_bytes();
    let mut damaged: Vec<_> = (0..4)
        .map(|line| {
            let mut lines = one.clone();
            lines[line] = other[line];
            (line, text(&lines))
        })
        .collect();
    damaged.push((4, text(&[one[0], one[1], one[2], one[3], one[3]])));
    damaged.push((5, text(&[one[0], one[2], one[1], one[3]])));
    damaged.push((6, text(&[one[0], one[1], "", one[3]])));
    damaged.push((7, Vec::new()));
    damaged.push((8, vec![b'A'; 100_000]));
    damaged.push((9, vec![0; 1000]));
    all_refused(&world, &damaged);
}

#[test]
fn an_output_that_exists_survives_a_damaged_input() {
    let world = World::new();
    encrypted(&world);
    world.bulla(["encrypt", "file"]).ok();
    world.write("file", "kept");
    for name in ["file.cipher", "file.bulla"] {
        let mut sealed = world.read(name);
        let middle = sealed.len() - 30;
        sealed[middle] ^= 1;
        world.write(name, sealed);
        refused(&world.bulla(["decrypt", name, "--force"]).run());
        assert_eq!(world.read("file"), b"kept");
    }
    assert_eq!(world.names(), ["file", "file.bulla", "file.cipher"]);
}

/// With the native format, chunks before a damaged one are printed; they are genuine, and the message says so.
#[test]
fn only_a_genuine_beginning_is_printed() {
    let world = World::new();
    world.write("big", vec![b'x'; 3 << 20]);
    world.bulla(["encrypt", "big"]).ok();
    let mut sealed = world.read("big.bulla");
    sealed[2 << 20] ^= 1;
    world.write("damaged", &sealed);
    for run in [
        world.bulla(["decrypt", "damaged", "-o", "-"]),
        world.bulla(["cat", "damaged"]),
        world.bulla(["decrypt", "-"]).stdin(sealed.as_slice()),
        world.bulla(["decrypt", "-", "--whole"]).stdin(sealed.as_slice()),
    ] {
        let outcome = run.run();
        outcome.fails_with(
            4,
            &["another copy of the file; what was printed, if anything, is a verified beginning"],
        );
        let printed = outcome.stdout;
        assert!(printed.len() < 2 << 20 && printed.iter().all(|byte| *byte == b'x'), "{}", printed.len());
    }
    refused(&world.bulla(["decrypt", "damaged", "-o", "out"]).run());
    assert_eq!(world.names(), ["big", "big.bulla", "damaged"]);
}

/// A large file of the text format is not printed before all of it was verified.
#[test]
fn nothing_unverified_is_printed() {
    let world = World::new();
    world.write("big", vec![b'x'; 3 << 20]);
    world.bulla(["encrypt", "--format", "text", "big"]).ok();
    let mut sealed = world.read("big.cipher");
    let late = sealed.len() - 100;
    sealed[late] = if sealed[late] == b'A' { b'B' } else { b'A' };
    refused(&world.bulla(["decrypt", "-"]).stdin(sealed.as_slice()).run());
    world.write("damaged", &sealed);
    refused(&world.bulla(["decrypt", "damaged", "-o", "-"]).run());
    refused(&world.bulla(["decrypt", "damaged", "-o", "out"]).run());
    assert_eq!(world.names(), ["big", "big.cipher", "damaged"]);
    assert!(crate::harness::names_in(&world.root().join("tmp")).is_empty(), "the spooled pipe is gone");
}
