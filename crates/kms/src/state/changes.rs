//! What may be written: changes that a request was allowed to make, or that maintenance makes.

use bulla_keys::record::Revision;

use super::Write;
use crate::authorize::Allowed;
use crate::maintenance::Maintenance;

/// New records, each with the revision that it replaces; written together or not at all. A change comes from a proof that
/// it may be made, and the committer takes nothing else.
pub(crate) struct Changes {
    writes: Vec<(Write, Revision)>,
}

/// Changes, and what is answered when they are durable.
pub(crate) struct Decision<T> {
    changes: Changes,
    answer: T,
}

impl Changes {
    pub(crate) fn none() -> Self {
        Self { writes: Vec::new() }
    }

    /// What a request changes by its permission for a resource.
    pub(crate) fn allowed<R>(
        _proof: &Allowed<R>,
        writes: impl IntoIterator<Item = (Write, Revision)>,
    ) -> Self {
        Self { writes: writes.into_iter().collect() }
    }

    /// What the engine changes without a request.
    pub(crate) fn maintained(
        _proof: &Maintenance,
        writes: impl IntoIterator<Item = (Write, Revision)>,
    ) -> Self {
        Self { writes: writes.into_iter().collect() }
    }

    /// Both changes.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.writes.extend(other.writes);
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Decides to make these changes and to answer this.
    pub(crate) fn answering<T>(self, answer: T) -> Decision<T> {
        Decision { changes: self, answer }
    }

    pub(super) fn into_writes(self) -> Vec<(Write, Revision)> {
        self.writes
    }

    #[cfg(test)]
    pub(crate) fn for_test(writes: impl IntoIterator<Item = (Write, Revision)>) -> Self {
        Self { writes: writes.into_iter().collect() }
    }
}

impl FromIterator<Self> for Changes {
    fn from_iter<I: IntoIterator<Item = Self>>(changes: I) -> Self {
        changes.into_iter().fold(Self::none(), Self::and)
    }
}

impl<T> Decision<T> {
    pub(super) fn into_parts(self) -> (Changes, T) {
        (self.changes, self.answer)
    }
}
