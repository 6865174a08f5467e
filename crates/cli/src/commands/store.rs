//! `bulla store`: checks a store. A server that has the store open runs the check on request.

use std::io;
use std::path::Path;

use bulla_kms::{OpenError, Options, Role};
use bulla_server::control::Call;
use serde::Deserialize;
use serde_json::Value;

use crate::args::{CheckStore, KmsFlags, Store};
use crate::control::{connect, refused, show_progress};
use crate::embedded::report_wait;
use crate::failure::{Exit, Failure};
use crate::location::KmsLocation;
use crate::results::{print, print_json};

pub(crate) fn run(flags: &KmsFlags, store: Store) -> Result<(), Failure> {
    match store {
        Store::Check(check) => run_check(flags, &check),
    }
}

fn run_check(flags: &KmsFlags, check: &CheckStore) -> Result<(), Failure> {
    let data = match (check.data.clone(), KmsLocation::of(flags)?) {
        (Some(data), _) | (None, KmsLocation::Embedded(data)) => data,
        (None, KmsLocation::Remote(server)) => {
            let what = format!(
                "`store check` is for a store on this machine, but --kms or BULLA_KMS names {server}"
            );
            return Err(Failure::new(Exit::Usage, what, "name its directory with --data"));
        }
    };
    let report = report(&data, check)?;
    let found: Report = serde_json::from_value(report.clone()).map_err(|error| {
        let what =
            format!("{}: this bulla does not understand the answer of the server: {error}", data.display());
        Failure::new(Exit::Kms, what, "use the version of bulla that the server runs")
    })?;
    if check.json {
        print_json(&report)?;
    } else {
        print_report(&found)?;
    }
    match found.faults.len() {
        0 => Ok(()),
        count => {
            let faults = if count == 1 { "1 fault" } else { &*format!("{count} faults") };
            let what = format!("{}: {faults} in {} records", data.display(), found.records);
            Err(Failure::new(Exit::Damaged, what, "restore the whole data directory from its backup"))
        }
    }
}

/// Returns the report of the server that has the store open, otherwise that of a check in this process.
fn report(data: &Path, check: &CheckStore) -> Result<Value, Failure> {
    if let Some(server) = connect(data)? {
        return server.call(Call::StoreCheck, show_progress()).map_err(|error| refused(data, &error));
    }
    let root_key = check.root_key.clone();
    let options = Options { root_key, on_wait: report_wait, ..Options::new(data, Role::Command) };
    let report = bulla_kms::check_store(&options).map_err(|error| open_failure(&error))?;
    Ok(serde_json::to_value(&report).expect("all of it is JSON"))
}

/// The findings of a check, from a server or this process.
#[derive(Deserialize)]
struct Report {
    records: u64,
    epoch: u64,
    commit: u64,
    faults: Vec<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    text: String,
}

fn print_report(report: &Report) -> Result<(), Failure> {
    report.faults.iter().try_for_each(|fault| print(&fault.text))?;
    let &Report { records, epoch, commit, .. } = report;
    match (report.faults.is_empty(), commit) {
        (false, _) => Ok(()),
        (true, 0) => print(format_args!(
            "{records} records, no fault; an earlier version made the store, so a rollback of records cannot be detected"
        )),
        (true, _) => print(format_args!("{records} records, no fault; epoch {epoch}, commit {commit}")),
    }
}

fn open_failure(error: &OpenError) -> Failure {
    let hint = match error {
        OpenError::InUse { by: Role::Server, .. } => {
            "the server has no control socket, its log says why: stop it first, or check a copy with --data"
                .into()
        }
        OpenError::Directory { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            "name the data directory of the store with --data".into()
        }
        OpenError::Provider(error) => error.hint(Role::Server), // the root key can be named, as for a server
        error => error.hint(Role::Command),
    };
    Failure::new(Exit::Kms, error.to_string(), hint)
}
