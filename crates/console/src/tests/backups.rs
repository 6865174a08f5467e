//! Which callers the pages tell about backups.

use bulla_kms::{BackupSchedule, FirstAccessKey};
use bulla_wire::SecretText;
use http::StatusCode;
use pollster::block_on;
use tempfile::TempDir;

use crate::testing::Browser;

fn allowing(actions: &str) -> String {
    format!(r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":{actions},"Resource":"*"}}]}}"#)
}

/// Signs in as root of the same store, whose first access key this creates.
fn root(owner: &Browser) -> Browser {
    let id = "root-access-key-id";
    let secret = "root-access-key-secret";
    let access_key = Some((id.to_owned(), SecretText::from(secret.to_owned())));
    assert_eq!(block_on(owner.site.kms.ensure_access_key(access_key)).unwrap(), FirstAccessKey::Given);
    let root = owner.visitor();
    root.post("/console/sign-in", &[("AccessKeyId", id), ("AccessKeySecret", secret)]);
    root
}

/// Whether the overview and the page of a key tell this caller about backups.
fn tell(browser: &Browser, key: &str) -> [bool; 2] {
    ["/console/".to_owned(), format!("/console/keys/{key}")].map(|path| {
        let page = browser.get(&path);
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        let sees_state = page.has("newest:");
        assert_eq!(page.has("Backups"), sees_state, "{page:?}");
        sees_state
    })
}

fn backed_up(owner: &Browser) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    owner.site.kms.set_backup_schedule(Some(BackupSchedule::new(directory.path())));
    owner.site.kms.back_up_if_due().unwrap();
    directory
}

#[test]
fn pages_tell_only_those_who_may_read_it_about_backups() {
    let owner = Browser::audited_owner();
    let root = root(&owner);
    let key = owner.make_key(&[]);
    let _directory = backed_up(&owner);
    assert_eq!(tell(&owner, &key), [true; 2]);
    assert_eq!(tell(&root, &key), [true; 2]);
    let reader = owner.user("reader", &allowing(r#"["kms:DescribeKey","kms:DescribeBackups"]"#));
    assert_eq!(tell(&reader, &key), [true; 2]);
    let keys = owner.user("keys", &allowing(r#"["kms:List*","kms:DescribeKey"]"#));
    assert_eq!(tell(&keys, &key), [false; 2]);
    let found = owner.get("/console/audit?action=DescribeBackups");
    assert!(found.has("user/reader") && !found.has("user/keys"), "a visit is no denied request: {found:?}");
}
