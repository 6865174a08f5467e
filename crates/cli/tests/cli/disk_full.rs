//! Full disks, file size limits and read-only file systems: an error, and everything stays unchanged.

use std::fs;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::harness::{Outcome, World, noise, skipped, wait_for};
use crate::http::SigningClient;

/// Runs a script in which `full` is a file system of 256 KiB; `None` where mounting is not allowed.
pub(crate) fn with_small_disk(world: &World, test: &str, script: &str) -> Option<Outcome> {
    fs::create_dir(world.path("full")).unwrap();
    let flags = if rustix::process::geteuid().is_root() { "-m" } else { "-rm" };
    let mount = "mount -t tmpfs -o size=256k none full";
    if world.command("unshare", [flags, "sh", "-c", mount]).run().code() != Some(0) {
        skipped(test, "no file system can be mounted here");
        return None;
    }
    Some(world.command("unshare", [flags, "sh", "-c", &format!("{mount} && {{ {script} }}")]).run())
}

/// Runs a script in which `full` is a file system ext4 of 8 MiB; `None` where it cannot be mounted.
fn with_small_ext4(world: &World, test: &str, script: &str) -> Option<Outcome> {
    fs::create_dir(world.path("full")).unwrap();
    let mount =
        "truncate -s 8M image && mkfs.ext4 -qm 0 image && mount -o loop image full && rmdir full/lost+found";
    let in_namespace = |script: &str| world.command("unshare", ["-m", "sh", "-c", script]).run();
    if in_namespace(mount).code() != Some(0) {
        skipped(test, "ext4 cannot be mounted here");
        return None;
    }
    Some(in_namespace(&format!("{mount} && {{ {script} }}")))
}

/// Starts a server on the small disk and sets the environment of its clients.
const SERVE: &str = "
        serve() {
            rm -f said
            bulla serve --data full/kms --listen 127.0.0.1:0 \"$@\" > said 2> log & server=$!
            while ! grep -q listening said && kill -0 $server 2> /dev/null; do sleep 0.05; done
            export BULLA_KMS=$(sed -n 's/.*listening on //p' said) ALIBABA_CLOUD_CA_BUNDLE=full/kms/tls/ca.pem
        }
        export ALIBABA_CLOUD_ACCESS_KEY_ID=ci ALIBABA_CLOUD_ACCESS_KEY_SECRET=secret-of-ci
        export BULLA_ROOT_ACCESS_KEY_ID=ci BULLA_ROOT_ACCESS_KEY_SECRET=secret-of-ci
";

