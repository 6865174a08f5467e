//! The KMS engine behind HTTP and HTTPS.
//!
//! [`Server::bind`] binds the address, [`Server::run`] serves until it is ordered to stop. A request passes through
//! [`http`] (bytes, limits) and `http::rpc` (authentication) to the engine and back.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use bulla_kms::{Kms, Options, Role, SystemClock};
//! use bulla_server::{Server, ServerOptions, TlsOptions};
//!
//! let kms = Arc::new(Kms::open(&Options::new("/var/lib/bulla", Role::Server), SystemClock)?);
//! let tls = TlsOptions::Authority { data: "/var/lib/bulla".into(), names: Vec::new() };
//! let server = Server::bind(kms, ServerOptions::new(([127, 0, 0, 1], 8443).into(), tls))?;
//! println!("listening on https://{}", server.local_addr());
//! server.run()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod audit_sinks;
mod backups;
mod console;
pub mod control;
pub mod http;
pub mod limits;
mod log;
mod maintenance;
mod metrics;
mod networks;
mod oidc;
mod owner_console;
mod proxies;
mod reload;
mod service_manager;
mod shutdown;
mod store_watch;
mod tls;

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

use bulla_kms::Kms;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

pub use self::audit_sinks::{AuditSinks, AuditTarget, OtherSink, SyslogTarget};
use self::backups::Backups;
use self::console::Pages;
use self::control::{Control, ControlSocket, Facts, Inspections};
use self::http::Connections;
use self::http::rpc::Rpc;
pub use self::limits::Limits;
pub use self::log::Log;
use self::metrics::{Bound, Sources};
pub use self::networks::{Network, NotANetwork};
pub use self::oidc::{KeySource, OidcSource};
use self::oidc::{OidcKeys, OidcThread};
pub use self::owner_console::{Engine, OwnerConsole};
use self::reload::Reloader;
pub use self::reload::{Reread, Settings};
use self::service_manager::Reporter;
pub use self::service_manager::ServiceManager;
use self::shutdown::Order;
pub use self::shutdown::{Shutdown, Stopper};
use self::store_watch::StoreWatch;
use self::tls::{Tls, Upkeep};
pub use self::tls::{TlsError, TlsOptions};
pub use bulla_console::{Event as ConsoleEvent, Refusal as ConsoleRefusal};

/// The options of a server.
pub struct ServerOptions {
    /// The address; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Whether and with which certificate connections are encrypted.
    pub tls: TlsOptions,
    /// The limits of connections and requests.
    pub limits: Limits,
    /// Networks of proxies and load balancers: their connections are not counted by address, and their X-Forwarded-For
    /// names the client.
    pub trusted_proxies: Vec<Network>,
    /// The OIDC providers whose tokens AssumeRoleWithOIDC accepts.
    pub oidc: Vec<OidcSource>,
    /// The host names by which browsers reach the console; `None` disables the console.
    pub console: Option<Vec<String>>,
    /// The sinks of the audit trail, if the engine has one.
    pub audit: AuditSinks,
    /// The output of the log.
    pub log: Box<dyn Write + Send>,
    /// The address for metrics, in plain HTTP to every client that connects; without it, nothing is counted.
    pub metrics: Option<SocketAddr>,
    /// The service manager that started the server and monitors it.
    pub service_manager: Option<ServiceManager>,
    /// The source of orders to stop and to reload.
    pub shutdown: Shutdown,
    /// Reads the settings again on a reload; without it, only certificates are reloaded.
    pub reread: Option<Reread>,
}

impl ServerOptions {
    /// Returns the default limits, the log on stderr, stopped by signals.
    #[must_use]
    pub fn new(listen: SocketAddr, tls: TlsOptions) -> Self {
        Self {
            listen,
            tls,
            limits: Limits::default(),
            trusted_proxies: Vec::new(),
            oidc: Vec::new(),
            console: None,
            audit: AuditSinks::default(),
            log: Box::new(io::stderr()),
            metrics: None,
            service_manager: None,
            shutdown: Shutdown::on_signals(),
            reread: None,
        }
    }

    /// Returns the settings unchanged, for a reload.
    fn unchanged(&self) -> Reread {
        let tls = Some(self.tls.clone());
        let limits = self.limits;
        let trusted_proxies = self.trusted_proxies.clone();
        let oidc = self.oidc.clone();
        let settings = Settings {
            tls,
            limits,
            trusted_proxies,
            console: None,
            oidc,
            request_limits: None,
            quotas: None,
            audit: None,
            backup: None,
            need_restart: Vec::new(),
        };
        Box::new(move || Ok(settings.clone()))
    }
}

