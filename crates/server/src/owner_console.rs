//! The console of an embedded store: on loopback, for the user who runs the command, until the command ends.

mod peer;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bulla_console::{Answer, Console, Event, Refusal};
use bulla_kms::{Clock, Connection, Kms, SystemClock, new_request_id};
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use tokio::net::TcpListener;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::console::{names_action, page_request, refusal, response};
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
    /// Why the store cannot be opened: one of the last three of [`Refusal`].
    fn with(&self, run: &mut dyn FnMut(&Kms)) -> Result<(), Refusal>;
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
        let source = Some(request.peer.address);
        let user_agent = request.user_agent();
        let connection = Connection { source, tls: false, request_id: new_request_id(), user_agent };
        if let Some(answer) = self.answer_without_engine(&request, &connection) {
            return response(answer);
        }
        let received = Arc::new((request, connection));
        let shared = Arc::clone(&received);
        let console = Arc::clone(&self.console);
        let engine = Arc::clone(&self.engine);
        let answer = spawn_blocking(move || ask(&console, &*engine, &shared.0, &shared.1)).await;
        let answer = answer.unwrap_or_else(|panicked| {
            let hint = "run bulla console again".to_owned();
            let refusal = Refusal::Unopened { cause: panicked.to_string(), hint };
            self.console.refuse(&page_request(&received.0, &received.1), &refusal)
        });
        if let Some(event) = &answer.event {
            (self.notify)(event);
        }
        response(answer)
    }
}

impl<E: Engine> Pages<E> {
    /// Answers a request that gets no page of the store.
    fn answer_without_engine(&self, request: &Received, connection: &Connection) -> Option<Answer> {
        let page = page_request(request, connection);
        let peer = SocketAddr::new(request.peer.address, request.peer.port);
        if !peer::is_own(peer, self.address) {
            return Some(self.console.refuse(&page, &Refusal::OtherUser));
        }
        match refusal(request) {
            Some(refusal) => Some(self.console.refuse(&page, &refusal)),
            None if page.path != "/" => self.console.answer_without_engine(&page),
            None if names_action(request) => Some(self.console.refuse(&page, &Refusal::NotFound)),
            None => Some(self.console.lead(&page)),
        }
    }
}

/// Calls the console. Blocks while the store is opened.
fn ask<E: Engine>(console: &Console, engine: &E, request: &Received, connection: &Connection) -> Answer {
    let page = page_request(request, connection);
    let mut answer = None;
    let mut run = |kms: &Kms| answer = Some(Handle::current().block_on(console.answer(kms, page)));
    match engine.with(&mut run) {
        Ok(()) => answer.expect("the engine was called"),
        Err(refusal) => console.refuse(&page, &refusal),
    }
}
