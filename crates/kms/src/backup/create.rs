//! Writes a backup: one state of the store, read while commits continue.

use std::io::Write;
use std::ops::ControlFlow;

use bulla_keys::root::RootKeys;
use rustix::system::uname;

use super::container::{ChunkWriter, Head};
use super::content::Manifest;
use super::error::BackupError;
use crate::state::anchor_copies;
use crate::store::Frozen;

/// Writes a backup of a state, unless it is stopped. Returns its facts and its length.
pub(super) fn write(
    state: &Frozen,
    roots: &RootKeys,
    time: i64,
    is_stopping: &dyn Fn() -> bool,
    out: impl Write,
) -> Result<(Head, Manifest, u64), BackupError> {
    let (copies, anchor) = anchor_copies(state, roots)?.ok_or(BackupError::OlderStore)?;
    let manifest = Manifest {
        time,
        store: roots.store(),
        node: uname().nodename().to_string_lossy().into_owned(),
        epoch: anchor.epoch,
        commit: anchor.commit,
        rows: anchor.rows.rows() + copies.len() as u64,
        version: env!("CARGO_PKG_VERSION").into(),
    };
    let head = Head::new(state.header()?);
    let mut writer = ChunkWriter::begin(out, &head, roots).map_err(BackupError::Write)?;
    writer.add_manifest(&manifest).map_err(BackupError::Write)?;
    let mut added = copies.iter().try_for_each(|row| writer.add_row(row));
    state.scan(|row| {
        let is_copy = row.table == bulla_keys::Anchor::TABLE;
        if added.is_ok() && !is_copy {
            added = writer.add_row(&row);
        }
        if added.is_ok() && !is_stopping() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    if is_stopping() {
        return Err(BackupError::Stopped);
    }
    let len = added.and_then(|()| writer.finish()).map_err(BackupError::Write)?;
    Ok((head, manifest, len))
}
