//! Tests of what a restore knows about the time after the backup.

use std::fs;
use std::io;
use std::path::PathBuf;

use bulla_wire::Action;
use bulla_wire::kms::{CreateAlias, DisableKey, ScheduleKeyDeletion};
use bulla_wire::ram::{
    AccessKeyStatus, AddUserToGroup, AttachPolicyToUser, CreateAccessKey, CreateGroup, CreateLoginProfile,
    CreatePolicy, CreateUser, DeleteAccessKey, DeleteLoginProfile, DeleteUser, GetLoginProfile,
    UpdateAccessKey, UpdateLoginProfile, UpdateUser,
};

use super::restore_tests::{ACCEPT, DRY};
use super::tests::{Bench, call, key, secret};
use super::*;
use crate::audit::{Record, TrailFile, verify};
use crate::state::AccessKey;
use crate::{AuditOptions, AuditOutput, AuditSink};

impl Bench {
    /// The same, with a trail whose files can no longer be written, and a sink in memory that accepts all lines.
    fn kms_with_dead_files(&self) -> Kms {
        let kms = self.audited_kms();
        let sink = AuditSink { name: "other".into(), is_required: true, output: Box::new(Takes) };
        kms.set_audit_sinks(false, vec![sink]).unwrap();
        let audit = self.path("data/audit");
        fs::rename(&audit, self.path("data/gone")).unwrap();
        fs::write(&audit, "not a directory").unwrap(); // so that the engine cannot create another one
        while kms.audit_sinks()[0].fault.is_none() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        kms
    }
}

/// The numbers of the lines that have this text, in the trail of the data directory, which has no fault.
fn lines_with(bench: &Bench, text: &str) -> Vec<u64> {
    let audit = [bench.path("data/audit")];
    let report = verify(&audit, None, None).unwrap();
    assert_eq!(report.faults, []);
    let mut numbers = Vec::new();
    for source in TrailFile::all(&audit).unwrap() {
        let visit = |line: &[u8]| {
            if str::from_utf8(line).unwrap().contains(text) {
                numbers.push(Record::parse(line).unwrap().number);
            }
            true
        };
        source.for_each(visit).unwrap();
    }
    numbers
}

