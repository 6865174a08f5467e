//! The status for people.

use std::collections::BTreeMap;

use bulla_server::control::{
    AuditStatus, BackupStatus, FailedBackupStatus, LimitStatus, RootKeyStatus, SinkStatus, Status,
    StoreStatus,
};

use crate::commands::audit::of_gap;
use crate::failure::Failure;
use crate::results::{print, print_field};

/// Prints the status of a server.
pub(super) fn print_status(status: &Status) -> Result<(), Failure> {
    let readiness = if status.ready { "ready" } else { "not ready" };
    print(format_args!("bulla {} is {readiness}", status.version))?;
    for reason in &status.unready {
        print(format_args!("  {reason}"))?;
    }
    print_field("process", format_args!("{}, since {}", status.process, status.started))?;
    print_field("address", &status.listen)?;
    print_field("metrics", status.metrics.as_deref().unwrap_or("off"))?;
    let node = status.audit.as_ref().and_then(|audit| audit.node.as_deref());
    print_field("node", node.unwrap_or_default())?;
    print_store(&status.store)?;
    print_root_key(&status.root_key)?;
    match &status.audit {
        Some(audit) => print_audit(audit)?,
        None => print_field("audit trail", "off")?,
    }
    if let Some(backups) = &status.backups {
        print_backups(backups)?;
    }
    let end = status.certificate.as_ref().map(|certificate| certificate.end.as_deref());
    match end {
        Some(end) => print_field("certificate", format_args!("until {}", end.unwrap_or("an unknown time")))?,
        None => print_field("certificate", "none: plain HTTP")?,
    }
    print_field("connections", format_args!("{} of {}", status.connections.open, status.connections.limit))?;
    print_field("nonces", format_args!("{} of {}", status.nonces.kept, status.nonces.limit))?;
    print_field("request limits", limits(&status.limits))
}

/// Prints a store and its number of records.
pub(super) fn print_store(store: &StoreStatus) -> Result<(), Failure> {
    let StoreStatus { data, epoch, commit, .. } = store;
    match commit {
        0 => print_field("store", format_args!("{data}, of an earlier version"))?,
        _ => print_field("store", format_args!("{data}, epoch {epoch}, commit {commit}"))?,
    }
    for (name, kinds) in RECORDS {
        let counts = kinds.iter().map(|Counted(kind, one, many)| {
            let count = store.records.get(*kind).copied().unwrap_or_default();
            format!("{count} {}", if count == 1 { one } else { many })
        });
        print_field(name, counts.collect::<Vec<_>>().join(", "))?;
    }
    Ok(())
}

/// Prints the provider of the root key.
pub(super) fn print_root_key(root_key: &RootKeyStatus) -> Result<(), Failure> {
    print_field("root key", format_args!("{} {}", root_key.provider, root_key.location))
}

/// Prints the state of an audit trail.
pub(super) fn print_audit(audit: &AuditStatus) -> Result<(), Failure> {
    let files = if audit.files == 1 { "1 file".to_owned() } else { format!("{} files", audit.files) };
    let mib = audit.bytes.div_ceil(1 << 20);
    print_field("audit trail", format_args!("{}, {files}, {mib} MiB", audit.directory))?;
    print_field("newest seal", audit.sealed.as_deref().unwrap_or("none"))?;
    if let Some(lag) = audit.lag_seconds {
        print_field("unsealed for", format_args!("{lag:.1} s"))?;
    }
    if let Some(missed) = audit.missed {
        print_field("missed lines", missed)?;
    }
    for gap in &audit.gaps {
        print_field("gap", of_gap(gap))?;
    }
    sinks_to_show(&audit.sinks).iter().try_for_each(print_sink)
}

/// Returns the sinks, unless the files are the only one and take lines: then the figures of the trail say it all.
fn sinks_to_show(sinks: &[SinkStatus]) -> &[SinkStatus] {
    match sinks {
        [SinkStatus { fault: None, .. }] => &[],
        sinks => sinks,
    }
}

fn print_sink(sink: &SinkStatus) -> Result<(), Failure> {
    let SinkStatus { name, required, fault, missed } = sink;
    let required = if *required { ", required" } else { "" };
    let fault =
        fault.as_ref().map_or_else(|| "takes lines".to_owned(), |fault| format!("takes none: {fault}"));
    print_field("audit sink", format_args!("{name}{required}, {fault}, {missed} missed"))
}

fn print_backups(backups: &BackupStatus) -> Result<(), Failure> {
    let BackupStatus { count, verified, newest, oldest_verification, failed, failure, .. } = backups;
    let files = if *count == 1 { "file" } else { "files" };
    match newest {
        Some(newest) => print_field("backups", format_args!("{count} {files}, newest {newest}"))?,
        None => print_field("backups", "none yet")?,
    }
    if let Some(oldest) = oldest_verification {
        print_field("verified", format_args!("{verified} of {count}, oldest verification {oldest}"))?;
    }
    failed.iter().try_for_each(print_failed_backup)?;
    failure.as_ref().map_or(Ok(()), |failure| print_field("backup failed", failure))
}

fn print_failed_backup(failed: &FailedBackupStatus) -> Result<(), Failure> {
    let FailedBackupStatus { file, time, failure } = failed;
    print_field("backup damaged", format_args!("{file}: {failure} (found at {time})"))
}

fn limits(limits: &BTreeMap<String, LimitStatus>) -> String {
    let limit = |(name, limit): (&String, &LimitStatus)| {
        let LimitStatus { requests_per_second, burst } = limit;
        format!("{requests_per_second} a second for one {} ({burst} at once)", name.replace('_', " "))
    };
    match limits.len() {
        0 => "none".to_owned(),
        _ => limits.iter().map(limit).collect::<Vec<_>>().join(", "),
    }
}

/// A kind of records, with its name in the singular and the plural.
struct Counted(&'static str, &'static str, &'static str);

/// The kinds of records in each line.
const RECORDS: [(&str, &[Counted]); 3] = [
    (
        "keys",
        &[
            Counted("key", "key", "keys"),
            Counted("version", "version", "versions"),
            Counted("alias", "alias", "aliases"),
        ],
    ),
    ("secrets", &[Counted("secret", "secret", "secrets")]),
    (
        "people",
        &[
            Counted("user", "user", "users"),
            Counted("group", "group", "groups"),
            Counted("role", "role", "roles"),
            Counted("policy", "policy", "policies"),
            Counted("access-key", "access key", "access keys"),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_a_sink_like_the_others_and_alone_only_if_they_take_no_lines() {
        let sink = |name: &str, fault: Option<&str>| SinkStatus {
            name: name.into(),
            fault: fault.map(str::to_owned),
            ..SinkStatus::default()
        };
        assert_eq!(sinks_to_show(&[sink("file", None)]), []);
        for shown in [
            vec![sink("file", Some("its disk is full"))],
            vec![sink("file", None), sink("stdout", None)],
            vec![sink("file", Some("its disk is full")), sink("stdout", None)],
        ] {
            assert_eq!(sinks_to_show(&shown), shown);
        }
    }
}
