//! The embedded KMS: a store in the user's data directory, kept open between consecutive calls of a command.

mod shared;

use std::error::Error as StdError;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bulla_client::{CallError, KmsApi, Refusal};
use bulla_envelope::LocalFailure;
use bulla_kms::{AuditOptions, Kms, OpenError, Options, Role, StoreError, SystemClock};
use bulla_wire::kms::{CreateAlias, CreateKey, DescribeKey};
use bulla_wire::{Action, Error, Parameters, Product, ReplyFormat, Request, SecretText, render_reply};

use self::shared::{Exclusive, Shared};
use crate::commands::serve::node;
use crate::messages::note;

/// A KMS in this process. Commands that run at the same time take turns with the store.
pub(crate) struct EmbeddedKms {
    data: PathBuf,
    store: Shared<Kms>,
    /// The last failure to open the store.
    failure: Mutex<Option<OpenFailure>>,
    /// Held while the default key is created, so that two threads do not create two.
    making_default_key: Mutex<()>,
}

/// A failure to open the store.
struct OpenFailure {
    /// The error, shared with every thread that waited for the store.
    error: Arc<OpenError>,
    /// Whether no later attempt succeeded.
    is_latest: bool,
}

/// The key that encrypts if no key is named; created on first use.
pub(crate) const DEFAULT_KEY: &str = "alias/default";

impl EmbeddedKms {
    /// Returns the KMS whose store is in `data`. The first call opens it.
    pub(crate) fn new(data: PathBuf) -> Self {
        Self { data, store: Shared::new(), failure: Mutex::default(), making_default_key: Mutex::default() }
    }

    /// Returns the directory of the store.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Creates the default key unless it exists.
    fn make_default_key(&self) -> Result<(), CallError> {
        let _making = lock(&self.making_default_key);
        self.with(|kms| {
            let describe = DescribeKey { key_id: DEFAULT_KEY.into() };
            match ask(kms, &describe) {
                Ok(_) => return Ok(()),
                Err(error) if error.code() == bulla_wire::ErrorCode::ForbiddenAliasNotFound => {}
                Err(error) => return Err(error),
            }
            let key = ask(kms, &CreateKey::default())?.key_metadata.key_id;
            ask(kms, &CreateAlias { key_id: key, alias_name: DEFAULT_KEY.into() })?;
            Ok(())
        })
    }

    /// Calls any action by its name and returns the reply as JSON.
    pub(crate) fn call_raw(
        &self,
        product: Product,
        action: &str,
        parameters: &Parameters,
    ) -> Result<SecretText, CallError> {
        self.with(|kms| {
            let request = Request::parse(product, action, parameters)?;
            let origin = kms.owner();
            let reply = pollster::block_on(kms.call(request, &origin))?;
            Ok(render_reply(ReplyFormat::Json, &reply, &origin.connection().request_id).into())
        })
    }

    /// Runs `run` on the engine, after opening the store if it is closed.
    pub(crate) fn with<T>(&self, run: impl FnOnce(&Kms) -> Result<T, Error>) -> Result<T, CallError> {
        let shared_failure = || {
            let failure = lock(&self.failure);
            Arc::clone(&failure.as_ref().expect("the try that failed has left its error").error)
        };
        let kms = self.store.lease(|| self.open(), shared_failure).map_err(unopened)?;
        run(&kms).map_err(failed)
    }

    fn open(&self) -> Result<Kms, Arc<OpenError>> {
        let mut options = Options::new(&self.data, Role::Command);
        options.on_wait = report_wait;
        let mut failure = lock(&self.failure);
        if failure.as_ref().is_some_and(|failure| failure.is_latest) {
            options.patience = Duration::ZERO; // the store was not released in time for another file of this run
        }
        let opened = AuditOptions::of_store(&self.data, node()).and_then(|audit| {
            options.audit = audit;
            Kms::open(&options, SystemClock)
        });
        let kms = match opened.map_err(Arc::new) {
            Ok(kms) => kms,
            Err(error) => {
                *failure = Some(OpenFailure { error: Arc::clone(&error), is_latest: true });
                return Err(error);
            }
        };
        if let Some(failure) = &mut *failure {
            failure.is_latest = false;
        }
        if kms.is_new() {
            welcome(&self.data);
        }
        // Maintenance that fails here is repeated by the next command.
        let _ = pollster::block_on(kms.run_due());
        Ok(kms)
    }
}

