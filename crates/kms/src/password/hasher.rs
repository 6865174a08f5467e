//! Hashes passwords on one thread with low priority: new passwords, and those to check at sign-in. A hash takes a tenth of a
//! second and 64 MiB.

#[cfg(test)]
use std::sync::{Arc, atomic::AtomicUsize};

use bulla_wire::{Error, ErrorCode, SecretText};

use super::turns::{Busy, PasswordSource, Turns};
use super::{MAX_PASSWORD, hash_password, no_password_hash, verify_password};
use crate::worker::Worker;

/// Hashes new passwords, and checks passwords at sign-in. Each has a lane of its own.
pub(crate) struct Hasher {
    worker: Worker<2>,
    turns: Turns,
    /// The number of checks.
    #[cfg(test)]
    pub(crate) checks: Arc<AtomicUsize>,
}

/// Why a password was not checked.
#[derive(Debug)]
pub(crate) enum CheckError {
    /// Too many passwords wait for their check.
    Busy,
    Failed(Error),
}

impl Default for Hasher {
    fn default() -> Self {
        Self {
            worker: Worker::with_low_priority("passwords"),
            turns: Turns::default(),
            #[cfg(test)]
            checks: Arc::default(),
        }
    }
}

impl Hasher {
    /// Hashes a new password, and returns a PHC string.
    ///
    /// # Errors
    /// Throttling.User if the queue is full; ServiceUnavailableTemporary; InternalFailure.
    pub(crate) async fn hash(&self, password: &SecretText) -> Result<SecretText, Error> {
        let password = password.clone();
        self.worker.run(HASHES, move || hash_password(&password)).await?.map_err(Error::internal)
    }

    /// Whether a password matches a hash. Without a hash, and for a password that is too long, the work is the same and the
    /// result false. The lane has one check at a time, even if its caller was dropped, because the job holds the turn.
    ///
    /// # Errors
    /// [`CheckError`].
    pub(crate) async fn is_right(
        &self,
        password: &SecretText,
        hash: Option<SecretText>,
        source: PasswordSource,
    ) -> Result<bool, CheckError> {
        let hash = hash.filter(|_| password.expose().len() <= MAX_PASSWORD);
        let can_be = hash.is_some();
        let hash = hash.unwrap_or_else(no_password_hash);
        let password = if can_be { password.clone() } else { SecretText::default() };
        let mut turn = self.turns.next(source).await.map_err(|Busy| CheckError::Busy)?;
        #[cfg(test)]
        let checks = Arc::clone(&self.checks);
        let check = move || {
            #[cfg(test)]
            checks.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            verify_password(&password, &hash, turn.memory())
        };
        let is_equal = self.worker.run(CHECKS, check).await?.map_err(Error::internal)?;
        Ok(is_equal && can_be)
    }
}

#[cfg(test)]
impl Hasher {
    /// Blocks all checks until it is dropped.
    pub(crate) async fn held(&self) -> impl Drop + use<> {
        self.turns.next(PasswordSource::Local).await.unwrap()
    }
}

impl From<Error> for CheckError {
    fn from(error: Error) -> Self {
        if error.code() == ErrorCode::ThrottlingUser { Self::Busy } else { Self::Failed(error) }
    }
}

const HASHES: usize = 0;
const CHECKS: usize = 1;

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    fn text(text: &str) -> SecretText {
        text.to_owned().into()
    }

    #[test]
    fn a_password_is_checked_once_whether_or_not_there_is_one_to_compare_it_with() {
        let hasher = Hasher::default();
        let hash = pollster::block_on(hasher.hash(&text("correct Horse 7"))).unwrap();
        let long = "x".repeat(MAX_PASSWORD + 1);
        let cases = [
            ("correct Horse 7", Some(&hash), true),
            ("correct Horse 8", Some(&hash), false),
            ("correct Horse 7", None, false),
            ("", None, false),
            (&*long, Some(&hash), false),
        ];
        for (number, (password, hash, expected)) in cases.into_iter().enumerate() {
            let is_right =
                pollster::block_on(hasher.is_right(&text(password), hash.cloned(), PasswordSource::Local))
                    .unwrap();
            assert_eq!((is_right, hasher.checks.load(Ordering::SeqCst)), (expected, number + 1));
        }
    }

    #[test]
    fn a_hash_that_is_none_is_an_error_and_the_next_password_is_checked() {
        let hasher = Hasher::default();
        let check = |hash: SecretText| {
            pollster::block_on(hasher.is_right(&text("p"), Some(hash), PasswordSource::Local))
        };
        for bad in [
            "",
            "$argon2i$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=8,t=1,p=1",
        ] {
            assert!(matches!(check(text(bad)), Err(CheckError::Failed(_))), "{bad}");
        }
        assert!(!check(no_password_hash()).unwrap());
    }
}
