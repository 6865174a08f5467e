//! Standard output whose reader has closed it: no message, and no success, because the output is incomplete. Full or
//! closed outputs are in `tests/cmd/lost_output.txt`.

use std::fs;

use crate::harness::World;

#[test]
fn a_closed_reader_gets_no_error_message() {
    let world = World::new();
    world.write("file", "content");
    fs::create_dir(world.path("tree")).unwrap();
    world.write("tree/file", "content");
    world.bulla(["encrypt", "file"]).ok();
    world.bulla(["encrypt", "--format", "text", "file"]).ok();
    world.bulla(["encrypt", "tree"]).ok();
    for args in [
        &["verify", "file.bulla", "--json"][..],
        &["verify", "tree", "--json"],
        &["encrypt", "file", "-o", "-"],
        &["encrypt", "--format", "text", "file", "-o", "-"],
        &["decrypt", "file.bulla", "-o", "-"],
        &["decrypt", "file.cipher", "-o", "-"],
        &["cat", "file.bulla"],
        &["inspect", "file.bulla"],
        &["inspect", "file.bulla", "file.cipher"],
        &["key", "list"],
        &["kms", "ListKeys"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
        &["--version"],
    ] {
        let outcome = world.bulla(args).run_without_reader();
        assert_eq!((outcome.code(), outcome.stderr.as_str()), (Some(1), ""), "{args:?}");
    }
    let unused = world.bulla(["encrypt", "file", "-o", "again"]).run_without_reader();
    assert_eq!(unused.code(), Some(0), "{unused:?}");
}