impl Exclusive for Kms {
    fn is_awaited(&self) -> bool {
        Self::is_awaited(self)
    }
}

impl KmsApi for EmbeddedKms {
    fn call<A: Action>(&self, request: &A) -> Result<A::Reply, CallError> {
        self.with(|kms| ask(kms, request))
    }

    fn create_on_first_use(&self, key: &str) -> Result<bool, CallError> {
        if key != DEFAULT_KEY {
            return Ok(false);
        }
        self.make_default_key().map(|()| true)
    }
}

fn unopened(error: Arc<OpenError>) -> CallError {
    let kind = match *error {
        OpenError::InUse { .. } => LocalFailure::InUse,
        _ => LocalFailure::Unopened,
    };
    CallError::Local { kind, source: error }
}

fn failed(error: Error) -> CallError {
    let refusal = Refusal::new(error.status(), &error.code_text(), &error.message(), "");
    match error.into_cause() {
        Some(cause) => CallError::Local { kind: LocalFailure::Failed, source: cause.into() },
        None => CallError::Refused(refusal),
    }
}

/// Returns what the user can do about an unavailable embedded KMS, from the source of [`CallError::Local`].
pub(crate) fn hint(source: &(dyn StdError + Send + Sync + 'static)) -> String {
    if let Some(error) = source.downcast_ref::<OpenError>() {
        return error.hint(Role::Command);
    }
    // An error from inside the engine is one of the store.
    match source.downcast_ref::<Arc<StoreError>>() {
        Some(error) => error.hint().into(),
        None => StoreError::Damaged.hint().into(),
    }
}

fn ask<A: Action>(kms: &Kms, request: &A) -> Result<A::Reply, Error> {
    let reply = pollster::block_on(kms.call(request.clone().into(), &kms.owner()))?;
    Ok(A::reply(reply).expect("the engine answers an action with its own reply"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn report_wait() {
    if io::stderr().is_terminal() {
        note("bulla: waiting for another command that uses the same keys");
    }
}

fn welcome(data: &Path) {
    note(format_args!("bulla: new keys in {}", data.display()));
    note("       keep a copy of this directory: without it, nothing encrypted with it can be decrypted");
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use bulla_envelope::{EncryptionContext, KeyService, KeyServiceError};

    use super::*;

    #[test]
    fn a_store_that_does_not_open_keeps_its_error_with_a_hint() {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), Permissions::from_mode(0o777)).unwrap();
        let kms = bulla_client::ApiKeyService::new(EmbeddedKms::new(directory.path().to_owned()));
        for _ in 0..2 {
            let error = kms.generate_data_key(DEFAULT_KEY, &EncryptionContext::default()).unwrap_err();
            assert!(error.to_string().contains("is open to others"), "{error}");
            let KeyServiceError::Local { kind: LocalFailure::Unopened, source } = error else {
                panic!("{error}")
            };
            assert!(matches!(source.downcast_ref(), Some(OpenError::Exposed { mode: 0o777, .. })));
            assert!(hint(&*source).contains("chmod"));
        }
    }

    #[test]
    fn what_fails_inside_the_engine_keeps_its_error() {
        let lost = failed(Error::internal(Arc::new(StoreError::ReadOnly)));
        assert_eq!(lost.to_string(), StoreError::ReadOnly.to_string());
        let CallError::Local { kind: LocalFailure::Failed, source } = lost else { panic!("{lost}") };
        assert_eq!(hint(&*source), StoreError::ReadOnly.hint());
        let other = failed(Error::internal("a record that cannot be"));
        assert_eq!(other.to_string(), "a record that cannot be");
        let refused = failed(Error::invalid("KeyId"));
        assert!(matches!(refused, CallError::Refused(_)), "{refused}");
    }
}
