//! Selects lines of the trail.

use bulla_kms::audit::{Conditions, Record};

use super::Since;
use crate::args::{KmsFlags, Wanted};
use crate::commands::key::resolve;
use crate::failure::Failure;
use crate::kms::KmsConnection;
use crate::location::KmsLocation;
use crate::messages::note;
use crate::names::KeyName;

/// The conditions of a selection, and the number of lines found.
pub(super) struct Query {
    /// Alternatives, one of which must hold. Relative times are fixed at the start, so they do not move while lines are
    /// read.
    any_of: Vec<Conditions>,
    /// A name that may be the alias of a key whose id is unknown.
    unresolved: Option<Unresolved>,
    found: usize,
}

struct Unresolved {
    alias: String,
    /// Whether it can only be an alias, not for example the name of a secret.
    is_alias: bool,
    reason: String,
}

impl Query {
    /// Lines name keys by their ids, so the server that `--kms` names is called to resolve a name that may be an alias.
    pub(super) fn new(flags: &KmsFlags, filter: &Wanted) -> Self {
        let Some(typed) = &filter.key else {
            return Self { any_of: vec![conditions(filter, None)], unresolved: None, found: 0 };
        };
        let Ok(name) = typed.parse::<KeyName>();
        let mut names = vec![typed.clone()];
        let mut unresolved = None;
        if let Some(alias) = name.alias() {
            names.push(alias.to_owned());
            match id_of(flags, &name) {
                Ok(id) => names.push(id),
                Err(reason) => {
                    let is_alias = *name == **typed;
                    unresolved = Some(Unresolved { alias: alias.to_owned(), is_alias, reason });
                }
            }
        }
        let any_of = names.into_iter().map(|name| conditions(filter, Some(name))).collect();
        Self { any_of, unresolved, found: 0 }
    }

    pub(super) fn wants(&mut self, record: &Record<'_>) -> bool {
        let is_wanted = self.any_of.iter().any(|conditions| conditions.hold_for(record));
        self.found += usize::from(is_wanted);
        is_wanted
    }

    /// Reports, when all lines are read, that those of a key are missing.
    pub(super) fn finish(self) {
        let Some(Unresolved { alias, is_alias, reason }) = self.unresolved else { return };
        if is_alias || self.found == 0 {
            note(format_args!(
                "Lines about the key {alias} are left out, because they have its id: {reason}."
            ));
            note(format_args!("`bulla key show {alias}` prints the id where the key is known."));
        }
    }
}

fn conditions(filter: &Wanted, resource: Option<String>) -> Conditions {
    let Wanted { since, until, key: _, caller, action, code } = filter.clone();
    Conditions {
        since: since.map(Since::time),
        until: until.map(Since::time),
        resource,
        caller,
        action,
        code,
    }
}

/// Returns the id of the key that has this alias now, or why it is unknown. The trail is read in either case.
fn id_of(flags: &KmsFlags, name: &KeyName) -> Result<String, String> {
    let Ok(KmsLocation::Remote(_)) = KmsLocation::of(flags) else {
        return Err("--kms names no server that knows it".into());
    };
    let kms = KmsConnection::connect(flags).map_err(Failure::into_what)?;
    resolve(&kms, name).map_err(Failure::into_what)
}
