//! Which keys open a native file, and which keys are added: lying headers, stolen wraps, forged recipients, rewraps.

use serde_json::Value;

use crate::harness::{Outcome, World, contains, noise};
use crate::native_header::{FILE, NativeFile, RawWrap, SET};

/// A world with the keys `a`, `b` and `mallory`, by these aliases.
struct Keys {
    world: World,
    a: String,
    b: String,
    mallory: String,
}

impl Keys {
    fn new() -> Self {
        let world = World::new();
        let create = |alias: &str| {
            let id = world.bulla(["key", "create", "--alias", alias]).ok().text();
            id.trim().to_owned()
        };
        let [a, b, mallory] = ["a", "b", "mallory"].map(create);
        Self { world, a, b, mallory }
    }

    /// Encrypts `name.bulla` for one of the keys.
    fn encrypt(&self, name: &str, content: &[u8], key: &str) -> NativeFile {
        self.world.write(name, content);
        self.world.bulla(["encrypt", name, "-k", key]).ok();
        self.read(&format!("{name}.bulla"))
    }

    fn read(&self, name: &str) -> NativeFile {
        NativeFile::new(self.world.read(name))
    }

    fn write(&self, name: &str, file: &NativeFile) {
        self.world.write(name, &file.bytes);
    }

    fn decrypt(&self, name: &str) -> Outcome {
        self.world.bulla(["decrypt", name, "-o", "-"]).run()
    }

    fn wraps_by_inspect(&self, name: &str) -> Vec<(String, String)> {
        let json = self.world.bulla(["inspect", "--json", name]).ok().json();
        let wraps = json["wraps"].as_array().unwrap().iter();
        let text = |wrap: &Value, field: &str| wrap[field].as_str().unwrap().to_owned();
        wraps.map(|wrap| (text(wrap, "kind"), text(wrap, "key_id"))).collect()
    }

    /// Returns what the KMS answers a caller who may unwrap.
    fn unwrapped(&self, blob: &str) -> String {
        let answer = self.world.bulla(["kms", "Decrypt", "--CiphertextBlob", blob]).ok().json();
        answer["Plaintext"].as_str().unwrap().to_owned()
    }

    /// Returns a data key of a key, as any caller can generate who may use it.
    fn generated(&self, key: &str) -> String {
        let answer = self.world.bulla(["kms", "GenerateDataKey", "--KeyId", key]).ok().json();
        answer["CiphertextBlob"].as_str().unwrap().to_owned()
    }
}

/// Expects that neither a file nor standard output has any content.
#[track_caller]
fn refused(keys: &Keys, args: &[&str], code: i32, part: &str) {
    let names = keys.world.names();
    for output in ["nothing", "-"] {
        let outcome = keys.world.bulla([&["decrypt"], args, &["-o", output]].concat()).run();
        outcome.fails_with(code, &[part]);
        assert_eq!(outcome.stdout, b"");
        assert_eq!(keys.world.names(), names);
    }
    if args[0] != "-" {
        keys.world.bulla([&["verify"], args].concat()).run().fails_with(code, &[part]);
        let outcome = keys.world.bulla([&["cat", "--range", "0..1"], args].concat()).run();
        outcome.fails_with(code, &[part]);
        assert_eq!(outcome.stdout, b"");
    }
}

