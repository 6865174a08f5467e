//! `bulla serve`: the KMS as a server.

mod reload;

use std::env;
use std::fs;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{self, Path, PathBuf};
use std::sync::Arc;

use bulla_kms::{
    FirstAccessKey, Kms, OpenError, Options, Role, SecretFileFault, SecretReaders, SystemClock,
    read_secret_file,
};
use bulla_server::limits::share_of_one_address;
use bulla_server::{Limits, Network, NotANetwork, ServeError, Server, ServerOptions, TlsError, TlsOptions};
use bulla_wire::SecretText;
use zeroize::Zeroizing;

use crate::args::Serve;
use crate::failure::{Exit, Failure, with_causes};
use crate::messages::note;
use crate::process::{MORE_PROCESSES, outlive_signals_to_servers};
use crate::streams::write_out;

pub(crate) fn run(flags: Serve) -> Result<(), Failure> {
    outlive_signals_to_servers();
    let settings = with_config(flags.clone())?;
    let data = data_directory(&settings)?;
    let options = kms_options(&settings, &data)?;
    let access_key = given_access_key(options.secret_readers)?;
    let listen = resolve(typed_listen(&settings))?;
    let mut server_options = server_options(&settings, &data, &listen)?;
    server_options.reread = Some(reload::reread(flags, settings.clone(), listen));
    let kms = Arc::new(Kms::open(&options, SystemClock).map_err(|error| open_failure(&error))?);
    if kms.is_new() && settings.root_key.is_none() {
        note(format!("The root key is {}. Keep a copy of it elsewhere:", kms.root_key_path().display()));
        note("without it all keys are lost, and with it and a backup of the data anybody has them.");
        note("--root-key keeps it apart.");
    }
    let given = access_key.is_some();
    let first = pollster::block_on(kms.ensure_access_key(access_key)).map_err(|error| {
        Failure::new(
            Exit::Other,
            with_causes(&error),
            "free space or check the permissions of the data directory",
        )
    })?;
    if given && first == FirstAccessKey::Existing {
        note(format!("{ACCESS_KEY_ID} is ignored: the store has an access key already."));
    }
    let server = Server::bind(Arc::clone(&kms), server_options).map_err(serve_failure)?;
    announce(&kms, &server, &settings, &first).map_err(|error| Failure::output(&error))?;
    server.run().map_err(serve_failure)
}

/// Where the data is: as an absolute path, so that what is printed holds in other directories too.
fn data_directory(settings: &Serve) -> Result<PathBuf, Failure> {
    let data = settings.data.as_deref().unwrap_or(Path::new(DATA));
    path::absolute(data).map_err(|error| Failure::io(data, &error))
}

fn open_failure(error: &OpenError) -> Failure {
    let hint = match error {
        OpenError::ClockBehind { .. } => format!("{CLOCK_BEHIND}: {} --accept-clock", command_line()),
        _ => error.hint(Role::Server),
    };
    Failure::new(Exit::Kms, error.to_string(), hint)
}

/// What was typed, as a shell takes it.
fn command_line() -> String {
    let arguments = env::args_os().skip(1).map(|argument| quoted(Path::new(&argument)));
    std::iter::once("bulla".to_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
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
    if settings.group_readable_secrets {
        options.secret_readers = SecretReaders::OwnGroups;
    }
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

fn server_options(settings: &Serve, data: &Path, listen: &Listen) -> Result<ServerOptions, Failure> {
    let tls = match (&settings.tls_cert, &settings.tls_key) {
        (None, None) if settings.http => TlsOptions::Off,
        (None, None) => {
            let names = settings.tls_name.iter().chain(&listen.host).cloned().collect();
            TlsOptions::Authority { data: data.to_owned(), names }
        }
        (Some(cert), Some(key)) if !settings.http => {
            TlsOptions::Files { cert: cert.clone(), key: key.clone() }
        }
        _ => {
            let what = "a certificate needs both --tls-cert and --tls-key, and no --http";
            return Err(Failure::new(Exit::Usage, what, "correct the flags or the configuration file"));
        }
    };
    if settings.http && !listen.address.ip().to_canonical().is_loopback() {
        return Err(serve_failure(ServeError::PlainHttp(listen.address))); // before anything is made
    }
    let mut options = ServerOptions::new(listen.address, tls);
    options.limits = limits(settings);
    options.trusted_proxies = trusted_proxies(settings)?;
    Ok(options)
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

/// What `--listen` names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listen {
    /// If it is a name.
    host: Option<String>,
    /// Of several addresses an IPv4 one, as the default is, and else the first.
    address: SocketAddr,
}

fn typed_listen(settings: &Serve) -> &str {
    settings.listen.as_deref().unwrap_or(LISTEN)
}

fn resolve(typed: &str) -> Result<Listen, Failure> {
    if let Ok(address) = typed.parse() {
        return Ok(Listen { host: None, address });
    }
    let host = typed.rsplit_once(':').filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    let Some((host, _)) = host else {
        let what = format!("--listen {typed}: not an address or host name with a port");
        return Err(Failure::new(Exit::Usage, what, "write it as HOST:PORT, such as 127.0.0.1:8443"));
    };
    let failed = |why: &str| {
        let what = format!("--listen {typed}: {host} has no address: {why}");
        Failure::new(Exit::Other, what, "name an address of this machine, or correct the name")
    };
    let found: Vec<_> = typed.to_socket_addrs().map_err(|error| failed(&error.to_string()))?.collect();
    let address = found.iter().find(|address| address.is_ipv4()).or(found.first());
    let address = *address.ok_or_else(|| failed("the resolver gives none"))?;
    Ok(Listen { host: Some(host.to_owned()), address })
}

/// The access key in the environment, which is taken at the first start instead of a new one.
fn given_access_key(readers: SecretReaders) -> Result<Option<(String, SecretText)>, Failure> {
    let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
    match (set(ACCESS_KEY_ID), given_secret(readers)?) {
        (Some(id), Some(secret)) => {
            let printable = secret.expose().bytes().all(|byte| byte.is_ascii_graphic());
            match printable && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte))
            {
                true => Ok(Some((id, secret))),
                false => {
                    let what =
                        format!("{ACCESS_KEY_ID} or its secret has a character that signatures cannot carry");
                    Err(Failure::new(
                        Exit::Usage,
                        what,
                        "use letters, digits and ._-@ for the id, no blanks in the secret",
                    ))
                }
            }
        }
        (None, None) => Ok(None),
        _ => {
            let what = format!(
                "only one of {ACCESS_KEY_ID} and {ACCESS_KEY_SECRET} or {ACCESS_KEY_SECRET_FILE} is set"
            );
            Err(Failure::new(Exit::Usage, what, "set both, or neither to have an access key made"))
        }
    }
}

