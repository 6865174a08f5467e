//! Writes lines into a trail that no engine writes: about operations on a closed store, and the last line of a trail that is
//! switched off.

use std::slice;
use std::sync::Arc;
use std::time::SystemTime;

use bulla_keys::Anchor;
use bulla_keys::root::RootKeys;

use super::health::FILES;
use super::{AuditOptions, behind, noted};
use crate::Kms;
use crate::audit::{
    Conditions, Content, Event, Identity, Line, Members, NewestFirst, Opening, ReadError, Record, Resource,
    Text, Time, Trail, TrailFile,
};
use crate::open_error::OpenError;
use crate::state::SealNote;
use crate::store::StoreError;

impl Kms {
    /// Records in a trail of this store that it is not continued, once: for a server whose configuration has switched the
    /// trail off since the last start. Returns whether it did. Does nothing if there is no trail.
    ///
    /// # Errors
    /// The errors of opening a trail.
    pub fn note_trail_left(&self, left: &AuditOptions) -> Result<bool, OpenError> {
        let anchor = self.state.anchor();
        let (Some(anchor), true) = (anchor, is_open(left)?) else { return Ok(false) };
        let failed = |source| OpenError::Store { path: self.options.data.clone(), source };
        let (_, roots) = self.state.frozen().map_err(failed)?;
        let noted = noted(&self.state.published());
        let file = Resource { kind: "audit-sink".into(), name: Text::new(FILES), ..Resource::default() };
        let event = Event { event: REMOVED.into(), resources: vec![file], ..Event::default() };
        note_closed(left, &roots, anchor, noted, self.clock.raw(), event).map(|()| true)
    }
}

/// Whether there is a trail, and its newest line is not the one that ends it.
pub(super) fn is_open(trail: &AuditOptions) -> Result<bool, OpenError> {
    let directory = &trail.directory;
    let failed = |error: ReadError| OpenError::Directory { path: error.path, source: error.source };
    if !directory.is_dir() || TrailFile::all(slice::from_ref(directory)).map_err(failed)?.is_empty() {
        return Ok(false);
    }
    let newest = NewestFirst { conditions: Conditions::default(), before: None, count: 1 };
    let found = newest.search(directory, |_| true).map_err(failed)?;
    Ok(!found.lines.iter().any(|line| records_the_shutdown_of_the_trail(&line.text)))
}

fn records_the_shutdown_of_the_trail(line: &str) -> bool {
    let Some(Content::Event(event)) = Record::parse(line.as_bytes()).map(|record| record.content) else {
        return false;
    };
    event.event == REMOVED && event.resources.iter().any(|it| it.name.as_str() == FILES)
}

/// Writes and seals the line of an event, while no other process can write to the trail. `noted` is what the store has
/// recorded of it.
///
/// # Errors
/// [`OpenError::Audit`]; [`OpenError::Store`] if the store is older than its trail, because a seal must not hide that.
pub(crate) fn note_closed(
    options: &AuditOptions,
    roots: &Arc<RootKeys>,
    anchor: Anchor,
    noted: Option<SealNote>,
    time: SystemTime,
    event: Event<'_>,
) -> Result<(), OpenError> {
    let identity = Identity { store: roots.store(), node: options.node.clone(), epoch: anchor.epoch };
    let now = Time::from(time);
    let opening = Opening {
        identity: identity.clone(),
        roots: Arc::clone(roots),
        limits: options.limits,
        noted: noted.as_ref().map(SealNote::position),
        unwritten: noted.as_ref().and_then(SealNote::unwritten),
        now,
    };
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

/// The event that ends a trail.
const REMOVED: &str = "audit-sink-removed";
