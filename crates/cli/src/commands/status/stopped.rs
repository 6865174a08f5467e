//! The status of a data directory without a server: its store and its audit trail, read from the disk.

use std::io;
use std::path::Path;

use bulla_kms::audit::{Content, Hash, Position, Record, TrailFile};
use bulla_kms::{OpenError, Options, Role, inspect_store, trail_directory};
use bulla_server::control::{AuditStatus, RootKeyStatus, StoreStatus};
use serde_json::json;

use super::RUNNING;
use super::report::{print_audit, print_root_key, print_store};
use crate::args::Status;
use crate::embedded::report_wait;
use crate::failure::{Exit, Failure};
use crate::results::{print, print_json};

pub(super) fn run(data: &Path, args: &Status) -> Result<(), Failure> {
    let root_key = args.root_key.clone();
    let options = Options { root_key, on_wait: report_wait, ..Options::new(data, Role::Command) };
    let summary = inspect_store(&options).map_err(|error| open_failure(data, &error))?;
    let records = summary.records.iter().map(|(kind, count)| ((*kind).to_owned(), *count as u64));
    let store = StoreStatus {
        data: data.display().to_string(),
        epoch: summary.epoch,
        commit: summary.commit,
        records: records.collect(),
    };
    let root_key = RootKeyStatus::at(&summary.root_key);
    let audit = audit(data);
    if args.json {
        let mut status = json!({ RUNNING: false, "ready": false, "store": store, "root_key": root_key });
        if let Some(audit) = audit {
            status["audit"] = json!(audit);
        }
        print_json(&status)?;
    } else {
        print("no server runs")?;
        print_store(&store)?;
        print_root_key(&root_key)?;
        audit.as_ref().map_or(Ok(()), print_audit)?;
    }
    let data = data.display();
    let hint = format!("start it: `systemctl start bulla`, or `bulla serve --data {data}`");
    Err(Failure::new(Exit::Other, format!("no server runs with {data}"), hint))
}

/// Returns the state of the trail from its files; `None` without files.
fn audit(data: &Path) -> Option<AuditStatus> {
    let directory = trail_directory(data);
    let sources =
        TrailFile::all(std::slice::from_ref(&directory)).ok().filter(|sources| !sources.is_empty())?;
    let sealed = sources.iter().rev().find_map(newest_seal).map(|sealed| sealed.to_string());
    Some(AuditStatus { sealed, ..AuditStatus::of_directory(&directory) })
}

/// Returns the newest seal of a file, which is not verified here.
fn newest_seal(source: &TrailFile) -> Option<Position> {
    let mut newest = None;
    let read = source.for_each(|line| {
        let sealed = Record::parse(line).filter(|record| matches!(record.content, Content::Seal(_)));
        newest = sealed.map(|record| Position { number: record.number, hash: Hash::of(line) }).or(newest);
        true
    });
    read.ok().and(newest)
}

fn open_failure(data: &Path, error: &OpenError) -> Failure {
    let hint = match error {
        OpenError::InUse { by: Role::Server, .. } => {
            let what = format!("a server runs with {}, and has no control socket", data.display());
            let hint = "see its log for the reason, or update the server: early versions have none";
            return Failure::new(Exit::Kms, what, hint);
        }
        OpenError::Directory { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            "name the data directory of the server with --data".into()
        }
        OpenError::Provider(error) => error.hint(Role::Server), // the root key can be named, as for a server
        error => error.hint(Role::Command),
    };
    Failure::new(Exit::Kms, error.to_string(), hint)
}
