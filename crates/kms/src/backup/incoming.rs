//! A backup that a server sends to an operator's command, which writes the file: the operator may have access to directories
//! that the server has not. [`Kms::send_backup`] is the side of the server, and [`IncomingBackup`] that of the command. The server
//! sends the end of the backup when the audit trail has the line of the call: before, it is no backup.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::output::{Pending, Replace};
use super::verify::Backup;
use super::{BackupError, BackupFacts, BackupOutput, begin, created};
use crate::provider::Providers;
use crate::{Kms, Options};

/// The file of a backup from a server. It gets its name when it is complete; dropping it before leaves no file.
pub struct IncomingBackup {
    pending: Pending,
    replace: Replace,
    verify: bool,
}

impl IncomingBackup {
    /// Begins a file for `path`.
    ///
    /// # Errors
    /// [`BackupError::Exists`], [`BackupError::Write`].
    pub fn begin(path: &Path, output: BackupOutput) -> Result<Self, BackupError> {
        let (pending, replace) = begin(path, output)?;
        Ok(Self { pending, replace, verify: output.verify })
    }

    /// The file to write to.
    #[must_use]
    pub fn file(&self) -> &File {
        self.pending.file()
    }

    /// Completes the file with `facts`, which the server states about it. Makes the file durable, verifies it with the root
    /// key of `options` (unless verification is disabled), and gives it its name.
    ///
    /// # Errors
    /// [`BackupError`]; the path has no file, or is unchanged.
    pub fn finish(self, options: &Options, facts: BackupFacts) -> Result<BackupFacts, BackupError> {
        let Self { pending, replace, verify } = self;
        pending.sync()?;
        let facts = if verify {
            let file = pending.file().try_clone().map_err(BackupError::Read)?;
            let (backup, _) = Backup::unlock(file, &Providers::configured(options))?;
            backup.verify()?
        } else {
            facts
        };
        pending.publish(replace)?;
        Ok(facts)
    }
}

impl std::fmt::Debug for IncomingBackup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IncomingBackup").field("replace", &self.replace).finish_non_exhaustive()
    }
}

/// A backup that was sent to an operator, except for its end.
#[derive(Debug)]
pub struct SentBackup {
    /// The facts that are stored in it.
    pub facts: BackupFacts,
    /// The bytes that are left to send.
    pub end: Vec<u8>,
}

impl Kms {
    /// Sends a backup of the newest state to an operator, like [`Kms::backup`], except for its end: the data so far does not verify.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn send_backup(&self, out: &mut dyn Write) -> Result<SentBackup, BackupError> {
        let mut out = HoldsEnd { out, held: Vec::new() };
        let facts = self.backup(&mut out)?;
        Ok(SentBackup { facts, end: out.held })
    }

    /// Writes the audit event of a sent backup, before its end is sent.
    pub fn note_sent_backup(&self, sent: &SentBackup) {
        self.auditor.note_event(self.clock.raw(), created(&sent.facts, Path::new("over the control socket")));
    }
}

/// A buffer that keeps the last bytes, also when it is flushed.
struct HoldsEnd<'w> {
    out: &'w mut dyn Write,
    held: Vec<u8>,
}

impl Write for HoldsEnd<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(BUFFER)];
        if self.held.len() + bytes.len() > BUFFER {
            self.out.write_all(&self.held)?;
            self.held.clear();
        }
        self.held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Each buffer is one frame. At least one byte is in it at the end.
const BUFFER: usize = 256 * 1024;
