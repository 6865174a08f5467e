//! Tests of restoring backups.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bulla_keys::Anchor;
use bulla_wire::kms::{
    Decrypt, DisableKey, GenerateDataKey, GetSecretValue, PutSecretValue, ScheduleKeyDeletion,
};
use bulla_wire::ram::{AccessKeyStatus, CreateAccessKey, CreateUser, DeleteAccessKey, UpdateAccessKey};
use bulla_wire::{Action, ErrorCode};

use super::tests::{Bench, call, copy_private, key, secret};
use super::*;
use crate::audit::{TrailFile, verify};
use crate::people::MfaDevice;
use crate::sessions::tests::world::{EVERYTHING, World, trusting};
use crate::state::AccessKey;
use crate::{AuditOptions, OpenError, Role, Rollback, StoreError};

pub(super) const ACCEPT: RestoreOptions = RestoreOptions { accept_older: true, dry_run: false };
pub(super) const DRY: RestoreOptions = RestoreOptions { accept_older: false, dry_run: true };

impl Bench {
    pub(super) fn audited(&self) -> Options {
        let audit = Some(AuditOptions::new(self.path("data/audit"), "node-1"));
        Options { audit, ..self.options() }
    }

    pub(super) fn audited_kms(&self) -> Kms {
        Kms::open(&self.audited(), SystemClock).unwrap()
    }

    /// Returns another data directory, with the root key.
    fn elsewhere(&self, name: &str) -> Options {
        let root_key = Some(self.path("data/root-key"));
        Options { root_key, ..Options::new(self.path(name), Role::Command) }
    }

    pub(super) fn restore(&self, backup: &Path, restore: RestoreOptions) -> Result<Restored, BackupError> {
        restore_backup(&self.audited(), backup, restore)
    }
}

