//! The proof that a request may use a resource.

use std::ops::Deref;

use bulla_keys::record::Revision;
use bulla_keys::{Key, Secret};

use crate::state::{Changes, Row, Write};

/// A resource that the request was allowed to use. Only [`View`](super::View) makes one, after it asked.
#[derive(Clone, Copy)]
pub(crate) struct Allowed<R> {
    resource: R,
}

impl<R> Allowed<R> {
    pub(super) fn new(resource: R) -> Self {
        Self { resource }
    }

    /// Changes that the request may make.
    pub(crate) fn changes(&self, writes: impl IntoIterator<Item = (Write, Revision)>) -> Changes {
        Changes::allowed(self, writes)
    }
}

impl Allowed<&Row<Key>> {
    /// Makes a change depend on the key as it is.
    pub(crate) fn unchanged(&self) -> Changes {
        self.changes([(Write::SameKey(self.record.id), self.revision)])
    }

    /// Replaces the key, if anything about it changed.
    pub(crate) fn replaced(&self, key: Key) -> Changes {
        self.changes((key != *self.record).then_some((Write::Key(key), self.revision)))
    }
}

impl Allowed<&Row<Secret>> {
    /// Replaces the secret, if anything about it changed.
    pub(crate) fn replaced(&self, secret: Secret) -> Changes {
        self.changes((secret != *self.record).then_some((Write::Secret(secret), self.revision)))
    }
}

impl<R> Deref for Allowed<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.resource
    }
}
