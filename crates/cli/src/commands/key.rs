//! `bulla key`: creates, shows, changes and deletes keys.

mod backups;
mod own_actions;
mod uses;

use std::collections::HashMap;

use bulla_client::CallError;
use bulla_wire::kms::{
    CancelKeyDeletion, CreateAlias, CreateKey, CreateKeyVersion, DescribeKey, DisableKey, EnableKey,
    KeyMetadata, ListAliases, ListAliasesByKeyId, ListKeys, ScheduleKeyDeletion,
};

use self::backups::{report_backups, report_if_deleted};
use self::uses::{Unused, warn_of_late_use};
use super::pages::{self, PAGE_SIZE};
use super::people::{NOT_YOURS_TO_SEE, unless_denied};
use crate::args::{Key, KmsFlags};
use crate::dates::Date;
use crate::failure::{Exit, Failure, with_causes};
use crate::kms::KmsConnection;
use crate::messages::note;
use crate::names::{AliasName, KeyName};
use crate::results::print;

pub(crate) fn run(kms: &KmsFlags, command: Key) -> Result<(), Failure> {
    let kms = KmsConnection::connect(kms)?;
    match command {
        Key::Create { description, alias, spec, usage, rotate_every } => {
            let description = Some(description).filter(|text| !text.is_empty());
            let enable_automatic_rotation = rotate_every.is_some().then_some(true);
            let request = CreateKey {
                description,
                key_spec: spec,
                key_usage: usage,
                enable_automatic_rotation,
                rotation_interval: rotate_every,
                ..CreateKey::default()
            };
            create(&kms, &request, alias.as_ref())
        }
        Key::List { unused_since } => list(&kms, unused_since),
        Key::Show { key } => show(&kms, &key).map_err(|failure| report_if_deleted(&kms, &key, failure)),
        Key::Enable { key } => {
            let key_id = resolve(&kms, &key)?;
            kms.call(&EnableKey { key_id: key_id.clone() })?;
            print(format_args!("{key_id} is enabled"))
        }
        Key::Disable { key } => {
            let key_id = resolve(&kms, &key)?;
            kms.call(&DisableKey { key_id: key_id.clone() })?;
            print(format_args!("{key_id} is disabled"))
        }
        Key::Rotate { key } => {
            let version = kms.call(&CreateKeyVersion { key_id: key.into() })?.key_version;
            print(format_args!("{} has the new version {}", version.key_id, version.key_version_id))
        }
        Key::ScheduleDeletion { key, days } => {
            let key_id = resolve(&kms, &key)?;
            schedule_deletion(&kms, &key_id, days)
                .map_err(|failure| report_if_deleted(&kms, &key_id, failure))
        }
        Key::CancelDeletion { key } => {
            let key_id = resolve(&kms, &key)?;
            kms.call(&CancelKeyDeletion { key_id: key_id.clone() })?;
            print(format_args!("the deletion of {key_id} is cancelled"))
        }
    }
}

fn schedule_deletion(kms: &KmsConnection, key_id: &str, days: u32) -> Result<(), Failure> {
    let used = warn_of_late_use(kms, key_id)?;
    kms.call(&ScheduleKeyDeletion { key_id: key_id.to_owned(), pending_window_in_days: Some(days) })?;
    // The deletion is scheduled, even if the caller may not read the key.
    let when = match describe(kms, key_id) {
        Ok(key) => format!("at {}", key.delete_date),
        Err(_) => format!("in {days} days"),
    };
    let used = used.map(|used| format!("; it was last used at {used}")).unwrap_or_default();
    print(format_args!(
        "{key_id} is scheduled for deletion {when}, and cannot be used meanwhile; what it encrypted is lost then{used}"
    ))?;
    report_backups(kms, key_id)
}

fn create(kms: &KmsConnection, request: &CreateKey, alias: Option<&AliasName>) -> Result<(), Failure> {
    alias.map_or(Ok(()), |alias| check_free(kms, alias))?;
    let key_id = kms.call(request)?.key_metadata.key_id;
    let named =
        alias.map(|alias| kms.call(&CreateAlias { key_id: key_id.clone(), alias_name: alias.to_string() }));
    // A failure of the alias and one of the output must not hide each other: the key exists.
    let printed = print(&key_id);
    match (alias, named) {
        (Some(alias), Some(Err(error))) => Err(left_without(alias, &key_id, &error)),
        _ => printed,
    }
}

