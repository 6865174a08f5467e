//! `--resume` on a file system that cannot store exact times: ext4 with inodes of 128 bytes has whole seconds, from
//! 1901 to 2038.

use std::fs;

use crate::harness::{Outcome, World, skipped};
use crate::native_trees::plant;

/// Runs a script in which `coarse` is such a file system; `None` where mounting is not allowed.
fn with_coarse_times(world: &World, test: &str, script: &str) -> Option<Outcome> {
    fs::create_dir(world.path("coarse")).unwrap();
    let mount =
        "truncate -s 16M image && mkfs.ext4 -q -I 128 image > mkfs.log 2>&1 && mount -o loop image coarse";
    let run = |script: &str| world.command("unshare", ["-m", "sh", "-c", script]).run();
    if run(&format!("{mount} && touch -d '2026-01-02 03:04:05.678' coarse/file")).code() != Some(0) {
        skipped(
            test,
            "no ext4 with inodes of 128 bytes can be made and mounted here (root, mkfs.ext4, loop device)",
        );
        return None;
    }
    let outcome = run(&format!("{mount} && {{ {script} }}"));
    assert!(!outcome.text().contains("not coarse"), "{outcome:?}");
    Some(outcome)
}

/// Times of every kind: odd ones, and some that the file system cannot store.
const DATED: &str = "
    touch -d '2026-01-02 03:04:05.678912345' tree/0/0/file-0
    touch -d '2026-01-02 03:04:05' tree/1/1/file-1
    touch -d '2050-01-02 03:04:05.678' tree/2/2/file-2
    touch -d '1890-01-02 03:04:05.678' tree/3/0/file-3
    touch -d '1969-12-31 23:59:59.5' tree/4/1/file-4
";

#[test]
fn decryption_resumes_where_times_are_rounded() {
    let world = World::new();
    plant(&world, "tree", 6);
    let script = "
        bulla encrypt tree -o sealed && bulla decrypt sealed -o coarse/out
        test $(stat -c %.9Y coarse/out/0/0/file-0) = 1767323045.000000000 || echo not coarse
        bulla decrypt sealed -o coarse/out --resume --json | grep -c '\"already\":true'; echo $?
        bulla decrypt sealed/0/0/file-0.bulla -o coarse/out/0/0/file-0 --resume; echo $?

        # Other content of the same size and time, and the same content with another time, are not done.
        size=$(stat -c %s tree/5/2/file-5)
        head -c $size /dev/zero > coarse/out/5/2/file-5; touch -d @$(stat -c %Y tree/5/2/file-5) coarse/out/5/2/file-5
        touch coarse/out/1/1/file-1
        bulla decrypt sealed -o coarse/out --resume; echo $?
        bulla decrypt sealed -o coarse/out --resume --force; echo $?
        bulla decrypt sealed -o coarse/out --resume --remove-source; echo $?
        find sealed -type f; diff -r tree coarse/out; echo $?
    ";
    let script = format!("{DATED}{script}");
    let test = "decryption_resumes_where_times_are_rounded";
    let Some(outcome) = with_coarse_times(&world, test, &script) else { return };
    assert_eq!(outcome.text(), "6\n0\n0\n7\n0\n0\n0\n", "{outcome:?}");
    assert!(outcome.stderr.contains("2 of 6 files failed"), "{outcome:?}");
    for name in ["1/1/file-1", "5/2/file-5"] {
        assert!(outcome.stderr.contains(&format!("coarse/out/{name} exists already")), "{outcome:?}");
    }
}

#[test]
fn encryption_resumes_where_times_are_rounded() {
    let world = World::new();
    plant(&world, "tree", 6);
    let script = "
        # A copy of the sources, with the times that the file system makes of theirs.
        bulla encrypt tree -o sealed && cp -a tree coarse/tree
        test $(stat -c %.9Y coarse/tree/0/0/file-0) = 1767323045.000000000 || echo not coarse
        bulla encrypt coarse/tree -o sealed --resume --json | grep -c '\"already\":true'; echo $?
        time=$(stat -c %Y coarse/tree/5/2/file-5); size=$(stat -c %s coarse/tree/5/2/file-5)
        head -c $size /dev/zero > coarse/tree/5/2/file-5; touch -d @$time coarse/tree/5/2/file-5
        bulla encrypt coarse/tree -o sealed --resume; echo $?

        # From there to there, and the sources go by what was read back.
        bulla encrypt coarse/tree -o coarse/sealed; bulla encrypt coarse/tree -o coarse/sealed --resume; echo $?
        bulla encrypt coarse/tree -o coarse/sealed --resume --remove-source; echo $?
        find coarse/tree -type f
    ";
    let script = format!("{DATED}{script}");
    let test = "encryption_resumes_where_times_are_rounded";
    let Some(outcome) = with_coarse_times(&world, test, &script) else { return };
    assert_eq!(outcome.text(), "6\n0\n7\n0\n0\n", "{outcome:?}");
    assert!(outcome.stderr.contains("1 of 6 files failed"), "{outcome:?}");
    assert!(outcome.stderr.contains("sealed/5/2/file-5.bulla exists already"), "{outcome:?}");
}