/// On ext4, blocks of a large output are reserved first.
#[test]
fn a_large_output_on_a_full_disk_with_reserved_blocks() {
    let world = World::new();
    world.write("big", noise(20_000_000));
    world.bulla(["encrypt", "big"]).ok();
    let script = "
        echo kept > full/old
        for target in new old; do
            bulla encrypt big -o full/$target --force; echo $?
            bulla decrypt big.bulla -o full/$target --force; echo $?
        done
        cat full/old; ls -A full
        head -c 3000000 big > small; bulla encrypt small -o full/small && bulla decrypt full/small -o - | cmp - small; echo $?
        test $(($(stat -c '%b * 512' full/small))) -lt 3100000; echo $?
    ";
    let test = "a_large_output_on_a_full_disk_with_reserved_blocks";
    let Some(outcome) = with_small_ext4(&world, test, script) else { return };
    assert_eq!(outcome.text(), "1\n1\n1\n1\nkept\nold\n0\n0\n", "{outcome:?}");
    let message = "No space left on device (os error 28)\n       \
                free space or write elsewhere with -o; no partial output is left\n";
    assert_eq!(outcome.stderr.matches(message).count(), 4, "{outcome:?}");
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
    let message = "No space left on device (os error 28)\n       \
                free space or write elsewhere with -o; no partial output is left\n";
    assert_eq!(outcome.stderr.matches(message).count(), 8, "{outcome:?}");
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

/// The disk is full, such as after a large log file in the data directory. A server starts, also after a kill. Without
/// an audit trail it decrypts; with one it refuses requests until the trail has space, and reports that. Commands
/// decrypt.
#[test]
fn a_server_starts_on_a_full_disk() {
    let world = World::new();
    let script = [
        SERVE,
        "
        echo 'audit = []' > no-trail.toml
        serve
        bulla key create --alias alias/first > /dev/null
        echo content | bulla encrypt -k alias/first - > old.bulla
        kill $server; wait $server
        dd if=/dev/zero of=full/ballast bs=1 count=262144 2> /dev/null
        for signal in TERM KILL TERM; do
            serve --config no-trail.toml
            bulla decrypt old.bulla -o -; echo server: $?
            kill -$signal $server; wait $server
            BULLA_KMS=embedded:full/kms bulla decrypt old.bulla -o -; echo command: $?
        done
        serve
        # The block that the trail ends in may have room for some lines.
        while bulla decrypt old.bulla -o - > decrypted 2> error; do :; done
        cat decrypted; echo with a trail: refused
        grep -c 503 error
        until grep -qs 'no line can be written' log; do sleep 0.1; done
        rm full/ballast
        while ! bulla decrypt old.bulla -o - 2> error; do sleep 0.1; done
        kill $server; wait $server
        bulla audit verify full/kms/audit > verified; echo verified: $?
        cat log verified >&2
    ",
    ]
    .concat();
    let Some(outcome) = with_small_disk(&world, "a_server_starts_on_a_full_disk", &script) else { return };
    let without = "content\nserver: 0\ncontent\ncommand: 0\n".repeat(3);
    let with = "with a trail: refused\n1\ncontent\nverified: 0\n";
    assert_eq!(outcome.text(), without + with, "{outcome:?}");
}

/// A disk fault (`errors=remount-ro`) or a snapshot makes a file system read-only: commands read the store, and change
/// nothing.
#[test]
fn a_store_on_a_read_only_file_system() {
    let world = World::new();
    let script = "
        cd full
        export BULLA_KMS=embedded:kms
        mkdir -m 700 empty
        bulla key create --alias alias/first > ../id
        echo content > ../file
        bulla encrypt -k alias/first ../file -o ../old.bulla
        mount -o remount,ro .

        bulla decrypt ../old.bulla -o -; echo decrypt: $?
        bulla cat ../old.bulla; echo cat: $?
        bulla verify ../old.bulla > ../verified; echo verify: $?
        test $(bulla key list | grep -c $(cat ../id)) = 1; echo list: $?
        bulla key show alias/first > ../shown; echo show: $?
        bulla kms ListKeys > ../listed; echo call: $?
        bulla encrypt -k alias/first ../file -o ../new.bulla; echo encrypt: $?
        bulla decrypt ../new.bulla -o -
        for i in 1 2 3 4 5 6; do bulla decrypt ../old.bulla -o - > ../out$i & done
        wait; cat ../out*

        bulla key create; echo create: $?
        bulla encrypt ../file -o ../default.bulla; echo default key: $?
        bulla kms DisableKey --KeyId $(cat ../id); echo change: $?
        bulla --kms embedded:empty key create; echo first use: $?
        bulla --kms embedded:none key create; echo no directory: $?
        bulla serve --data kms --listen 127.0.0.1:0; echo serve: $?

        mount -o remount,rw .
        bulla key create > ../id; echo writable: $?
        rm kms/lock
        mount -o remount,ro .
        bulla decrypt ../old.bulla -o -; echo no lock: $?
        ls -A ..
    ";
    let test = "a_store_on_a_read_only_file_system";
    let Some(outcome) = with_small_disk(&world, test, script) else { return };
    let read = "content\ndecrypt: 0\ncontent\ncat: 0\nverify: 0\nlist: 0\nshow: 0\ncall: 0\n\
                encrypt: 0\ncontent\n";
    let refused = "create: 3\ndefault key: 3\nchange: 3\nfirst use: 3\nno directory: 3\nserve: 3\n";
    let end = "writable: 0\ncontent\nno lock: 0\n";
    let text = outcome.text();
    let expected = format!("{read}{}{refused}{end}", "content\n".repeat(6));
    assert!(text.starts_with(&expected), "{outcome:?}");
    assert!(!text.contains("default.bulla"), "{outcome:?}");
    let message = "bulla: the store is on a read-only file system\n       \
                mount it writable to change keys; commands that only read the store, such as decrypt, work meanwhile\n";
    assert_eq!(outcome.stderr.matches(message).count(), 3, "{outcome:?}");
    for message in [
        "empty/store.redb: the store is on a read-only file system\n       mount it writable to change keys",
        "bulla: none: Read-only file system (os error 30)\n       mount it writable, or name another directory\n",
        "kms/store.redb: the store is on a read-only file system\n       mount it writable: a server notes the time there",
    ] {
        assert_eq!(outcome.stderr.matches(message).count(), 1, "{message}: {outcome:?}");
    }
}

/// A killed server leaves its store as a power failure does, so redb must repair it.
#[test]
fn a_store_that_was_not_closed_on_a_read_only_file_system() {
    let world = World::new();
    let script = [
        SERVE,
        "
        serve
        bulla key create --alias alias/first > /dev/null
        echo content | bulla encrypt -k alias/first - > old.bulla
        mkdir view
        mount --bind full view
        mount -o remount,bind,ro view
        BULLA_KMS=embedded:view/kms bulla decrypt old.bulla -o -; echo beside a server: $?
        kill -KILL $server; wait $server
        BULLA_KMS=embedded:view/kms bulla decrypt old.bulla -o -; echo command: $?
        umount view

        serve
        kill -KILL $server; wait $server
        mount -o remount,ro full
        BULLA_KMS=embedded:full/kms bulla decrypt old.bulla -o -; echo command: $?
        BULLA_KMS=embedded:full/kms bulla key create; echo create: $?
        mount -o remount,rw full
        serve
        bulla decrypt old.bulla -o -; echo server: $?
        kill $server; wait $server
    ",
    ]
    .concat();
    let test = "a_store_that_was_not_closed_on_a_read_only_file_system";
    let Some(outcome) = with_small_disk(&world, test, &script) else { return };
    let read = "content\ncommand: 0\n";
    let expected = format!("beside a server: 3\n{read}{read}create: 3\ncontent\nserver: 0\n");
    assert_eq!(outcome.text(), expected, "{outcome:?}");
    assert!(outcome.stderr.contains("the store in view/kms belongs to a running server"), "{outcome:?}");
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

    let message = |path| {
        let hint = match path {
            "standard output" => {
                "free space where standard output is written; what was printed is incomplete"
            }
            _ => "free space or write elsewhere with -o; no partial output is left",
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
        outcome.fails(1, &message(path));
        let _ = fs::remove_file(world.path("out")); // made by the shell
        assert_eq!(world.names(), ["big", "big.bulla", "big.cipher", "old"], "{command}");
        assert_eq!(world.read("old"), b"kept");
    }
}

/// A server whose store cannot grow refuses changes, and accepts them again when it can.
#[test]
fn a_server_outlives_a_full_disk() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    let caller = SigningClient::owner(&server);
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
    let caller = SigningClient::owner(&server);
    for id in &created {
        caller.call("DescribeKey", &format!("KeyId={id}"));
    }
    server.stop();
}