#[test]
fn only_allowed_keys_open_files() {
    let keys = Keys::new();
    let of_b = keys.encrypt("file", b"content", "alias/b");
    for allowed in [&*keys.b, "alias/b", &format!("acs:kms:cn-hangzhou:1:key/{}", keys.b)] {
        let outcome = keys.world.bulla(["decrypt", "file.bulla", "-o", "-", "--allow-key", allowed]).ok();
        assert_eq!(outcome.text(), "content", "{allowed}");
    }
    let both = ["decrypt", "file.bulla", "-o", "-", "--allow-key", "alias/a", "--allow-key", "alias/b"];
    assert_eq!(keys.world.bulla(both).ok().text(), "content");
    for allowed in ["alias/a", &*keys.a, ""] {
        refused(&keys, &["file.bulla", "--allow-key", allowed], 5, "only keys that are not allowed");
    }

    // The header names a, but the blob is of b: a client that trusts the header alone would trust its author.
    let mut lying = of_b.wraps(0);
    lying[0].key_id = keys.a.clone();
    keys.write("lying.bulla", &of_b.with_wraps(&lying));
    refused(&keys, &["lying.bulla", "--allow-key", "alias/a"], 5, "wrapped its data key");
    refused(&keys, &["lying.bulla", "--allow-key", "alias/b"], 5, "not allowed");
    refused(&keys, &["lying.bulla"], 5, "wrapped its data key");

    // The same in the text format, which names no key: the answer of the KMS decides.
    keys.world.bulla(["encrypt", "file", "--format", "text", "-k", "alias/b"]).ok();
    refused(&keys, &["file.cipher", "--allow-key", "alias/a"], 5, "not allowed");
    keys.world.bulla(["verify", "file.cipher", "--allow-key", "alias/b"]).ok();
}

#[test]
fn an_unknown_alias_in_the_list_of_allowed_keys_is_an_error_and_not_an_empty_list() {
    let keys = Keys::new();
    keys.encrypt("file", b"content", "alias/a");
    let outcome = keys.world.bulla(["decrypt", "file.bulla", "-o", "-", "--allow-key", "alias/none"]).run();
    assert_eq!((outcome.code(), outcome.stdout.len()), (Some(3), 0), "{outcome:?}");
}

/// An attacker puts the wrapped key of a file of the user into another file, and the user rewraps that.
#[test]
fn a_stolen_wrap_is_not_wrapped_for_its_thief() {
    let keys = Keys::new();
    let ours = keys.encrypt("ours", b"secret", "alias/a").wraps(0);
    let theirs = keys.encrypt("theirs", b"bait", "alias/a");
    let bait = theirs.with_wraps(&ours);
    keys.write("bait.bulla", &bait);
    for command in [
        &["rewrap", "bait.bulla", "-k", "alias/mallory"][..],
        &["rewrap", "bait.bulla", "-k", "alias/mallory", "--whole-set"],
        &["rewrap", "bait.bulla"],
        &["rekey", "bait.bulla", "-k", "alias/mallory"],
    ] {
        keys.world.bulla(command).run().fails_with(4, &["bait.bulla", "its commitment does not agree"]);
        assert!(keys.world.read("bait.bulla") == bait.bytes, "{command:?}");
    }
    // As kind `file` it does not open the body either.
    let as_file: Vec<_> = ours.iter().map(|wrap| RawWrap { kind: FILE, ..wrap.clone() }).collect();
    keys.write("bait.bulla", &theirs.with_wraps(&as_file));
    keys.world.bulla(["rewrap", "bait.bulla", "-k", "alias/mallory"]).run().fails_with(4, &["commitment"]);

    // A second wrap that does open the file makes no difference.
    let stolen = keys.unwrapped(&ours[0].blob);
    let both = theirs.with_wraps(&[theirs.wraps(0), ours].concat());
    for command in [
        &["rewrap", "bait.bulla", "-k", "alias/mallory"][..],
        &["rewrap", "bait.bulla", "-k", "alias/mallory", "--whole-set"],
    ] {
        keys.write("bait.bulla", &both);
        keys.world.bulla(command).ok();
        let wraps = keys.read("bait.bulla").wraps(0);
        assert!(wraps.iter().all(|wrap| wrap.key_id == keys.mallory), "{wraps:?}");
        assert!(wraps.iter().all(|wrap| keys.unwrapped(&wrap.blob) != stolen), "{command:?}");
    }
}

