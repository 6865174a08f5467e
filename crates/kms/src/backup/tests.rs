//! Tests of making and verifying backups.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use bulla_wire::kms::{
    CreateAlias, CreateKey, CreateSecret, DeleteAlias, DeleteSecret, DescribeKey, GenerateDataKey,
    PutSecretValue, UpdateKeyDescription,
};
use bulla_wire::{Action, Reply, Request};
use tempfile::TempDir;

use super::container::{ChunkWriter, Container, MAGIC};
use super::*;
use crate::provider_error::ProviderError;
use crate::state::Fault;
use crate::store::{Rollback, StoredRow};
use crate::{AuditOptions, Role};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden");

/// A directory with the newest golden store, which has records of most kinds, and a path for backups.
pub(super) struct Bench {
    pub(super) directory: TempDir,
}

impl Bench {
    pub(super) fn new() -> Self {
        let bench = Self { directory: tempfile::tempdir().unwrap() };
        fs::create_dir(bench.path("data")).unwrap();
        for file in ["store.redb", "root-key"] {
            copy_private(&format!("{GOLDEN}/store-v6/{file}"), &bench.path("data").join(file));
        }
        bench
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn options(&self) -> Options {
        Options::new(self.path("data"), Role::Command)
    }

    pub(super) fn kms(&self) -> Kms {
        Kms::open(&self.options(), SystemClock).unwrap()
    }

    /// Makes a backup of the store, which no process has open.
    pub(super) fn backup(&self) -> PathBuf {
        let path = self.path("backup");
        create_backup(&self.options(), &path, BackupOutput { force: true, verify: true }).unwrap();
        path
    }

    fn verify(&self, path: &Path) -> Result<BackupFacts, BackupError> {
        verify_backup(&self.options(), path)
    }
}

pub(super) fn copy_private(from: &str, to: &Path) {
    fs::copy(from, to).unwrap();
    fs::set_permissions(to, Permissions::from_mode(0o600)).unwrap();
}

pub(super) fn call(kms: &Kms, request: impl Into<Request>) -> Reply {
    pollster::block_on(kms.call(request.into(), &kms.owner())).unwrap()
}

pub(super) fn key(kms: &Kms) -> String {
    CreateKey::reply(call(kms, CreateKey::default())).unwrap().key_metadata.key_id
}

pub(super) fn secret(kms: &Kms, name: &str, data: &str) {
    let secret_data = data.to_owned().into();
    let version_id = "1".into();
    call(kms, CreateSecret { secret_name: name.into(), version_id, secret_data, ..CreateSecret::default() });
}

#[test]
fn a_backup_describes_its_store_and_is_private() {
    let bench = Bench::new();
    let path = bench.backup();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    let facts = bench.verify(&path).unwrap();
    let report = crate::check_store(&bench.options()).unwrap();
    assert_eq!((facts.epoch, facts.commit, facts.records), (1, report.commit, report.records));
    assert_eq!(facts.bytes, fs::metadata(&path).unwrap().len());
    assert_eq!(facts.version, env!("CARGO_PKG_VERSION"));
    let content = fs::read(&path).unwrap();
    for name in ["alias/", "alice", "key", "secret"] {
        let is_there = content.windows(name.len()).any(|window| window == name.as_bytes());
        assert!(!is_there, "{name} is in plaintext");
    }
}

#[test]
fn a_file_that_is_there_stays_unless_forced() {
    let bench = Bench::new();
    let path = bench.path("backup");
    fs::write(&path, "precious").unwrap();
    let refused = create_backup(&bench.options(), &path, BackupOutput::default());
    assert!(matches!(refused, Err(BackupError::Exists)), "{refused:?}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    let forced = BackupOutput { force: true, verify: true };
    let refused = create_backup(&bench.options(), &path, forced);
    assert!(matches!(refused, Err(BackupError::NotReplaced)), "{refused:?}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    fs::write(&path, MAGIC).unwrap(); // a truncated backup
    create_backup(&bench.options(), &path, forced).unwrap();
    bench.verify(&path).unwrap();
    let missing = bench.path("missing/backup");
    let refused = create_backup(&bench.options(), &missing, BackupOutput::default());
    assert!(matches!(refused, Err(BackupError::Write(_))), "{refused:?}");
    let mut names: Vec<_> =
        fs::read_dir(bench.directory.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["backup", "data"], "nothing is left behind");
}

#[test]
fn only_a_backup_is_replaced_and_nothing_that_the_store_needs() {
    use rustix::fs::{CWD, Mode, mkfifoat};
    let bench = Bench::new();
    let backup = bench.backup();
    let audit = AuditOptions::new(bench.path("data/audit"), "node-1");
    let options = Options { audit: Some(audit), ..bench.options() };
    create_backup(&options, &bench.path("other"), BackupOutput::default()).unwrap();
    mkfifoat(CWD, bench.path("fifo"), Mode::RUSR | Mode::WUSR).unwrap();
    std::os::unix::fs::symlink(&backup, bench.path("link")).unwrap();
    fs::hard_link(bench.path("data/root-key"), bench.path("root-key-link")).unwrap();
    let mut paths =
        ["data/root-key", "data/store.redb", "data/lock", "data/audit", "fifo", "link", "root-key-link"]
            .map(|name| bench.path(name))
            .to_vec();
    paths.extend(fs::read_dir(bench.path("data/audit")).unwrap().map(|entry| entry.unwrap().path()));
    assert!(paths.len() > 7, "the trail has files");
    for path in paths {
        let identity = || fs::symlink_metadata(&path).map(|found| (found.ino(), found.mode())).unwrap();
        let before = identity();
        let output = BackupOutput { force: true, verify: false };
        let refused = create_backup(&bench.options(), &path, output);
        assert!(matches!(refused, Err(BackupError::NotReplaced)), "{path:?}: {refused:?}");
        let refused = IncomingBackup::begin(&path, output);
        assert!(matches!(refused, Err(BackupError::NotReplaced)), "{path:?}: {refused:?}");
        let refused = Pending::create(&path).unwrap().publish(Replace::Backup); // as if it was created meanwhile
        assert!(matches!(refused, Err(BackupError::NotReplaced)), "{path:?}: {refused:?}");
        assert_eq!(identity(), before, "{path:?}");
    }
}

/// As on a file system without unnamed files, and as if the name was taken meanwhile.
#[test]
fn a_file_with_a_hidden_name_is_whole_or_removed() {
    let bench = Bench::new();
    for replace in [Replace::Never, Replace::Backup] {
        let path = bench.path("out");
        fs::write(&path, MAGIC).unwrap();
        let pending = Pending::hidden(&path).unwrap();
        pending.file().write_all(b"new").unwrap();
        let names = || fs::read_dir(bench.directory.path()).unwrap().count();
        assert_eq!(names(), 3);
        let published = pending.publish(replace);
        assert_eq!(published.is_ok(), replace == Replace::Backup, "{published:?}");
        let expected: &[u8] = if replace == Replace::Backup { b"new" } else { MAGIC };
        assert_eq!((fs::read(&path).unwrap().as_slice(), names()), (expected, 2));
    }
}

/// One byte in each part: the magic, the version, the length, the header of the store with its slot, the hash, chunks in the
/// middle and at the end, the mark.
#[test]
fn every_flipped_byte_is_noticed() {
    let bench = Bench::new();
    let path = bench.backup();
    let content = fs::read(&path).unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    let len = content.len();
    let positions = (0..700).chain((700..len).step_by(997)).chain(len - 20..len);
    for position in positions {
        let flipped = [content[position] ^ 0x10];
        file.write_all_at(&flipped, position as u64).unwrap();
        let refused = bench.verify(&path).expect_err(&format!("byte {position}"));
        let is_expected = match position {
            0..12 => matches!(refused, BackupError::NotABackup),
            _ if position < len - 16 => {
                let is_head = matches!(refused, BackupError::HeadDamaged | BackupError::Cut);
                is_head || matches!(refused, BackupError::ChunkDamaged { .. })
            }
            _ => matches!(refused, BackupError::Cut),
        };
        assert!(is_expected, "byte {position}: {refused}");
        file.write_all_at(&content[position..=position], position as u64).unwrap();
    }
    bench.verify(&path).unwrap();
}

#[test]
fn a_damaged_part_is_named() {
    let bench = Bench::new();
    let path = bench.backup();
    let mut content = fs::read(&path).unwrap();
    let at = content.len() - 1000;
    content[at] ^= 1;
    fs::write(&path, content).unwrap();
    let refused = bench.verify(&path).unwrap_err();
    let BackupError::ChunkDamaged { number, offset } = refused else { panic!("{refused}") };
    assert!((offset..offset + 65_576).contains(&(at as u64)), "part {number} at {offset}");
}

#[test]
fn truncation_is_distinguished_from_damage_at_any_length() {
    let bench = Bench::new();
    let path = bench.backup();
    let content = fs::read(&path).unwrap();
    for len in (0..700).step_by(7).chain((700..content.len()).step_by(1511)).chain([content.len() - 1]) {
        fs::write(&path, &content[..len]).unwrap();
        let refused = bench.verify(&path).expect_err(&format!("{len} bytes"));
        let expected = if len < 20 { "not a backup" } else { "truncated" };
        assert!(refused.to_string().contains(expected), "{len} bytes: {refused}");
    }
    let longer = [&content, b"x".as_slice()].concat();
    fs::write(&path, longer).unwrap();
    assert!(matches!(bench.verify(&path), Err(BackupError::Cut)));
}

/// An attacker without the root key, who forges the hashes and marks.
#[test]
fn chunks_that_are_moved_dropped_or_of_another_backup_do_not_open() {
    let bench = Bench::new();
    let kms = bench.kms();
    for number in 0..4 {
        secret(&kms, &format!("large-{number}"), &"x".repeat(30_000));
    }
    drop(kms);
    let path = bench.backup();
    let content = fs::read(&path).unwrap();
    let other = fs::read(bench.backup()).unwrap();
    let container = Container::open(File::open(&path).unwrap()).unwrap();
    let begin = fs::read(&path).unwrap().len() as u64 - container.body_len() - 16;
    let begin = usize::try_from(begin).unwrap();
    let chunk = 65_576;
    let head = &content[..begin];
    let end = &content[content.len() - 16..];
    let body = &content[begin..content.len() - 16];
    assert!(body.len() > 2 * chunk, "there are several chunks");
    let (first, others) = body.split_at(chunk);
    let (second, rest) = others.split_at(chunk);
    let of_other = &other[begin..begin + chunk];
    for (what, parts) in [
        ("swapped", vec![second, first, rest]),
        ("dropped", vec![second, rest]),
        ("dropped at the end", vec![first, second]),
        ("repeated", vec![first, first, second, rest]),
        ("of another backup", vec![of_other, second, rest]),
        ("none", vec![]),
    ] {
        let forged = [head, &parts.concat(), end].concat();
        fs::write(&path, forged).unwrap();
        let refused = bench.verify(&path).expect_err(what);
        let is_cut = matches!(refused, BackupError::Cut);
        assert!(is_cut || matches!(refused, BackupError::ChunkDamaged { .. }), "{what}: {refused}");
        assert_eq!(is_cut, ["dropped at the end", "none"].contains(&what), "{what}: {refused}");
    }
}

/// A backup with other rows, which only the holder of the root key can make, or a bug.
fn rewritten(bench: &Bench, path: &Path, edit: impl FnOnce(&mut Vec<StoredRow>, &mut Manifest)) {
    let (backup, _) =
        Backup::unlock(File::open(path).unwrap(), &Providers::configured(&bench.options())).unwrap();
    let mut rows = Vec::new();
    let mut take = |row| {
        rows.push(row);
        ControlFlow::Continue(())
    };
    backup.scan(&mut take).unwrap();
    let mut manifest = backup.manifest.clone();
    edit(&mut rows, &mut manifest);
    let head = Head::new(backup.header().to_vec());
    let mut out = Vec::new();
    let mut writer = ChunkWriter::begin(&mut out, &head, &backup.roots).unwrap();
    writer.add_manifest(&manifest).unwrap();
    rows.iter().for_each(|row| writer.add_row(row).unwrap());
    writer.finish().unwrap();
    fs::write(path, out).unwrap();
}

#[test]
fn a_missing_added_or_older_record_is_reported() {
    let bench = Bench::new();
    let path = bench.backup();
    let rows = bench.verify(&path).unwrap().records + 2;
    rewritten(&bench, &path, |rows, _| drop(rows.pop()));
    let refused = bench.verify(&path).unwrap_err();
    assert!(
        matches!(refused, BackupError::RecordsMissing { found, expected } if (found, expected) == (rows - 1, rows)),
        "{refused}"
    );

    let path = bench.backup();
    rewritten(&bench, &path, |rows, manifest| {
        let at = rows.iter().position(|row| row.table == "sts-key").unwrap();
        rows.remove(at);
        manifest.rows -= 1;
    });
    let refused = bench.verify(&path).unwrap_err();
    let BackupError::Faults(faults) = &refused else { panic!("{refused}") };
    assert_eq!(faults[0].fault, Fault::RolledBack(Rollback::RowsMissing { count: 1 }));

    let path = bench.backup();
    rewritten(&bench, &path, |rows, _| rows.last_mut().unwrap().value[30] ^= 1);
    assert!(matches!(bench.verify(&path), Err(BackupError::Faults(_))));
    let path = bench.backup();
    rewritten(&bench, &path, |_, manifest| manifest.commit += 1);
    assert!(matches!(bench.verify(&path), Err(BackupError::Faults(_))));
}

#[test]
fn a_backup_of_a_store_that_was_tampered_with_is_not_made() {
    use crate::store::{Change, RowChange, Store, Unanchored};
    let bench = Bench::new();
    let store = Store::open(&bench.path("data/store.redb")).unwrap().into_writable().unwrap();
    let mut victim = None;
    store
        .scan(&[], |row| {
            victim = victim.take().or((row.table == "sts-key").then_some(row));
            ControlFlow::Continue(())
        })
        .unwrap();
    let StoredRow { primary_key, revision, .. } = victim.unwrap();
    let change = RowChange {
        table: "sts-key",
        primary_key,
        expected: Some(revision),
        revision,
        change: Change::Delete,
    };
    store.commit(&[&[change]], &mut Unanchored).unwrap();
    drop(store);
    let path = bench.path("backup");
    let refused = create_backup(&bench.options(), &path, BackupOutput::default());
    assert!(matches!(refused, Err(BackupError::RecordsMissing { .. })), "{refused:?}");
    assert!(!path.exists());
    create_backup(&bench.options(), &path, BackupOutput { verify: false, force: false }).unwrap();
    assert!(bench.verify(&path).is_err());
}

#[test]
fn another_root_key_is_refused_as_such() {
    let bench = Bench::new();
    let path = bench.backup();
    let other = tempfile::tempdir().unwrap();
    drop(Kms::open(&Options::new(other.path(), Role::Command), SystemClock).unwrap());
    let options = Options { root_key: Some(other.path().join("root-key")), ..bench.options() };
    let refused = verify_backup(&options, &path).unwrap_err();
    let is_it = matches!(refused, BackupError::RootKey(ProviderError::RootKeyFile(_)));
    assert!(is_it && !refused.is_damage(), "{refused}");
}

#[test]
fn a_later_version_is_distinguished_from_damage() {
    let bench = Bench::new();
    let path = bench.backup();
    let mut content = fs::read(&path).unwrap();
    content[15] = 2;
    let length = u32::from_be_bytes(content[16..20].try_into().unwrap()) as usize;
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &content[..20 + length]);
    content[20 + length..52 + length].copy_from_slice(hash.as_ref());
    fs::write(&path, content).unwrap();
    let refused = bench.verify(&path).unwrap_err();
    assert!(matches!(refused, BackupError::Newer { version: 2 }), "{refused}");
}

#[test]
fn a_store_of_an_earlier_version_is_not_backed_up_before_it_is_opened_once() {
    let bench = Bench::new();
    for file in ["store.redb", "root-key"] {
        copy_private(&format!("{GOLDEN}/store-v5/{file}"), &bench.path("data").join(file));
    }
    let path = bench.path("backup");
    let refused = create_backup(&bench.options(), &path, BackupOutput::default());
    assert!(matches!(refused, Err(BackupError::OlderStore)), "{refused:?}");
    drop(bench.kms());
    bench.backup();
}

/// Makes changes of every kind, one after another, until `stop`. The store stops growing: otherwise each backup would take
/// longer than the one before, in which more is added, and so on.
fn change_until(kms: &Kms, writer: usize, stop: &AtomicBool, changes: &AtomicUsize) {
    let mut keys = Vec::new();
    for number in 0.. {
        if keys.len() < KEYS_OF_A_WRITER {
            keys.push(key(kms));
        }
        let key_id = keys[number % keys.len()].clone();
        let name = format!("load-{writer}-{number}");
        let alias_name = format!("alias/{name}");
        call(kms, CreateAlias { key_id: key_id.clone(), alias_name });
        secret(kms, &name, "value");
        let put = PutSecretValue {
            secret_name: name.clone(),
            version_id: "2".into(),
            secret_data: "other".to_owned().into(),
            secret_data_type: None,
            version_stages: None,
        };
        call(kms, put);
        call(kms, UpdateKeyDescription { key_id, description: bulla_wire::MaybeEmpty(name) });
        if let Some(oldest) = number.checked_sub(KEYS_OF_A_WRITER) {
            let secret_name = format!("load-{writer}-{oldest}");
            call(kms, DeleteAlias { alias_name: format!("alias/{secret_name}") });
            let recovery_window_in_days = None;
            let force_delete_without_recovery = Some(true);
            call(kms, DeleteSecret { secret_name, force_delete_without_recovery, recovery_window_in_days });
        }
        changes.fetch_add(1, Ordering::Relaxed);
        if stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// Stops the writers.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The number of keys, aliases and secrets of each writer.
const KEYS_OF_A_WRITER: usize = 30;

/// Changes continue, so that each backup has a state in the middle of them. Set BULLA_BACKUPS for another number of backups.
#[test]
fn backups_that_are_taken_under_write_load_verify_and_restore() {
    let rounds = std::env::var("BULLA_BACKUPS").map_or(100, |rounds| rounds.parse().unwrap());
    let bench = Bench::new();
    let kms = bench.kms();
    let stop = AtomicBool::new(false);
    let changes = AtomicUsize::new(0);
    let mut under_load = 0;
    thread::scope(|scope| {
        for writer in 0..3 {
            let kms = &kms;
            let stop = &stop;
            let changes = &changes;
            scope.spawn(move || change_until(kms, writer, stop, changes));
        }
        let _stopped = StopOnDrop(&stop); // also on failure, which the scope would hide by waiting
        let mut last = 0;
        for round in 0..rounds {
            let path = bench.path(&format!("backup-{round}"));
            let before = kms.commit_number();
            let facts = kms.backup_to(&path, BackupOutput::default()).unwrap();
            let after = kms.commit_number();
            // A commit is durable a moment before it is published.
            assert!((before..=after + 1).contains(&facts.commit), "{before} to {after}: {facts:?}");
            under_load += u32::from(after > before);
            assert!(facts.commit >= last);
            last = facts.commit;
            assert_eq!(bench.verify(&path).unwrap(), facts);
            let data = bench.path("restored");
            let root_key = Some(bench.path("data/root-key"));
            let options = Options { root_key, ..Options::new(&data, Role::Command) };
            let restored = restore_backup(&options, &path, RestoreOptions::default()).unwrap();
            assert_eq!((restored.epoch, crate::check_store(&options).unwrap().faults), (2, vec![]));
            fs::remove_dir_all(data).unwrap();
            fs::remove_file(path).unwrap();
        }
    });
    println!("{rounds} backups, {under_load} while commits followed");
    assert!(changes.load(Ordering::Relaxed) >= 3);
}

/// A slow reader delays no commit.
#[test]
fn changes_are_committed_while_a_backup_is_written_slowly() {
    struct Slow<'k> {
        kms: &'k Kms,
        commits: usize,
    }
    impl Write for Slow<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            key(self.kms); // waits for its commit
            self.commits += 1;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let bench = Bench::new();
    let kms = bench.kms();
    let before = kms.commit_number();
    let mut slow = Slow { kms: &kms, commits: 0 };
    let facts = kms.backup(&mut slow).unwrap();
    assert_eq!(facts.commit, before, "it has the state at its beginning");
    assert!(slow.commits >= 3 && kms.commit_number() > before);
}

#[test]
fn the_golden_backup_verifies() {
    let golden = PathBuf::from(format!("{GOLDEN}/backup-v1"));
    let directory = tempfile::tempdir().unwrap();
    let root_key = directory.path().join("root-key");
    copy_private(&format!("{GOLDEN}/backup-v1/root-key"), &root_key);
    let options = Options { root_key: Some(root_key), ..Options::new("unused", Role::Command) };
    let facts = verify_backup(&options, &golden.join("backup")).unwrap();
    assert_eq!((facts.epoch, facts.commit, facts.records, facts.time), (1, 45, 69, 1_767_225_600));
    assert_eq!(facts.id.len(), 32);
}

/// Makes the golden backup once: `cargo test -p bulla-kms --lib make_golden_backup -- --ignored`.
#[test]
#[ignore = "it makes the golden file, which is never made again"]
fn make_golden_backup() {
    let bench = Bench::new();
    let kms = bench.kms();
    let key_id = key(&kms);
    call(&kms, CreateAlias { key_id: key_id.clone(), alias_name: "alias/backed-up".into() });
    secret(&kms, "backed-up", "the value of a secret in a backup");
    call(&kms, GenerateDataKey { key_id: key_id.clone(), ..GenerateDataKey::default() });
    call(&kms, DescribeKey { key_id });
    let (state, roots) = kms.state.frozen().unwrap();
    let directory = PathBuf::from(format!("{GOLDEN}/backup-v1"));
    fs::create_dir(&directory).unwrap();
    let output = BackupOutput::default();
    let source = Original { state, roots: &roots, time: 1_767_225_600, is_stopping: &|| false };
    let facts = write_file(source, &directory.join("backup"), output, |_| Ok(())).unwrap();
    fs::copy(bench.path("data/root-key"), directory.join("root-key")).unwrap();
    println!("{facts:?}");
}
