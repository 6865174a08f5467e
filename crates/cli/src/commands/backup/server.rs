//! Backs up a store that a server has open: the server sends the backup, and this process writes it with its own
//! permissions.

use std::io::{BufWriter, Write};
use std::path::Path;

use bulla_kms::{BackupError, BackupFacts, BackupOutput, IncomingBackup, Options};
use bulla_server::control::{Call, ControlClient, ControlError, RootKeyStatus};
use serde::Deserialize;

use super::failure;
use crate::control::{refused, show_progress};
use crate::failure::{Exit, Failure};

/// What the server reports after it sent a backup.
#[derive(Deserialize)]
struct Sent {
    backup: BackupFacts,
    root_key: RootKeyStatus,
}

pub(super) fn receive(
    server: ControlClient,
    mut options: Options,
    file: &Path,
    output: BackupOutput,
) -> Result<BackupFacts, Failure> {
    let failed = |error: BackupError| failure(file, &error);
    let incoming = IncomingBackup::begin(file, output).map_err(failed)?;
    let mut out = BufWriter::new(incoming.file());
    let answer = server.call_for(Call::Backup, &mut out, show_progress()).map_err(|error| match error {
        ControlError::Output(error) => failed(BackupError::Write(error)),
        error => refused(&options.data, &error),
    })?;
    out.flush().map_err(|error| failed(BackupError::Write(error)))?;
    drop(out);
    let Sent { backup, root_key } = serde_json::from_value(answer).map_err(|error| {
        let what = format!(
            "{}: this bulla does not understand the answer of the server: {error}",
            options.data.display()
        );
        Failure::new(Exit::Kms, what, "use the version of bulla that the server runs")
    })?;
    if options.root_key.is_none() && root_key.provider == ROOT_KEY_FILE {
        options.root_key = Some(root_key.location.into());
    }
    incoming.finish(&options, backup).map_err(failed)
}

/// The provider whose key this process can read as well.
const ROOT_KEY_FILE: &str = "file";
