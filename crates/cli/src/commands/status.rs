//! `bulla status`: the state of the server of a data directory; without a server, the state of its files.

mod report;
mod stopped;

use std::path::Path;

use bulla_server::control::{Call, ControlClient, Status as ServerStatus};
use serde_json::Value;

use self::report::print_status;
use crate::args::Status;
use crate::commands::serve::DATA;
use crate::control::{connect, refused};
use crate::failure::{Exit, Failure};
use crate::results::print_json;

pub(crate) fn run(args: &Status) -> Result<(), Failure> {
    let data = args.data.as_deref().unwrap_or(Path::new(DATA));
    match connect(data)? {
        Some(server) => of_server(data, server, args.json),
        None => stopped::run(data, args),
    }
}

fn of_server(data: &Path, server: ControlClient, as_json: bool) -> Result<(), Failure> {
    let mut answer = server.call(Call::Status, |_| {}).map_err(|error| refused(data, &error))?;
    let status: ServerStatus = serde_json::from_value(answer.clone()).map_err(|error| {
        let what =
            format!("{}: this bulla does not understand the answer of the server: {error}", data.display());
        Failure::new(Exit::Kms, what, "use the version of bulla that the server runs")
    })?;
    if as_json {
        if let Some(members) = answer.as_object_mut() {
            members.shift_insert(0, RUNNING.into(), Value::Bool(true));
        }
        print_json(&answer)?;
    } else {
        print_status(&status)?;
    }
    if status.ready {
        return Ok(());
    }
    let what = format!("the server is not ready: {}", status.unready.join("; "));
    let hint = "see its log, and do not restart it if its store is lost: keys may be in its memory only";
    Err(Failure::new(Exit::Other, what, hint))
}

/// The member that says whether a server answers.
const RUNNING: &str = "running";
