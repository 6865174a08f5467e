//! Changes that may be written, either with the permission of a request or by maintenance.

use bulla_keys::record::Revision;

use super::Write;
use crate::authorize::Allowed;
use crate::maintenance::Maintenance;

/// New records, each with the revision that it replaces, written together or not at all. Building one needs a proof that it
/// is permitted, and the committer accepts nothing else.
pub(crate) struct Changes {
    writes: Vec<(Write, Revision)>,
    /// The members of the line in the audit trail, which is written with the change.
    line: Option<Box<str>>,
}

/// Changes, and the answer to return when they are durable.
pub(crate) struct Decision<T> {
    changes: Changes,
    answer: T,
}

impl Changes {
    pub(crate) fn none() -> Self {
        Self { writes: Vec::new(), line: None }
    }

    /// Returns changes that a request makes with its permission for a resource.
    pub(crate) fn allowed<R>(
        _proof: &Allowed<R>,
        writes: impl IntoIterator<Item = (Write, Revision)>,
    ) -> Self {
        Self { writes: writes.into_iter().collect(), line: None }
    }

    /// Returns changes that the engine makes without a request.
    pub(crate) fn maintained(
        _proof: &Maintenance,
        writes: impl IntoIterator<Item = (Write, Revision)>,
    ) -> Self {
        Self { writes: writes.into_iter().collect(), line: None }
    }

    /// Returns both changes together.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.writes.extend(other.writes);
        self.line = self.line.or(other.line);
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Whether anything changes: a decision may also just depend on rows.
    fn changes_something(&self) -> bool {
        self.writes.iter().any(|(write, _)| !write.is_kept())
    }

    /// Returns these changes with their line in the audit trail. Changes that change nothing get no line.
    pub(crate) fn with_line(mut self, line: impl FnOnce() -> Box<str>) -> Self {
        if self.changes_something() {
            self.line = Some(line());
        }
        self
    }

    /// Decides to make these changes and return this answer.
    pub(crate) fn answering<T>(self, answer: T) -> Decision<T> {
        Decision { changes: self, answer }
    }

    pub(super) fn into_parts(self) -> (Vec<(Write, Revision)>, Option<Box<str>>) {
        (self.writes, self.line)
    }

    #[cfg(test)]
    pub(crate) fn for_test(writes: impl IntoIterator<Item = (Write, Revision)>) -> Self {
        Self { writes: writes.into_iter().collect(), line: None }
    }
}

impl FromIterator<Self> for Changes {
    fn from_iter<I: IntoIterator<Item = Self>>(changes: I) -> Self {
        changes.into_iter().fold(Self::none(), Self::and)
    }
}

/// A created resource, or an access key that was changed or deleted. A restore searches the trail for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MadeResource {
    pub(crate) kind: &'static str,
    pub(crate) name: Box<str>,
    pub(crate) version: Option<Box<str>>,
}

impl MadeResource {
    /// The engine chooses ids of new rows, so no permission check has named them. The request names other resources, but its
    /// permission may cover all of a kind.
    fn of(write: &Write, is_new: bool) -> Option<Self> {
        let (kind, name, version) = match write {
            Write::Version(version) if is_new => {
                ("key", version.key.to_string(), Some(version.id.to_string()))
            }
            Write::AccessKey(key) => ("access-key", key.id.to_string(), None),
            Write::NoAccessKey(id) => ("access-key", id.to_string(), None),
            Write::Alias(alias) if is_new => ("alias", alias.name.as_str().into(), None),
            Write::Secret(secret) if is_new => ("secret", secret.name.as_str().into(), None),
            Write::User(user) if is_new => ("user", user.name.as_str().into(), None),
            Write::Group(group) if is_new => ("group", group.name.as_str().into(), None),
            Write::Role(role) if is_new => ("role", role.name.as_str().into(), None),
            Write::Policy(policy) if is_new => ("policy", policy.name.as_str().into(), None),
            Write::MfaDevice(device) if is_new => ("mfa", device.name.as_str().into(), None),
            _ => return None,
        };
        Some(Self { kind, name: name.into(), version: version.map(Into::into) })
    }
}

impl<T> Decision<T> {
    /// Returns the resources that the change creates, and the access keys that it changes or deletes.
    pub(crate) fn made(&self) -> Vec<MadeResource> {
        let writes = self.changes.writes.iter();
        writes.filter_map(|(write, replaced)| MadeResource::of(write, *replaced == 0)).collect()
    }

    /// Whether anything changes.
    pub(crate) fn changes_something(&self) -> bool {
        self.changes.changes_something()
    }

    /// Like [`Changes::with_line`].
    pub(crate) fn with_line(self, line: impl FnOnce() -> Box<str>) -> Self {
        Self { changes: self.changes.with_line(line), ..self }
    }

    pub(super) fn into_parts(self) -> (Changes, T) {
        (self.changes, self.answer)
    }
}
