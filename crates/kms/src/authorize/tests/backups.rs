//! The answers of DescribeBackups and DescribeKeyBackups, and which callers get them.

use super::people::{Account, allowing, by};
use super::*;
use crate::queries::{DescribeBackups, DescribeKeyBackups, KeptBackups, KeyBackups};
use crate::{BackupSchedule, On};

/// An account with a key, and a schedule of backups.
struct Scheduled {
    account: Account,
    key: String,
    _directory: tempfile::TempDir,
}

impl Scheduled {
    fn new() -> Self {
        let account = Account::new();
        let key = account.key();
        let directory = tempfile::tempdir().unwrap();
        account.kms.set_backup_schedule(Some(BackupSchedule::new(directory.path())));
        Self { account, key, _directory: directory }
    }

    fn backups(&self, by: &Origin) -> Result<Option<KeptBackups>, Error> {
        pollster::block_on(self.account.kms.query(DescribeBackups {}, by))
    }

    fn of_key(&self, by: &Origin) -> Result<Option<KeyBackups>, Error> {
        let query = DescribeKeyBackups { key_id: self.key.clone() };
        pollster::block_on(self.account.kms.query(query, by))
    }

    fn user(&self, name: &str, actions: &str) -> Origin {
        let user = by(self.account.user(name));
        self.account.allow(name, &allowing(actions, r#""*""#, ""));
        user
    }
}

#[test]
fn the_state_of_backups_names_no_file() {
    let scheduled = Scheduled::new();
    let kms = &scheduled.account.kms;
    let owner = kms.owner();
    assert_eq!(scheduled.backups(&owner).unwrap(), Some(KeptBackups::default()));
    assert_eq!(scheduled.of_key(&owner).unwrap(), Some(KeyBackups::default()));
    kms.back_up_if_due().unwrap();
    let backups = scheduled.backups(&owner).unwrap().unwrap();
    assert_eq!((backups.count, backups.verified, backups.damaged, backups.has_failed), (1, 1, 0, false));
    assert!(backups.newest.is_some() && backups.oldest_verification.is_some());
    let of_key = scheduled.of_key(&owner).unwrap();
    assert_eq!(of_key, Some(KeyBackups { count: 1, newest: backups.newest, kept_until: None }));
    kms.set_backup_schedule(None);
    assert_eq!(scheduled.backups(&owner).unwrap(), None);
    assert_eq!(scheduled.of_key(&owner).unwrap(), None);
}

#[test]
fn backups_take_a_permission_of_their_own_and_those_of_a_key_both() {
    let scheduled = Scheduled::new();
    scheduled.account.kms.back_up_if_due().unwrap();
    let backups = scheduled.user("backups", r#""kms:DescribeBackups""#);
    let keys = scheduled.user("keys", r#"["kms:List*","kms:DescribeKey"]"#);
    let both = scheduled.user("both", r#""kms:Describe*""#);
    for (caller, sees_state, sees_those_of_key) in
        [(&backups, true, false), (&keys, false, false), (&both, true, true)]
    {
        assert_eq!(scheduled.backups(caller).is_ok(), sees_state, "{caller:?}");
        assert_eq!(scheduled.of_key(caller).is_ok(), sees_those_of_key, "{caller:?}");
        let may = scheduled.account.kms.may(Product::Kms, "DescribeBackups", On::Anything, caller);
        assert_eq!(may, sees_state, "{caller:?}");
    }
    for denied in [scheduled.backups(&keys).map(drop), scheduled.of_key(&keys).map(drop)] {
        assert_eq!(denied.unwrap_err().code(), ErrorCode::ForbiddenNoPermission);
    }
}
