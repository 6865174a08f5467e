//! `bulla access-key`: access keys, with which users and programs sign their requests.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use bulla_wire::ram::{
    AccessKeyEntry, AccessKeyStatus, CreateAccessKey, DeleteAccessKey, GetAccessKeyLastUsed, ListAccessKeys,
    NewAccessKey, UpdateAccessKey,
};
use serde::Serialize;

use super::{shell, unless_denied};
use crate::account::Account;
use crate::args::{AccessKey, KmsFlags};
use crate::commands::serve::reset_access_key;
use crate::failure::{Exit, Failure};
use crate::paths::Output;
use crate::results::{Table, json, print, print_json, print_raw};

pub(crate) fn run(kms: &KmsFlags, command: AccessKey) -> Result<(), Failure> {
    let account = || Account::connect(kms);
    match command {
        AccessKey::Create { owner, output: Some(Output::Path(path)), json: _ } => {
            create_file(&account()?, owner.user, &path)
        }
        AccessKey::Create { owner, output: _, json } => {
            let key = create(&account()?, owner.user)?;
            let shown = if json.json { print_json(&key) } else { show_once(&key) };
            shown.map_err(|failure| without_secret(failure, &key))
        }
        AccessKey::List { owner, output } => list(&account()?, owner.user, output.json),
        AccessKey::Enable { id, owner } => {
            set_status(&account()?, owner.user, &id, AccessKeyStatus::Active)?;
            print(format_args!("{id} is enabled"))
        }
        AccessKey::Disable { id, owner } => {
            set_status(&account()?, owner.user, &id, AccessKeyStatus::Inactive)?;
            print(format_args!("{id} is disabled"))
        }
        AccessKey::Reset(reset) => reset_access_key(reset),
        AccessKey::Delete { id, owner } => {
            account()?.call(&DeleteAccessKey { user_name: owner.user, user_access_key_id: id.clone() })?;
            print(format_args!("{id} is deleted"))
        }
    }
}

fn create(account: &Account, user: Option<String>) -> Result<NewAccessKey, Failure> {
    Ok(account.call(&CreateAccessKey { user_name: user })?.access_key)
}

/// Prints the secret as shell exports.
fn show_once(key: &NewAccessKey) -> Result<(), Failure> {
    let mut text = shell::exports(&[
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", &key.access_key_id),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", key.access_key_secret.expose()),
    ]);
    text.push_str("# the secret is not shown again");
    print_raw(&*text)
}

/// Creates an access key in a new file. The file is created first, so that no access key exists for a path that cannot
/// be written.
fn create_file(account: &Account, user: Option<String>, path: &Path) -> Result<(), Failure> {
    let file = new_private_file(path)?;
    let key = create(account, user).inspect_err(|_| {
        let _ = fs::remove_file(path); // it is empty
    })?;
    write(file, &key).map_err(|error| without_secret(Failure::io(path, &error), &key))?;
    print(format_args!("{} is in {}", key.access_key_id, path.display()))
}

/// Reports that the access key exists, but its secret did not reach the user.
fn without_secret(failure: Failure, key: &NewAccessKey) -> Failure {
    let id = &key.access_key_id;
    failure.advising(format!("the secret of the new access key {id} is lost: `bulla access-key delete {id}`"))
}

fn new_private_file(path: &Path) -> Result<File, Failure> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            let what = format!("{} exists", path.display());
            return Failure::new(Exit::OutputExists, what, "name a new file with -o");
        }
        Failure::io(path, &error)
    })
}

fn write(mut file: File, key: &NewAccessKey) -> std::io::Result<()> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Content<'a> {
        access_key_id: &'a str,
        access_key_secret: &'a str,
    }
    let content =
        Content { access_key_id: &key.access_key_id, access_key_secret: key.access_key_secret.expose() };
    file.write_all(json(&content).as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

fn set_status(
    account: &Account,
    user: Option<String>,
    id: &str,
    status: AccessKeyStatus,
) -> Result<(), Failure> {
    account.call(&UpdateAccessKey { user_name: user, user_access_key_id: id.to_owned(), status })?;
    Ok(())
}

/// An access key with its last use; `None` if the caller may not see it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    #[serde(flatten)]
    key: AccessKeyEntry,
    last_used_date: Option<String>,
}

fn list(account: &Account, user: Option<String>, json: bool) -> Result<(), Failure> {
    let keys = account.call(&ListAccessKeys { user_name: user.clone() })?.access_keys.access_key;
    let mut listed = Vec::new();
    for key in keys {
        let user_access_key_id = key.access_key_id.clone();
        let last = account.call(&GetAccessKeyLastUsed { user_name: user.clone(), user_access_key_id });
        let last_used_date = unless_denied(last.map(|reply| reply.access_key_last_used.last_used_date))?;
        listed.push(Listed { key, last_used_date });
    }
    if json {
        return print_json(&listed);
    }
    let mut table = Table::new(["ACCESS KEY", "STATUS", "CREATED", "LAST USED"]);
    for Listed { key, last_used_date } in listed {
        let last = match last_used_date {
            None => "unknown".to_owned(),
            Some(never) if never.is_empty() => "never".to_owned(),
            Some(date) => date,
        };
        table.push([key.access_key_id, format!("{:?}", key.status), key.create_date.to_string(), last]);
    }
    table.print()
}
