//! Lines about a store that no engine has open.

use std::sync::Arc;
use std::time::SystemTime;

use bulla_keys::Anchor;
use bulla_keys::root::RootKeys;

use super::{AuditOptions, behind};
use crate::audit::{Content, Event, Identity, Line, Members, Opening, Position, Time, Trail};
use crate::open_error::OpenError;
use crate::store::StoreError;

/// Writes and seals the line of something that happened, while no other process can write to the trail. `noted` is the last seal
/// that the store has noted.
///
/// # Errors
/// [`OpenError::Audit`]; [`OpenError::Store`] if the store is older than its trail: a seal must not hide that.
pub(crate) fn note_closed(
    options: &AuditOptions,
    roots: &Arc<RootKeys>,
    anchor: Anchor,
    noted: Option<Position>,
    time: SystemTime,
    event: Event<'_>,
) -> Result<(), OpenError> {
    let identity = Identity { store: roots.store(), node: options.node.clone(), epoch: anchor.epoch };
    let now = Time::from(time);
    let opening =
        Opening { identity: identity.clone(), roots: Arc::clone(roots), limits: options.limits, noted, now };
    let mut trail = Trail::open(&options.directory, opening).map_err(OpenError::Audit)?;
    if let Some(rollback) = behind(&trail, Some(anchor)) {
        let path = options.directory.clone();
        return Err(OpenError::Store { path, source: StoreError::RolledBack(rollback) });
    }
    let line = Members::new(&identity, &Line { time: now, content: Content::Event(event) });
    trail.append(&[line]).map_err(OpenError::Audit)?;
    trail.seal(anchor.commit, now).map_err(OpenError::Audit)?;
    Ok(())
}
