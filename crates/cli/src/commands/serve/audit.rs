//! The audit trail according to the configuration file.

use std::num::NonZeroU32;
use std::path::Path;

use bulla_kms::{AuditOptions, Kms, trail_directory};
use bulla_server::{AuditSinks, AuditTarget, OtherSink, SyslogTarget};
use rustix::system::uname;

use crate::args::{AuditSink, AuditSync, Serve};
use crate::failure::{Exit, Failure};
use crate::messages::note;

/// Returns the options of the trail; `None` if the configuration disables it.
pub(super) fn audit_options(settings: &Serve, data: &Path) -> Result<Option<AuditOptions>, Failure> {
    let usual = || AuditOptions::new(trail_directory(data), node());
    let sinks = match &settings.audit {
        None => return Ok(Some(usual())),
        Some(sinks) => sinks.as_slice(),
    };
    let mut files = sinks.iter().filter(|sink| matches!(sink, AuditSink::File { .. }));
    match (files.next(), files.next()) {
        (None, _) if sinks.is_empty() => Ok(None),
        (Some(AuditSink::File { directory, file_mib, total_mib, sync, context_values, .. }), None) => {
            let mut options = usual();
            options.directory = directory.as_deref().map_or(options.directory, |named| data.join(named));
            options.limits.file = bytes(*file_mib).unwrap_or(options.limits.file);
            options.limits.total = bytes(*total_mib).unwrap_or(options.limits.total);
            options.sync_always = *sync == AuditSync::Always;
            options.context_values = *context_values;
            Ok(Some(options))
        }
        (None, _) => {
            let what = "[[audit]] has no table of type \"file\", which numbers and seals the lines";
            Err(Failure::new(
                Exit::Usage,
                what,
                "add it, with required = false if only other sinks are required",
            ))
        }
        _ => {
            let what = "[[audit]] has several tables of type \"file\"";
            Err(Failure::new(Exit::Usage, what, "keep one of them"))
        }
    }
}

/// Records in the trail of an earlier start that it is disabled now.
pub(super) fn leave_trail(kms: &Kms, data: &Path) {
    let left = AuditOptions::new(trail_directory(data), node());
    let directory = left.directory.display();
    match kms.note_trail_left(&left) {
        Ok(true) => {
            note(format!("The audit trail in {directory} is switched off, and its last line says so."))
        }
        Ok(false) => {}
        Err(error) => {
            note(format!(
                "The audit trail in {directory} is switched off, but a last line that says so cannot be written: {error}"
            ));
        }
    }
}

/// Returns the sinks, and which of them are required.
pub(super) fn audit_sinks(settings: &Serve) -> Result<AuditSinks, Failure> {
    let Some(tables) = settings.audit.as_ref().filter(|tables| !tables.is_empty()) else {
        return Ok(AuditSinks::default());
    };
    let mut sinks = AuditSinks::default();
    for table in tables {
        let (target, is_required) = match table {
            AuditSink::File { required, .. } => {
                sinks.is_file_required = required.unwrap_or(true);
                continue;
            }
            AuditSink::Stdout { required } => (AuditTarget::Stdout, *required),
            AuditSink::Syslog { address, ca, required } => {
                (AuditTarget::Syslog(syslog(address.as_deref(), ca.as_deref())?), *required)
            }
        };
        if sinks.others.iter().any(|sink| sink.target.to_string() == target.to_string()) {
            let what = format!("[[audit]] names {target} twice");
            return Err(Failure::new(Exit::Usage, what, "keep one of the tables"));
        }
        sinks.others.push(OtherSink { is_required, target });
    }
    if !sinks.is_file_required && sinks.others.iter().all(|sink| !sink.is_required) {
        let what = "no sink of [[audit]] is required, so no request could be answered";
        return Err(Failure::new(Exit::Usage, what, "set required = true in one of the tables"));
    }
    Ok(sinks)
}

fn syslog(address: Option<&str>, ca: Option<&Path>) -> Result<SyslogTarget, Failure> {
    let wrong = |what: String| {
        let hint = "write unix:PATH, tcp://HOST:PORT or tls://HOST:PORT; ca is for tls only";
        Failure::new(Exit::Usage, what, hint)
    };
    let address = address.unwrap_or("unix:/dev/log");
    let has_port = |rest: &str| {
        let port =
            rest.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
        matches!(port, Some(Ok(1..)))
    };
    let target = if let Some(path) = address.strip_prefix("unix:").filter(|path| path.starts_with('/')) {
        SyslogTarget::Unix(path.into())
    } else if let Some(rest) = address.strip_prefix("tcp://").filter(|rest| has_port(rest)) {
        SyslogTarget::Tcp(rest.into())
    } else if let Some(rest) = address.strip_prefix("tls://").filter(|rest| has_port(rest)) {
        SyslogTarget::Tls { address: rest.into(), ca: ca.map(Into::into) }
    } else {
        return Err(wrong(format!("{address} is no address of syslog")));
    };
    if ca.is_some() && !matches!(target, SyslogTarget::Tls { .. }) {
        return Err(wrong(format!("{address} has no certificate that ca could be for")));
    }
    Ok(target)
}

