//! The thread that makes RSA keys: one takes as long as thousands of requests.

use std::sync::OnceLock;
use std::sync::mpsc::{self, TrySendError};
use std::thread;

use bulla_wire::{Error, ErrorCode};
use futures_channel::oneshot;

use crate::crypto::{self, AsymmetricSpec, KeyPair};

/// Makes RSA keys one after another, so that many who want some leave the rest of the server its cores. The thread
/// starts with the first and ends when this is dropped.
#[derive(Default)]
pub(crate) struct Generator(OnceLock<mpsc::SyncSender<Job>>);

struct Job {
    spec: AsymmetricSpec,
    answer: oneshot::Sender<Result<KeyPair, crypto::Failed>>,
}

impl Generator {
    /// A new key pair.
    ///
    /// # Errors
    /// Throttling.User when many wait for theirs; InternalFailure.
    pub(crate) async fn key_pair(&self, spec: AsymmetricSpec) -> Result<KeyPair, Error> {
        if !matches!(spec, AsymmetricSpec::Rsa2048 | AsymmetricSpec::Rsa3072) {
            return crypto::generate(spec).map_err(Error::internal); // which takes no time
        }
        let (answer, answered) = oneshot::channel();
        self.0.get_or_init(start).try_send(Job { spec, answer }).map_err(|error| match error {
            TrySendError::Full(_) => ErrorCode::ThrottlingUser,
            TrySendError::Disconnected(_) => ErrorCode::ServiceUnavailableTemporary,
        })?;
        let made = answered.await.map_err(|_| ErrorCode::ServiceUnavailableTemporary)?;
        made.map_err(Error::internal)
    }
}

fn start() -> mpsc::SyncSender<Job> {
    let (queue, jobs) = mpsc::sync_channel::<Job>(WAITING);
    let work = move || {
        for Job { spec, answer } in jobs {
            // Whoever went away does not need it any more.
            if !answer.is_canceled() {
                let _ = answer.send(crypto::generate(spec));
            }
        }
    };
    // Without a thread the queue is closed, and whoever sends to it is told.
    let _ = thread::Builder::new().name("key pairs".into()).spawn(work);
    queue
}

/// As many keys as are made in some ten seconds; whoever comes later tries again.
const WAITING: usize = 64;

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn many_who_want_keys_are_told_to_come_again() {
        let generator = Generator::default();
        let mut context = Context::from_waker(Waker::noop());
        let mut waiting: Vec<_> =
            (0..WAITING * 2).map(|_| Box::pin(generator.key_pair(AsymmetricSpec::Rsa3072))).collect();
        let throttled = waiting.iter_mut().filter_map(|wanted| match wanted.as_mut().poll(&mut context) {
            Poll::Ready(Err(error)) => Some(error.code()),
            _ => None,
        });
        let throttled: Vec<_> = throttled.collect();
        assert!(throttled.len() > WAITING / 2, "{}", throttled.len());
        assert!(throttled.iter().all(|code| *code == ErrorCode::ThrottlingUser));
        drop(waiting);
        // Nobody makes keys that nobody waits for.
        let last = || pollster::block_on(generator.key_pair(AsymmetricSpec::Rsa2048));
        while last().is_err_and(|error| error.code() == ErrorCode::ThrottlingUser) {}
        assert!(last().is_ok());
    }
}
