//! Policies that name users and roles, as they are written: the names are resolved to ids then, once.

use std::cell::RefCell;

use bulla_access::{PolicyError, PrincipalId, PrincipalName};
use bulla_keys::record::Revision;

use super::View;
use crate::people::{Document, DocumentKind, NameKey, Role, User};
use crate::state::Write;

/// The rows of users and roles, for a change that rests on them: one of them may be renamed or deleted meanwhile.
pub(crate) type NamedRows = Vec<(Write, Revision)>;

impl View<'_> {
    /// Reads a document and resolves the names in it. That there is a user or role of a name is told to everyone who may write
    /// a policy.
    ///
    /// # Errors
    /// What is wrong with the document, with its place; also that there is no such user or role.
    pub(crate) fn document<K: DocumentKind>(
        &self,
        text: &str,
    ) -> Result<(Document<K>, NamedRows), PolicyError> {
        let named = RefCell::new(Vec::new());
        let document = Document::parse(self.account(), text, |name| {
            let (id, row) = self.principal(name)?;
            named.borrow_mut().push((id, row));
            Some(id)
        })?;
        let mut named = named.into_inner();
        named.sort_by_key(|(id, _)| *id);
        named.dedup_by_key(|(id, _)| *id);
        Ok((document, named.into_iter().map(|(_, row)| row).collect()))
    }

    fn principal(&self, name: &PrincipalName) -> Option<(PrincipalId, (Write, Revision))> {
        match name {
            PrincipalName::User(name) => {
                let name = NameKey::of(name);
                let row = self.snapshot.get::<User>(&name)?;
                Some((row.record.id, (Write::SameUser(name), row.revision)))
            }
            PrincipalName::Role(name) => {
                let name = NameKey::of(name);
                let row = self.snapshot.get::<Role>(&name)?;
                Some((row.record.id, (Write::SameRole(name), row.revision)))
            }
            PrincipalName::OidcProvider(_) => None, // its name is its identity
        }
    }
}