/// An attacker adds a wrap of their own to a header; `rewrap` keeps what it cannot verify, and adds no genuine wrap for
/// it.
#[test]
fn a_forged_recipient_is_given_nothing() {
    let keys = Keys::new();
    let file = keys.encrypt("file", b"content", "alias/a");
    let forged = |blob: String| RawWrap {
        kind: SET,
        key_id: keys.mallory.clone(),
        key_version_id: "v".to_owned(),
        region: String::new(),
        blob,
    };
    let genuine = file.wraps(0);
    // A wrap that the KMS does not open may be for another KMS; one that it opens, without a key of this file in it, is
    // dropped.
    for (forged, kept) in
        [(forged("AAAA".to_owned()), true), (forged(keys.generated("alias/mallory")), false)]
    {
        for wraps in [[genuine[0].clone(), forged.clone()], [forged.clone(), genuine[0].clone()]] {
            keys.write("file.bulla", &file.with_wraps(&wraps));
            for _ in 0..2 {
                keys.world.bulla(["rewrap", "file.bulla"]).ok();
                let after = keys.read("file.bulla").wraps(0);
                let theirs: Vec<_> = after.iter().filter(|wrap| wrap.key_id == keys.mallory).collect();
                assert_eq!(theirs, [&forged][..usize::from(kept)], "kept as it was, or not at all");
                assert_eq!(keys.decrypt("file.bulla").text(), "content");
            }
            // And without the genuine key, nothing opens the file.
            keys.world.bulla(["key", "disable", "alias/a"]).ok();
            let outcome = keys.decrypt("file.bulla");
            assert!(outcome.code() != Some(0) && outcome.stdout.is_empty(), "{outcome:?}");
            keys.world.bulla(["key", "enable", "alias/a"]).ok();
        }
    }
    // Naming the keys removes all other wraps.
    keys.world.bulla(["rewrap", "file.bulla", "-k", "alias/a"]).ok();
    assert_eq!(keys.wraps_by_inspect("file.bulla"), [("set".to_owned(), keys.a.clone())]);
}

/// One file of a run is rewrapped for `b`: that file, and no other one.
#[test]
fn a_rewrapped_file_gives_away_itself_only() {
    let keys = Keys::new();
    std::fs::create_dir(keys.world.path("tree")).unwrap();
    for name in ["one", "two"] {
        keys.world.write(&format!("tree/{name}"), name);
    }
    keys.world.write("tree/large", noise(2 << 20));
    keys.world.bulla(["encrypt", "tree", "-o", "sealed", "-k", "alias/a"]).ok();
    for name in ["sealed/one.bulla", "sealed/large.bulla"] {
        let before = keys.read(name);
        keys.world.bulla(["rewrap", name, "-k", "alias/b"]).ok();
        let after = keys.read(name);
        assert_eq!(keys.wraps_by_inspect(name), [("file".to_owned(), keys.b.clone())]);
        let header = &after.bytes[..after.body_offset()];
        assert!(!contains(header, before.wraps(0)[0].blob.as_bytes()), "the old wrap is still in {name}");
        assert!(!contains(header, keys.a.as_bytes()), "the old key is still named in {name}");
        assert!(after.bytes[after.body_offset()..] == before.bytes[before.body_offset()..], "{name}");
        let again = keys.world.bulla(["rewrap", name, "-k", "alias/b"]).ok();
        assert_eq!(again.stderr, format!("rewrapped already: {} (key {})\n", name, keys.b));
        assert!(keys.read(name).bytes == after.bytes, "{name}");
    }

    keys.world.bulla(["key", "disable", "alias/a"]).ok();
    assert_eq!(keys.decrypt("sealed/one.bulla").text(), "one");
    assert!(keys.decrypt("sealed/large.bulla").stdout == keys.world.read("tree/large"));
    keys.decrypt("sealed/two.bulla").fails_with(3, &["cannot be used now"]);
    // Also not with the wrap that b has.
    let given = keys.read("sealed/one.bulla").wraps(0);
    let two = keys.read("sealed/two.bulla");
    for kind in [SET, FILE] {
        keys.write("mixed.bulla", &two.with_wraps(&[RawWrap { kind, ..given[0].clone() }]));
        refused(&keys, &["mixed.bulla"], 4, "its commitment does not agree");
    }
    keys.world.bulla(["key", "enable", "alias/a"]).ok();

    // On request, the whole run is rewrapped.
    keys.world.bulla(["rewrap", "sealed/two.bulla", "-k", "alias/b", "--whole-set"]).ok();
    assert_eq!(keys.wraps_by_inspect("sealed/two.bulla"), [("set".to_owned(), keys.b)]);
}

