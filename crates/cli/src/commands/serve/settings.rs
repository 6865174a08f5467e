//! The settings of a server: the configuration file, overridden by flags, and their validation.

use std::fs;
use std::path::{self, Path, PathBuf};

use bulla_kms::{Options, Role, SecretReaders};
use bulla_server::limits::share_of_one_address;
use bulla_server::{Limits, Network, NotANetwork, ServeError, ServerOptions, TlsOptions};

use super::audit::{audit_options, audit_sinks, node};
use super::errors::serve_failure;
use super::listen::Listen;
use super::oidc::oidc_sources;
use crate::args::{Serve, SignatureVersion};
use crate::failure::{Exit, Failure};

/// Returns the data directory as an absolute path, so that printed paths are valid in any directory.
pub(super) fn data_directory(settings: &Serve) -> Result<PathBuf, Failure> {
    let data = settings.data.as_deref().unwrap_or(Path::new(DATA));
    path::absolute(data).map_err(|error| Failure::io(data, &error))
}

/// Returns the settings of the configuration file, overridden by flags.
pub(super) fn with_config(flags: Serve) -> Result<Serve, Failure> {
    let Some(path) = &flags.config else { return Ok(flags) };
    let text = fs::read_to_string(path).map_err(|error| Failure::io(path, &error))?;
    let file: Serve = toml::from_str(&text).map_err(|error| {
        let what = format!("{}: {}", path.display(), error.message());
        Failure::new(
            Exit::Usage,
            what,
            "the settings are named like the flags of `bulla serve --help`, without --",
        )
    })?;
    let tls_name = if flags.tls_name.is_empty() { file.tls_name } else { flags.tls_name };
    let trusted_proxies =
        if flags.trusted_proxies.is_empty() { file.trusted_proxies } else { flags.trusted_proxies };
    Ok(Serve {
        data: flags.data.or(file.data),
        listen: flags.listen.or(file.listen),
        http: flags.http || file.http,
        root_key: flags.root_key.or(file.root_key),
        group_readable_secrets: flags.group_readable_secrets || file.group_readable_secrets,
        tls_name,
        tls_cert: flags.tls_cert.or(file.tls_cert),
        tls_key: flags.tls_key.or(file.tls_key),
        connections: flags.connections.or(file.connections),
        connections_per_address: flags.connections_per_address.or(file.connections_per_address),
        trusted_proxies,
        metrics: flags.metrics.or(file.metrics),
        region: flags.region.or(file.region),
        account: flags.account.or(file.account),
        quotas: file.quotas,
        audit: file.audit,
        backup: file.backup,
        limits: file.limits,
        signatures: if flags.signatures.is_empty() { file.signatures } else { flags.signatures },
        oidc: file.oidc,
        console: file.console,
        no_console: flags.no_console,
        accept_clock: flags.accept_clock,
        accept_rollback: flags.accept_rollback,
        config: flags.config,
    })
}

pub(super) fn kms_options(settings: &Serve, data: &Path) -> Result<Options, Failure> {
    let mut options = Options::new(data, Role::Server);
    options.root_key.clone_from(&settings.root_key);
    options.accept_clock = settings.accept_clock;
    options.accept_rollback = settings.accept_rollback;
    options.quotas = *settings.quotas;
    options.audit = audit_options(settings, data)?;
    options.request_limits = settings.limits;
    if settings.group_readable_secrets {
        options.secret_readers = SecretReaders::OwnGroups;
    }
    options.accept_v1 = accepts_v1(&settings.signatures)?;
    if let Some(region) = &settings.region {
        if region.is_empty()
            || !region.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        {
            let what = format!("--region {region}: not the name of a region");
            return Err(Failure::new(Exit::Usage, what, "use letters, digits, - and _"));
        }
        options.region = Some(region.clone());
    }
    if let Some(account) = &settings.account {
        if account.is_empty() || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            let what = format!("--account {account}: not an account id");
            return Err(Failure::new(Exit::Usage, what, "use digits"));
        }
        options.account = Some(account.clone());
    }
    Ok(options)
}

pub(super) fn server_options(
    settings: &Serve,
    data: &Path,
    listen: &Listen,
) -> Result<ServerOptions, Failure> {
    let tls = tls_options(settings, data, listen)?;
    if settings.http && !listen.address.ip().to_canonical().is_loopback() {
        return Err(serve_failure(ServeError::PlainHttp(listen.address))); // before anything is created
    }
    let mut options = ServerOptions::new(listen.address, tls);
    options.limits = limits(settings);
    options.trusted_proxies = trusted_proxies(settings)?;
    options.oidc = oidc_sources(&settings.oidc)?;
    options.metrics = listen.metrics;
    options.audit = audit_sinks(settings)?;
    options.console = has_console(settings).then(|| console_names(settings, listen));
    Ok(options)
}

pub(super) fn tls_options(settings: &Serve, data: &Path, listen: &Listen) -> Result<TlsOptions, Failure> {
    match (&settings.tls_cert, &settings.tls_key) {
        (None, None) if settings.http => Ok(TlsOptions::Off),
        (None, None) => {
            let names = settings.tls_name.iter().chain(&listen.host).cloned().collect();
            Ok(TlsOptions::Authority { data: data.to_owned(), names })
        }
        (Some(cert), Some(key)) if !settings.http => {
            Ok(TlsOptions::Files { cert: cert.clone(), key: key.clone() })
        }
        _ => {
            let what = "a certificate needs both --tls-cert and --tls-key, and no --http";
            Err(Failure::new(Exit::Usage, what, "correct the flags or the configuration file"))
        }
    }
}

/// Returns whether the console is served under /console/.
pub(super) fn has_console(settings: &Serve) -> bool {
    settings.console != Some(false) && !settings.no_console
}

/// Returns the host names by which browsers reach the console: those of the certificate that the server makes itself.
pub(super) fn console_names(settings: &Serve, listen: &Listen) -> Vec<String> {
    let names = settings.tls_name.iter().chain(&listen.host).cloned();
    names.chain([LOOPBACK.to_owned(), node()]).collect()
}

fn accepts_v1(signatures: &[SignatureVersion]) -> Result<bool, Failure> {
    if !signatures.is_empty() && !signatures.contains(&SignatureVersion::V3) {
        let what = "--signatures: without v3, bulla itself could not call this server";
        return Err(Failure::new(Exit::Usage, what, "use v3, or v1,v3 for clients that know no other"));
    }
    Ok(signatures.is_empty() || signatures.contains(&SignatureVersion::V1))
}

fn limits(settings: &Serve) -> Limits {
    let mut limits = Limits::default();
    if let Some(connections) = settings.connections {
        limits.connections = connections.get();
        limits.connections_per_address = share_of_one_address(connections.get());
    }
    if let Some(share) = settings.connections_per_address {
        limits.connections_per_address = share.get();
    }
    limits
}

fn trusted_proxies(settings: &Serve) -> Result<Vec<Network>, Failure> {
    let parse = |text: &String| {
        text.parse().map_err(|error: NotANetwork| {
            let what = format!("--trusted-proxies {text}: {error}");
            Failure::new(Exit::Usage, what, "write it as 10.0.0.0/8, 2001:db8::/32, or one address")
        })
    };
    settings.trusted_proxies.iter().map(parse).collect()
}

/// A name that every machine has.
const LOOPBACK: &str = "localhost";
/// The default data directory of a server.
pub(crate) const DATA: &str = "/var/lib/bulla";
