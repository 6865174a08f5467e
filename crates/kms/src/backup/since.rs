//! What the audit trail knows about the time after a backup. A restore lists these changes, and locks out access keys and
//! users that were changed.
//!
//! A seal names a commit that was durable when it was written, and lines before the seal belong to no later commit. So the
//! relevant lines begin after the last seal whose commit is in the backup. They may include lines of the second before the
//! backup. A trail without such a seal is complete if it began before the backup. A line about missing lines makes the trail
//! incomplete, because those may be about anything.

use std::collections::HashSet;
use std::path::Path;

use super::BackupFacts;
use crate::audit::{Content, Event, GapReason, ReadError, Record, Request, Resource, Time, TrailFile};

/// The changes after a backup, according to the trail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Since {
    /// Whether the trail reaches back to the backup. Otherwise there may be more changes.
    reaches_backup: bool,
    /// Whether lines are missing after the backup.
    has_gap: bool,
    /// The changes that the restored store lacks, oldest first.
    pub(super) changes: Vec<ChangeSince>,
    /// The epoch and commit of the newest seal.
    pub(super) newest: Option<(u64, u64)>,
    /// Access keys that were disabled, enabled or deleted.
    pub(super) access_keys: HashSet<String>,
    /// Users whose password or second factor was changed or deleted, in lower case, by their names at that time.
    pub(super) logins: HashSet<String>,
    /// The names that users have had: pairs of an old and a new name, in lower case.
    renamings: Vec<Vec<String>>,
    /// The lines that waited in the replaced store, in order.
    pub(super) waiting: Vec<Box<str>>,
    /// The resources of all changes, in lower case, because names are found regardless of case.
    named: HashSet<String>,
}

/// A change after a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangeSince {
    /// The time of the change.
    pub time: Time,
    /// The kind of change.
    pub kind: ChangeKind,
    /// The action, or the event if it was made without a request.
    pub action: String,
    /// The changed resources: `key/ID`, `user/NAME` and so on.
    pub resources: Vec<String>,
    /// The user or role that requested it; none for an event, for root and for the owner.
    pub caller: Option<String>,
    /// Whether the backup may have the change: its line is of the second of the backup, or not later.
    pub may_be_in_backup: bool,
}

impl ChangeSince {
    /// Returns the name of the resource that it has created; none if it has created a part of one, such as a password.
    fn created(&self) -> Option<&str> {
        let of_action = CREATED.iter().find(|(action, _)| *action == self.action)?.1;
        let is_of_kind = |name: &&String| name.split_once('/').is_some_and(|(kind, _)| kind == of_action);
        self.resources.iter().find(is_of_kind).map(String::as_str)
    }
}

/// A kind of change that a restore undoes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ChangeKind {
    /// The resource can be used again after the restore.
    Disabled,
    /// The resource is disabled again, or its deletion is scheduled again.
    Enabled,
    /// The resource exists again.
    Deleted,
    /// A caller has rights again: a right was revoked, or a denial was attached, also by a tag or a group.
    Detached,
    /// Its older material or value is the newest one again.
    Rekeyed,
    /// The resource is lost.
    Created,
}

