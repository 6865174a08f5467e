//! Full disks and limited file sizes: an error, and everything is as it was.

use std::fs;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::harness::{Outcome, World, noise, skipped, wait_for};
use crate::http::Caller;

/// Runs a script in which `full` is a file system of its own with 256 KiB; none where that is not allowed.
fn with_small_disk(world: &World, test: &str, script: &str) -> Option<Outcome> {
    fs::create_dir(world.path("full")).unwrap();
    let flags = if rustix::process::geteuid().is_root() { "-m" } else { "-rm" };
    let mount = "mount -t tmpfs -o size=256k none full";
    if world.command("unshare", [flags, "sh", "-c", mount]).run().code() != Some(0) {
        skipped(test, "no file system can be mounted here");
        return None;
    }
    Some(world.command("unshare", [flags, "sh", "-c", &format!("{mount} && {{ {script} }}")]).run())
}

#[test]
fn an_output_on_a_full_disk() {
    let world = World::new();
    world.write("big", noise(300_000));
    world.bulla(["encrypt", "big"]).ok();
    world.bulla(["encrypt", "--format", "text", "big"]).ok();
    let script = "
        echo kept > full/old
        bulla encrypt big -o full/new; echo $?
        bulla encrypt big -o full/old --force; echo $?
        bulla decrypt big.bulla -o full/new; echo $?
        bulla decrypt big.bulla -o full/old --force; echo $?
        bulla encrypt --format text big -o full/new; echo $?
        bulla encrypt --format text big -o full/old --force; echo $?
        bulla decrypt big.cipher -o full/new; echo $?
        bulla decrypt big.cipher -o full/old --force; echo $?
        cat big.bulla | TMPDIR=full bulla decrypt - | cmp - big; echo $?
        cat big.bulla | TMPDIR=full bulla decrypt --whole - ; echo $?
        cat big.cipher | TMPDIR=full bulla decrypt - ; echo $?
        cat full/old; ls -A full
        echo small > small; bulla encrypt small -o full/small && ls -A full
    ";
    let Some(outcome) = with_small_disk(&world, "an_output_on_a_full_disk", script) else { return };
    assert_eq!(outcome.text(), "1\n1\n1\n1\n1\n1\n1\n1\n0\n1\n1\nkept\nold\nold\nsmall\n", "{outcome:?}");
    let told = "No space left on device (os error 28)\n       \
                free space or write elsewhere with -o; nothing was left behind\n";
    assert_eq!(outcome.stderr.matches(told).count(), 8, "{outcome:?}");
    let spooled = "name another directory for them with TMPDIR";
    assert_eq!(outcome.stderr.matches(spooled).count(), 2, "{outcome:?}");
}

#[test]
fn a_store_on_a_full_disk() {
    let world = World::new();
    let script = "
        export BULLA_KMS=embedded:full/store
        dd if=/dev/zero of=full/ballast bs=1k count=250 2> /dev/null
        bulla key create; echo first use: $?
        rm full/ballast
        bulla key create --alias alias/first > id; echo then: $?
        echo old | bulla encrypt -k alias/first - > old.bulla
        dd if=/dev/zero of=full/ballast bs=1k 2> /dev/null
        i=0; while [ $i -lt 40 ] && bulla key create >> created 2> error; do i=$((i+1)); done
        cat error; bulla decrypt old.bulla -o -; echo full: $?
        rm full/ballast
        test $(bulla key list | wc -l) -ge $(($(wc -l < created) + 2)); echo all there: $?
        for id in $(cat id created); do bulla key show $id > /dev/null || echo $id is lost; done
        bulla key create >> created; echo again: $?
        bulla decrypt old.bulla -o -; ls -A full full/store
    ";
    let Some(outcome) = with_small_disk(&world, "a_store_on_a_full_disk", script) else { return };
    let text = outcome.text();
    let end = "again: 0\nold\nfull:\nstore\n\nfull/store:\nlock\nroot-key\nstore.redb\n";
    assert!(text.starts_with("first use: 3\nthen: 0\n"), "{outcome:?}");
    assert!(text.contains("\nall there: 0\n") && text.ends_with(end), "{outcome:?}");
    assert!(!text.contains("lost"), "{outcome:?}");
    assert!(text.contains("\nold\nfull: 0\n"), "reading needs no space: {outcome:?}");
}

