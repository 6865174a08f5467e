//! The errors of opening a store, each with advice for its user.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::audit::TrailError;
use crate::files;
use crate::provider_error::{KeyLocation, ProviderError};
use crate::role::Role;
use crate::store::StoreError;

/// Why a store cannot be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The data directory cannot be created or read.
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Other users could remove the store: the data directory belongs to them, or they may write to it.
    Exposed {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Its mode.
        mode: u32,
    },
    /// Another process holds the store.
    InUse {
        /// The directory.
        path: PathBuf,
        /// The role of that process.
        by: Role,
    },
    /// No provider of root keys opens the store, or saves the key of a new one.
    Provider(ProviderError),
    /// The options name another account or region than that of the store.
    OtherHome {
        /// `account` or `region`.
        setting: &'static str,
        /// The value in the options.
        named: String,
        /// The value that an earlier start named, or that policies use.
        kept: String,
    },
    /// A root key exists, but not its store.
    StoreMissing {
        /// Where the store should be.
        store: PathBuf,
        /// Where the root key is.
        root_key: KeyLocation,
    },
    /// The store cannot be read.
    Store {
        /// The file; the data directory, if all records together are not the newest state.
        path: PathBuf,
        /// Why.
        source: StoreError,
    },
    /// The audit trail cannot be written, so every request would be refused.
    Audit(TrailError),
    /// The store has an audit trail in another directory than the configuration names.
    OtherTrail {
        /// The directory of the trail.
        existing: PathBuf,
        /// The directory that the configuration names.
        named: PathBuf,
    },
    /// The clock of the machine is far behind the last use of the store.
    ClockBehind {
        /// By how many seconds.
        seconds: i64,
    },
}

impl OpenError {
    /// Returns advice for the user of a command or the operator of a server.
    #[must_use]
    pub fn hint(&self, role: Role) -> String {
        match self {
            Self::Directory { source, .. } => files::directory_hint(source).into(),
            Self::Exposed { path, owner, mode } => files::exposed_hint(path, *owner, *mode),
            Self::InUse { by: Role::Server, .. } if role == Role::Server => {
                "stop the other server first, or name another directory with --data".into()
            }
            Self::InUse { by: Role::Server, .. } => {
                "use the server: --kms https://HOST:PORT, with the address it printed when it started".into()
            }
            Self::InUse { by: Role::Command, .. } => "try again when the other command is done".into(),
            Self::Provider(error) => error.hint(role),
            Self::StoreMissing { root_key, .. } => format!(
                "mount or restore the data directory; to start over without its keys, {}",
                root_key.removal()
            ),
            Self::OtherHome { setting, kept, .. } => format!(
                "leave out the {setting}: ARNs in policies and programs name {kept}, and would silently stop \
                 matching; another {setting} needs a data directory of its own"
            ),
            Self::Store { source: StoreError::ReadOnly, .. } if role == Role::Server => {
                "mount it writable: a server notes the time there; commands with --kms embedded:DIR can read it"
                    .into()
            }
            Self::Store { path, source: StoreError::RolledBack(_) } => rolled_back_hint(&path.display()),
            Self::Store { source, .. } => source.hint().into(),
            Self::Audit(_) => "see to it that the directory of the trail can be written, or name another one: [[audit]] \
                 type = \"file\" in the configuration; audit = [] switches the trail off"
                .into(),
            Self::OtherTrail { existing, named } => format!(
                "to continue that trail, move its files to {}; to begin a new one, rename {}",
                named.display(),
                existing.display()
            ),
            Self::ClockBehind { .. } => {
                "correct the clock; if it was wrong at the last use of the store, start once with: bulla serve --accept-clock"
                    .into()
            }
        }
    }
}

/// Returns advice about a store in the directory `data` that was rolled back.
fn rolled_back_hint(data: &dyn fmt::Display) -> String {
    format!(
        "restore the whole data directory from its backup; to accept the rollback, start once with: \
         bulla serve --data {data} --accept-rollback"
    )
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Exposed { path, owner, mode } => {
                write!(f, "{} is open to others (user {owner}, mode {mode:03o})", path.display())
            }
            Self::InUse { path, by: Role::Server } => {
                write!(f, "the store in {} belongs to a running server", path.display())
            }
            Self::InUse { path, by: Role::Command } => {
                write!(f, "the store in {} is in use by another command", path.display())
            }
            Self::Provider(error) => error.fmt(f),
            Self::StoreMissing { store, root_key } => {
                write!(f, "there is a root key {root_key}, but no store {}", store.display())
            }
            Self::OtherHome { setting, named, kept } => {
                write!(
                    f,
                    "{setting} {named}: the store keeps the {setting} {kept}, which an earlier start or a policy named"
                )
            }
            Self::Store { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Audit(error) => write!(f, "{error}"),
            Self::OtherTrail { existing, named } => write!(
                f,
                "the audit trail of this store is in {}, but the configuration names {}",
                existing.display(),
                named.display()
            ),
            Self::ClockBehind { seconds } => {
                write!(f, "the clock is {seconds} seconds behind the last use of the store")
            }
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The text includes that of the cause.
        match self {
            Self::Directory { source, .. } => source.source(),
            Self::Provider(error) => error.source(),
            Self::Store { source, .. } => source.source(),
            Self::Audit(error) => error.source(),
            Self::Exposed { .. }
            | Self::InUse { .. }
            | Self::OtherHome { .. }
            | Self::StoreMissing { .. }
            | Self::OtherTrail { .. }
            | Self::ClockBehind { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root_key::{RootKeyError, RootKeyFault};
    use crate::secret_file::SecretFileFault;

    /// Errors are printed with all their causes, so an error whose text includes its cause must not return that cause too.
    #[test]
    fn no_cause_is_printed_twice() {
        use std::error::Error;
        const FULL: &str = "No space left on device";
        let path = PathBuf::from("data");
        let full = || io::Error::from_raw_os_error(28);
        let root_key = |fault| OpenError::Provider(RootKeyError { path: path.clone(), fault }.into());
        let engine = |error: redb::Error| StoreError::Engine(Box::new(error));
        for error in [
            OpenError::Directory { path: path.clone(), source: full() },
            OpenError::Store { path: path.clone(), source: StoreError::Io(full()) },
            OpenError::Store { path: path.clone(), source: StoreError::Thread(full()) },
            OpenError::Store { path: path.clone(), source: engine(redb::Error::Io(full())) },
            OpenError::Store { path: path.clone(), source: engine(redb::Error::Corrupted(FULL.into())) },
            root_key(RootKeyFault::Directory(full())),
            root_key(RootKeyFault::File(SecretFileFault::Io(full()))),
        ] {
            let (mut text, mut cause) = (error.to_string(), error.source());
            while let Some(error) = cause {
                text.push_str(&error.to_string());
                cause = error.source();
            }
            assert_eq!(text.matches(FULL).count(), 1, "{text}");
        }
    }
}
