//! A store that is removed, replaced or overwritten while an engine has it open.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bulla_kms::{Kms, Loss, OpenError, Options, Role};
use serde_json::Value;
use support::{Bench, base64, text};

/// An engine over `DATA` in its own directory, with a key, a ciphertext, and a backup from before the key.
struct Trial {
    bench: Bench,
    data: PathBuf,
    backup: PathBuf,
    key: String,
    blob: String,
}

impl Trial {
    fn new() -> Self {
        let bench = Bench::in_subdirectory(Role::Server);
        let (data, backup) = (bench.data.path().join("data"), bench.data.path().join("backup"));
        bench.key();
        copy(&data, &backup);
        let key = bench.key();
        let blob = bench.ok("Encrypt", &[("KeyId", &key), ("Plaintext", &base64("precious"))]);
        let blob = text(&blob["CiphertextBlob"]);
        let secret = [("SecretName", "s"), ("VersionId", "1"), ("SecretData", "secret")];
        bench.ok("CreateSecret", &secret);
        let trial = Self { bench, data, backup, key, blob };
        trial.accepts_writes();
        trial
    }

    fn store(&self) -> PathBuf {
        self.data.join("store.redb")
    }

    fn accepts_writes(&self) {
        self.bench.kms.check_store().unwrap();
        assert!(self.bench.kms.is_ready());
        self.bench.key();
    }

    /// A write is refused even before the next check, the check reports the cause, and reads continue.
    fn refuses_writes(&self, path: &Path, loss: Loss) {
        for _ in 0..2 {
            assert_eq!(self.bench.code("CreateKey", &[]), "503 ServiceUnavailableTemporary", "{loss:?}");
        }
        assert!(!self.bench.kms.is_ready());
        let lost = self.bench.kms.check_store().unwrap_err();
        assert_eq!((lost.path.as_path(), lost.loss), (path, loss));
        let opened = self.bench.ok("Decrypt", &[("CiphertextBlob", &self.blob)]);
        assert_eq!(opened["Plaintext"], Value::from(base64("precious")), "{loss:?}");
        match self.bench.send("GetSecretValue", &[("SecretName", "s")]) {
            Ok(value) => assert_eq!(value["SecretData"], "secret", "{loss:?}"),
            // It is read from the content that another process has written.
            Err(error) => {
                assert_eq!(loss, Loss::Overwritten, "{error}");
                assert!(error.starts_with("503 ServiceUnavailableTemporary"), "{error}");
            }
        }
    }

