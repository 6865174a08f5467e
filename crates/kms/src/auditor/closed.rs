//! Writes lines into a trail that no engine writes: about operations on a closed store, and the last line of a trail that is
//! switched off.

use std::path::Path;
use std::slice;
use std::sync::Arc;
use std::time::SystemTime;

use bulla_keys::Anchor;
use bulla_keys::root::RootKeys;

use super::health::FILES;
use super::record::rollback_accepted;
use super::{AuditOptions, behind_seal, noted, progress, sealed};
use crate::Kms;
use crate::audit::{
    Conditions, Content, Event, Identity, Line, Members, NewestFirst, Opening, ReadError, Record, Resource,
    Text, Time, Trail, TrailFile,
};
use crate::open_error::OpenError;
use crate::state::SealNote;
use crate::store::StoreError;

impl Kms {
    /// Records in a trail of this store that it is not continued: for a server whose configuration has switched the trail off
    /// since the last start, or which has accepted that the store is older than the trail. Returns whether it did. Does nothing
    /// if there is no trail.
    ///
    /// # Errors
    /// The errors of opening a trail.
    pub fn note_trail_left(&self, left: &AuditOptions) -> Result<bool, OpenError> {
        let Some(anchor) = self.state.anchor() else { return Ok(false) };
        let accepted = self.auditor.accepted_rollback();
        if accepted.is_none() && !is_open(left)? {
            return Ok(false);
        }
        let failed = |source| OpenError::Store { path: self.options.data.clone(), source };
        let (_, roots) = self.state.frozen().map_err(failed)?;
        let noted = noted(&self.state.published());
        let file = Resource { kind: "audit-sink".into(), name: Text::new(FILES), ..Resource::default() };
        let removed = Event { event: REMOVED.into(), resources: vec![file], ..Event::default() };
        let events = accepted.map(rollback_accepted).into_iter().chain([removed]).collect();
        let closed = Closed {
            data: &self.options.data,
            roots: &roots,
            anchor,
            noted,
            time: self.clock.raw(),
            is_rollback_accepted: accepted.is_some(),
        };
        closed.note(left, events).map(|()| true)
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

/// A store whose trail no engine writes.
pub(crate) struct Closed<'a> {
    pub(crate) data: &'a Path,
    pub(crate) roots: &'a Arc<RootKeys>,
    pub(crate) anchor: Anchor,
    /// What the store has recorded of the trail.
    pub(crate) noted: Option<SealNote>,
    /// The current time.
    pub(crate) time: SystemTime,
    /// Whether this start has accepted that the store is older than the trail.
    pub(crate) is_rollback_accepted: bool,
}

impl Closed<'_> {
    /// Writes and seals the lines of events, while no other process can write to the trail.
    ///
    /// # Errors
    /// [`OpenError::Audit`]; [`OpenError::Store`] if the store is older than its trail, because a seal must not hide that.
    pub(crate) fn note(&self, options: &AuditOptions, events: Vec<Event<'_>>) -> Result<(), OpenError> {
        let Anchor { epoch, commit, .. } = self.anchor;
        let identity = Identity { store: self.roots.store(), node: options.node.clone(), epoch };
        let now = Time::from(self.time);
        let opening = Opening {
            identity: identity.clone(),
            roots: Arc::clone(self.roots),
            limits: options.limits,
            noted: self.noted.as_ref().map(SealNote::position),
            unwritten: self.noted.as_ref().and_then(SealNote::unwritten),
            now,
        };
        let mut trail = Trail::open(&options.directory, opening).map_err(OpenError::Audit)?;
        let rollback = behind_seal(Some(progress(self.anchor)), sealed(&trail));
        if let Some(rollback) = rollback.filter(|_| !self.is_rollback_accepted) {
            let path = self.data.to_owned();
            return Err(OpenError::Store { path, source: StoreError::RolledBack(rollback) });
        }
        let line = |event| Members::new(&identity, &Line { time: now, content: Content::Event(event) });
        trail.append(&events.into_iter().map(line).collect::<Vec<_>>()).map_err(OpenError::Audit)?;
        trail.seal(commit, now).map_err(OpenError::Audit)?;
        Ok(())
    }
}

/// The event that ends a trail.
const REMOVED: &str = "audit-sink-removed";
