//! Reading the settings of a server again while it runs.

use bulla_server::{Reread, Settings};

use super::{data_directory, kms_options, server_options, with_config};
use crate::args::Serve;
use crate::failure::Failure;

/// Reads the configuration file again; flags still win. `running` are the settings of the start.
pub(super) fn reread(flags: Serve, running: Serve) -> Reread {
    Box::new(move || {
        let found = with_config(flags.clone()).map_err(Failure::into_what)?;
        changes(&running, &found).map_err(Failure::into_what)
    })
}

/// What a running server does about settings that were found. All of them have to be valid, also those that take
/// effect at the next start.
fn changes(running: &Serve, found: &Serve) -> Result<Settings, Failure> {
    let data = data_directory(running)?;
    let options = server_options(found, &data)?;
    Ok(Settings {
        // What the certificate is for depends on it.
        tls: (found.http == running.http).then_some(options.tls),
        limits: options.limits,
        trusted_proxies: options.trusted_proxies,
        need_restart: need_restart(running, found)?,
    })
}

/// The names of settings that differ and are read at the start only.
fn need_restart(running: &Serve, found: &Serve) -> Result<Vec<&'static str>, Failure> {
    let data = [data_directory(running)?, data_directory(found)?];
    let [kms, new_kms] = [kms_options(running, &data[0])?, kms_options(found, &data[1])?];
    let [server, new_server] = [server_options(running, &data[0])?, server_options(found, &data[1])?];
    let differences = [
        ("data", data[0] != data[1]),
        ("listen", server.listen != new_server.listen),
        ("http", running.http != found.http),
        ("root-key", kms.root_key != new_kms.root_key),
        ("group-readable-secrets", kms.secret_readers != new_kms.secret_readers),
        ("region", kms.region != new_kms.region),
        ("account", kms.account != new_kms.account),
    ];
    Ok(differences.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect())
}