/// The table of changes that a restore reports: actions by product, and events.
const CHANGES: &[(&str, &str, ChangeKind)] = &[
    ("Kms", "DisableKey", ChangeKind::Disabled),
    ("Ram", "UpdateAccessKey", ChangeKind::Disabled),
    ("Ram", "UpdateLoginProfile", ChangeKind::Disabled),
    (EVENT, "root-access-key-reset", ChangeKind::Disabled),
    ("Kms", "SetDeletionProtection", ChangeKind::Disabled),
    ("Kms", "UpdateRotationPolicy", ChangeKind::Disabled),
    ("Kms", "UpdateSecretRotationPolicy", ChangeKind::Disabled),
    ("Kms", "EnableKey", ChangeKind::Enabled),
    ("Kms", "CancelKeyDeletion", ChangeKind::Enabled),
    ("Kms", "RestoreSecret", ChangeKind::Enabled),
    ("Kms", "ScheduleKeyDeletion", ChangeKind::Deleted),
    ("Kms", "DeleteKeyMaterial", ChangeKind::Deleted),
    ("Kms", "DeleteAlias", ChangeKind::Deleted),
    ("Kms", "DeleteSecret", ChangeKind::Deleted),
    ("Ram", "DeleteAccessKey", ChangeKind::Deleted),
    ("Ram", "DeleteUser", ChangeKind::Deleted),
    ("Ram", "DeleteGroup", ChangeKind::Deleted),
    ("Ram", "DeleteRole", ChangeKind::Deleted),
    ("Ram", "DeletePolicy", ChangeKind::Deleted),
    ("Ram", "DeletePolicyVersion", ChangeKind::Deleted),
    ("Ram", "DeleteLoginProfile", ChangeKind::Deleted),
    ("Ram", "DeleteVirtualMFADevice", ChangeKind::Deleted),
    (EVENT, "key-deleted", ChangeKind::Deleted),
    (EVENT, "key-material-expired", ChangeKind::Deleted),
    (EVENT, "secret-deleted", ChangeKind::Deleted),
    ("Ram", "AttachPolicyToUser", ChangeKind::Detached),
    ("Ram", "AttachPolicyToGroup", ChangeKind::Detached),
    ("Ram", "AttachPolicyToRole", ChangeKind::Detached),
    ("Ram", "AddUserToGroup", ChangeKind::Detached),
    ("Ram", "UpdateUser", ChangeKind::Detached),
    ("Ram", "UpdateGroup", ChangeKind::Detached),
    ("Ram", "TagResources", ChangeKind::Detached),
    ("Ram", "UntagResources", ChangeKind::Detached),
    ("Kms", "TagResource", ChangeKind::Detached),
    ("Kms", "UntagResource", ChangeKind::Detached),
    ("Kms", "TagResources", ChangeKind::Detached),
    ("Kms", "UntagResources", ChangeKind::Detached),
    ("Ram", "DetachPolicyFromUser", ChangeKind::Detached),
    ("Ram", "DetachPolicyFromGroup", ChangeKind::Detached),
    ("Ram", "DetachPolicyFromRole", ChangeKind::Detached),
    ("Ram", "RemoveUserFromGroup", ChangeKind::Detached),
    ("Ram", "UnbindMFADevice", ChangeKind::Detached),
    ("Ram", "BindMFADevice", ChangeKind::Detached),
    ("Ram", "CreatePolicyVersion", ChangeKind::Detached),
    ("Ram", "SetDefaultPolicyVersion", ChangeKind::Detached),
    ("Ram", "UpdateRole", ChangeKind::Detached),
    (EVENT, "mfa-device-bound", ChangeKind::Detached),
    (EVENT, "mfa-device-removed", ChangeKind::Detached),
    ("Kms", "SetKeyPolicy", ChangeKind::Detached),
    ("Kms", "SetSecretPolicy", ChangeKind::Detached),
    ("Kms", "CreateKeyVersion", ChangeKind::Rekeyed),
    ("Kms", "ImportKeyMaterial", ChangeKind::Rekeyed),
    ("Kms", "UpdateAlias", ChangeKind::Rekeyed),
    ("Kms", "PutSecretValue", ChangeKind::Rekeyed),
    ("Kms", "RotateSecret", ChangeKind::Rekeyed),
    ("Kms", "UpdateSecretVersionStage", ChangeKind::Rekeyed),
    (EVENT, "key-rotated", ChangeKind::Rekeyed),
    (EVENT, "password-chosen", ChangeKind::Rekeyed),
    ("Kms", "CreateKey", ChangeKind::Created),
    ("Kms", "CreateAlias", ChangeKind::Created),
    ("Kms", "CreateSecret", ChangeKind::Created),
    ("Ram", "CreateAccessKey", ChangeKind::Created),
    ("Ram", "CreateUser", ChangeKind::Created),
    ("Ram", "CreateGroup", ChangeKind::Created),
    ("Ram", "CreateRole", ChangeKind::Created),
    ("Ram", "CreatePolicy", ChangeKind::Created),
    ("Ram", "CreateLoginProfile", ChangeKind::Created),
    ("Ram", "CreateVirtualMFADevice", ChangeKind::Created),
    (EVENT, "root-access-key-created", ChangeKind::Created),
];

/// The kinds of resources that actions and events create.
const CREATED: &[(&str, &str)] = &[
    ("CreateKey", "key"),
    ("CreateAlias", "alias"),
    ("CreateSecret", "secret"),
    ("CreateAccessKey", ACCESS_KEY),
    ("CreateUser", USER),
    ("CreateGroup", "group"),
    ("CreateRole", "role"),
    ("CreatePolicy", "policy"),
    ("root-access-key-created", ACCESS_KEY),
];

