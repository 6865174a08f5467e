//! Generates key pairs for actions, which await them through their session. RSA keys are generated on one thread, because
//! one takes as long as thousands of requests; all others at once.

use bulla_wire::Error;

use crate::crypto::{self, AsymmetricSpec, KeyPair};
use crate::worker::Worker;

/// Generates RSA keys one at a time, so that many requests for keys leave the other cores to the rest of the server.
pub(crate) struct Generator(Worker<3>);

/// The purpose of a key pair. Each purpose has its own queue: a caller who creates many keys does not block imports.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PairFor {
    Key,
    Version,
    ImportToken,
}

impl Default for Generator {
    fn default() -> Self {
        Self(Worker::new("key pairs"))
    }
}

impl Generator {
    /// Generates a key pair.
    ///
    /// # Errors
    /// Throttling.User if the queue is full; InternalFailure.
    pub(crate) async fn key_pair(&self, purpose: PairFor, spec: AsymmetricSpec) -> Result<KeyPair, Error> {
        let made = match spec {
            AsymmetricSpec::Rsa2048 | AsymmetricSpec::Rsa3072 => {
                self.0.run(purpose as usize, move || crypto::generate(spec)).await?
            }
            _ => crypto::generate(spec), // takes almost no time
        };
        made.map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    use bulla_wire::ErrorCode;

    use super::*;
    use crate::worker::LANE;

    #[test]
    fn callers_who_want_many_keys_are_throttled_and_keep_no_caller_from_another_kind() {
        let generator = Generator::default();
        let mut context = Context::from_waker(Waker::noop());
        let mut waiting: Vec<_> = (0..LANE * 2)
            .map(|_| Box::pin(generator.key_pair(PairFor::Key, AsymmetricSpec::Rsa3072)))
            .collect();
        let throttled = waiting.iter_mut().filter_map(|request| match request.as_mut().poll(&mut context) {
            Poll::Ready(Err(error)) => Some(error.code()),
            _ => None,
        });
        let throttled: Vec<_> = throttled.collect();
        assert!(throttled.len() > LANE / 2, "{}", throttled.len());
        assert!(throttled.iter().all(|code| *code == ErrorCode::ThrottlingUser));
        for purpose in [PairFor::ImportToken, PairFor::Version] {
            pollster::block_on(generator.key_pair(purpose, AsymmetricSpec::Rsa2048)).unwrap();
        }
    }
}