/// A rewrap of two slots is interrupted at any moment: the file opens, damage is reported, and the next rewrap
/// finishes.
#[test]
fn a_rewrap_of_two_slots_that_was_cut_short() {
    let keys = Keys::new();
    let content = noise((1 << 20) + 5);
    let old = keys.encrypt("large", &content, "alias/a");
    assert_eq!(old.slot_count(), 2);
    keys.world.bulla(["rewrap", "large.bulla", "-k", "alias/b"]).ok();
    let new = keys.read("large.bulla");
    for slot in 0..2 {
        assert_eq!((old.generation(slot), new.generation(slot)), (1, 2));
    }
    let cases = [
        ("slot 0 is written", new.with_slot_of(&old, 1), false),
        ("slot 1 is written", new.with_slot_of(&old, 0), false),
        ("slot 0 is torn, slot 1 old", old.with_torn_slot(0), true),
        ("slot 1 is torn, slot 0 old", old.with_torn_slot(1), true),
        ("slot 1 is torn, slot 0 new", new.with_torn_slot(1), true),
        ("slot 0 is torn, slot 1 new", new.with_torn_slot(0), true),
    ];
    for (what, cut, torn) in cases {
        keys.write("large.bulla", &cut);
        let opened = keys.world.bulla(["decrypt", "large.bulla", "-o", "out", "--force"]).ok();
        assert!(keys.world.read("out") == content, "{what}");
        assert_eq!(opened.stderr.contains("one of its two slots of wrapped keys is damaged"), torn, "{what}");
        let verified = keys.world.bulla(["verify", "large.bulla"]).run();
        if torn {
            verified.fails_with(4, &["one of its two slots", "`bulla rewrap` repairs it"]);
        } else {
            assert_eq!(verified.code(), Some(0), "{what}: {verified:?}");
        }
        // Also without a named key: a removed wrap does not return.
        let newer = (0..2).any(|slot| cut.generation(slot) == 2);
        let named: &[_] = if newer { &[] } else { &["-k", "alias/b"] };
        keys.world.bulla([&["rewrap", "large.bulla"], named].concat()).ok();
        let mended = keys.read("large.bulla");
        assert_eq!(mended.wraps(0), mended.wraps(1), "{what}");
        assert_eq!(mended.generation(0), mended.generation(1), "{what}");
        let header = &mended.bytes[..mended.body_offset()];
        assert!(!contains(header, old.wraps(0)[0].blob.as_bytes()), "{what}");
        keys.world.bulla(["verify", "large.bulla", "--allow-key", "alias/b"]).ok();
        let again = keys.world.bulla(["rewrap", "large.bulla", "-k", "alias/b"]).ok();
        assert!(again.stderr.starts_with("rewrapped already: "), "{what}: {again:?}");
    }
    keys.write("large.bulla", &old.with_torn_slot(0).with_torn_slot(1));
    refused(&keys, &["large.bulla"], 4, "no slot with wrapped keys is whole");
}

