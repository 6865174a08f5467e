//! Orders to a running server, by signals or from within the program: to stop, or to reload its configuration.

use std::future::pending;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The source of orders to a server: the first order to stop lets it finish its requests, the second one ends it at
/// once. A further order reloads its configuration.
pub struct Shutdown(OrderSource);

/// Sends orders to a server in place of signals.
#[derive(Clone, Debug)]
pub struct Stopper(UnboundedSender<Order>);

/// An order to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Stop,
    Reload,
}

enum OrderSource {
    /// `None` until [`Shutdown::listen`].
    Signals(Option<Signals>),
    Stopper(UnboundedReceiver<Order>),
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    hangup: Signal,
}

impl Shutdown {
    /// SIGTERM, SIGINT and SIGQUIT stop the server; SIGHUP reloads its configuration. SIGUSR1 and SIGUSR2 have no
    /// effect.
    #[must_use]
    pub fn on_signals() -> Self {
        Self(OrderSource::Signals(None))
    }

    /// Only the [`Stopper`]: for tests, and for programs that handle signals themselves.
    #[must_use]
    pub fn by_hand() -> (Stopper, Self) {
        let (stopper, orders) = unbounded_channel();
        (Stopper(stopper), Self(OrderSource::Stopper(orders)))
    }

    /// From here on, signals no longer end the process.
    pub(crate) fn listen(&mut self) -> io::Result<()> {
        if let OrderSource::Signals(signals) = &mut self.0 {
            *signals = Some(Signals {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                quit: signal(SignalKind::quit())?,
                hangup: signal(SignalKind::hangup())?,
            });
            // Their default is to end the process. A handler stays when its receiver is dropped.
            drop([signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?]);
        }
        Ok(())
    }

    /// Waits for the next order.
    pub(crate) async fn next(&mut self) -> Order {
        match &mut self.0 {
            OrderSource::Signals(None) => pending().await,
            OrderSource::Signals(Some(Signals { terminate, interrupt, quit, hangup })) => {
                tokio::select! {
                    _ = terminate.recv() => Order::Stop,
                    _ = interrupt.recv() => Order::Stop,
                    _ = quit.recv() => Order::Stop,
                    _ = hangup.recv() => Order::Reload,
                }
            }
            OrderSource::Stopper(orders) => match orders.recv().await {
                Some(order) => order,
                None => pending().await, // the last stopper was dropped
            },
        }
    }

    /// Waits for the next order to stop.
    pub(crate) async fn stop(&mut self) {
        while self.next().await != Order::Stop {}
    }
}

impl Stopper {
    /// Stops the server, like SIGTERM.
    pub fn stop(&self) {
        self.send(Order::Stop);
    }

    /// Reloads the configuration, like SIGHUP.
    pub fn reload(&self) {
        self.send(Order::Reload);
    }

    fn send(&self, order: Order) {
        let _ = self.0.send(order); // a server that has ended needs no orders
    }
}
