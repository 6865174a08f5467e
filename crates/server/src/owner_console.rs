//! The console of an embedded store: on loopback, for the user who runs the command, until the command ends.

mod peer;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bulla_console::{Answer, Console, Event, Request};
use bulla_kms::{Clock, Connection, Kms, SystemClock, new_request_id};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Response, StatusCode};
use tokio::net::TcpListener;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::console::response;
use crate::http::{Connections, Handler, Received, Setup, serve};
use crate::limits::Limits;
use crate::log::Log;
use crate::shutdown::Order;
use crate::{ServeError, Shutdown, listener, runtime};

/// An engine that is open only while it is used.
pub trait Engine: Send + Sync + 'static {
    /// Opens the store if it is closed, and calls `run` with the engine. Blocks.
    ///
    /// # Errors
    /// Why the store cannot be opened, for the user.
    fn with(&self, run: &mut dyn FnMut(&Kms)) -> Result<(), String>;
}

/// The console of an embedded store, with a bound address.
pub struct OwnerConsole<E> {
    pages: Arc<Pages<E>>,
    listener: TcpListener,
    runtime: Runtime,
    shutdown: Shutdown,
}

struct Pages<E> {
    console: Arc<Console>,
    engine: Arc<E>,
    address: SocketAddr,
    /// Called with events that the user at the terminal must see.
    notify: fn(&Event),
}

impl<E: Engine> OwnerConsole<E> {
    /// Binds a loopback address. `name` is the host name that browsers use; it should be unpredictable.
    ///
    /// # Errors
    /// [`ServeError`]; the address is free again.
    pub fn bind(
        listen: SocketAddr,
        name: &str,
        engine: Arc<E>,
        mut shutdown: Shutdown,
        notify: fn(&Event),
    ) -> Result<Self, ServeError> {
        if !listen.ip().to_canonical().is_loopback() {
            return Err(ServeError::PlainHttp(listen));
        }
        let runtime = runtime().map_err(ServeError::Start)?;
        let (listener, address) = {
            let _context = runtime.enter();
            shutdown.listen().map_err(ServeError::Start)?;
            listener(listen).map_err(|source| ServeError::Bind { listen, source })?
        };
        let pages = Arc::new(Pages { console: Arc::new(Console::for_owner(name)), engine, address, notify });
        Ok(Self { pages, listener, runtime, shutdown })
    }

    /// Returns the address, with the actual port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.pages.address
    }

    /// Returns the path and query of a link that works once, within a minute.
    #[must_use]
    pub fn make_link(&self) -> String {
        self.pages.console.make_link(SystemClock.elapsed())
    }

    /// Serves until it is ordered to stop. Blocks.
    ///
    /// # Errors
    /// [`ServeError::Start`]; nothing was served.
    pub fn run(self) -> Result<(), ServeError> {
        let Self { pages, listener, runtime, mut shutdown } = self;
        let (stop, stopped) = watch::channel(false);
        let log = Log::start(Box::new(io::sink())).map_err(ServeError::Start)?;
        let limits = Limits::default();
        let connections = Connections::new(limits, Vec::new(), log);
        let setup = Setup { listener, tls: None, connections, stop: stopped };
        runtime.block_on(async {
            let serving = tokio::spawn(serve(setup, pages));
            while shutdown.next().await == Order::Reload {}
            stop.send_replace(true);
            tokio::select! {
                _ = serving => {}
                () = sleep(limits.drain) => {}
                () = shutdown.stop() => {}
            }
        });
        Ok(())
    }
}

impl<E: Engine> Handler for Pages<E> {
    async fn answer(&self, request: Received) -> Response<Full<Bytes>> {
        let path = request.head.uri.path();
        if request.body.is_err() || !(path == "/console" || path.starts_with(bulla_console::PREFIX)) {
            return plain(StatusCode::NOT_FOUND, String::new());
        }
        let peer = SocketAddr::new(request.peer.address, request.peer.port);
        if !peer::is_own(peer, self.address) {
            return plain(StatusCode::FORBIDDEN, String::new());
        }
        let answer = self.ask(request).await;
        if let Some(event) = answer.as_ref().ok().and_then(|answer| answer.event.as_ref()) {
            (self.notify)(event);
        }
        answer.map_or_else(|why| plain(StatusCode::SERVICE_UNAVAILABLE, why), response)
    }
}

impl<E: Engine> Pages<E> {
    /// Calls the console, on a thread that may wait for the store.
    async fn ask(&self, request: Received) -> Result<Answer, String> {
        let console = Arc::clone(&self.console);
        let engine = Arc::clone(&self.engine);
        let question = spawn_blocking(move || {
            let source = Some(request.peer.address);
            let user_agent = request.user_agent();
            let connection = Connection { source, tls: false, request_id: new_request_id(), user_agent };
            let request = Request {
                method: &request.head.method,
                path: request.head.uri.path(),
                query: &request.query,
                headers: &request.head.headers,
                body: request.body.as_deref().map_or(&[], Vec::as_slice),
                connection: &connection,
            };
            let mut answer = None;
            let mut run = |kms: &Kms| answer = Some(Handle::current().block_on(console.answer(kms, request)));
            engine.with(&mut run)?;
            answer.ok_or_else(String::new)
        });
        question.await.unwrap_or_else(|panicked| Err(panicked.to_string()))
    }
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response
}