/// A rewrap without -k repairs a file too, and keeps every key that opens it.
#[test]
fn a_rewrap_without_keys_keeps_all_that_open_the_file() {
    let keys = Keys::new();
    keys.world.write("file", noise(2 << 20));
    keys.world.bulla(["encrypt", "file", "-k", "alias/a", "-k", "alias/b"]).ok();
    let file = keys.read("file.bulla");
    let both: Vec<_> = [&keys.a, &keys.b].map(|key| ("set".to_owned(), key.clone())).into();
    assert_eq!(keys.wraps_by_inspect("file.bulla"), both);
    keys.write("file.bulla", &file.with_torn_slot(1));
    keys.world.bulla(["rewrap", "file.bulla"]).ok();
    assert_eq!(keys.wraps_by_inspect("file.bulla"), both);
    keys.world.bulla(["verify", "file.bulla"]).ok();
    for (disabled, other) in [("alias/a", "alias/b"), ("alias/b", "alias/a")] {
        keys.world.bulla(["key", "disable", disabled]).ok();
        keys.world.bulla(["verify", "file.bulla", "--allow-key", other]).ok();
        keys.world.bulla(["verify", "file.bulla"]).ok();
        keys.world.bulla(["key", "enable", disabled]).ok();
    }
}

/// `rekey` does what a rewrap cannot: a caller who once unwrapped the data key reads no new content.
#[test]
fn a_rekeyed_file_has_nothing_of_the_old_one() {
    let keys = Keys::new();
    for content in [noise(300), noise(2 << 20)] {
        let old = keys.encrypt("file", &content, "alias/a");
        keys.world.bulla(["rekey", "file.bulla", "-k", "alias/b"]).ok();
        let new = keys.read("file.bulla");
        assert!(keys.decrypt("file.bulla").stdout == content);
        let tail = |file: &NativeFile| file.bytes[file.body_offset() + 56..].to_vec();
        assert!(tail(&new).len() == tail(&old).len() && tail(&new) != tail(&old));
        assert_ne!(keys.unwrapped(&new.wraps(0)[0].blob), keys.unwrapped(&old.wraps(0)[0].blob));
        keys.write("mixed.bulla", &new.with_wraps(&old.wraps(0)));
        refused(&keys, &["mixed.bulla"], 4, "its commitment does not agree");
        std::fs::remove_file(keys.world.path("file.bulla")).unwrap();
    }
}

/// Two names of one key are one key, and do not replace another one that is missing.
#[test]
fn a_key_with_two_names_is_one() {
    let keys = Keys::new();
    keys.world.write("file", "content");
    keys.world.bulla(["encrypt", "file", "-k", "alias/a", "-k", &keys.a]).ok();
    assert_eq!(keys.wraps_by_inspect("file.bulla"), [("set".to_owned(), keys.a.clone())]);
    keys.world.bulla(["rewrap", "file.bulla", "-k", "alias/a", "-k", &keys.a, "-k", "alias/b"]).ok();
    assert_eq!(keys.wraps_by_inspect("file.bulla").len(), 2);
    keys.world.bulla(["verify", "file.bulla", "--allow-key", "alias/b"]).ok();
}

/// A key that is temporarily unavailable stays through a rewrap, and a rekey does not remove it.
#[test]
fn a_key_that_is_not_at_hand_keeps_the_file() {
    let keys = Keys::new();
    keys.world.write("file", "content");
    keys.world.bulla(["encrypt", "file", "-k", "alias/a", "-k", "alias/b"]).ok();
    keys.world.bulla(["key", "disable", "alias/b"]).ok();
    let before = keys.read("file.bulla");
    let again = keys.world.bulla(["rewrap", "file.bulla"]).ok();
    assert!(again.stderr.starts_with("rewrapped already: "), "{again:?}");
    keys.world.bulla(["rekey", "file.bulla"]).run().fails_with(2, &["also for keys", &keys.b, "-k"]);
    assert!(keys.read("file.bulla").bytes == before.bytes);
    keys.world.bulla(["rekey", "file.bulla", "-k", "alias/a"]).ok();
    assert_eq!(keys.wraps_by_inspect("file.bulla"), [("set".to_owned(), keys.a)]);
}

