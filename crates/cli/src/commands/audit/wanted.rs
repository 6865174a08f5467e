//! Which lines of the trail are wanted.

use bulla_kms::audit::Conditions;

use super::Since;
use crate::args::Wanted;

/// The conditions, with times that stay the same while lines are read.
pub(super) fn conditions(wanted: &Wanted) -> Conditions {
    let Wanted { since, until, key, caller, action, code } = wanted.clone();
    Conditions {
        since: since.map(Since::time),
        until: until.map(Since::time),
        resource: key,
        caller,
        action,
        code,
    }
}
