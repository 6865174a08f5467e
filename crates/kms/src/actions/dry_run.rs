//! DryRun: everything is checked, nothing is answered.

use bulla_wire::{Action, Error, ErrorCode};

use crate::authorize::{Allowed, authorize};
use crate::origin::Origin;

/// Runs an action through the first gate; with DryRun its outcome becomes an error that tells it.
pub(super) fn with_dry_run<A: Action, T>(
    by: &Origin,
    dry_run: Option<bool>,
    request: A,
    run: impl FnOnce(&Allowed<A>) -> Result<T, Error>,
) -> Result<T, Error> {
    let outcome = authorize(by, request).and_then(|allowed| run(&allowed));
    if dry_run != Some(true) {
        return outcome;
    }
    Err(outcome.map_or_else(Error::of_dry_run, |_| ErrorCode::DryRunOperation.into()))
}
