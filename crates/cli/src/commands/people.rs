//! `bulla user`, `group`, `role` and `access-key`: the users of a server, with the RAM API.

pub(crate) mod access_key;
mod assume;
mod attachments;
pub(crate) mod group;
pub(crate) mod role;
mod shell;
pub(crate) mod user;

use std::io::Read;

use bulla_client::CallError;
use bulla_wire::MaybeEmpty;
use bulla_wire::ram::PolicyType;

use crate::failure::{Exit, Failure};
use crate::paths::FileOrStdin;
use crate::principals::type_name;

/// Converts a missing permission into `None`, so that the rest of an answer is shown.
pub(super) fn unless_denied<T>(reply: Result<T, CallError>) -> Result<Option<T>, Failure> {
    match reply {
        Ok(reply) => Ok(Some(reply)),
        Err(CallError::Refused(refusal)) if is_denial(&refusal.code) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Returns whether a code means that the caller lacks a permission.
pub(super) fn is_denial(code: &str) -> bool {
    code == "NoPermission" || code == "Forbidden.NoPermission"
}

/// Returns whether an error means that the named entity does not exist.
pub(super) fn is_missing(error: &CallError) -> bool {
    matches!(error, CallError::Refused(refusal) if refusal.code.starts_with("EntityNotExist."))
}

/// Returns the text of a policy document, trimmed.
pub(super) fn document(source: &FileOrStdin) -> Result<String, Failure> {
    Ok(document_as_written(source)?.trim().to_owned())
}

/// Returns the text of a policy document as it is in the file.
pub(super) fn document_as_written(source: &FileOrStdin) -> Result<String, Failure> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::InvalidData => {
            let what = format!("{} is not text in UTF-8", source.name().display());
            Failure::new(Exit::Other, what, "name the file that holds the JSON document")
        }
        _ => Failure::io(source.name(), &error),
    };
    let mut text = String::new();
    source.open()?.take(LONGEST + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > LONGEST {
        let what = format!("{} is longer than a policy can be", source.name().display());
        return Err(Failure::new(Exit::Usage, what, "name the file that holds the JSON document"));
    }
    Ok(text)
}

/// Returns the value of a field: unchanged without a text, cleared by an empty one.
fn changed(text: Option<String>) -> Option<MaybeEmpty> {
    text.map(MaybeEmpty)
}

/// Returns the names of policies on one line.
fn joined<'a>(policies: impl IntoIterator<Item = (PolicyType, &'a str)>) -> String {
    let names = policies.into_iter().map(|(kind, name)| format!("{}/{name}", type_name(kind)));
    names.collect::<Vec<_>>().join(", ")
}

/// Printed in place of a list that the caller has no permission to read.
pub(super) const NOT_YOURS_TO_SEE: &str = "(no permission to list them)";
/// Twice the longest document that a server accepts.
const LONGEST: u64 = 65_536;
