//! A backup that a server sends to an operator's command, which writes the file: the operator may have access to directories
//! that the server has not. [`Kms::send_backup`] is the side of the server, and [`IncomingBackup`] that of the command.

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

impl Kms {
    /// Sends a backup of the newest state to an operator, like [`Kms::backup`], and writes its line to the audit trail.
    ///
    /// # Errors
    /// [`BackupError`]; the sent data is incomplete.
    pub fn send_backup(&self, out: &mut dyn Write) -> Result<BackupFacts, BackupError> {
        let mut out = io::BufWriter::with_capacity(BUFFER, out);
        let facts = self.backup(&mut out)?;
        out.flush().map_err(BackupError::Write)?;
        self.auditor.note_event(self.clock.raw(), created(&facts, Path::new("over the control socket")));
        Ok(facts)
    }
}

/// Each buffer is one frame.
const BUFFER: usize = 256 * 1024;
