//! Every single bit of a native file: nothing but the content is output, and damage is reported.

use std::thread;

use crate::harness::{World, noise};
use crate::native_header::NativeFile;

/// Decrypts files that differ in one byte from a good one, on several threads; `check` gets the byte, the exit code and
/// the output.
fn with_each(
    world: &World,
    places: &[usize],
    changed: impl Fn(usize) -> Vec<u8> + Sync,
    check: impl Fn(usize, i32, Option<Vec<u8>>, &str) + Sync,
) {
    thread::scope(|scope| {
        for thread in 0..4 {
            let changed = &changed;
            let check = &check;
            scope.spawn(move || {
                let name = format!("changed{thread}.bulla");
                let out = format!("out{thread}");
                for at in places.iter().copied().skip(thread).step_by(4) {
                    world.write(&name, changed(at));
                    let outcome = world.bulla(["decrypt", &name, "-o", &out]).run();
                    let output = std::fs::read(world.path(&out)).ok();
                    if output.is_some() {
                        std::fs::remove_file(world.path(&out)).unwrap();
                    }
                    assert_eq!(outcome.stdout, b"");
                    check(at, outcome.code().unwrap(), output, &outcome.stderr);
                }
            });
        }
    });
}

fn sealed(content: &[u8]) -> (World, NativeFile) {
    let world = World::new();
    world.write("file", content);
    world.bulla(["encrypt", "file", "-c", "file=sales.csv"]).ok();
    let file = NativeFile::new(world.read("file.bulla"));
    (world, file)
}

#[test]
fn any_bit_of_a_small_file_counts() {
    let (world, file) = sealed(&noise(300));
    assert!((1000..2000).contains(&file.bytes.len()), "{} bytes", file.bytes.len());
    let places: Vec<_> = (0..file.bytes.len()).collect();
    let changed = |at: usize| {
        let mut bytes = file.bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        bytes
    };
    with_each(&world, &places, changed, |at, code, output, stderr| {
        assert!([4, 5].contains(&code) && output.is_none(), "byte {at}: {code} {stderr}");
        assert!(stderr.starts_with("bulla: ") && stderr.lines().count() == 2, "byte {at}: {stderr}");
    });
}

/// An attacker who changes a bit of a slot also updates its hash: then only hints may change.
#[test]
fn a_slot_is_no_better_protected_than_its_wraps_and_the_body_is() {
    let content = noise(300);
    let (world, file) = sealed(&content);
    let slot = file.slot(0);
    let used = slot.start + 42 + file.bytes[slot.start + 42..slot.end].iter().rposition(|b| *b != 0).unwrap();
    let places: Vec<_> = (slot.start + 32..used + 3).collect();
    let changed = |at: usize| {
        let mut file = file.clone();
        file.bytes[at] ^= 1 << (at % 8);
        file.mend_hash(0);
        file.bytes
    };
    let (blob, key_id) = {
        let wrap = &file.wraps(0)[0];
        let place = |text: &str| {
            let found = file.bytes.windows(text.len()).position(|window| window == text.as_bytes());
            found.map(|from| from..from + text.len()).unwrap()
        };
        (place(&wrap.blob), place(&wrap.key_id))
    };
    with_each(&world, &places, changed, |at, code, output, stderr| {
        match code {
            0 => assert!(output.as_ref() == Some(&content), "byte {at}"),
            3..=5 => assert!(output.is_none(), "byte {at}: {stderr}"),
            _ => panic!("byte {at}: {code} {stderr}"),
        }
        assert!(
            code != 0 || !(blob.contains(&at) || key_id.contains(&at)),
            "byte {at} of the wrap is believed"
        );
    });
}

#[test]
fn a_file_that_was_cut_anywhere_or_made_longer_is_refused() {
    let (world, file) = sealed(&noise(300));
    let places: Vec<_> = (0..file.bytes.len()).step_by(7).chain([file.bytes.len() - 1]).collect();
    with_each(
        &world,
        &places,
        |at| file.bytes[..at].to_vec(),
        |at, code, output, stderr| {
            assert!(code == 4 && output.is_none(), "cut to {at}: {code} {stderr}");
        },
    );
    let longer = |more: usize| [&file.bytes[..], &vec![0; more]].concat();
    with_each(&world, &[1, 15, 16, 17, 16_384, 16_400], longer, |more, code, output, stderr| {
        assert!(code == 4 && output.is_none(), "{more} bytes more: {code} {stderr}");
    });
}
