//! Telling a server to stop: by signals, or from within the program.

use std::future::pending;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What tells a server to stop: once to finish what it is doing, twice to end at once.
pub struct Shutdown(Source);

/// Tells a server to stop, in place of a signal.
#[derive(Clone, Debug)]
pub struct Stopper(UnboundedSender<()>);

enum Source {
    /// SIGTERM and SIGINT, once somebody listens.
    Signals(Option<[Signal; 2]>),
    Stopper(UnboundedReceiver<()>),
}

impl Shutdown {
    /// SIGTERM or SIGINT, either counts.
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
            *signals = Some([signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?]);
        }
        Ok(())
    }

    /// Waits for the next word to stop.
    pub(crate) async fn next(&mut self) {
        match &mut self.0 {
            Source::Signals(None) => pending().await,
            Source::Signals(Some([terminate, interrupt])) => {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            }
            Source::Stopper(told) => match told.recv().await {
                Some(()) => {}
                None => pending().await, // nobody is left who could say it
            },
        }
    }
}

impl Stopper {
    /// As one signal would.
    pub fn stop(&self) {
        let _ = self.0.send(()); // a server that has ended needs no telling
    }
}
