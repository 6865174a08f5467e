//! The control channel of a server on this machine, for the commands that use it.

use std::path::Path;

use bulla_server::control::{Call, ControlClient, ControlError};

use crate::failure::{Exit, Failure};
use crate::messages::note;

/// Connects to the server that holds the store of this data directory; none if no server listens there.
pub(crate) fn connect(data: &Path) -> Result<Option<ControlClient>, Failure> {
    ControlClient::connect(data).map_err(|error| refused(data, &error))
}

/// A call that has no result.
pub(crate) fn refused(data: &Path, error: &ControlError) -> Failure {
    Failure::new(Exit::Kms, format!("{}: {error}", data.display()), error.hint())
}

/// Has a server that writes the audit trail of this data directory seal it, so that its newest lines are proved too. Without a
/// server, or for a user whom it does not answer, the trail is read as it is.
pub(crate) fn seal_trail(data: &Path) {
    let Ok(Some(server)) = ControlClient::connect(data) else { return };
    if let Err(ControlError::Refused(error)) = server.call(Call::AuditSync, |_| {}) {
        note(format!("The server cannot seal the newest lines of its audit trail: {}.", error.what));
    }
}