/// Changes that a restore undoes but does not report: they neither grant nor revoke rights.
const UNREPORTED: &[(&str, &str)] = &[
    ("Kms", "UpdateKeyDescription"),
    ("Kms", "GetParametersForImport"),
    ("Kms", "UpdateSecret"),
    ("Ram", "UpdatePolicyDescription"),
    ("Ram", "SetAccountAlias"),
    ("Ram", "ClearAccountAlias"),
];

/// Actions and events that change or delete an access key, which a restore would undo.
const ACCESS_KEY_CHANGES: &[&str] = &["UpdateAccessKey", "DeleteAccessKey", "root-access-key-reset"];

/// Actions and events that change the password or second factor of a user, which a restore would undo.
const LOGIN_CHANGES: &[&str] = &[
    "CreateLoginProfile",
    "UpdateLoginProfile",
    "DeleteLoginProfile",
    "DeleteUser",
    "BindMFADevice",
    "UnbindMFADevice",
    "mfa-device-bound",
    "mfa-device-removed",
    "password-chosen",
];
const RENAMING: &str = "UpdateUser";

/// In place of a product, for events without a request.
const EVENT: &str = "";
const ACCESS_KEY: &str = "access-key";
const USER: &str = "user";
const ALL: &str = "*";
const SUCCESS: u16 = 200;

impl Since {
    /// Reads the trail in a directory, from its end back to the state of a backup; none if there is no trail of this store.
    pub(super) fn read(directory: &Path, backup: &BackupFacts) -> Result<Option<Self>, ReadError> {
        if !directory.is_dir() {
            return Ok(None);
        }
        let mut since = Self::default();
        let mut is_of_store = false;
        for source in TrailFile::all(&[directory.to_owned()])?.iter().rev() {
            let mut reading = Reading::new(backup);
            match source.for_each(|line| reading.line(line)) {
                Err(error) if error.is_damage() => reading.since.has_gap = true,
                read => read?,
            }
            is_of_store |= reading.is_of_store;
            since.precede(reading.since);
            if since.reaches_backup {
                break;
            }
        }
        Ok(is_of_store.then_some(since))
    }

    /// Prepends the content of an earlier file.
    fn precede(&mut self, earlier: Self) {
        let Self {
            reaches_backup, has_gap, mut changes, newest, access_keys, logins, renamings, named, ..
        } = earlier;
        self.reaches_backup = reaches_backup;
        self.has_gap |= has_gap;
        changes.append(&mut self.changes);
        self.changes = changes;
        self.newest = self.newest.max(newest);
        self.access_keys.extend(access_keys);
        self.logins.extend(logins);
        self.renamings.extend(renamings);
        self.named.extend(named);
    }

    /// Whether the lines of all changes are known.
    pub(super) fn is_complete(&self) -> bool {
        self.reaches_backup && !self.has_gap
    }

    /// Removes creations of which the backup has the resource: the state that it holds followed them. `in_backup` returns the names of
    /// its records, in lower case.
    pub(super) fn forget_creations<E>(
        &mut self,
        in_backup: impl FnOnce() -> Result<HashSet<String>, E>,
    ) -> Result<(), E> {
        let is_unsure = |change: &ChangeSince| change.may_be_in_backup && change.created().is_some();
        if self.changes.iter().any(is_unsure) {
            let names = in_backup()?;
            self.changes.retain(|change| {
                let created = change.created().filter(|_| change.may_be_in_backup);
                created.is_none_or(|name| !names.contains(&name.to_lowercase()))
            });
        }
        Ok(())
    }

    /// Whether a change concerns one of these resources.
    pub(super) fn names_any(&self, names: &[String]) -> bool {
        names.iter().any(|name| self.named.contains(&name.to_lowercase()))
    }

    /// Returns the users whose password or second factor was changed or deleted, by all of their names.
    pub(super) fn changed_logins(&self) -> HashSet<String> {
        let mut users = self.logins.clone();
        loop {
            let before = users.len();
            for names in &self.renamings {
                if names.iter().any(|name| users.contains(name)) {
                    users.extend(names.iter().cloned());
                }
            }
            if users.len() == before {
                return users;
            }
        }
    }