/// Refuses an alias that exists, so that no key is created for it.
fn check_free(kms: &KmsConnection, alias: &AliasName) -> Result<(), Failure> {
    alias.check()?;
    match kms.call(&DescribeKey { key_id: alias.to_string() }) {
        Ok(found) => {
            let what = format!("{alias} is already an alias of key {}", found.key_metadata.key_id);
            Err(Failure::new(Exit::Kms, what, "choose another alias, or move it with `bulla alias update`"))
        }
        // The alias does not exist, or the caller may not see it: CreateAlias decides.
        Err(CallError::Refused(refusal)) if refusal.code.starts_with("Forbidden.") => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Reports the key without an alias: another caller took the alias meanwhile, or the KMS became unavailable.
fn left_without(alias: &AliasName, key_id: &str, error: &CallError) -> Failure {
    let what = format!(
        "key {key_id} was created, but the alias {alias} could not be created: {}",
        with_causes(error)
    );
    let hint = format!(
        "create one with `bulla alias create NAME {key_id}`, or remove it with `bulla key schedule-deletion {key_id}`"
    );
    Failure::new(Exit::Kms, what, hint)
}

fn list(kms: &KmsConnection, unused_since: Option<Date>) -> Result<(), Failure> {
    let unused = unused_since.map(|since| Unused::new(kms, since)).transpose()?;
    let found = unless_denied(all_aliases(kms))?;
    let are_shown = found.is_some();
    let aliases = found.unwrap_or_default();
    print(format_args!("{:36}  {:15}  {:20}  ALIASES, DESCRIPTION", "KEY", "STATE", "CREATED"))?;
    let ask = |number| {
        let request = ListKeys { page_number: Some(number), page_size: Some(PAGE_SIZE), filters: None };
        let page = kms.call(&request)?;
        Ok((page.keys.key, page.total_count))
    };
    pages::for_each(ask, |entry| {
        let key = describe(kms, &entry.key_id)?;
        if let Some(unused) = &unused
            && !unused.includes(&key)?
        {
            return Ok(());
        }
        let mut names: Vec<_> = aliases.get(&key.key_id).into_iter().flatten().map(String::as_str).collect();
        names.extend(Some(key.description.as_str()).filter(|text| !text.is_empty()));
        let names = names.join(", ");
        let created = key.creation_date.to_string();
        print(format_args!("{:36}  {:15}  {created:20}  {names}", key.key_id, key.key_state))
    })?;
    if !are_shown {
        note("bulla: aliases are not shown: no permission to list them");
        note("       ask an administrator for kms:ListAliases");
    }
    Ok(())
}

fn show(kms: &KmsConnection, key: &str) -> Result<(), Failure> {
    let key = describe(kms, key)?;
    let names = unless_denied(aliases_of(kms, &key.key_id))?;
    let names = names.map_or_else(|| NOT_YOURS_TO_SEE.to_owned(), |names| names.join(", "));
    for (name, value) in [
        ("Key", key.key_id.as_str()),
        ("ARN", &key.arn),
        ("Aliases", &names),
        ("Description", &key.description),
        ("State", &key.key_state),
        ("Spec", &key.key_spec),
        ("Usage", &key.key_usage),
        ("Origin", &key.origin),
        ("Created", &key.creation_date.to_string()),
    ] {
        print(format_args!("{name:16} {value}"))?;
    }
    if let Some(uses) = uses::reported(kms, &key.key_id)? {
        for line in uses::lines(&uses) {
            print(format_args!("{:16} {line}", "Uses"))?;
        }
        print(format_args!("{:16} {}", "Uses since", uses.counted_since))?;
    }
    print(format_args!(
        "{:16} {}",
        "Primary version",
        key.primary_key_version.as_deref().unwrap_or_default()
    ))?;
    let next_rotation = match key.automatic_rotation.as_str() {
        "Suspended" => "none until the key is enabled".to_owned(), // the date in the reply is that of the policy
        _ => key.next_rotation_date.map(|date| date.to_string()).unwrap_or_default(),
    };
    for (name, value) in [
        ("Next version", &next_rotation),
        ("Material expires", &key.material_expire_time),
        ("Deleted at", &key.delete_date),
    ] {
        if !value.is_empty() {
            print(format_args!("{name:16} {value}"))?;
        }
    }
    Ok(())
}

/// Returns the id of a key.
pub(super) fn resolve(kms: &KmsConnection, key: &KeyName) -> Result<String, Failure> {
    match key {
        KeyName::Id(id) => Ok(id.clone()),
        KeyName::Arn(name) | KeyName::Alias(name) => Ok(describe(kms, name)?.key_id),
    }
}

fn describe(kms: &KmsConnection, key: &str) -> Result<KeyMetadata, Failure> {
    Ok(kms.call(&DescribeKey { key_id: key.to_owned() })?.key_metadata)
}

/// Returns all aliases by the ids of their keys.
fn all_aliases(kms: &KmsConnection) -> Result<HashMap<String, Vec<String>>, CallError> {
    let mut aliases = HashMap::<_, Vec<_>>::new();
    let ask = |number| {
        let page = kms.call(&ListAliases { page_number: Some(number), page_size: Some(PAGE_SIZE) })?;
        Ok((page.aliases.alias, page.total_count))
    };
    pages::for_each(ask, |entry| {
        aliases.entry(entry.key_id).or_default().push(entry.alias_name);
        Ok(())
    })?;
    Ok(aliases)
}

fn aliases_of(kms: &KmsConnection, key_id: &str) -> Result<Vec<String>, CallError> {
    let mut aliases = Vec::new();
    let ask = |number| {
        let page = kms.call(&ListAliasesByKeyId {
            key_id: key_id.to_owned(),
            page_number: Some(number),
            page_size: Some(PAGE_SIZE),
        })?;
        Ok((page.aliases.alias, page.total_count))
    };
    pages::for_each(ask, |entry| {
        aliases.push(entry.alias_name);
        Ok(())
    })?;
    Ok(aliases)
}