/// Makes a key whose line no file of a trail has, and returns its name in a line, and a backup with the waiting line.
fn key_with_waiting_line(bench: &Bench) -> (String, PathBuf) {
    let kms = bench.kms_with_dead_files();
    let line = format!(r#"{{"type":"key","name":"{}""#, key(&kms));
    let backup = bench.path("waiting");
    kms.backup_to(&backup, BackupOutput::default()).unwrap();
    drop(kms);
    fs::remove_file(bench.path("data/audit")).unwrap();
    fs::remove_dir_all(bench.path("data/gone")).unwrap();
    (line, backup)
}

#[test]
fn lines_that_waited_in_a_backup_are_the_first_of_a_new_trail() {
    let bench = Bench::new();
    let (line, backup) = key_with_waiting_line(&bench);
    fs::remove_file(bench.path("data/store.redb")).unwrap();
    bench.restore(&backup, RestoreOptions::default()).unwrap();
    for _ in 0..2 {
        drop(bench.audited_kms());
        assert_eq!(lines_with(&bench, &line).len(), 1);
    }
    let restored = lines_with(&bench, r#""event":"store-restored""#);
    assert!(lines_with(&bench, &line) < restored, "the change came before the restore");
}

/// Also those of changes that the restore undoes: they were answered.
#[test]
fn lines_that_waited_in_the_replaced_store_are_in_the_trail_once() {
    let bench = Bench::new();
    let kms = bench.audited_kms();
    let line_of = |key: String| format!(r#"{{"type":"key","name":"{key}""#);
    let backup = bench.path("backup");
    kms.backup_to(&backup, BackupOutput::default()).unwrap();
    drop(kms);
    let kms = bench.audited_kms();
    let written = line_of(key(&kms));
    drop(kms); // the outbox and the trail have the line
    let kms = bench.kms_with_dead_files();
    let waiting = [line_of(key(&kms)), line_of(key(&kms))];
    drop(kms);
    fs::remove_file(bench.path("data/audit")).unwrap();
    fs::rename(bench.path("data/gone"), bench.path("data/audit")).unwrap();
    let newer = bench.backup(); // has the lines too
    bench.restore(&backup, ACCEPT).unwrap();
    bench.restore(&newer, ACCEPT).unwrap();
    bench.restore(&backup, ACCEPT).unwrap();
    for _ in 0..2 {
        drop(bench.audited_kms());
        let numbers = [&written, &waiting[0], &waiting[1], r#""event":"store-restored""#]
            .map(|text| lines_with(&bench, text));
        assert_eq!(numbers.each_ref().map(Vec::len), [1, 1, 1, 3]);
        assert!(numbers.is_sorted(), "the changes came before the restore: {numbers:?}");
    }
}

/// The trail begins with the restore of an older backup, so its seals are later than the newer backup, and it lacks the line.
#[test]
fn lines_that_waited_in_a_backup_are_added_to_a_later_trail_without_them() {
    let bench = Bench::new();
    let older = bench.backup();
    let (line, backup) = key_with_waiting_line(&bench);
    fs::remove_file(bench.path("data/store.redb")).unwrap();
    bench.restore(&older, ACCEPT).unwrap();
    drop(bench.audited_kms());
    assert_eq!(lines_with(&bench, &line), [0; 0]);
    bench.restore(&backup, ACCEPT).unwrap();
    drop(bench.audited_kms());
    let numbers = lines_with(&bench, &line);
    assert_eq!(numbers.len(), 1);

    // Each start begins another file, and the line is in an old one.
    let mut options = bench.audited();
    options.audit.as_mut().unwrap().limits.file = 1;
    for _ in 0..4 {
        drop(Kms::open(&options, SystemClock).unwrap());
    }
    assert!(TrailFile::all(&[bench.path("data/audit")]).unwrap().len() > 3);
    bench.restore(&backup, ACCEPT).unwrap();
    drop(bench.audited_kms());
    assert_eq!(lines_with(&bench, &line), numbers, "it is not written again");
}

struct Takes;

impl AuditOutput for Takes {
    fn write(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// Creates a user with access keys.
fn user_with_keys<const KEYS: usize>(kms: &Kms, name: &str) -> [String; KEYS] {
    call(kms, CreateUser { user_name: name.into(), ..CreateUser::default() });
    std::array::from_fn(|_| {
        let create = CreateAccessKey { user_name: Some(name.into()) };
        CreateAccessKey::reply(call(kms, create)).unwrap().access_key.access_key_id
    })
}

fn delete_key(kms: &Kms, user: &str, id: &str) {
    call(kms, DeleteAccessKey { user_name: Some(user.into()), user_access_key_id: id.into() });
}

fn set_status(kms: &Kms, user: &str, id: &str, status: AccessKeyStatus) {
    let user_name = Some(user.to_owned());
    call(kms, UpdateAccessKey { user_name, user_access_key_id: id.into(), status });
}

/// Returns the ids in order.
fn inactive(restored: &Restored) -> Vec<&str> {
    let mut ids: Vec<_> = restored.deactivated.iter().map(|key| &*key.id).collect();
    ids.sort_unstable();
    ids
}

fn sorted(ids: &[String]) -> Vec<&str> {
    let mut ids: Vec<_> = ids.iter().map(String::as_str).collect();
    ids.sort_unstable();
    ids
}

/// The trail was off meanwhile, so only the replaced store has the change.
#[test]
fn a_change_without_a_line_shows_in_the_store_that_is_replaced() {
    let bench = Bench::new();
    let kms = bench.audited_kms();
    let [deleted, disabled] = user_with_keys(&kms, "carol");
    let [enabled_again, same] = user_with_keys(&kms, "dave");
    let keys = [deleted, disabled, enabled_again];
    let backup = bench.path("backup");
    kms.backup_to(&backup, BackupOutput::default()).unwrap();
    drop(kms);
    let kms = bench.kms();
    delete_key(&kms, "carol", &keys[0]);
    set_status(&kms, "carol", &keys[1], AccessKeyStatus::Inactive);
    set_status(&kms, "dave", &keys[2], AccessKeyStatus::Inactive);
    set_status(&kms, "dave", &keys[2], AccessKeyStatus::Active);
    let made = key(&kms);
    drop(kms);
    let dry = bench.restore(&backup, DRY).unwrap();
    let restored = bench.restore(&backup, ACCEPT).unwrap();
    assert_eq!((inactive(&dry), inactive(&restored)), (sorted(&keys), sorted(&keys)));
    assert_eq!((restored.trail_is_complete, &restored.differences), (Some(false), &dry.differences));
    let mut expected: Vec<_> = keys.iter().map(|key| format!("access-key/{key}")).collect();
    expected.extend([format!("key/{made}"), "user/carol".into()]);
    expected.sort();
    assert_eq!(restored.differences, expected);
    let kms = bench.kms();
    let snapshot = kms.state.snapshot().unwrap();
    assert!(snapshot.get::<AccessKey>(&same.as_str().into()).unwrap().record.active);
    assert!(keys.iter().all(|key| !snapshot.get::<AccessKey>(&key.as_str().into()).unwrap().record.active));
}

/// Creates a user with a password.
fn user_with_password(kms: &Kms, name: &str) {
    call(kms, CreateUser { user_name: name.into(), ..CreateUser::default() });
    let create = CreateLoginProfile {
        user_name: name.into(),
        password: "Correct-horse-1".to_owned().into(),
        password_reset_required: None,
        mfa_bind_required: None,
    };
    call(kms, create);
}

fn has_password(kms: &Kms, name: &str) -> bool {
    let get = GetLoginProfile { user_name: name.into() };
    pollster::block_on(kms.call(get.into(), &kms.owner())).is_ok()
}

/// By the trail, under any name, or by the replaced store.
#[test]
fn a_changed_or_deleted_password_stays_invalid_after_a_restore() {
    for is_audited in [true, false] {
        let bench = Bench::new();
        let kms = bench.audited_kms();
        let names = ["carol", "dave", "erin", "frank"];
        names.iter().for_each(|name| user_with_password(&kms, name));
        let backup = bench.path("backup");
        kms.backup_to(&backup, BackupOutput::default()).unwrap();
        drop(kms);
        let kms = if is_audited { bench.audited_kms() } else { bench.kms() };
        call(&kms, DeleteLoginProfile { user_name: "Carol".into() });
        let rename = |from: &str, to: &str| {
            let new_user_name = Some(to.to_owned());
            call(&kms, UpdateUser { user_name: from.into(), new_user_name, ..UpdateUser::default() });
        };
        rename("dave", "david");
        call(&kms, DeleteLoginProfile { user_name: "david".into() });
        call(&kms, DeleteUser { user_name: "david".into() });
        let update = UpdateLoginProfile {
            user_name: "erin".into(),
            password: Some("Another-horse-2".to_owned().into()),
            password_reset_required: None,
            mfa_bind_required: None,
        };
        call(&kms, update);
        rename("frank", "francis");
        drop(kms);
        if is_audited {
            fs::remove_file(bench.path("data/store.redb")).unwrap(); // so that only the trail has the change
        }
        let dry = bench.restore(&backup, DRY).unwrap();
        let restored = bench.restore(&backup, ACCEPT).unwrap();
        assert_eq!(dry.without_password, restored.without_password);
        assert_eq!(sorted(&restored.without_password), ["carol", "dave", "erin"], "audited: {is_audited}");
        assert_eq!(restored.trail_is_complete, Some(is_audited));
        let kms = bench.audited_kms();
        let with_password = names.map(|name| has_password(&kms, name));
        assert_eq!(with_password, [false, false, false, true]);
    }
}

/// A restore does not verify seals.
#[test]
fn a_seal_with_an_epoch_that_no_store_reaches_is_refused() {
    for epoch in [u64::MAX, u64::MAX - 1, 1 << 40] {
        let bench = Bench::new();
        let kms = bench.audited_kms();
        let backup = bench.path("backup");
        kms.backup_to(&backup, BackupOutput::default()).unwrap();
        key(&kms);
        drop(kms);
        let file = bench.path("data/audit/audit-00000000000000000001.jsonl");
        let text = fs::read_to_string(&file).unwrap();
        let at = text.rfind(r#""epoch":1"#).unwrap();
        let forged = format!(r#"{}"epoch":{epoch}{}"#, &text[..at], &text[at + r#""epoch":1"#.len()..]);
        fs::write(&file, forged).unwrap();
        for how in [DRY, ACCEPT] {
            let refused = bench.restore(&backup, how).unwrap_err();
            assert!(matches!(refused, BackupError::ForgedEpoch { epoch: of } if of == epoch), "{refused}");
        }
        // Nor does a start that accepts the rollback take the store there, and the next one needs no more.
        let accepting = Options { accept_rollback: true, ..bench.options() };
        let kms = Kms::open(&accepting, SystemClock).unwrap();
        assert_eq!(kms.epoch(), 2);
        assert!(kms.note_trail_left(&AuditOptions::new(bench.path("data/audit"), "node-1")).unwrap());
        drop(kms);
        assert_eq!(bench.kms().epoch(), 2);
    }
}

/// Lines of changes wait in the store while the files of the trail cannot be written.
#[test]
fn a_line_that_waits_in_the_store_counts_as_one_of_the_trail() {
    let bench = Bench::new();
    let kms = bench.audited_kms();
    let [deleted] = user_with_keys(&kms, "carol");
    let backup = bench.path("backup");
    kms.backup_to(&backup, BackupOutput::default()).unwrap();
    drop(kms);
    let kms = bench.kms_with_dead_files();
    delete_key(&kms, "carol", &deleted);
    drop(kms);
    fs::remove_file(bench.path("data/audit")).unwrap();
    fs::rename(bench.path("data/gone"), bench.path("data/audit")).unwrap();
    let dry = bench.restore(&backup, DRY).unwrap();
    let reported: Vec<_> = dry.changes.iter().map(|change| &*change.action).collect();
    assert_eq!((reported, inactive(&dry)), (vec!["DeleteAccessKey"], vec![&*deleted]));
    assert_eq!((dry.trail_is_complete, dry.differences), (Some(true), vec![]));
}

/// An attacker has truncated the trail, before a start that recorded the gap.
#[test]
fn a_trail_with_a_gap_after_the_backup_may_lack_something() {
    let bench = Bench::new();
    let kms = bench.audited_kms();
    let [disabled] = user_with_keys(&kms, "carol");
    let backup = bench.path("backup");
    kms.backup_to(&backup, BackupOutput::default()).unwrap();
    drop(kms);
    let file = bench.path("data/audit/audit-00000000000000000001.jsonl");
    let before = fs::read(&file).unwrap();
    let kms = bench.audited_kms();
    set_status(&kms, "carol", &disabled, AccessKeyStatus::Inactive);
    drop(kms);
    fs::write(&file, before).unwrap();
    drop(bench.audited_kms());
    let dry = bench.restore(&backup, DRY).unwrap();
    assert_eq!((dry.trail_is_complete, inactive(&dry)), (Some(false), vec![&*disabled]));
    fs::remove_file(bench.path("data/store.redb")).unwrap();
    assert_eq!(bench.restore(&backup, DRY).unwrap().trail_is_complete, Some(false));
}

/// The resources in a line explain every record that its change has written.
#[test]
fn every_difference_is_explained_by_the_lines_of_a_whole_trail() {
    let bench = Bench::new();
    let kms = bench.audited_kms();
    let [key_of_carol] = user_with_keys(&kms, "carol");
    call(&kms, CreateGroup { group_name: "watch".into(), comments: None });
    let doomed = key(&kms);
    secret(&kms, "password", "old");
    let backup = bench.path("backup");
    kms.backup_to(&backup, BackupOutput::default()).unwrap();
    set_status(&kms, "carol", &key_of_carol, AccessKeyStatus::Inactive);
    delete_key(&kms, "carol", &key_of_carol);
    call(&kms, AddUserToGroup { user_name: "Carol".into(), group_name: "Watch".into() });
    let rename = UpdateUser {
        user_name: "carol".into(),
        new_user_name: Some("caroline".into()),
        ..UpdateUser::default()
    };
    call(&kms, rename);
    call(&kms, ScheduleKeyDeletion { key_id: doomed, pending_window_in_days: Some(7) });
    let policy_document =
        r#"{"Version":"1","Statement":[{"Effect":"Deny","Action":"kms:*","Resource":"*"}]}"#.into();
    let policy_name = "lock-out".to_owned();
    call(
        &kms,
        CreatePolicy { policy_name: policy_name.clone(), policy_document, description: None, tag: None },
    );
    let user_name = "caroline".to_owned();
    let policy_type = bulla_wire::ram::PolicyType::Custom;
    call(&kms, AttachPolicyToUser { policy_type, policy_name, user_name, resource_group_id: None });
    let alias_name = "alias/later".to_owned();
    call(&kms, CreateAlias { alias_name, key_id: key(&kms) });
    secret(&kms, "another", "value");
    user_with_keys::<1>(&kms, "dave");
    drop(kms);
    let dry = bench.restore(&backup, DRY).unwrap();
    assert_eq!((dry.trail_is_complete, dry.differences), (Some(true), vec![]));
    let names: Vec<_> = dry.changes.iter().flat_map(|change| &change.resources).collect();
    for named in ["policy/lock-out", "user/dave", "secret/another"] {
        assert!(names.iter().any(|name| *name == named), "{named}: {names:?}");
    }
}

/// A power cut lost a page of the trail before the line of a change. The next start cuts the trail off there, and writes the
/// line again, also after a restore.
#[test]
fn a_line_behind_damage_counts_as_missing() {
    for restores in [false, true] {
        let bench = Bench::new();
        let kms = bench.audited_kms();
        let backup = bench.path("backup");
        kms.backup_to(&backup, BackupOutput::default()).unwrap();
        drop(kms);
        let kms = bench.audited_kms();
        let made = format!(r#"{{"type":"key","name":"{}""#, key(&kms));
        let store = fs::read(bench.path("data/store.redb")).unwrap();
        let file = bench.path("data/audit/audit-00000000000000000001.jsonl");
        let mut trail = String::new();
        while !trail.contains(&made) {
            trail = fs::read_to_string(&file).unwrap();
        }
        drop(kms);
        fs::write(bench.path("data/store.redb"), store).unwrap();
        let line = trail[..trail.find(&made).unwrap()].rfind('\n').unwrap();
        trail.replace_range(line - 100..line - 90, &"\0".repeat(10));
        fs::write(&file, trail).unwrap();
        if restores {
            bench.restore(&backup, ACCEPT).unwrap();
        }
        drop(bench.audited_kms());
        let mut times = 0;
        for source in TrailFile::all(&[bench.path("data/audit")]).unwrap() {
            let visit = |line: &[u8]| {
                times += usize::from(str::from_utf8(line).unwrap().contains(&made));
                true
            };
            source.for_each(visit).unwrap();
        }
        assert_eq!(times, 1, "restored: {restores}");
    }
}

#[test]
fn lines_of_an_old_trail_that_is_restored_later_are_there_once() {
    let bench = Bench::new();
    let kms = bench.audited_kms();
    let made = format!(r#"{{"type":"key","name":"{}""#, key(&kms));
    let backup = bench.path("backup");
    kms.backup_to(&backup, BackupOutput::default()).unwrap();
    drop(kms);
    rotate_four_times(&bench);
    fs::rename(bench.path("data/audit"), bench.path("kept")).unwrap();
    fs::remove_file(bench.path("data/store.redb")).unwrap();
    bench.restore(&backup, ACCEPT).unwrap();
    fs::rename(bench.path("kept"), bench.path("data/audit")).unwrap();
    drop(bench.audited_kms());
    assert_eq!(lines_with(&bench, &made), [2]);
}

#[test]
fn a_damaged_file_of_the_trail_is_a_gap_and_prevents_no_restore() {
    let bench = Bench::new();
    let backup = bench.backup();
    let kms = bench.audited_kms();
    key(&kms); // its line is in one of the files that are damaged
    drop(kms);
    rotate_four_times(&bench);
    let files = || -> Vec<PathBuf> {
        let all = fs::read_dir(bench.path("data/audit")).unwrap().map(|file| file.unwrap().path());
        all.filter(|path| path.to_string_lossy().contains("audit-")).collect()
    };
    let is_compressed = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "gz");
    while files().iter().filter(|path| !is_compressed(path)).count() > 1 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    for file in files().into_iter().filter(is_compressed) {
        let content = fs::read(&file).unwrap();
        fs::write(&file, &content[..content.len() / 2]).unwrap();
    }
    assert_eq!(bench.restore(&backup, ACCEPT).unwrap().trail_is_complete, Some(false));
}

/// Starts that each begin a file of the trail.
fn rotate_four_times(bench: &Bench) {
    let mut options = bench.audited();
    options.audit.as_mut().unwrap().limits.file = 1;
    for _ in 0..4 {
        drop(Kms::open(&options, SystemClock).unwrap());
    }
}

/// Seals are made once a second, so the lines before a backup may follow the newest one.
#[test]
fn what_was_created_just_before_a_backup_is_not_reported_as_lost() {
    let bench = Bench::new();
    let kms = bench.audited_kms();
    let before = key(&kms);
    let alias = CreateAlias { key_id: before.clone(), alias_name: "alias/before".into() };
    call(&kms, alias);
    call(&kms, DisableKey { key_id: before });
    let backup = bench.path("backup");
    kms.backup_to(&backup, BackupOutput::default()).unwrap();
    let after = key(&kms);
    drop(kms);
    let restored = bench.restore(&backup, DRY).unwrap();
    let created = restored.changes.iter().filter(|change| change.kind == ChangeKind::Created);
    let created: Vec<_> = created.flat_map(|change| &change.resources).collect();
    assert_eq!(created, [&format!("key/{after}")]);
    let earlier = restored.changes.iter().filter(|change| change.action == "DisableKey");
    assert!(earlier.into_iter().all(|change| change.may_be_in_backup), "{:?}", restored.changes);
}
