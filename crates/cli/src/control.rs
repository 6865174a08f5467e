//! Connects commands to the control channel of a server on this machine.

use std::path::Path;

use bulla_server::control::{Call, ControlClient, ControlError, Progress};
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

use crate::failure::{Exit, Failure};
use crate::messages::note;

/// Connects to the server that has the store of this data directory open; `None` if no server listens there.
pub(crate) fn connect(data: &Path) -> Result<Option<ControlClient>, Failure> {
    ControlClient::connect(data).map_err(|error| refused(data, &error))
}

/// Returns a callback that shows the progress of a call, on a terminal only.
pub(crate) fn show_progress() -> impl FnMut(Progress) {
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len}").expect("the template is a good one");
    let bar = ProgressBar::no_length().with_style(style).with_finish(ProgressFinish::AndClear);
    move |Progress { done, of }| {
        of.into_iter().for_each(|all| bar.set_length(all));
        bar.set_position(done);
    }
}

/// Converts an error of the control channel into a failure of the command.
pub(crate) fn refused(data: &Path, error: &ControlError) -> Failure {
    Failure::new(Exit::Kms, format!("{}: {error}", data.display()), error.hint())
}

/// Asks the server that writes the audit trail of this data directory to seal it, so that its newest lines are verified
/// too. If no server runs, or it refuses this user, the trail is read without that seal.
pub(crate) fn seal_trail(data: &Path) {
    let Ok(Some(server)) = ControlClient::connect(data) else { return };
    if let Err(ControlError::Refused(error)) = server.call(Call::AuditSync, |_| {}) {
        note(format!("The server cannot seal the newest lines of its audit trail: {}.", error.what));
    }
}
