//! What the audit trail knows of the time after a backup.
//!
//! A seal names a commit that was durable when it was written, and no later one can have a line before it. So the last seal
//! whose commit the backup has is where the lines begin that matter. What happened within the second before the backup may
//! be among them. A trail without such a seal is complete if it was begun before the backup.

use std::collections::HashSet;
use std::path::Path;

use super::BackupFacts;
use crate::audit::{Content, Event, ReadError, Record, Request, Resource, Source, Time};

/// What happened after a backup, according to the trail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Since {
    /// Whether the trail goes back to the backup. Otherwise there may be more.
    pub(super) is_complete: bool,
    /// The changes that the restored store lacks, oldest first.
    pub(super) changes: Vec<ChangeSince>,
    /// The epoch and the commit of the newest seal.
    pub(super) newest: Option<(u64, u64)>,
    /// Access keys that were disabled, enabled or deleted.
    pub(super) access_keys: HashSet<String>,
}

/// A change after a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangeSince {
    /// When.
    pub time: Time,
    /// What sort of change.
    pub kind: ChangeKind,
    /// The action, or the event if no request made it.
    pub action: String,
    /// What it was about: `key/ID`, `user/NAME` and so on.
    pub resources: Vec<String>,
    /// The user or role that asked for it; none for an event, for the account itself and the owner.
    pub caller: Option<String>,
}

/// A sort of change that a restore undoes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ChangeKind {
    /// It can be used again after the restore.
    Disabled,
    /// It is there again.
    Deleted,
    /// Somebody has rights again.
    Detached,
    /// Its older material or value is the newest again.
    Rekeyed,
    /// It is lost.
    Created,
}

/// The one table of what a restore tells: actions by their product, and events.
const CHANGES: &[(&str, &str, ChangeKind)] = &[
    ("Kms", "DisableKey", ChangeKind::Disabled),
    ("Ram", "UpdateAccessKey", ChangeKind::Disabled),
    ("Ram", "UpdateLoginProfile", ChangeKind::Disabled),
    (EVENT, "root-access-key-reset", ChangeKind::Disabled),
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
    ("Ram", "DetachPolicyFromUser", ChangeKind::Detached),
    ("Ram", "DetachPolicyFromGroup", ChangeKind::Detached),
    ("Ram", "DetachPolicyFromRole", ChangeKind::Detached),
    ("Ram", "RemoveUserFromGroup", ChangeKind::Detached),
    ("Ram", "UnbindMFADevice", ChangeKind::Detached),
    ("Ram", "BindMFADevice", ChangeKind::Detached),
    ("Ram", "CreatePolicyVersion", ChangeKind::Detached),
    ("Ram", "SetDefaultPolicyVersion", ChangeKind::Detached),
    ("Ram", "UpdateRole", ChangeKind::Detached),
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
];

/// What names an access key in the trail whose state a restore would put back.
const ACCESS_KEY_CHANGES: &[&str] = &["UpdateAccessKey", "DeleteAccessKey", "root-access-key-reset"];

/// In the place of a product, for what happens without a request.
const EVENT: &str = "";
const ACCESS_KEY: &str = "access-key";
const ALL: &str = "*";
const SUCCESS: u16 = 200;

impl Since {
    /// Reads the trail in a directory from its end back to the state of a backup; none if there is no trail of this store.
    pub(super) fn read(directory: &Path, backup: &BackupFacts) -> Result<Option<Self>, ReadError> {
        if !directory.is_dir() {
            return Ok(None);
        }
        let mut since = Self::default();
        let mut is_of_store = false;
        for source in Source::all(&[directory.to_owned()])?.iter().rev() {
            let mut reading = Reading { backup, is_of_store: false, since: Self::default() };
            source.for_each(|line| reading.take(line))?;
            is_of_store |= reading.is_of_store;
            since.precede(reading.since);
            if since.is_complete {
                break;
            }
        }
        Ok(is_of_store.then_some(since))
    }

    /// Puts what an earlier file says in front.
    fn precede(&mut self, earlier: Self) {
        let Self { is_complete, mut changes, newest, access_keys } = earlier;
        self.is_complete = is_complete;
        changes.append(&mut self.changes);
        self.changes = changes;
        self.newest = self.newest.max(newest);
        self.access_keys.extend(access_keys);
    }
}

/// One file, read from its beginning.
struct Reading<'b> {
    backup: &'b BackupFacts,
    is_of_store: bool,
    since: Since,
}

impl Reading<'_> {
    fn take(&mut self, line: &[u8]) -> bool {
        let Some(record) = Record::parse(line).filter(|record| record.store == self.backup.store) else {
            return true; // a line that does not belong here shows in `bulla audit verify`
        };
        self.is_of_store = true;
        self.since.is_complete |= record.number == FIRST_LINE && record.time <= self.time();
        match record.content {
            Content::Seal(seal) => {
                let sealed = (seal.epoch, seal.commit);
                if sealed <= (self.backup.epoch, self.backup.commit) {
                    self.since = Since { is_complete: true, ..Since::default() };
                }
                self.since.newest = self.since.newest.max(Some(sealed));
            }
            Content::Request(request) => self.request(record.time, &request),
            Content::Event(event) => self.event(record.time, &event),
            _ => {}
        }
        true
    }

    /// The end of the second in which the state was read.
    fn time(&self) -> Time {
        Time::from_unix_millis(self.backup.time.saturating_add(1).saturating_mul(1000))
    }

    fn request(&mut self, time: Time, request: &Request<'_>) {
        let (Some(product), Some(action)) = (&request.product, &request.action) else { return };
        let Some(kind) = kind(product, action).filter(|_| request.outcome.status == SUCCESS) else { return };
        let caller = request.caller.as_ref().and_then(|caller| caller.name.as_deref().map(str::to_owned));
        self.change(time, kind, action, &request.resources, caller);
    }

    fn event(&mut self, time: Time, event: &Event<'_>) {
        if let Some(kind) = kind(EVENT, &event.event) {
            self.change(time, kind, &event.event, &event.resources, None);
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
        // What was asked about all keys says nothing about one.
        let named = resources.iter().filter(|resource| resource.name.as_str() != ALL);
        let resources =
            named.map(|resource| format!("{}/{}", resource.kind, resource.name.as_str())).collect();
        self.since.changes.push(ChangeSince { time, kind, action: action.to_owned(), resources, caller });
    }
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
        assert!(ACCESS_KEY_CHANGES.iter().all(|action| CHANGES.iter().any(|(_, name, _)| name == action)));
    }
}
