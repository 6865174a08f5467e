//! `bulla serve`: runs the KMS as a server.

mod access_key;
mod audit;
mod backup;
mod errors;
mod listen;
mod oidc;
mod reload;
mod reset;
mod settings;
mod shell;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bulla_kms::{FirstAccessKey, Kms, SystemClock};
use bulla_server::{Server, ServiceManager};

use self::access_key::{ACCESS_KEY_ID, given_access_key};
use self::audit::leave_trail;
pub(crate) use self::audit::node;
pub(crate) use self::backup::DIRECTORY as BACKUPS;
use self::backup::backup_schedule;
use self::errors::open_failure;
pub(super) use self::errors::serve_failure;
use self::listen::Listen;
pub(super) use self::listen::resolve;
pub(crate) use self::reset::reset_access_key;
pub(crate) use self::settings::DATA;
use self::settings::{data_directory, kms_options, server_options, with_config};
use self::shell::quoted;
use crate::args::Serve;
use crate::commands::audit::of_gap;
use crate::failure::{Exit, Failure, with_causes};
use crate::messages::note;
use crate::process::outlive_signals_to_servers;
use crate::streams::write_out;

pub(crate) fn run(flags: Serve) -> Result<(), Failure> {
    outlive_signals_to_servers();
    let settings = with_config(flags.clone())?;
    let data = data_directory(&settings)?;
    let options = kms_options(&settings, &data)?;
    let access_key = given_access_key(options.secret_readers)?;
    let listen = Listen::of(&settings)?;
    let mut server_options = server_options(&settings, &data, &listen)?;
    let schedule = backup_schedule(&settings, &data)?;
    let kms = Arc::new(Kms::open(&options, SystemClock).map_err(|error| open_failure(&error))?);
    server_options.service_manager = ServiceManager::from_environment().unwrap_or_else(|error| {
        note(format!(
            "The service manager cannot be notified that the server is ready: NOTIFY_SOCKET: {error}"
        ));
        None
    });
    server_options.reread = Some(reload::reread(flags, running(&settings, &kms), listen));
    if kms.is_new() && settings.root_key.is_none() {
        note(format!("The root key is {}. Keep a copy of it elsewhere:", kms.root_key_path().display()));
        note("without it all keys are lost; with it and a backup of the data, an attacker has all keys.");
        note("--root-key keeps it apart from the data.");
    }
    if let Some(rollback) = kms.accepted_rollback() {
        note(format!("The store was rolled back, and is used as it is: {rollback}."));
    }
    if options.audit.is_none() {
        leave_trail(&kms, &data);
    }
    if let Some(key) = kms.new_audit_key() {
        note(format!("The audit trail begins. Keep its first public key elsewhere: {key}"));
        note("With it, `bulla audit verify` proves that no sealed line was changed.");
    }
    for gap in kms.audit_gaps() {
        note(format!("The audit trail has recorded a gap: {}.", of_gap(gap)));
    }
    let is_key_configured = access_key.is_some();
    let first = pollster::block_on(kms.ensure_access_key(access_key)).map_err(|error| {
        Failure::new(
            Exit::Other,
            with_causes(&error),
            "free space or check the permissions of the data directory",
        )
    })?;
    if is_key_configured && first == FirstAccessKey::Existing {
        note(format!("{ACCESS_KEY_ID} is ignored: the store has an access key already."));
    }
    kms.set_backup_schedule(schedule);
    let server = Server::bind(Arc::clone(&kms), server_options).map_err(serve_failure)?;
    announce(&kms, &server, &settings, &first).map_err(|error| Failure::output(&error))?;
    server.run().map_err(serve_failure)
}

/// Returns the settings of the running server: account and region are those in the store, or `None` if no start has set
/// them.
fn running(settings: &Serve, kms: &Kms) -> Serve {
    let region = kms.settled_region().map(str::to_owned);
    let account = kms.settled_account().map(str::to_owned);
    Serve { region, account, ..settings.clone() }
}

/// Returns the address at which clients on this machine reach the server with a valid certificate, instead of a
/// wildcard address.
fn for_clients(listen: SocketAddr, names: &[String]) -> String {
    let port = listen.port();
    match (listen.ip(), names.first()) {
        (ip, Some(name)) if ip.is_unspecified() => format!("{name}:{port}"),
        (IpAddr::V4(ip), None) if ip.is_unspecified() => format!("127.0.0.1:{port}"),
        (IpAddr::V6(ip), None) if ip.is_unspecified() => format!("[::1]:{port}"),
        _ => listen.to_string(),
    }
}

/// Prints one line for programs on standard output, and the environment of a client for people on standard error.
fn announce(kms: &Kms, server: &Server, settings: &Serve, first: &FirstAccessKey) -> io::Result<()> {
    let scheme = if settings.http { "http" } else { "https" };
    let url = format!("{scheme}://{}", server.local_addr());
    if *first == FirstAccessKey::Given {
        note(format!("The access key of {ACCESS_KEY_ID} was added to the store."));
    }
    note("For a client:");
    note(format!("  export BULLA_KMS={scheme}://{}", for_clients(server.local_addr(), &settings.tls_name)));
    if let Some(ca) = server.ca_path() {
        note(format!("  export ALIBABA_CLOUD_CA_BUNDLE={}", quoted(ca)));
    }
    let file = kms.access_key_path();
    if file.exists() {
        let value =
            |name| format!("\"$(sed -n 's/.*\"{name}\": *\"\\([^\"]*\\)\".*/\\1/p' {})\"", quoted(&file));
        note(format!("  export ALIBABA_CLOUD_ACCESS_KEY_ID={}", value("AccessKeyId")));
        note(format!("  export ALIBABA_CLOUD_ACCESS_KEY_SECRET={}", value("AccessKeySecret")));
    }
    note("  bulla key create --alias alias/work   # once");
    note("  bulla encrypt -k alias/work FILE");
    if let Some(address) = server.metrics_addr() {
        note(format!("Metrics: http://{address}/metrics"));
    }
    write_out(format!("bulla: listening on {url}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_announced_address_is_one_that_clients_can_connect_to() {
        let names = ["kms.example.com".to_owned()];
        for (listen, names, expected) in [
            ("127.0.0.1:1", &[][..], "127.0.0.1:1"),
            ("192.0.2.1:1", &names[..], "192.0.2.1:1"),
            ("0.0.0.0:1", &names[..], "kms.example.com:1"),
            ("0.0.0.0:1", &[][..], "127.0.0.1:1"),
            ("[::]:1", &[][..], "[::1]:1"),
        ] {
            assert_eq!(for_clients(listen.parse().unwrap(), names), expected, "{listen}");
        }
    }
}