    /// Returns what the next start finds.
    fn restarted(self) -> Result<Vec<String>, OpenError> {
        let Self { bench: Bench { kms, clock, data: directory }, data, .. } = self;
        drop(kms);
        let kms = Kms::open(&Options::new(data, Role::Server), clock.clone())?;
        let bench = Bench { kms, clock, data: directory };
        let keys = bench.ok("ListKeys", &[])["Keys"]["Key"].clone();
        Ok(keys.as_array().unwrap().iter().map(|key| text(&key["KeyId"])).collect())
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Writes the content of one file into another one, which keeps its inode: `cp FROM TO`.
fn overwrite(from: &Path, to: &Path) {
    let inode = fs::metadata(to).unwrap().ino();
    fs::write(to, fs::read(from).unwrap()).unwrap();
    assert_eq!(fs::metadata(to).unwrap().ino(), inode);
}

#[test]
fn a_removed_store_takes_no_writes() {
    let trial = Trial::new();
    fs::remove_file(trial.store()).unwrap();
    trial.refuses_writes(&trial.store(), Loss::Removed);
    let refused = trial.restarted().unwrap_err();
    assert!(matches!(refused, OpenError::StoreMissing { .. }), "{refused}");
}

#[test]
fn a_removed_store_can_be_copied_back_from_the_running_process() {
    let trial = Trial::new();
    let inode = fs::metadata(trial.store()).unwrap().ino();
    fs::remove_file(trial.store()).unwrap();
    trial.refuses_writes(&trial.store(), Loss::Removed);
    let descriptors = fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().path());
    let is_store =
        |path: &PathBuf| fs::metadata(path).is_ok_and(|found| found.ino() == inode && found.nlink() == 0);
    let held = descriptors.into_iter().find(is_store).unwrap();
    fs::copy(held, trial.store()).unwrap();
    trial.refuses_writes(&trial.store(), Loss::Replaced);
    let key = trial.key.clone();
    assert!(trial.restarted().unwrap().contains(&key));
}

#[test]
fn a_store_that_was_moved_away_takes_writes_when_it_is_back() {
    let trial = Trial::new();
    let aside = trial.bench.data.path().join("aside");
    fs::rename(trial.store(), &aside).unwrap();
    trial.refuses_writes(&trial.store(), Loss::Removed);
    fs::copy(trial.backup.join("store.redb"), trial.store()).unwrap();
    trial.refuses_writes(&trial.store(), Loss::Replaced);
    fs::rename(&aside, trial.store()).unwrap();
    trial.accepts_writes();
    let key = trial.key.clone();
    assert!(trial.restarted().unwrap().contains(&key));
}

#[test]
fn a_data_directory_that_was_moved_away_takes_writes_when_it_is_back() {
    let trial = Trial::new();
    let aside = trial.bench.data.path().join("aside");
    fs::rename(&trial.data, &aside).unwrap();
    trial.refuses_writes(&trial.store(), Loss::Removed);
    copy(&trial.backup, &trial.data);
    trial.refuses_writes(&trial.store(), Loss::Replaced);
    fs::remove_dir_all(&trial.data).unwrap();
    File::create(&trial.data).unwrap();
    trial.refuses_writes(&trial.store(), Loss::Removed);
    fs::remove_file(&trial.data).unwrap();
    fs::rename(&aside, &trial.data).unwrap();
    trial.accepts_writes();
}

#[test]
fn a_backup_that_was_copied_over_the_store_stays_whole() {
    let trial = Trial::new();
    let (backup, store) = (trial.backup.join("store.redb"), trial.store());
    overwrite(&backup, &store);
    trial.refuses_writes(&store, Loss::Overwritten);
    let content = fs::read(&backup).unwrap();
    let Trial { bench: Bench { kms, clock, data: directory }, data, .. } = trial;
    drop(kms);
    assert!(fs::read(&store).unwrap() == content, "nothing is written into it");
    let kms = Kms::open(&Options::new(data, Role::Server), clock.clone()).unwrap();
    let bench = Bench { kms, clock, data: directory };
    assert_eq!(bench.ok("ListKeys", &[])["TotalCount"], 1, "the backup");
}

/// Even if no check noticed it before the engine is dropped.
#[test]
fn a_backup_that_was_copied_over_the_store_just_before_the_stop_stays_whole() {
    for role in [Role::Server, Role::Command] {
        let bench = Bench::in_subdirectory(role);
        let store = bench.data.path().join("data/store.redb");
        let backup = bench.data.path().join("backup");
        bench.key();
        fs::copy(&store, &backup).unwrap();
        bench.key();
        let Bench { kms, data: _directory, .. } = bench;
        overwrite(&backup, &store);
        drop(kms);
        assert!(fs::read(&store).unwrap() == fs::read(&backup).unwrap());
    }
}

#[test]
fn a_store_of_another_length_takes_no_writes() {
    let lengths: [fn(u64) -> u64; 4] = [|_| 0, |_| 100, |len| len - 4096, |len| len + 4096];
    for length in lengths {
        let trial = Trial::new();
        let file = OpenOptions::new().write(true).open(trial.store()).unwrap();
        let whole = file.metadata().unwrap().len();
        file.set_len(length(whole)).unwrap();
        trial.refuses_writes(&trial.store(), Loss::Overwritten);
        if length(whole) == 0 {
            let refused = trial.restarted().unwrap_err();
            assert!(
                refused.to_string().ends_with("store.redb: the file is not a store of bulla"),
                "{refused}"
            );
        }
    }
}

#[test]
fn a_lock_that_does_not_keep_others_away_takes_no_writes() {
    let trial = Trial::new();
    let (lock, aside) = (trial.data.join("lock"), trial.bench.data.path().join("aside"));
    fs::rename(&lock, &aside).unwrap();
    trial.refuses_writes(&lock, Loss::Removed);
    File::create(&lock).unwrap().write_all(b"server\n").unwrap();
    trial.refuses_writes(&lock, Loss::Replaced);
    fs::rename(&aside, &lock).unwrap();
    trial.accepts_writes();
}

#[test]
fn a_store_without_its_lock_is_not_opened_a_second_time() {
    let trial = Trial::new();
    let lock = trial.data.join("lock");
    fs::remove_file(&lock).unwrap();
    for role in [Role::Command, Role::Server] {
        let refused = Kms::open(&Options::new(&trial.data, role), trial.bench.clock.clone()).unwrap_err();
        assert!(matches!(refused, OpenError::InUse { by: Role::Server, .. }), "{refused}");
    }
    trial.refuses_writes(&lock, Loss::Replaced);
}

#[test]
fn a_store_that_no_process_touches_is_never_lost() {
    let bench = Bench::in_subdirectory(Role::Server);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let checks = scope.spawn(|| {
            let mut checks = 0;
            while !done.load(Ordering::Relaxed) {
                bench.kms.check_store().unwrap();
                checks += 1;
            }
            checks
        });
        let writers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let key = bench.key();
                    for n in 0..1000 {
                        bench.ok("UpdateKeyDescription", &[("KeyId", &key), ("Description", &n.to_string())]);
                    }
                })
            })
            .collect();
        let written = writers.into_iter().map(|writer| writer.join()).all(|result| result.is_ok());
        done.store(true, Ordering::Relaxed);
        assert!(written);
        assert!(checks.join().unwrap() > 0);
    });
}
