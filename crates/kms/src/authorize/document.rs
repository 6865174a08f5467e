//! Parses policies that name users and roles, and resolves the names to ids. That happens once, when the policy is written.

use std::cell::RefCell;

use bulla_access::{PolicyError, PrincipalId, PrincipalName};
use bulla_keys::record::Revision;

use super::View;
use crate::people::{Document, DocumentKind, NameKey, Role, User};
use crate::state::Write;

/// The rows of users and roles that a change depends on: one of them may be renamed or deleted meanwhile.
pub(crate) type NamedRows = Vec<(Write, Revision)>;

impl View<'_> {
    /// Parses a document and resolves the names in it. Callers who may write a policy learn whether users and roles exist.
    ///
    /// # Errors
    /// The first error of the document, with its position, including names of users or roles that do not exist.
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
