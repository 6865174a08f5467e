//! The content of a backup: a manifest, then the rows of the store, each in a frame.
//!
//! ```text
//! content   = frame(manifest) ‖ frame(row) ...
//! frame(x)  = length of x (u32be) ‖ x
//! manifest  = { 0: time, 1: store id, 2: node, 3: epoch, 4: commit, 5: number of rows, 6: version of bulla }   (CBOR)
//! row       = [ table, primary key, revision, sealed record ]                                               (CBOR)
//! ```
//!
//! The rows are copied from the store, sealed; the two copies of the anchor come first.

use std::io::{self, Write};

use bulla_keys::StoreId;
use minicbor::{Decode, Encode};

use super::container::{ChunkWriter, Content, encoded};
use super::error::BackupError;
use crate::store::StoredRow;

/// The facts that a backup states about itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Manifest {
    /// When the state was read, in seconds since 1970.
    #[n(0)]
    pub(super) time: i64,
    #[n(1)]
    pub(super) store: StoreId,
    /// The name of the machine that made it.
    #[n(2)]
    pub(super) node: String,
    #[n(3)]
    pub(super) epoch: u64,
    #[n(4)]
    pub(super) commit: u64,
    /// The number of rows that follow.
    #[n(5)]
    pub(super) rows: u64,
    #[n(6)]
    pub(super) version: String,
}

#[derive(Encode, Decode)]
struct Row<'b> {
    #[b(0)]
    table: &'b str,
    #[cbor(b(1), with = "minicbor::bytes")]
    primary_key: &'b [u8],
    #[n(2)]
    revision: u64,
    #[cbor(b(3), with = "minicbor::bytes")]
    value: &'b [u8],
}

impl<W: Write> ChunkWriter<'_, W> {
    pub(super) fn add_manifest(&mut self, manifest: &Manifest) -> io::Result<()> {
        self.add_frame(&encoded(manifest))
    }

    pub(super) fn add_row(&mut self, row: &StoredRow) -> io::Result<()> {
        let StoredRow { table, primary_key, revision, value } = row;
        self.add_frame(&encoded(&Row { table, primary_key, revision: *revision, value }))
    }

    fn add_frame(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= MAX_FRAME);
        let length = length.ok_or(io::ErrorKind::FileTooLarge)?;
        self.add(&length.to_be_bytes())?;
        self.add(bytes)
    }
}

impl Content<'_> {
    pub(super) fn manifest(&mut self) -> Result<Manifest, BackupError> {
        let frame = self.frame()?.ok_or_else(|| self.malformed())?;
        minicbor::decode(&frame).map_err(|_| self.malformed())
    }

    /// Returns the next row; none after the last one.
    pub(super) fn row(&mut self) -> Result<Option<StoredRow>, BackupError> {
        let Some(frame) = self.frame()? else { return Ok(None) };
        let row: Row<'_> = minicbor::decode(&frame).map_err(|_| self.malformed())?;
        Ok(Some(StoredRow {
            table: row.table.to_owned(),
            primary_key: row.primary_key.to_owned(),
            revision: row.revision,
            value: row.value.to_owned(),
        }))
    }

    fn frame(&mut self) -> Result<Option<Vec<u8>>, BackupError> {
        let Some(length) = self.take(4)? else { return Ok(None) };
        let length = u32::from_be_bytes(length.try_into().expect("four bytes were taken"));
        if length > MAX_FRAME {
            return Err(self.malformed());
        }
        self.take(length as usize)?.map_or_else(|| Err(self.malformed()), |frame| Ok(Some(frame)))
    }
}

/// Far more than any record needs.
const MAX_FRAME: u32 = 1 << 26;
