//! The control channel of a server on this machine, for the commands that use it.

use std::path::Path;

use bulla_server::control::{Call, ControlClient, ControlError, Progress};
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

use crate::failure::{Exit, Failure};
use crate::messages::note;

/// Connects to the server that holds the store of this data directory; none if no server listens there.
pub(crate) fn connect(data: &Path) -> Result<Option<ControlClient>, Failure> {
    ControlClient::connect(data).map_err(|error| refused(data, &error))
}

/// Shows how far a call is, on a terminal only.
pub(crate) fn show_progress() -> impl FnMut(Progress) {
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len}").expect("the template is a good one");
    let bar = ProgressBar::no_length().with_style(style).with_finish(ProgressFinish::AndClear);
    move |Progress { done, of }| {
        of.into_iter().for_each(|all| bar.set_length(all));
        bar.set_position(done);
    }
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
