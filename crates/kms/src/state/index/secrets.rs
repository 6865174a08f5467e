//! The index of secrets by name: once for all, and once for each value that filters search for. Also secrets by their
//! scheduled deletion.

use bulla_keys::{Secret, SecretName};

use super::label::{Edit, Label, tag_labels};
use super::makers::{Made, Makers};
use super::schedule::{Plan, Schedule};
use crate::state::kind::{self, Row};
use crate::state::ranked::Index;
use crate::state::snapshot::Snapshot;

/// The lists of secrets, and their scheduled work.
#[derive(Clone, Default)]
pub(crate) struct SecretIndex {
    lists: SecretLists,
    pub(super) schedule: Schedule<SecretName>,
    makers: Makers,
}

/// The lists of secrets, by name.
#[derive(Clone, Default)]
pub(crate) struct SecretLists {
    by_label: Index<Label, SecretName>,
}

impl kind::Index<Secret> for SecretIndex {
    fn replace(&mut self, old: Option<&Secret>, new: Option<&Secret>) {
        let plan = |secret: &Secret| Plan { due: secret.delete_at(), ends: secret.delete_at().is_some() };
        if let Some(secret) = new.or(old) {
            self.schedule.replace(&secret.name, old.map(plan), new.map(plan));
        }
        self.makers.replace(old, new);
        self.lists.replace(old, new);
    }
}

impl Made for Secret {
    fn makers(snapshot: &Snapshot) -> &Makers {
        &snapshot.tables.secrets.index.makers
    }
}

impl Snapshot {
    pub(crate) fn secret(&self, name: &SecretName) -> Option<&Row<Secret>> {
        self.get(name)
    }

    pub(crate) fn secret_lists(&self) -> &SecretLists {
        &self.tables.secrets.index.lists
    }
}

impl SecretLists {
    /// Secrets by label: [`Label::ALL`], descriptions, and all forms of tags.
    pub(crate) fn by_label(&self) -> &Index<Label, SecretName> {
        &self.by_label
    }

    /// Replaces a secret with this name in the lists.
    pub(crate) fn replace(&mut self, old: Option<&Secret>, new: Option<&Secret>) {
        if let (Some(old), Some(new)) = (old, new)
            && (&old.description, &old.tags) == (&new.description, &new.tags)
        {
            return;
        }
        old.into_iter().for_each(|secret| self.edit(secret, Edit::Remove));
        new.into_iter().for_each(|secret| self.edit(secret, Edit::Add));
    }

    fn edit(&mut self, secret: &Secret, edit: Edit) {
        let values = secret.tags.iter().map(|(_, value)| Label::tag_value(value));
        let labels = [Label::ALL, Label::description(secret.description.as_str())].into_iter();
        for label in labels.chain(tag_labels(&secret.tags)).chain(values) {
            edit.apply(&mut self.by_label, (label, secret.name.clone()));
        }
    }
}