fn bytes(mib: Option<NonZeroU32>) -> Option<u64> {
    mib.map(|mib| u64::from(mib.get()) << 20)
}

/// Returns the name of this machine, which distinguishes the lines of several servers.
pub(crate) fn node() -> String {
    uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Result<Option<AuditOptions>, String> {
        let settings = toml::from_str::<Serve>(text).map_err(|error| error.message().to_owned())?;
        audit_options(&settings, Path::new("/data")).map_err(Failure::into_what)
    }

    #[test]
    fn a_file_below_the_data_is_the_default_and_an_empty_list_none() {
        let usual = options("").unwrap().unwrap();
        assert_eq!(usual.directory, Path::new("/data/audit"));
        assert_eq!(usual.limits.file, 100 << 20);
        assert!(!usual.sync_always && !usual.context_values);
        assert_eq!(options("audit = []"), Ok(None));
        assert_eq!(options("[[audit]]\ntype = \"file\""), Ok(Some(usual)));
    }

    #[test]
    fn a_table_sets_the_directory_and_limits() {
        let table = "[[audit]]\ntype = \"file\"\ndirectory = \"/var/log/bulla\"\nfile-mib = 1\ntotal-mib = 7\n\
                     sync = \"always\"\ncontext-values = true\n";
        let options_of = options(table).unwrap().unwrap();
        assert_eq!(options_of.directory, Path::new("/var/log/bulla"));
        assert_eq!((options_of.limits.file, options_of.limits.total), (1 << 20, 7 << 20));
        assert!(options_of.sync_always && options_of.context_values);
        let wrong = options(&format!("{table}{table}")).unwrap_err();
        assert!(wrong.contains("several"), "{wrong}");
        for wrong in ["type = \"files\"", "type = \"file\"\nfile-mib = 0", "type = \"file\"\nx = 1", "x = 1"]
        {
            assert!(options(&format!("[[audit]]\n{wrong}\n")).is_err(), "{wrong}");
        }
    }

    fn sinks(text: &str) -> Result<AuditSinks, String> {
        let settings = toml::from_str::<Serve>(text).map_err(|error| error.message().to_owned())?;
        options(text)?;
        audit_sinks(&settings).map_err(Failure::into_what)
    }

    #[test]
    fn sinks_beside_the_files_have_an_address_and_may_count() {
        assert_eq!(sinks(""), Ok(AuditSinks::default()));
        assert_eq!(sinks("audit = []"), Ok(AuditSinks::default()));
        let file = "[[audit]]\ntype = \"file\"\n";
        let found = sinks(&format!(
            "{file}required = false\n[[audit]]\ntype = \"stdout\"\n[[audit]]\ntype = \"syslog\"\nrequired = true\n\
             [[audit]]\ntype = \"syslog\"\naddress = \"tls://log.example:6514\"\nca = \"/ca.pem\"\n",
        ))
        .unwrap();
        assert!(!found.is_file_required);
        let shown: Vec<_> =
            found.others.iter().map(|sink| (sink.target.to_string(), sink.is_required)).collect();
        let expected = [
            ("stdout", false),
            ("syslog unix:/dev/log", true),
            ("syslog tls://log.example:6514 (ca /ca.pem)", false),
        ];
        assert_eq!(shown, expected.map(|(name, required)| (name.to_owned(), required)));
        for (text, wrong) in [
            ("[[audit]]\ntype = \"stdout\"\n".to_owned(), "no table of type \"file\""),
            (format!("{file}required = false\n"), "no sink of [[audit]] is required"),
            (format!("{file}[[audit]]\ntype = \"stdout\"\n[[audit]]\ntype = \"stdout\"\n"), "twice"),
            (format!("{file}[[audit]]\ntype = \"syslog\"\naddress = \"log.example\"\n"), "no address"),
            (format!("{file}[[audit]]\ntype = \"syslog\"\naddress = \"tcp://log.example\"\n"), "no address"),
            (format!("{file}[[audit]]\ntype = \"syslog\"\naddress = \"tcp://:601\"\n"), "no address"),
            (format!("{file}[[audit]]\ntype = \"syslog\"\naddress = \"unix:log\"\n"), "no address"),
            (format!("{file}[[audit]]\ntype = \"syslog\"\nca = \"/ca.pem\"\n"), "no certificate"),
        ] {
            let found = sinks(&text).unwrap_err();
            assert!(found.contains(wrong), "{found}");
        }
    }
}
