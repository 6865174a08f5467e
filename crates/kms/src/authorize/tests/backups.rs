//! The answers of the query DescribeBackups and the action DescribeKeyBackups, and which callers get them.

use bulla_wire::kms::{DescribeKeyBackups, DescribeKeyBackupsReply};

use super::people::{Account, allowing, by};
use super::*;
use crate::queries::{DescribeBackups, KeptBackups};
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

    fn of_key(&self, by: &Origin) -> Result<DescribeKeyBackupsReply, Error> {
        self.of(&self.key, by)
    }

    fn of(&self, key: &str, by: &Origin) -> Result<DescribeKeyBackupsReply, Error> {
        let request = DescribeKeyBackups { key_id: key.to_owned() };
        let reply = pollster::block_on(self.account.kms.call(request.into(), by))?;
        Ok(DescribeKeyBackups::reply(reply).unwrap())
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
    let none = DescribeKeyBackupsReply { scheduled: true, backups: Some(0), ..Default::default() };
    assert_eq!(scheduled.of_key(&owner).unwrap(), none);
    kms.back_up_if_due().unwrap();
    let backups = scheduled.backups(&owner).unwrap().unwrap();
    assert_eq!((backups.count, backups.verified, backups.damaged, backups.has_failed), (1, 1, 0, false));
    assert!(backups.newest.is_some() && backups.oldest_verification.is_some());
    let one = DescribeKeyBackupsReply { backups: Some(1), newest: backups.newest, ..none };
    assert_eq!(scheduled.of_key(&owner).unwrap(), one);
    kms.set_backup_schedule(None);
    assert_eq!(scheduled.backups(&owner).unwrap(), None);
    assert_eq!(scheduled.of_key(&owner).unwrap(), DescribeKeyBackupsReply::default());
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
    let missing = "11111111-2222-4333-8444-555555555555";
    for caller in [&backups, &keys] {
        assert_eq!(scheduled.of(missing, caller).unwrap_err().code(), ErrorCode::ForbiddenNoPermission);
    }
    assert_eq!(scheduled.of(missing, &both).unwrap_err().code(), ErrorCode::ForbiddenKeyNotFound);
}
