//! The thread that makes RSA keys: one takes as long as thousands of requests.

use std::sync::{OnceLock, mpsc};
use std::thread;

use bulla_wire::{Error, ErrorCode};
use futures_channel::oneshot;

use crate::crypto::{self, AsymmetricSpec, KeyPair};

/// Makes RSA keys one after another, so that many who want some leave the rest of the server its cores. The thread
/// starts with the first and ends when this is dropped.
#[derive(Default)]
pub(crate) struct Generator(OnceLock<mpsc::Sender<Job>>);

struct Job {
    spec: AsymmetricSpec,
    answer: oneshot::Sender<Result<KeyPair, crypto::Failed>>,
}

impl Generator {
    /// A new key pair.
    ///
    /// # Errors
    /// InternalFailure.
    pub(crate) async fn key_pair(&self, spec: AsymmetricSpec) -> Result<KeyPair, Error> {
        if !matches!(spec, AsymmetricSpec::Rsa2048 | AsymmetricSpec::Rsa3072) {
            return crypto::generate(spec).map_err(Error::internal); // which takes no time
        }
        let (answer, answered) = oneshot::channel();
        let sent = self.0.get_or_init(start).send(Job { spec, answer });
        sent.map_err(|_| ErrorCode::ServiceUnavailableTemporary)?;
        let made = answered.await.map_err(|_| ErrorCode::ServiceUnavailableTemporary)?;
        made.map_err(Error::internal)
    }
}

fn start() -> mpsc::Sender<Job> {
    let (queue, jobs) = mpsc::channel::<Job>();
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