    /// Adds a line that waited in the store for the trail, which may have it already.
    pub(super) fn take_waiting(&mut self, members: &str, backup: &BackupFacts) {
        self.waiting.push(members.into());
        let line = format!("{{{members}}}");
        let mut reading = Reading::new(backup);
        match Record::unnumbered(line.as_bytes()) {
            Some(record) => reading.take(record),
            None => reading.since.has_gap = true,
        }
        let Self { has_gap, changes, access_keys, logins, renamings, named, .. } = reading.since;
        self.has_gap |= has_gap;
        let new = changes.into_iter().filter(|change| !self.changes.contains(change));
        let new: Vec<_> = new.collect();
        self.changes.extend(new);
        self.access_keys.extend(access_keys);
        self.logins.extend(logins);
        self.renamings.extend(renamings);
        self.named.extend(named);
    }
}

/// A reader of one file, from its beginning.
struct Reading<'b> {
    backup: &'b BackupFacts,
    is_of_store: bool,
    since: Since,
}

impl<'b> Reading<'b> {
    fn new(backup: &'b BackupFacts) -> Self {
        Self { backup, is_of_store: false, since: Since::default() }
    }

    /// Skips a line that does not belong here; `bulla audit verify` reports it.
    fn line(&mut self, line: &[u8]) -> bool {
        if let Some(record) = Record::parse(line).filter(|record| record.store == self.backup.store) {
            self.take(record);
        }
        true
    }

    fn take(&mut self, record: Record<'_>) {
        self.is_of_store = true;
        self.since.reaches_backup |= record.number == FIRST_LINE && record.time <= self.time();
        match record.content {
            Content::Seal(seal) => {
                let sealed = (seal.epoch, seal.commit);
                if sealed <= (self.backup.epoch, self.backup.commit) {
                    self.since = Since { reaches_backup: true, ..Since::default() };
                }
                self.since.newest = self.since.newest.max(Some(sealed));
            }
            Content::Request(request) => self.request(record.time, &request),
            Content::Event(event) => self.event(record.time, &event),
            Content::Gap(gap) => self.since.has_gap |= gap.reason != GapReason::Key,
            _ => {}
        }
    }

    /// The end of the second in which the state was read.
    fn time(&self) -> Time {
        Time::from_unix_millis(self.backup.time.saturating_add(1).saturating_mul(1000))
    }

    fn request(&mut self, time: Time, request: &Request<'_>) {
        let (Some(product), Some(action)) = (&request.product, &request.action) else { return };
        if request.outcome.status != SUCCESS {
            return;
        }
        self.name(product, action, &request.resources);
        let Some(kind) = kind(product, action) else { return };
        let caller = request.caller.as_ref().and_then(|caller| caller.name.as_deref().map(str::to_owned));
        self.change(time, kind, action, &request.resources, caller);
    }

    fn event(&mut self, time: Time, event: &Event<'_>) {
        self.name(EVENT, &event.event, &event.resources);
        if let Some(kind) = kind(EVENT, &event.event) {
            self.change(time, kind, &event.event, &event.resources, None);
        }
    }