/// A command that waits for a file that is being replaced processes the new one.
#[test]
fn a_rewrap_that_waited_takes_the_file_that_is_there_then() {
    let keys = Keys::new();
    let old = keys.encrypt("file", b"old", "alias/a");
    let new = keys.encrypt("other", b"new", "alias/a");
    let held = std::fs::File::open(keys.world.path("file.bulla")).unwrap();
    held.lock().unwrap();
    let waiting = keys.world.bulla(["rewrap", "file.bulla", "-k", "alias/b"]).start();
    std::thread::sleep(std::time::Duration::from_millis(300));
    std::fs::rename(keys.world.path("other.bulla"), keys.world.path("file.bulla")).unwrap();
    drop(held);
    assert_eq!(waiting.finish().code(), Some(0));
    let opened = keys.world.bulla(["decrypt", "file.bulla", "-o", "-", "--allow-key", "alias/b"]).ok();
    assert_eq!(opened.stdout, b"new");
    assert!(old.bytes != new.bytes);
}

/// A user who may read a file may lock it, and could block others forever.
#[test]
fn a_file_locked_by_another_process_is_not_waited_for_forever() {
    let keys = Keys::new();
    let file = keys.encrypt("file", b"content", "alias/a");
    let held = std::fs::File::open(keys.world.path("file.bulla")).unwrap();
    held.lock().unwrap();
    keys.world.bulla(["rewrap", "file.bulla", "-k", "alias/b"]).run().fails_with(1, &["another process"]);
    assert!(keys.read("file.bulla").bytes == file.bytes);
}

/// Its hidden name must be valid too.
#[test]
fn a_file_with_a_long_name_gets_other_keys() {
    let keys = Keys::new();
    let name = "n".repeat(249);
    keys.world.write(&name, "content");
    for args in [&["encrypt", &name][..], &["encrypt", &name, "--force"]] {
        keys.world.bulla(args).ok();
    }
    let sealed = format!("{name}.bulla");
    for command in ["rewrap", "rekey"] {
        keys.world.bulla([command, &sealed, "-k", "alias/b"]).ok();
    }
    keys.world.bulla(["verify", &sealed, "--allow-key", "alias/b"]).ok();
}

/// An attacker may have placed a link in a tree that leads to a file they cannot write.
#[test]
fn links_in_a_tree_get_no_other_keys() {
    let keys = Keys::new();
    keys.encrypt("elsewhere", b"content", "alias/a");
    let before = keys.read("elsewhere.bulla").bytes;
    std::fs::create_dir(keys.world.path("tree")).unwrap();
    std::os::unix::fs::symlink("../elsewhere.bulla", keys.world.path("tree/link.bulla")).unwrap();
    let outcome = keys.world.bulla(["rewrap", "tree", "-k", "alias/b"]).run();
    outcome.fails_with(1, &["tree: nothing in it is encrypted"]);
    keys.encrypt("tree/file", b"content", "alias/a");
    for command in ["rewrap", "rekey"] {
        keys.world.bulla([command, "tree", "-k", "alias/b"]).ok();
    }
    assert!(keys.read("elsewhere.bulla").bytes == before);
    keys.world.bulla(["rewrap", "tree/link.bulla", "-k", "alias/b"]).ok();
    keys.world.bulla(["verify", "elsewhere.bulla", "--allow-key", "alias/b"]).ok();
}

/// A header may name many wraps; each call that waits for the KMS costs ten seconds.
#[test]
fn an_unavailable_kms_is_called_once() {
    let keys = Keys::new();
    let file = keys.encrypt("file", b"content", "alias/a");
    let junk = |number: usize| RawWrap { blob: format!("AAA{number}"), ..file.wraps(0)[0].clone() };
    keys.write("file.bulla", &file.with_wraps(&[junk(1), junk(2), junk(3)]));
    let store = std::fs::File::open(keys.world.store().join("lock")).unwrap();
    store.lock().unwrap();
    let begun = std::time::Instant::now();
    keys.world.bulla(["verify", "file.bulla"]).run().fails_with(3, &["store"]);
    assert!(begun.elapsed().as_secs() < 25, "it waited for each wrap");
}
