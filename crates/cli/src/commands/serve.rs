//! `bulla serve`: the KMS as a server.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bulla_kms::{FirstAccessKey, Kms, Options, Role, SystemClock};
use bulla_server::{ServeError, Server, ServerOptions, TlsOptions};
use bulla_wire::SecretText;

use crate::args::Serve;
use crate::failure::{Exit, Failure, with_causes};

pub(crate) fn run(flags: Serve) -> Result<(), Failure> {
    let settings = with_config(flags)?;
    let data = settings.data.clone().unwrap_or_else(|| PathBuf::from(DATA));
    let (options, access_key) = (kms_options(&settings, &data)?, given_access_key()?);
    let kms = Arc::new(Kms::open(&options, SystemClock)?);
    let first = pollster::block_on(kms.ensure_access_key(access_key)).map_err(|error| {
        Failure::new(
            Exit::Other,
            with_causes(&error),
            "free space or check the permissions of the data directory",
        )
    })?;
    let server = Server::bind(Arc::clone(&kms), server_options(&settings, &data)).map_err(serve_failure)?;
    announce(&kms, &server, &settings, &first)
        .map_err(|error| Failure::io(Path::new("standard output"), &error))?;
    server.run().map_err(serve_failure)
}

/// The settings of the configuration file, overridden by flags.
fn with_config(flags: Serve) -> Result<Serve, Failure> {
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
    Ok(Serve {
        data: flags.data.or(file.data),
        listen: flags.listen.or(file.listen),
        http: flags.http || file.http,
        root_key: flags.root_key.or(file.root_key),
        tls_name,
        tls_cert: flags.tls_cert.or(file.tls_cert),
        tls_key: flags.tls_key.or(file.tls_key),
        region: flags.region.or(file.region),
        account: flags.account.or(file.account),
        accept_clock: flags.accept_clock,
        config: flags.config,
    })
}

fn kms_options(settings: &Serve, data: &Path) -> Result<Options, Failure> {
    let mut options = Options::new(data, Role::Server);
    options.root_key.clone_from(&settings.root_key);
    options.accept_clock = settings.accept_clock;
    if let Some(region) = &settings.region {
        if region.is_empty()
            || !region.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        {
            let what = format!("--region {region}: not the name of a region");
            return Err(Failure::new(Exit::Usage, what, "use letters, digits, - and _"));
        }
        options.region.clone_from(region);
    }
    if let Some(account) = &settings.account {
        if account.is_empty() || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            let what = format!("--account {account}: not an account id");
            return Err(Failure::new(Exit::Usage, what, "use digits"));
        }
        options.account.clone_from(account);
    }
    Ok(options)
}

fn server_options(settings: &Serve, data: &Path) -> ServerOptions {
    let tls = match (&settings.tls_cert, &settings.tls_key) {
        _ if settings.http => TlsOptions::Off,
        (Some(cert), Some(key)) => TlsOptions::Files { cert: cert.clone(), key: key.clone() },
        _ => TlsOptions::Authority { data: data.to_owned(), names: settings.tls_name.clone() },
    };
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, 8443));
    ServerOptions::new(settings.listen.unwrap_or(default), tls)
}

/// The access key in the environment, which is taken at the first start instead of a new one.
fn given_access_key() -> Result<Option<(String, SecretText)>, Failure> {
    let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
    match (set(ACCESS_KEY_ID), set(ACCESS_KEY_SECRET)) {
        (Some(id), Some(secret)) => Ok(Some((id, secret.into()))),
        (None, None) => Ok(None),
        _ => {
            let what = format!("only one of {ACCESS_KEY_ID} and {ACCESS_KEY_SECRET} is set");
            Err(Failure::new(Exit::Usage, what, "set both, or neither to have an access key made"))
        }
    }
}

/// One line for programs on standard output, and what a client needs for people on standard error.
fn announce(kms: &Kms, server: &Server, settings: &Serve, first: &FirstAccessKey) -> io::Result<()> {
    let scheme = if settings.http { "http" } else { "https" };
    let url = format!("{scheme}://{}", server.local_addr());
    let mut help = String::new();
    let mut line = |text: String| {
        help.push_str(&text);
        help.push('\n');
    };
    if kms.is_new() && settings.root_key.is_none() {
        let path = kms.root_key_path();
        line(format!(
            "The root key is {}. Keep a copy of it elsewhere: without it all keys are lost,",
            path.display()
        ));
        line("and with it and a backup of the data anybody has them. --root-key keeps it apart.".into());
    }
    if *first == FirstAccessKey::Given {
        line(format!("The access key of {ACCESS_KEY_ID} was taken."));
    }
    line("For a client:".into());
    line(format!("  export BULLA_KMS={url}"));
    if let Some(ca) = server.ca_path() {
        line(format!("  export ALIBABA_CLOUD_CA_BUNDLE={}", ca.display()));
    }
    let file = kms.access_key_path();
    if file.exists() {
        let value =
            |name| format!("\"$(sed -n 's/.*\"{name}\": *\"\\([^\"]*\\)\".*/\\1/p' {})\"", file.display());
        line(format!("  export ALIBABA_CLOUD_ACCESS_KEY_ID={}", value("AccessKeyId")));
        line(format!("  export ALIBABA_CLOUD_ACCESS_KEY_SECRET={}", value("AccessKeySecret")));
    }
    line("  bulla key create --alias alias/work   # once".into());
    line("  bulla encrypt -k alias/work FILE".into());
    let _ = io::stderr().write_all(help.as_bytes()); // a server without anybody watching serves all the same
    let mut stdout = io::stdout();
    writeln!(stdout, "bulla: listening on {url}")?;
    stdout.flush()
}

fn serve_failure(error: ServeError) -> Failure {
    let hint = match &error {
        ServeError::PlainHttp(_) => "leave out --http, or listen on 127.0.0.1",
        ServeError::Bind { .. } => "name another address with --listen; port 0 picks a free one",
        ServeError::Tls(_) => {
            "check the certificate and key files, or leave them out for a CA of bulla's own"
        }
        _ => "",
    };
    Failure::new(Exit::Other, with_causes(&error), hint)
}

const DATA: &str = "/var/lib/bulla";
const ACCESS_KEY_ID: &str = "BULLA_ROOT_ACCESS_KEY_ID";
const ACCESS_KEY_SECRET: &str = "BULLA_ROOT_ACCESS_KEY_SECRET";
