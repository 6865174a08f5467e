//! The audit trail of the configuration file.

use std::num::NonZeroU32;
use std::path::Path;

use bulla_kms::AuditOptions;
use rustix::system::uname;

use crate::args::{AuditSink, AuditSync, Serve};
use crate::failure::{Exit, Failure};

/// How the trail is written; none if the configuration switches it off.
pub(super) fn audit_options(settings: &Serve, data: &Path) -> Result<Option<AuditOptions>, Failure> {
    let usual = || AuditOptions::new(data.join(DIRECTORY), node());
    let sinks = match &settings.audit {
        None => return Ok(Some(usual())),
        Some(sinks) => sinks.as_slice(),
    };
    match sinks {
        [] => Ok(None),
        [AuditSink::File { directory, file_mib, total_mib, sync, context_values }] => {
            let mut options = usual();
            options.directory = directory.as_deref().map_or(options.directory, |named| data.join(named));
            options.limits.file = bytes(*file_mib).unwrap_or(options.limits.file);
            options.limits.total = bytes(*total_mib).unwrap_or(options.limits.total);
            options.sync_always = *sync == AuditSync::Always;
            options.context_values = *context_values;
            Ok(Some(options))
        }
        _ => {
            let what = "[[audit]] is there several times";
            Err(Failure::new(Exit::Usage, what, "keep one table of type \"file\""))
        }
    }
}

fn bytes(mib: Option<NonZeroU32>) -> Option<u64> {
    mib.map(|mib| u64::from(mib.get()) << 20)
}

/// The name of this machine, by which lines of several servers are told apart.
fn node() -> String {
    uname().nodename().to_string_lossy().into_owned()
}

/// Below the data directory.
const DIRECTORY: &str = "audit";

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
    fn a_table_says_where_and_how_much() {
        let table = "[[audit]]\ntype = \"file\"\ndirectory = \"/var/log/bulla\"\nfile-mib = 1\ntotal-mib = 7\n\
                     sync = \"always\"\ncontext-values = true\n";
        let options_of = options(table).unwrap().unwrap();
        assert_eq!(options_of.directory, Path::new("/var/log/bulla"));
        assert_eq!((options_of.limits.file, options_of.limits.total), (1 << 20, 7 << 20));
        assert!(options_of.sync_always && options_of.context_values);
        assert!(options(&format!("{table}{table}")).is_err());
        for wrong in ["type = \"files\"", "type = \"file\"\nfile-mib = 0", "type = \"file\"\nx = 1", "x = 1"]
        {
            assert!(options(&format!("[[audit]]\n{wrong}\n")).is_err(), "{wrong}");
        }
    }
}