/// As after a full log file in the data directory: a server starts and decrypts, also after a kill, and so do commands.
#[test]
fn a_server_starts_on_a_full_disk() {
    let world = World::new();
    let script = "
        serve() {
            rm -f said
            bulla serve --data full/kms --listen 127.0.0.1:0 > said 2> log & server=$!
            while ! grep -q listening said && kill -0 $server 2> /dev/null; do sleep 0.05; done
            export BULLA_KMS=$(sed -n 's/.*listening on //p' said) ALIBABA_CLOUD_CA_BUNDLE=full/kms/tls/ca.pem
        }
        export ALIBABA_CLOUD_ACCESS_KEY_ID=ci ALIBABA_CLOUD_ACCESS_KEY_SECRET=secret-of-ci
        export BULLA_ROOT_ACCESS_KEY_ID=ci BULLA_ROOT_ACCESS_KEY_SECRET=secret-of-ci
        serve
        bulla key create --alias alias/first > /dev/null
        echo content | bulla encrypt -k alias/first - > old.bulla
        kill $server; wait $server
        dd if=/dev/zero of=full/ballast bs=1 count=262144 2> /dev/null
        for signal in TERM KILL TERM; do
            serve
            bulla decrypt old.bulla -o -; echo server: $?
            kill -$signal $server; wait $server
            BULLA_KMS=embedded:full/kms bulla decrypt old.bulla -o -; echo command: $?
        done
        cat log >&2
    ";
    let Some(outcome) = with_small_disk(&world, "a_server_starts_on_a_full_disk", script) else { return };
    assert_eq!(outcome.text(), "content\nserver: 0\ncontent\ncommand: 0\n".repeat(3), "{outcome:?}");
}

#[test]
fn a_limited_file_size_is_like_a_full_disk() {
    let world = World::new();
    world.write("big", noise(300_000));
    world.write("old", "kept");
    let tiny = "ulimit -f 8; exec bulla encrypt old -o new";
    world.sh(tiny).run().fails_with(3, &["File too large"]);
    assert_eq!(world.names(), ["big", "old"], "a first use");
    world.bulla(["encrypt", "big"]).ok();
    world.bulla(["encrypt", "--format", "text", "big"]).ok();

    let told = |path| {
        let hint = match path {
            "standard output" => {
                "free space where standard output leads to; what was printed is not complete"
            }
            _ => "free space or write elsewhere with -o; nothing was left behind",
        };
        format!("bulla: {path}: File too large (os error 27)\n       {hint}\n")
    };
    for (command, path) in [
        ("encrypt big -o new", "new"),
        ("encrypt big -o old --force", "old"),
        ("decrypt big.bulla -o new", "new"),
        ("encrypt big > out", "standard output"),
        ("decrypt big.bulla -o - > out", "standard output"),
        ("encrypt --format text big -o new", "new"),
        ("encrypt --format text big -o old --force", "old"),
        ("decrypt big.cipher -o new", "new"),
        ("encrypt --format text big > out", "standard output"),
        ("decrypt big.cipher -o - > out", "standard output"),
    ] {
        let command = command.replace("big >", "big -o - >");
        let outcome = world.sh(&format!("ulimit -f 200; exec bulla {command}")).run();
        outcome.fails(1, &told(path));
        let _ = fs::remove_file(world.path("out")); // made by the shell
        assert_eq!(world.names(), ["big", "big.bulla", "big.cipher", "old"], "{command}");
        assert_eq!(world.read("old"), b"kept");
    }
}

/// A server whose store cannot grow refuses changes, and takes them again when it can.
#[test]
fn a_server_outlives_a_full_disk() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    let caller = Caller::owner(&server);
    let create = || {
        let request = caller.request("CreateKey", &format!("Description={}", "x".repeat(4000)));
        let (status, body) = caller.connect().unwrap().send(&request).unwrap();
        (status, body["KeyMetadata"]["KeyId"].as_str().map(str::to_owned), body)
    };
    let mut created = vec![create().1.unwrap()];
    let process = Pid::from_raw(server.id().try_into().unwrap());
    let limit = |bytes| {
        let maximum = prlimit(process, Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
        assert_eq!(maximum.maximum, None, "a test needs to be able to lift its limits");
    };
    limit(Some(fs::metadata(world.path("kms/store.redb")).unwrap().len()));
    let refusal = loop {
        match create() {
            (200, Some(id), _) => created.push(id),
            other => break other,
        }
        assert!(created.len() < 10_000);
    };
    assert_eq!((refusal.0, refusal.2["Code"].as_str()), (500, Some("InternalFailure")));
    wait_for("the cause in the log", || server.log().contains("File too large"));
    caller.call("GenerateDataKey", &format!("KeyId={}", created[0]));
    limit(None);
    created.push(create().1.unwrap());
    server.stop();

    let server = world.serve("kms", ["--http"]);
    let caller = Caller::owner(&server);
    for id in &created {
        caller.call("DescribeKey", &format!("KeyId={id}"));
    }
    server.stop();
}