/// Why a server cannot serve.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// Without TLS, only a loopback address is allowed.
    PlainHttp(SocketAddr),
    /// Binding the address failed.
    Bind {
        /// The address.
        listen: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// Binding the address for metrics failed.
    BindMetrics {
        /// The address.
        listen: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// There is no certificate.
    Tls(TlsError),
    /// The system provides no threads, timers or signals.
    Start(io::Error),
}

/// A server with a bound address and a certificate, which answers when it runs.
pub struct Server {
    kms: Arc<Kms>,
    limits: Limits,
    listener: TcpListener,
    local_addr: SocketAddr,
    console: Option<Vec<String>>,
    /// `None` if it cannot be created; the log has the reason.
    control: Option<ControlSocket>,
    log: Arc<Log>,
    metrics: Option<Bound>,
    oidc: Vec<OidcSource>,
    reread: Reread,
    runtime: Runtime,
    service_manager: Option<ServiceManager>,
    shutdown: Shutdown,
    tls: Option<Tls>,
    trusted_proxies: Vec<Network>,
}

impl Server {
    /// Binds the address, prepares the certificate and listens for signals. From then on clients can connect; they are
    /// answered, and signals are handled, once [`Server::run`] is called.
    ///
    /// # Errors
    /// [`ServeError`]; the address is free again.
    pub fn bind(kms: Arc<Kms>, mut options: ServerOptions) -> Result<Self, ServeError> {
        let reread = options.reread.take().unwrap_or_else(|| options.unchanged());
        let ServerOptions { listen, tls, limits, trusted_proxies, oidc, console, log, mut shutdown, .. } =
            options;
        let ServerOptions { audit, metrics, service_manager, .. } = options;
        if tls == TlsOptions::Off && !listen.ip().to_canonical().is_loopback() {
            return Err(ServeError::PlainHttp(listen));
        }
        let runtime = runtime().map_err(ServeError::Start)?;
        let (listener, local_addr, metrics) = {
            let _context = runtime.enter();
            shutdown.listen().map_err(ServeError::Start)?;
            let (listener, address) =
                listener(listen).map_err(|source| ServeError::Bind { listen, source })?;
            let bind =
                |listen| Bound::new(listen).map_err(|source| ServeError::BindMetrics { listen, source });
            (listener, address, metrics.map(bind).transpose()?)
        };
        let tls = runtime.block_on(Tls::open(&tls, local_addr, &kms)).map_err(ServeError::Tls)?;
        audit.apply(&kms).map_err(ServeError::Start)?;
        let log = Log::start(log).map_err(ServeError::Start)?;
        kms.set_request_log(Arc::<Log>::clone(&log));
        let control = {
            let _context = runtime.enter();
            ControlSocket::bind(kms.data())
        };
        let control = control.inspect_err(|error| log.event(without_control(kms.data(), error))).ok();
        let reminder = tls.as_ref().and_then(|tls| tls.reminder(kms.now()));
        reminder.into_iter().for_each(|reminder| log.event(reminder));
        Ok(Self {
            kms,
            limits,
            listener,
            local_addr,
            console,
            control,
            log,
            metrics,
            oidc,
            reread,
            runtime,
            service_manager,
            shutdown,
            tls,
            trusted_proxies,
        })
    }

    /// Returns the address, with the actual port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Returns the address of metrics, with the actual port.
    #[must_use]
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|bound| bound.address)
    }

    /// Returns the path of the certificate that clients must trust, if the server has an authority of its own.
    #[must_use]
    pub fn ca_path(&self) -> Option<&Path> {
        self.tls.as_ref()?.ca_path()
    }

    /// Serves until it is ordered to stop. Then no new connection is accepted, idle ones are closed, and requests in
    /// flight get [`limits::DRAIN`] to finish. A second order ends them at once. Blocks.
    ///
    /// # Errors
    /// [`ServeError::Start`]; nothing was served.
    pub fn run(self) -> Result<(), ServeError> {
        let Self { kms, mut limits, listener, local_addr, log, reread, runtime, mut shutdown, .. } = self;
        limits.fit_open_files(&log);
        let (stop, stopped) = watch::channel(false);
        let acceptor = self.tls.as_ref().map(Tls::acceptor);
        let certificate = self.tls.as_ref().map(Tls::certificate);
        let tls = self.tls.map(|tls| Arc::new(Mutex::new(tls)));
        let upkeep = tls.as_ref().map(|tls| {
            let tls = Arc::clone(tls);
            let handle = runtime.handle().clone();
            Upkeep::start(tls, limits.refresh, handle, Arc::clone(&kms), Arc::clone(&log))
        });
        let upkeep = upkeep.transpose().map_err(ServeError::Start)?;
        let connections = Connections::new(limits, self.trusted_proxies, Arc::clone(&log));
        let proxies = connections.proxies();
        let oidc = Arc::new(OidcKeys::new(&kms, self.oidc));
        let oidc_thread = OidcThread::start(Arc::clone(&oidc), Arc::clone(&kms), Arc::clone(&log));
        let oidc_thread = oidc_thread.map_err(ServeError::Start)?;
        let sources = Sources::new(&kms, &connections, &log, certificate);
        let requests = self.metrics.is_some().then(|| sources.requests());
        let url = url(local_addr, tls.is_some());
        let facts = Facts {
            kms: Arc::clone(&kms),
            connections: Arc::clone(&connections),
            certificate: sources.certificate(),
            started: SystemTime::now(),
            url: url.clone(),
            metrics: self.metrics.as_ref().map(|bound| bound.address),
            inspections: Inspections::default(),
        };
        let control = Control::new(facts, Arc::clone(&log));
        let long_calls = control.long_calls();
        let control = control::serve(self.control, control, stopped.clone());
        let metrics = self.metrics.map(|bound| metrics::serve(bound, sources, limits, stopped.clone()));
        let reporter = Reporter::new(self.service_manager, Arc::clone(&kms), url);
        let console = self.console.map(Pages::new).map(Arc::new);
        let reloader = Reloader {
            reporter: Arc::clone(&reporter),
            reread,
            kms: Arc::clone(&kms),
            local_addr,
            tls,
            connections: Arc::clone(&connections),
            console: console.clone(),
            oidc,
            log: Arc::clone(&log),
        };
        let setup = http::Setup { listener, tls: acceptor, connections, stop: stopped };
        let maintenance = maintenance::run(Arc::clone(&kms), Arc::clone(&log));
        let store_watch = StoreWatch::start(Arc::clone(&kms), Arc::clone(&log)).map_err(ServeError::Start)?;
        let backups = Backups::start(Arc::clone(&kms), Arc::clone(&log)).map_err(ServeError::Start)?;
        let handler = Rpc::new(kms, Arc::clone(&log), proxies, console);
        let handler = Arc::new(handler.counted_by(requests));
        runtime.block_on(async {
            let reload = Arc::new(Notify::new());
            let background = [
                tokio::spawn(maintenance),
                tokio::spawn(reloader.run(Arc::clone(&reload))),
                tokio::spawn(Arc::clone(&reporter).run()),
            ];
            metrics.map(tokio::spawn); // it ends with the runtime
            let serving = async { tokio::join!(http::serve(setup, handler), control) };
            let mut serving = pin!(tokio::spawn(serving));
            while shutdown.next().await == Order::Reload {
                reload.notify_one();
            }
            stop.send_replace(true);
            background.iter().for_each(JoinHandle::abort);
            reporter.stopping();
            tokio::select! {
                _ = &mut serving => {}
                () = sleep(limits.drain) => log.event("requests in flight were cut off: out of time"),
                () = shutdown.stop() => log.event("requests in flight were cut off: a second signal to stop"),
            }
            long_calls.end(LAST_STEPS).await;
        });
        runtime.shutdown_timeout(LAST_STEPS);
        drop((upkeep, store_watch, oidc_thread, backups));
        log.flush(LAST_STEPS);
        Ok(())
    }
}