/// The secret in the environment, or in the file that the environment names: what is in the environment of a process can
/// be read in /proc as long as it runs.
fn given_secret(readers: SecretReaders) -> Result<Option<SecretText>, Failure> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    match (set(ACCESS_KEY_SECRET), set(ACCESS_KEY_SECRET_FILE)) {
        (None, None) => Ok(None),
        // What is not text has a character that signatures cannot carry.
        (Some(secret), None) => {
            let secret = secret.into_string().unwrap_or_else(|secret| secret.to_string_lossy().into());
            Ok(Some(secret.into()))
        }
        (None, Some(path)) => secret_of_file(Path::new(&path), readers).map(Some),
        (Some(_), Some(_)) => {
            let what = format!("both {ACCESS_KEY_SECRET} and {ACCESS_KEY_SECRET_FILE} are set");
            Err(Failure::new(Exit::Usage, what, "set one of them; the file keeps the secret out of /proc"))
        }
    }
}

/// One line; its line end is not part of the secret.
fn secret_of_file(path: &Path, readers: SecretReaders) -> Result<SecretText, Failure> {
    let refused = |what: String, hint: String| {
        Failure::new(Exit::Usage, format!("{ACCESS_KEY_SECRET_FILE}: {what}"), hint)
    };
    let malformed = || {
        let what = format!("{} does not hold a secret", path.display());
        refused(what, format!("it is one line of up to {MAX_SECRET} characters"))
    };
    let content = read_secret_file(path, MAX_SECRET, readers).map_err(|error| match error.fault {
        SecretFileFault::TooLong => malformed(),
        _ => refused(error.to_string(), error.hint()),
    })?;
    let text = str::from_utf8(&content).map_err(|_| malformed())?;
    match text.trim_end_matches(['\n', '\r']) {
        "" => Err(malformed()),
        secret => Ok(Zeroizing::new(secret.to_owned()).into()),
    }
}

/// One line for programs on standard output, and what a client needs for people on standard error.
fn announce(kms: &Kms, server: &Server, settings: &Serve, first: &FirstAccessKey) -> io::Result<()> {
    let scheme = if settings.http { "http" } else { "https" };
    let url = format!("{scheme}://{}", server.local_addr());
    if *first == FirstAccessKey::Given {
        note(format!("The access key of {ACCESS_KEY_ID} was taken."));
    }
    note("For a client:");
    note(format!("  export BULLA_KMS={url}"));
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
    write_out(format!("bulla: listening on {url}\n").as_bytes())
}

fn serve_failure(error: ServeError) -> Failure {
    let (exit, hint) = match &error {
        ServeError::Tls(TlsError::Key(key)) => {
            return Failure::new(Exit::Other, with_causes(&error), key.hint());
        }
        ServeError::PlainHttp(_) => (Exit::Usage, "leave out --http, or listen on 127.0.0.1"),
        ServeError::Bind { .. } => {
            (Exit::Other, "name another address with --listen; port 0 picks a free one")
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

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    match path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+@%:".contains(&byte)) {
        true => path,
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

const CLOCK_BEHIND: &str =
    "set the clock right and start again; if it was wrong at the last use of the store, accept it once";
const DATA: &str = "/var/lib/bulla";
const LISTEN: &str = "127.0.0.1:8443";
const ACCESS_KEY_ID: &str = "BULLA_ROOT_ACCESS_KEY_ID";
const ACCESS_KEY_SECRET: &str = "BULLA_ROOT_ACCESS_KEY_SECRET";
const ACCESS_KEY_SECRET_FILE: &str = "BULLA_ROOT_ACCESS_KEY_SECRET_FILE";
/// The bytes of a secret that is taken from a file.
const MAX_SECRET: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_to_listen_on() {
        for (typed, host, address) in [
            ("0.0.0.0:0", None, "0.0.0.0:0"),
            ("[::1]:8443", None, "[::1]:8443"),
            ("localhost:8443", Some("localhost"), "127.0.0.1:8443"),
        ] {
            let expected = Listen { host: host.map(str::to_owned), address: address.parse().unwrap() };
            assert_eq!(resolve(typed).unwrap(), expected);
        }
        for typed in
            ["", "nonsense", "8443", ":8443", "localhost", "localhost:", "localhost:http", "localhost:65536"]
        {
            assert_eq!(resolve(typed).unwrap_err().exit, Exit::Usage, "{typed}");
        }
        assert_eq!(resolve("no-such-host.invalid:8443").unwrap_err().exit, Exit::Other);
    }
}
