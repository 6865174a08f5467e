//! Failures of a server to start or run, for its operator.

use std::io;

use bulla_kms::{OpenError, Role, StoreError};
use bulla_server::{ServeError, TlsError};

use super::shell::command_line;
use crate::failure::{Exit, Failure, with_causes};
use crate::process::MORE_PROCESSES;

pub(super) fn open_failure(error: &OpenError) -> Failure {
    let hint = match error {
        OpenError::ClockBehind { .. } => format!("{CLOCK_BEHIND}: {} --accept-clock", command_line()),
        OpenError::Store { source: StoreError::RolledBack(_), .. } => {
            format!("{ROLLED_BACK}: {} --accept-rollback", command_line())
        }
        _ => error.hint(Role::Server),
    };
    Failure::new(Exit::Kms, error.to_string(), hint)
}

pub(in crate::commands) fn serve_failure(error: ServeError) -> Failure {
    let (exit, hint) = match &error {
        ServeError::Tls(TlsError::Key(key)) => {
            return Failure::new(Exit::Other, with_causes(&error), key.hint());
        }
        ServeError::PlainHttp(_) => (Exit::Usage, "leave out --http, or listen on 127.0.0.1"),
        ServeError::Bind { .. } => {
            (Exit::Other, "name another address with --listen; port 0 picks a free one")
        }
        ServeError::BindMetrics { .. } => {
            (Exit::Other, "name another address with --metrics; port 0 picks a free one")
        }
        ServeError::Tls(TlsError::Name(_)) => (Exit::Usage, "--tls-name takes a host name or an address"),
        ServeError::Tls(TlsError::Pem { .. }) => (
            Exit::Other,
            "--tls-cert takes certificates and --tls-key a private key, both PEM: are they swapped?",
        ),
        ServeError::Tls(_) => {
            (Exit::Other, "check the certificate and key files, or leave them out for a CA of bulla's own")
        }
        ServeError::Start(error) if error.kind() == io::ErrorKind::WouldBlock => {
            (Exit::Other, MORE_PROCESSES)
        }
        _ => (Exit::Other, ""),
    };
    Failure::new(exit, with_causes(&error), hint)
}

const ROLLED_BACK: &str =
    "restore the whole data directory from its backup; to accept the rollback, start once with";
const CLOCK_BEHIND: &str =
    "correct the clock and start again; if it was wrong at the last use of the store, start once with";