/// Creates the runtime that a [`Server`] runs on: the one place where it is chosen.
///
/// It has one thread per core, and at least two, because one may hang in a write to the audit trail. With the client on
/// the same two cores, GenerateDataKey ran at 28,000 per second, and at 21,000 with a single thread, in alternating
/// runs on a machine with other load.
///
/// # Errors
/// The system provides no threads or timers.
pub fn runtime() -> io::Result<Runtime> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    Builder::new_multi_thread().worker_threads(cores.max(2)).enable_all().build()
}

fn without_control(data: &Path, error: &io::Error) -> String {
    format!(
        "there is no control socket in {}, so `bulla status` and other commands cannot call this server: {error}",
        data.display()
    )
}

fn url(address: SocketAddr, encrypted: bool) -> String {
    format!("{}://{address}", if encrypted { "https" } else { "http" })
}

fn listener(listen: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = if listen.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Otherwise a restart must wait for connections of the last run that linger in the kernel.
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    let listener = socket.listen(limits::BACKLOG)?;
    let local_addr = listener.local_addr()?;
    Ok((listener, local_addr))
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("local_addr", &self.local_addr).finish_non_exhaustive()
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlainHttp(listen) => {
                write!(f, "{listen} can be reached from outside, so connections to it must be encrypted")
            }
            Self::Bind { listen, .. } => write!(f, "cannot listen on {listen}"),
            Self::BindMetrics { listen, .. } => write!(f, "cannot listen on {listen} for metrics"),
            Self::Tls(_) => f.write_str("there is no certificate to serve HTTPS with"),
            Self::Start(_) => f.write_str("cannot start the server"),
        }
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::PlainHttp(_) => None,
            Self::Bind { source, .. } | Self::BindMetrics { source, .. } | Self::Start(source) => {
                Some(source)
            }
            Self::Tls(source) => Some(source),
        }
    }
}

/// The time for cancelled tasks and the log to finish.
const LAST_STEPS: Duration = Duration::from_secs(1);
