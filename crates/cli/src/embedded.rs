//! The embedded KMS: a store in the user's data directory, open while the calls of a command follow each other.

mod shared;

use std::error::Error as StdError;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bulla_client::{CallError, KmsApi, Refusal};
use bulla_kms::{Kms, Options, Role, StoreError, SystemClock};
use bulla_wire::actions::{CreateAlias, CreateKey, DescribeKey};
use bulla_wire::{Action, Error, Format, Parameters, Product, Request, SecretText, render_reply};

use self::shared::{Exclusive, Shared};
use crate::messages::note;

/// A KMS without a server. Commands that run at the same time take turns with the store.
pub(crate) struct EmbeddedKms {
    data: PathBuf,
    store: Shared<Kms>,
    /// Why the store could not be opened, if the last try failed.
    failure: Mutex<Option<OpenFailure>>,
    /// Held while the default key is made, so that two threads do not make two.
    making_default_key: Mutex<()>,
}

/// Why the store could not be opened, for every thread that waited for it.
#[derive(Clone, Default)]
struct OpenFailure {
    message: String,
    hint: String,
}

/// The key that is used when none is named; made on first use.
pub(crate) const DEFAULT_KEY: &str = "alias/default";

impl EmbeddedKms {
    /// The KMS in `data`, which is opened by the first call.
    pub(crate) fn new(data: PathBuf) -> Self {
        Self { data, store: Shared::new(), failure: Mutex::default(), making_default_key: Mutex::default() }
    }

    /// Where the store lies.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Makes the default key, unless there is one by now.
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

    /// Calls any action by its name; the reply is JSON.
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
            Ok(render_reply(Format::Json, &reply, &origin.connection().request_id).into())
        })
    }

    fn with<T>(&self, run: impl FnOnce(&Kms) -> Result<T, Error>) -> Result<T, CallError> {
        let shared_failure = || lock(&self.failure).clone().unwrap_or_default();
        let kms = self.store.lease(|| self.open(), shared_failure).map_err(CallError::from)?;
        run(&kms).map_err(|error| match StdError::source(&error) {
            Some(cause) => CallError::Local { message: cause.to_string(), hint: store_hint(cause).into() },
            None => {
                CallError::Refused(Refusal::new(error.status(), &error.code_text(), &error.message(), ""))
            }
        })
    }

    fn open(&self) -> Result<Kms, OpenFailure> {
        let mut options = Options::new(&self.data, Role::Command);
        options.on_wait = tell_of_wait;
        let mut failure = lock(&self.failure);
        if failure.is_some() {
            options.patience = Duration::ZERO; // it did not become free in time for another file of this run
        }
        let opened = Kms::open(&options, SystemClock)
            .map_err(|error| OpenFailure { message: error.to_string(), hint: error.hint(Role::Command) });
        *failure = opened.as_ref().err().cloned();
        let kms = opened?;
        if kms.is_new() {
            welcome(&self.data);
        }
        // A version that could not be made is made by the next command.
        let _ = pollster::block_on(kms.tend());
        Ok(kms)
    }
}

impl Exclusive for Kms {
    fn is_awaited(&self) -> bool {
        Self::is_awaited(self)
    }
}

impl From<OpenFailure> for CallError {
    fn from(OpenFailure { message, hint }: OpenFailure) -> Self {
        Self::Local { message, hint }
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

/// What fails inside the engine is the store.
fn store_hint(cause: &(dyn StdError + 'static)) -> &'static str {
    match cause.downcast_ref::<Arc<StoreError>>() {
        Some(error) => error.hint(),
        None => StoreError::Damaged.hint(),
    }
}

fn ask<A: Action>(kms: &Kms, request: &A) -> Result<A::Reply, Error> {
    let reply = pollster::block_on(kms.call(request.clone().into(), &kms.owner()))?;
    Ok(A::reply(reply).expect("the engine answers an action with its own reply"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tell_of_wait() {
    if io::stderr().is_terminal() {
        note("bulla: waiting for another command that uses the same keys");
    }
}

fn welcome(data: &Path) {
    note(format_args!("bulla: new keys in {}", data.display()));
    note("       keep a copy of this directory: without it, nothing encrypted with it can be decrypted");
}
