//! `bulla store`: what an operator does with a store while no server has it open.

use std::io;

use bulla_kms::{OpenError, Options, Role, StoreReport};
use serde_json::{Value, json};

use crate::args::{CheckStore, KmsFlags, Store};
use crate::embedded::tell_of_wait;
use crate::failure::{Exit, Failure};
use crate::location::KmsLocation;
use crate::results::{print, print_json};

pub(crate) fn run(flags: &KmsFlags, store: Store) -> Result<(), Failure> {
    match store {
        Store::Check(check) => run_check(flags, check),
    }
}

fn run_check(flags: &KmsFlags, check: CheckStore) -> Result<(), Failure> {
    let data = match (check.data, KmsLocation::of(flags)?) {
        (Some(data), _) | (None, KmsLocation::Embedded(data)) => data,
        (None, KmsLocation::Remote(server)) => {
            let what = format!(
                "bulla store check is for a store on this machine, and --kms or BULLA_KMS names {server}"
            );
            return Err(Failure::new(Exit::Usage, what, "name its directory with --data"));
        }
    };
    let options =
        Options { root_key: check.root_key, on_wait: tell_of_wait, ..Options::new(data, Role::Command) };
    let report = bulla_kms::check_store(&options).map_err(|error| open_failure(&error))?;
    if check.json {
        print_json(&as_value(&report))?;
    } else {
        print_report(&report)?;
    }
    match report.faults.len() {
        0 => Ok(()),
        count => {
            let faults = if count == 1 { "1 fault" } else { &*format!("{count} faults") };
            let what = format!("{}: {faults} in {} records", options.data.display(), report.records);
            Err(Failure::new(Exit::Damaged, what, "restore the whole data directory from its backup"))
        }
    }
}

fn print_report(report: &StoreReport) -> Result<(), Failure> {
    report.faults.iter().try_for_each(print)?;
    let &StoreReport { records, epoch, commit, .. } = report;
    match (report.faults.is_empty(), commit) {
        (false, _) => Ok(()),
        (true, 0) => print(format_args!(
            "{records} records, no fault; an earlier version made the store, so none that was put back shows"
        )),
        (true, _) => print(format_args!("{records} records, no fault; epoch {epoch}, commit {commit}")),
    }
}

fn as_value(report: &StoreReport) -> Value {
    let faults = report
        .faults
        .iter()
        .map(|fault| json!({ "table": fault.table, "name": fault.name, "fault": fault.fault.to_string() }));
    json!({
        "records": report.records,
        "epoch": report.epoch,
        "commit": report.commit,
        "faults": faults.collect::<Vec<_>>(),
    })
}

fn open_failure(error: &OpenError) -> Failure {
    let hint = match error {
        OpenError::InUse { by: Role::Server, .. } => {
            "stop the server first, or check a copy of the data directory with --data".into()
        }
        OpenError::Directory { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            "name the data directory of the store with --data".into()
        }
        OpenError::Provider(error) => error.hint(Role::Server), // it may be named, as for a server
        error => error.hint(Role::Command),
    };
    Failure::new(Exit::Kms, error.to_string(), hint)
}