    /// Records the resources of a change.
    fn name(&mut self, product: &str, action: &str, resources: &[Resource<'_>]) {
        if kind(product, action).is_some() || UNREPORTED.contains(&(product, action)) {
            let names = resources.iter().map(|resource| name(resource).to_lowercase());
            self.since.named.extend(names);
        }
    }

    fn change(
        &mut self,
        time: Time,
        kind: ChangeKind,
        action: &str,
        resources: &[Resource<'_>],
        caller: Option<String>,
    ) {
        if ACCESS_KEY_CHANGES.contains(&action) {
            let keys = resources.iter().filter(|resource| resource.kind == ACCESS_KEY);
            self.since.access_keys.extend(keys.map(|key| key.name.as_str().to_owned()));
        }
        let of_users = resources.iter().filter(|resource| resource.kind == USER);
        let users: Vec<_> = of_users.map(|user| user.name.as_str().to_lowercase()).collect();
        if action == RENAMING {
            self.since.renamings.push(users);
        } else if LOGIN_CHANGES.contains(&action) {
            self.since.logins.extend(users);
        }
        // A permission check for all keys does not name a single one.
        let named = resources.iter().filter(|resource| resource.name.as_str() != ALL);
        let resources = named.map(name).collect();
        let may_be_in_backup = time < self.time();
        let action = action.to_owned();
        self.since.changes.push(ChangeSince { time, kind, action, resources, caller, may_be_in_backup });
    }
}

fn name(resource: &Resource<'_>) -> String {
    format!("{}/{}", resource.kind, resource.name.as_str())
}

fn kind(product: &str, action: &str) -> Option<ChangeKind> {
    let mut found = CHANGES.iter().filter(|(of, name, _)| *of == product && *name == action);
    found.next().map(|(.., kind)| *kind)
}

const FIRST_LINE: u64 = 1;

#[cfg(test)]
mod tests {
    use bulla_wire::Product;

    use super::*;

    #[test]
    fn the_table_names_actions_that_there_are_and_each_once() {
        let mut seen = HashSet::new();
        for (product, action, _) in CHANGES {
            assert!(seen.insert((product, action)), "{action} is there twice");
            let found = [Product::Kms, Product::Ram, Product::Sts]
                .into_iter()
                .find(|of| format!("{of:?}") == *product)
                .map(|of| of.parameters(action));
            assert!(product == &EVENT || found.flatten().is_some(), "{product} {action}");
        }
        let created = CHANGES.iter().filter(|(.., kind)| *kind == ChangeKind::Created);
        let created: HashSet<_> = created.map(|(_, action, _)| *action).collect();
        assert!(CREATED.iter().all(|(action, _)| created.contains(action)));
        let special = ACCESS_KEY_CHANGES.iter().chain(LOGIN_CHANGES).chain([&RENAMING]);
        assert!(special.into_iter().all(|action| CHANGES.iter().any(|(_, name, _)| name == action)));
    }

    #[test]
    fn every_action_is_reported_or_left_out_for_a_reason() {
        for product in [Product::Kms, Product::Ram, Product::Sts] {
            for action in product.actions() {
                let name = format!("{product:?}");
                let is_reported = kind(&name, action).is_some();
                let is_untold = UNREPORTED.contains(&(&*name, action));
                let changes_nothing = ["Get", "List", "Describe", "BatchGet"]
                    .iter()
                    .any(|reads| action.starts_with(reads) && !is_untold)
                    || CHANGE_NOTHING.contains(action);
                let places = u8::from(is_reported) + u8::from(is_untold) + u8::from(changes_nothing);
                assert_eq!(places, 1, "{product:?} {action}: told, untold or without a change?");
            }
        }
    }

    fn change(action: &str, resource: &str, may_be_in_backup: bool) -> ChangeSince {
        let time = Time::from_unix_millis(0);
        let kind = CHANGES.iter().find(|(_, name, _)| *name == action).unwrap().2;
        let resources = vec![resource.to_owned()];
        ChangeSince { time, kind, action: action.into(), resources, caller: None, may_be_in_backup }
    }

    #[test]
    fn what_the_backup_has_was_not_created_since() {
        let kept = vec![
            change("CreateUser", "user/Later", false), // another one had the name
            change("CreateUser", "user/lost", true),
            change("CreateLoginProfile", "user/Alice", true), // the user is older
            change("DisableKey", "key/1", true),
        ];
        let mut since = Since { changes: kept.clone(), ..Since::default() };
        since.changes.insert(1, change("CreateUser", "user/Alice", true));
        since.changes.push(change("CreateKey", "key/1", true));
        let names = ["user/alice", "user/later", "key/1"].map(str::to_owned);
        since.forget_creations(|| Ok::<_, ()>(names.into())).unwrap();
        assert_eq!(since.changes, kept);
        since.changes.retain(|change| !change.may_be_in_backup);
        since.forget_creations(|| Err("the backup is not read")).unwrap();
    }

    /// Actions that change nothing, besides those that read.
    const CHANGE_NOTHING: &[&str] = &[
        "AssumeRole",
        "AssumeRoleWithOIDC",
        "AsymmetricDecrypt",
        "AsymmetricEncrypt",
        "AsymmetricSign",
        "AsymmetricVerify",
        "Decrypt",
        "Encrypt",
        "ExportDataKey",
        "GenerateAndExportDataKey",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateMac",
        "OpenKmsService",
        "ReEncrypt",
        "VerifyMac",
    ];
}
