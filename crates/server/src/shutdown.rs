//! Orders to a running server, by signals or from within the program: to stop, or to reload its configuration.

use std::future::pending;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What tells a server to stop: once to finish what it is doing, twice to end at once. It also tells it to reload
/// its configuration.
pub struct Shutdown(Source);

/// Gives a server its orders in place of signals.
#[derive(Clone, Debug)]
pub struct Stopper(UnboundedSender<Order>);

/// What a server is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Stop,
    Reload,
}

enum Source {
    /// None until [`Shutdown::listen`].
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
    /// SIGTERM, SIGINT or SIGQUIT stops the server; SIGHUP reloads its configuration. SIGUSR1 and SIGUSR2 do
    /// nothing.
    #[must_use]
    pub fn on_signals() -> Self {
        Self(Source::Signals(None))
    }

    /// Nothing but the [`Stopper`]: for tests, and for programs that look after signals themselves.
    #[must_use]
    pub fn by_hand() -> (Stopper, Self) {
        let (stopper, told) = unbounded_channel();
        (Stopper(stopper), Self(Source::Stopper(told)))
    }

    /// From here on, signals no longer end the process by themselves.
    pub(crate) fn listen(&mut self) -> io::Result<()> {
        if let Source::Signals(signals) = &mut self.0 {
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
            Source::Signals(None) => pending().await,
            Source::Signals(Some(Signals { terminate, interrupt, quit, hangup })) => {
                tokio::select! {
                    _ = terminate.recv() => Order::Stop,
                    _ = interrupt.recv() => Order::Stop,
                    _ = quit.recv() => Order::Stop,
                    _ = hangup.recv() => Order::Reload,
                }
            }
            Source::Stopper(told) => match told.recv().await {
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
    /// As SIGTERM would.
    pub fn stop(&self) {
        self.send(Order::Stop);
    }

    /// As SIGHUP would.
    pub fn reload(&self) {
        self.send(Order::Reload);
    }

    fn send(&self, order: Order) {
        let _ = self.0.send(order); // a server that has ended needs no orders
    }
}
