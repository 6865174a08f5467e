//! What may be written: changes that a request was allowed to make, or that maintenance makes.

use bulla_keys::record::Revision;

use super::Write;
use crate::authorize::Allowed;
use crate::maintenance::Maintenance;

/// New records, each with the revision that it replaces; written together or not at all. A change comes from a proof that
/// it may be made, and the committer takes nothing else.
pub(crate) struct Changes {
    writes: Vec<(Write, Revision)>,
    /// What the audit trail says of it: the members of a line. Written with the change.
    line: Option<Box<str>>,
}

/// Changes, and what is answered when they are durable.
pub(crate) struct Decision<T> {
    changes: Changes,
    answer: T,
}

impl Changes {
    pub(crate) fn none() -> Self {
        Self { writes: Vec::new(), line: None }
    }

    /// What a request changes by its permission for a resource.
    pub(crate) fn allowed<R>(
        _proof: &Allowed<R>,
        writes: impl IntoIterator<Item = (Write, Revision)>,
    ) -> Self {
        Self { writes: writes.into_iter().collect(), line: None }
    }

    /// What the engine changes without a request.
    pub(crate) fn maintained(
        _proof: &Maintenance,
        writes: impl IntoIterator<Item = (Write, Revision)>,
    ) -> Self {
        Self { writes: writes.into_iter().collect(), line: None }
    }

    /// Both changes.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.writes.extend(other.writes);
        self.line = self.line.or(other.line);
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Whether anything changes: a decision may only rest on rows.
    fn changes_something(&self) -> bool {
        self.writes.iter().any(|(write, _)| !write.is_kept())
    }

    /// These changes with their line of the audit trail; none is made for changes that change nothing.
    pub(crate) fn with_line(mut self, line: impl FnOnce() -> Box<str>) -> Self {
        if self.changes_something() {
            self.line = Some(line());
        }
        self
    }

    /// Decides to make these changes and to answer this.
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

/// Something that a change makes, or an access key that it changes or deletes: a restore looks for those in the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MadeResource {
    pub(crate) kind: &'static str,
    pub(crate) name: Box<str>,
    pub(crate) version: Option<Box<str>>,
}

impl MadeResource {
    /// The engine draws ids of new rows. The request names the others, but its permission may be one for all of a kind, so
    /// that no question has named them.
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
    /// What the change makes, and the access keys that it changes or deletes.
    pub(crate) fn made(&self) -> Vec<MadeResource> {
        let writes = self.changes.writes.iter();
        writes.filter_map(|(write, replaced)| MadeResource::of(write, *replaced == 0)).collect()
    }

    /// Whether anything changes.
    pub(crate) fn changes_something(&self) -> bool {
        self.changes.changes_something()
    }

    /// As [`Changes::with_line`].
    pub(crate) fn with_line(self, line: impl FnOnce() -> Box<str>) -> Self {
        Self { changes: self.changes.with_line(line), ..self }
    }

    pub(super) fn into_parts(self) -> (Changes, T) {
        (self.changes, self.answer)
    }
}