fn value_of(kms: &Kms, name: &str) -> String {
    let get = GetSecretValue { secret_name: name.into(), ..GetSecretValue::default() };
    GetSecretValue::reply(call(kms, get)).unwrap().secret_data.expose().to_owned()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_restored_store_has_everything_and_a_later_epoch() {
    let bench = Bench::new();
    let kms = bench.kms();
    let key_id = key(&kms);
    secret(&kms, "password", "precious");
    let generated = GenerateDataKey { key_id, ..GenerateDataKey::default() };
    let data_key = GenerateDataKey::reply(call(&kms, generated)).unwrap();
    drop(kms);
    let backup = bench.backup();
    let options = bench.elsewhere("new/data");
    let dry = restore_backup(&options, &backup, DRY).unwrap();
    assert!(!bench.path("new").exists(), "nothing was made");
    let restored = restore_backup(&options, &backup, RestoreOptions::default()).unwrap();
    assert_eq!((dry.epoch, restored.epoch, restored.later), (2, 2, None));
    assert_eq!((restored.trail_is_complete, restored.replaced), (None, None));
    assert_eq!(names(&bench.path("new/data")), ["lock", "store.redb"]);
    let mode = |path: &str| fs::metadata(bench.path(path)).unwrap().mode() & 0o777;
    assert_eq!((mode("new/data"), mode("new/data/store.redb")), (0o700, 0o600));
    let report = crate::check_store(&options).unwrap();
    assert_eq!((report.epoch, report.commit, report.faults), (2, restored.backup.commit + 1, vec![]));

    let kms = Kms::open(&options, SystemClock).unwrap();
    assert_eq!(kms.epoch(), 2);
    assert_eq!(value_of(&kms, "password"), "precious");
    let decrypt = Decrypt {
        ciphertext_blob: data_key.ciphertext_blob,
        encryption_context: None,
        dry_run: None,
        recipient: None,
    };
    let opened = Decrypt::reply(call(&kms, decrypt)).unwrap();
    assert_eq!(opened.plaintext.expose(), data_key.plaintext.expose());
    key(&kms);
}

#[test]
fn backups_of_a_restored_store_are_restored_to_ever_later_epochs() {
    let bench = Bench::new();
    let mut backup = bench.backup();
    for round in 2..5 {
        let restored = bench.restore(&backup, ACCEPT).unwrap();
        assert_eq!(restored.epoch, round);
        backup = bench.backup();
        assert_eq!(verify_backup(&bench.options(), &backup).unwrap().epoch, round);
    }
}

#[test]
fn a_later_store_is_replaced_only_if_that_is_accepted_and_kept() {
    let bench = Bench::new();
    let backup = bench.backup();
    let kms = bench.kms();
    let later_key = key(&kms);
    drop(kms);
    let before = fs::read(bench.path("data/store.redb")).unwrap();
    let refused = bench.restore(&backup, RestoreOptions::default()).unwrap_err();
    assert!(matches!(refused, BackupError::Later(Later::Store { epoch: 1, .. })), "{refused}");
    let dry = bench.restore(&backup, DRY).unwrap();
    assert!(matches!(dry.later, Some(Later::Store { .. })) && dry.replaced.is_none());
    assert!(fs::read(bench.path("data/store.redb")).unwrap() == before);
    assert_eq!(names(&bench.path("data")), ["lock", "root-key", "store.redb"]);

    let restored = bench.restore(&backup, ACCEPT).unwrap();
    let kept = restored.replaced.unwrap();
    assert!(fs::read(&kept).unwrap() == before);
    let describe = |kms: &Kms| {
        let describe = bulla_wire::kms::DescribeKey { key_id: later_key.clone() };
        pollster::block_on(kms.call(describe.into(), &kms.owner()))
    };
    let kms = bench.kms();
    assert_eq!(describe(&kms).unwrap_err().code(), ErrorCode::ForbiddenKeyNotFound);
    drop(kms);
    fs::rename(kept, bench.path("data/store.redb")).unwrap();
    describe(&bench.kms()).unwrap();
}

#[test]
fn the_same_state_or_an_earlier_one_is_replaced_without_a_question() {
    let bench = Bench::new();
    let early = fs::read(bench.path("data/store.redb")).unwrap();
    let kms = bench.kms();
    key(&kms);
    drop(kms);
    let backup = bench.backup();
    bench.restore(&backup, RestoreOptions::default()).unwrap();
    fs::write(bench.path("data/store.redb"), early).unwrap();
    bench.restore(&backup, RestoreOptions::default()).unwrap();
}

#[test]
fn a_store_that_cannot_be_read_may_be_later() {
    let bench = Bench::new();
    let backup = bench.backup();
    let store = bench.path("data/store.redb");
    let damaged: [fn(&mut Vec<u8>); 3] =
        [Vec::clear, |content| content[..4096].fill(7), |content| content.truncate(10_000)];
    for damage in damaged {
        let mut content = fs::read(&store).unwrap();
        damage(&mut content);
        fs::write(&store, &content).unwrap();
        let refused = bench.restore(&backup, RestoreOptions::default()).unwrap_err();
        assert!(matches!(refused, BackupError::Later(Later::Unreadable)), "{refused}");
        let restored = bench.restore(&backup, ACCEPT).unwrap();
        let kept = restored.replaced.unwrap();
        assert!(fs::read(&kept).unwrap() == content);
        fs::remove_file(kept).unwrap();
        drop(bench.kms());
    }
}

#[test]
fn another_store_and_other_files_are_left_alone() {
    let bench = Bench::new();
    let backup = bench.backup();
    let other = tempfile::tempdir().unwrap();
    drop(Kms::open(&Options::new(other.path(), Role::Command), SystemClock).unwrap());
    let root_key = Some(bench.path("data/root-key"));
    let options = Options { root_key, ..Options::new(other.path(), Role::Command) };
    let before = fs::read(other.path().join("store.redb")).unwrap();
    let refused = restore_backup(&options, &backup, ACCEPT).unwrap_err();
    assert!(matches!(refused, BackupError::OtherStore { .. }), "{refused}");
    assert!(fs::read(other.path().join("store.redb")).unwrap() == before);
    fs::remove_file(other.path().join("store.redb")).unwrap();
    fs::write(other.path().join("thesis.odt"), "").unwrap();
    let refused = restore_backup(&options, &backup, ACCEPT).unwrap_err();
    assert!(matches!(refused, BackupError::NotEmpty { .. }), "{refused}");
    assert_eq!(names(other.path()), ["lock", "root-key", "thesis.odt"]);
}

/// The configuration names the directories of backups and of the trail, and a restore does not read it.
#[test]
fn directories_of_backups_and_of_a_trail_may_have_any_name() {
    let bench = Bench::new();
    drop(bench.audited_kms());
    let data = bench.path("data");
    fs::rename(data.join("audit"), data.join("lines")).unwrap();
    fs::create_dir_all(data.join("b/daily")).unwrap();
    let backup = data.join("b/daily/any-name");
    fs::rename(bench.backup(), &backup).unwrap();
    fs::create_dir(data.join("empty")).unwrap();
    std::os::unix::fs::symlink(data.join("b"), data.join("link")).unwrap();
    fs::remove_file(data.join("store.redb")).unwrap();
    for other in ["thesis.odt", "b/thesis.odt", "lines/audit.jsonl", "b/bulla-x.backup"] {
        fs::write(data.join(other), "precious").unwrap();
        let refused = restore_backup(&bench.options(), &backup, RestoreOptions::default()).unwrap_err();
        assert!(matches!(refused, BackupError::NotEmpty { .. }), "{other}: {refused}");
        fs::remove_file(data.join(other)).unwrap();
    }
    restore_backup(&bench.options(), &backup, RestoreOptions::default()).unwrap();
    drop(bench.kms());
}

#[test]
fn a_damaged_backup_changes_nothing() {
    let bench = Bench::new();
    let backup = bench.backup();
    let mut content = fs::read(&backup).unwrap();
    let at = content.len() - 100;
    content[at] ^= 1;
    fs::write(&backup, content).unwrap();
    let before = fs::read(bench.path("data/store.redb")).unwrap();
    let refused = bench.restore(&backup, ACCEPT).unwrap_err();
    assert!(refused.is_damage(), "{refused}");
    assert!(fs::read(bench.path("data/store.redb")).unwrap() == before);
    let options = bench.elsewhere("new");
    restore_backup(&options, &backup, ACCEPT).unwrap_err();
    assert!(!bench.path("new").exists());
}

/// The files that a run leaves if it is killed at each of its steps.
#[test]
fn a_killed_restore_leaves_a_store_and_the_next_one_succeeds() {
    let bench = Bench::new();
    let backup = bench.backup();
    let store = bench.path("data/store.redb");
    fs::write(bench.path("data/store.redb.restoring"), "half").unwrap();
    drop(bench.kms());
    let restored = bench.restore(&backup, ACCEPT).unwrap();
    assert_eq!(names(&bench.path("data")).len(), 4, "the half one is gone");

    let kept = restored.replaced.unwrap();
    fs::remove_file(&kept).unwrap();
    fs::hard_link(&store, &kept).unwrap(); // killed before the restored store got the name
    fs::write(bench.path("data/store.redb.restoring"), fs::read(&store).unwrap()).unwrap();
    fs::rename(&kept, bench.path("data/store.redb.before-1")).unwrap();
    drop(bench.kms());
    bench.restore(&backup, ACCEPT).unwrap();
    drop(bench.kms());
}

#[test]
fn changes_in_the_trail_are_reported_and_access_keys_stay_inactive_until_confirmed() {
    let bench = Bench::new();
    let kms = bench.audited_kms();
    let user_name = "carol".to_owned();
    call(&kms, CreateUser { user_name: user_name.clone(), ..CreateUser::default() });
    let access_key = || {
        let create = CreateAccessKey { user_name: Some(user_name.clone()) };
        CreateAccessKey::reply(call(&kms, create)).unwrap().access_key.access_key_id
    };
    let disabled = access_key();
    let deleted = access_key();
    let [used, doomed] = [key(&kms), key(&kms)];
    secret(&kms, "password", "old");
    let backup = bench.path("backup");
    kms.backup_to(&backup, BackupOutput::default()).unwrap();

    let status = AccessKeyStatus::Inactive;
    let user = || Some(user_name.clone());
    let update =
        |id: &str, status| UpdateAccessKey { user_name: user(), user_access_key_id: id.into(), status };
    call(&kms, update(&disabled, status));
    call(&kms, DeleteAccessKey { user_name: user(), user_access_key_id: deleted.clone() });
    call(&kms, DisableKey { key_id: used.clone() });
    call(&kms, ScheduleKeyDeletion { key_id: doomed, pending_window_in_days: Some(7) });
    let put = PutSecretValue {
        secret_name: "password".into(),
        version_id: "2".into(),
        secret_data: "new".to_owned().into(),
        secret_data_type: None,
        version_stages: None,
    };
    call(&kms, put);
    let lost = key(&kms);
    drop(kms);

    let refused = bench.restore(&backup, RestoreOptions::default()).unwrap_err();
    assert!(matches!(refused, BackupError::Later(Later::Store { .. })), "{refused}");
    fs::remove_file(bench.path("data/store.redb")).unwrap();
    let refused = bench.restore(&backup, RestoreOptions::default()).unwrap_err();
    assert!(matches!(refused, BackupError::Later(Later::Trail { epoch: 1, .. })), "{refused}");
    let dry = bench.restore(&backup, DRY).unwrap();
    let restored = bench.restore(&backup, ACCEPT).unwrap();
    assert_eq!(dry.changes, restored.changes);
    assert_eq!((restored.trail_is_complete, restored.epoch), (Some(true), 2));
    assert_eq!(restored.differences, [""; 0]);
    let reported: Vec<_> = restored
        .changes
        .iter()
        .map(|change| (change.kind, &*change.action, change.resources.clone()))
        .collect();
    let expect = |kind, action: &str, resource: String| {
        let found = reported
            .iter()
            .any(|(of, name, resources)| (*of, *name) == (kind, action) && resources.contains(&resource));
        assert!(found, "{action} of {resource}: {reported:?}");
    };
    expect(ChangeKind::Disabled, "UpdateAccessKey", format!("access-key/{disabled}"));
    expect(ChangeKind::Deleted, "DeleteAccessKey", format!("access-key/{deleted}"));
    expect(ChangeKind::Disabled, "DisableKey", format!("key/{used}"));
    expect(ChangeKind::Rekeyed, "PutSecretValue", "secret/password".into());
    expect(ChangeKind::Created, "CreateKey", format!("key/{lost}"));
    let mut expected = vec![disabled.clone(), deleted.clone()];
    expected.sort();
    let mut deactivated: Vec<_> = restored.deactivated.iter().map(|key| key.id.clone()).collect();
    deactivated.sort();
    assert_eq!((&deactivated, dry.deactivated.len()), (&expected, 2));
    assert!(restored.deactivated.iter().all(|key| key.user.as_deref() == Some("carol")));

    let kms = bench.audited_kms();
    assert_eq!(value_of(&kms, "password"), "old");
    let is_active = |id: &str| {
        let snapshot = kms.state.snapshot().unwrap();
        snapshot.get::<AccessKey>(&id.into()).unwrap().record.active
    };
    assert!(!is_active(&disabled) && !is_active(&deleted));
    call(&kms, update(&deleted, AccessKeyStatus::Active));
    assert!(is_active(&deleted), "confirmed");
}

#[test]
fn a_trail_continues_after_a_restore_and_records_it_and_the_old_store_is_refused() {
    let bench = Bench::new();
    let kms = bench.audited_kms();
    let first_key = kms.new_audit_key();
    key(&kms);
    let backup = bench.path("backup");
    let facts = kms.backup_to(&backup, BackupOutput::default()).unwrap();
    for _ in 0..5 {
        key(&kms);
    }
    drop(kms);
    let old = fs::read(bench.path("data/store.redb")).unwrap();
    bench.restore(&backup, ACCEPT).unwrap();

    let kms = bench.audited_kms();
    assert!(kms.commit_number() < facts.commit + 5, "it has fewer commits than the trail has sealed");
    key(&kms);
    drop(kms);
    let audit = bench.path("data/audit");
    let report = verify(std::slice::from_ref(&audit), first_key, None).unwrap();
    assert!(report.is_sound(), "{report:?}");
    let mut text = String::new();
    for source in TrailFile::all(std::slice::from_ref(&audit)).unwrap() {
        let mut add = |line: &[u8]| {
            text.push_str(str::from_utf8(line).unwrap());
            text.push('\n');
            true
        };
        source.for_each(&mut add).unwrap();
    }
    assert_eq!(text.matches(r#""event":"backup-created""#).count(), 1, "{text}");
    assert_eq!(text.matches(r#""event":"store-restored""#).count(), 1, "{text}");
    assert!(text.contains(&format!(r#"{{"type":"backup","name":"{}"}}"#, facts.id)));
    assert!(text.contains(r#""epoch":2"#));

    fs::write(bench.path("data/store.redb"), old).unwrap();
    let Err(OpenError::Store { source: StoreError::RolledBack(rollback), .. }) =
        Kms::open(&bench.audited(), SystemClock).map(drop)
    else {
        panic!("the store of before the restore is opened");
    };
    assert_eq!(rollback, Rollback::BeforeRestore { epoch: 1, sealed: 2 });
    // Nor is it backed up, whether or not the trail can have a line.
    for options in [bench.audited(), bench.options()] {
        let refused = create_backup(&options, &bench.path("of an old store"), BackupOutput::default());
        let BackupError::Open(OpenError::Store { source: StoreError::RolledBack(found), .. }) =
            refused.unwrap_err()
        else {
            panic!("the store of before the restore is backed up");
        };
        assert_eq!(found, rollback);
    }
}

#[test]
fn a_trail_that_was_begun_after_the_backup_may_lack_something() {
    let bench = Bench::new();
    let kms = bench.kms();
    let (state, roots) = kms.state.frozen().unwrap();
    let backup = bench.path("backup");
    let hour_ago = unix_seconds(SystemClock.now()) - 3600;
    let source = Original { state, roots: &roots, time: hour_ago, is_stopping: &|| false };
    write_file(source, &backup, BackupOutput::default(), |_| Ok(())).unwrap();
    drop(kms);
    let without = bench.restore(&backup, DRY).unwrap();
    assert_eq!(without.trail_is_complete, None);
    let kms = bench.kms();
    key(&kms); // without a line
    drop(kms);
    let kms = bench.audited_kms();
    key(&kms);
    drop(kms);
    let later = bench.restore(&backup, DRY).unwrap();
    assert_eq!(later.trail_is_complete, Some(false));
    assert_eq!(later.changes.iter().filter(|change| change.action == "CreateKey").count(), 1);
}

/// Lines that the trail has are not written again; missing ones are.
#[test]
fn lines_that_waited_in_the_store_are_in_the_trail_once() {
    let bench = Bench::new();
    let kms = bench.audited_kms();
    let made = key(&kms);
    let backup = bench.path("backup");
    kms.backup_to(&backup, BackupOutput::default()).unwrap(); // the outbox may still have the line
    key(&kms);
    drop(kms);
    let count = || {
        let mut count = 0;
        for source in TrailFile::all(&[bench.path("data/audit")]).unwrap() {
            let visit = |line: &[u8]| {
                let text = str::from_utf8(line).unwrap();
                count += usize::from(text.contains("\"CreateKey\"") && text.contains(&made));
                true
            };
            source.for_each(visit).unwrap();
        }
        count
    };
    bench.restore(&backup, ACCEPT).unwrap();
    drop(bench.audited_kms());
    assert_eq!(count(), 1);
}

#[test]
fn sessions_end_with_a_restore() {
    let mut world = World::new();
    let admin = world.user("admin", EVERYTHING);
    world.role("job", &trusting("user/admin", ""), EVERYTHING);
    let session = world.assume(&admin, "job").unwrap();
    world.kms(&session, "ListKeys", &[]).unwrap();
    let backup = world.data().join("backups");
    fs::create_dir(&backup).unwrap();
    let backup = backup.join("backup");
    world.kms_ref().backup_to(&backup, BackupOutput::default()).unwrap();
    let later = world.assume(&admin, "job").unwrap();
    let options = Options::new(world.data(), Role::Command);
    world.kms = None;
    restore_backup(&options, &backup, ACCEPT).unwrap();
    world.restart();
    for ended in [&session, &later] {
        assert_eq!(world.kms_code(ended, "ListKeys", &[]), "InvalidSecurityToken.Malformed");
    }
    let new = world.assume(&admin, "job").unwrap();
    world.kms(&new, "ListKeys", &[]).unwrap();
}

#[test]
fn codes_of_devices_are_spent_and_older_requests_are_refused() {
    let bench = Bench::new();
    let backup = bench.backup();
    let before = unix_seconds(SystemClock.now());
    bench.restore(&backup, ACCEPT).unwrap();
    let kms = bench.kms();
    let snapshot = kms.state.snapshot().unwrap();
    let device = snapshot.rows_after::<MfaDevice>(None).next().unwrap();
    assert!(device.record.spent > crate::mfa::step(before));
    let mark = kms.private("clock/mark").unwrap();
    let wall = i64::from_be_bytes(*mark.first_chunk().unwrap());
    assert!(wall >= before, "{wall}");
}

/// The lock keeps a server and a restore apart. Without it the storage engine does, and without that the check of the file.
#[test]
fn a_server_that_runs_cannot_write_over_a_restored_store() {
    let bench = Bench::new();
    let backup = bench.backup();
    let server = Options { role: Role::Server, ..bench.options() };
    let kms = Kms::open(&server, SystemClock).unwrap();
    let in_use = |refused: Result<Restored, BackupError>| {
        let refused = refused.map(drop).unwrap_err();
        let is_it = matches!(refused, BackupError::Open(OpenError::InUse { by: Role::Server, .. }));
        assert!(is_it, "{refused}");
    };
    in_use(bench.restore(&backup, ACCEPT));
    fs::remove_file(bench.path("data/lock")).unwrap();
    in_use(bench.restore(&backup, ACCEPT));
    key_is_refused(&kms);

    fs::remove_file(bench.path("data/store.redb")).unwrap();
    let restored = bench.restore(&backup, ACCEPT).unwrap();
    assert_eq!(restored.epoch, 2);
    let store = fs::read(bench.path("data/store.redb")).unwrap();
    key_is_refused(&kms);
    assert!(!kms.is_ready());
    drop(kms); // writes its last marks, if it can
    assert!(fs::read(bench.path("data/store.redb")).unwrap() == store);
    assert_eq!(crate::check_store(&bench.options()).unwrap().faults, []);
}

fn key_is_refused(kms: &Kms) {
    let create = bulla_wire::kms::CreateKey::default();
    let refused = pollster::block_on(kms.call(create.into(), &kms.owner())).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::ServiceUnavailableTemporary);
}

#[test]
fn the_golden_backup_is_restored() {
    let directory = tempfile::tempdir().unwrap();
    let golden = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/backup-v1"));
    let data = directory.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, Permissions::from_mode(0o700)).unwrap();
    copy_private(golden.join("root-key").to_str().unwrap(), &data.join("root-key"));
    let options = Options::new(&data, Role::Command);
    let restored = restore_backup(&options, &golden.join("backup"), RestoreOptions::default()).unwrap();
    assert_eq!(restored.epoch, 2);
    let kms = Kms::open(&options, SystemClock).unwrap();
    assert_eq!(value_of(&kms, "backed-up"), "the value of a secret in a backup");
    assert_eq!(kms.state.anchor().map(|Anchor { epoch, commit, .. }| (epoch, commit)), Some((2, 46)));
}
