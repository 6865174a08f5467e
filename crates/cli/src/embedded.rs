//! The embedded KMS: a store in the user's data directory, opened for the time of one call.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bulla_client::{CallError, Caller, Refusal, key_service_error_of_call};
use bulla_envelope::{
    DataKey, EncryptionContext, GeneratedDataKey, KeyService, KeyServiceError, UnwrappedDataKey, WrappedKey,
};
use bulla_kms::{Kms, Options, Role, SystemClock};
use bulla_wire::actions::{CreateAlias, CreateKey, DescribeKey};
use bulla_wire::{Action, Error, Format, Parameters, Product, Request, SecretText, render_reply};

use crate::failure::{Exit, Failure};
use crate::messages::note;

/// A KMS without a server. Each call locks the store, answers and lets go, so that commands take turns.
pub(crate) struct EmbeddedKms {
    data: PathBuf,
    /// Open for the whole command, where that makes many calls.
    held: OnceLock<Kms>,
}

/// The key that is used when none is named; made on first use.
pub(crate) const DEFAULT_KEY: &str = "alias/default";

impl EmbeddedKms {
    /// The KMS in `data`, or in the user's own place.
    pub(crate) fn new(data: Option<&str>) -> Result<Self, Failure> {
        let data = match data {
            Some(directory) => PathBuf::from(directory),
            None => default_data().ok_or_else(|| {
                let what = "there is no home directory for the embedded KMS";
                Failure::new(Exit::Usage, what, "name its directory with --kms embedded:DIR or BULLA_DATA")
            })?,
        };
        Ok(Self { data, held: OnceLock::new() })
    }

    /// Where the store lies.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Keeps the store open from here on: for commands that ask many questions and wait for nobody in between.
    pub(crate) fn hold(&self) -> Result<(), CallError> {
        if self.held.get().is_none() {
            let _ = self.held.set(self.open()?); // nobody else sets it: a command is one thread
        }
        Ok(())
    }

    /// Makes the default key if it is asked for and there is none yet.
    fn make_default_key_for(&self, key: &str) -> Result<(), KeyServiceError> {
        if key != DEFAULT_KEY {
            return Ok(());
        }
        let made = self.with(|kms| {
            let describe = DescribeKey { key_id: DEFAULT_KEY.into() };
            match ask(kms, &describe) {
                Ok(_) => return Ok(()),
                Err(error) if error.code() == bulla_wire::ErrorCode::ForbiddenAliasNotFound => {}
                Err(error) => return Err(error),
            }
            let key = ask(kms, &CreateKey::default())?.key_metadata.key_id;
            ask(kms, &CreateAlias { key_id: key, alias_name: DEFAULT_KEY.into() })?;
            Ok(())
        });
        made.map_err(|error| key_service_error_of_call(error, key))
    }

    /// Calls any action by its name; the reply is JSON.
    pub(crate) fn call_raw(&self, action: &str, parameters: &Parameters) -> Result<SecretText, CallError> {
        self.with(|kms| {
            let request = Request::parse(Product::Kms, action, parameters)?;
            let origin = kms.owner();
            let reply = pollster::block_on(kms.call(request, &origin))?;
            Ok(render_reply(Format::Json, action, &reply, &origin.connection().request_id).into())
        })
    }

    fn open(&self) -> Result<Kms, CallError> {
        let kms = Kms::open(&Options::new(&self.data, Role::Command), SystemClock).map_err(|error| {
            CallError::Local { message: error.to_string(), hint: error.hint(Role::Command) }
        })?;
        if kms.is_new() {
            welcome(&self.data);
        }
        // A version that could not be made is made by the next command.
        let _ = pollster::block_on(kms.tend());
        Ok(kms)
    }

    fn with<T>(&self, run: impl FnOnce(&Kms) -> Result<T, Error>) -> Result<T, CallError> {
        let answer = match self.held.get() {
            Some(kms) => run(kms),
            None => run(&self.open()?),
        };
        answer.map_err(|error| match error.cause() {
            Some(cause) => CallError::Local { message: cause.to_string(), hint: String::new() },
            None => {
                CallError::Refused(Refusal::new(error.status(), &error.code_text(), &error.message(), ""))
            }
        })
    }
}

impl Caller for EmbeddedKms {
    fn call<A: Action>(&self, request: &A) -> Result<A::Reply, CallError> {
        self.with(|kms| ask(kms, request))
    }
}

impl KeyService for EmbeddedKms {
    fn generate_data_key(
        &self,
        key: &str,
        context: &EncryptionContext,
    ) -> Result<GeneratedDataKey, KeyServiceError> {
        self.make_default_key_for(key)?;
        bulla_client::generate_data_key(self, key, context)
    }

    fn wrap(
        &self,
        key: &str,
        data_key: &DataKey,
        context: &EncryptionContext,
    ) -> Result<WrappedKey, KeyServiceError> {
        self.make_default_key_for(key)?;
        bulla_client::wrap(self, key, data_key, context)
    }

    fn unwrap(
        &self,
        ciphertext_blob: &str,
        context: &EncryptionContext,
    ) -> Result<UnwrappedDataKey, KeyServiceError> {
        bulla_client::unwrap(self, ciphertext_blob, context)
    }
}

fn ask<A: Action>(kms: &Kms, request: &A) -> Result<A::Reply, Error> {
    let reply = pollster::block_on(kms.call(request.clone().into(), &kms.owner()))?;
    Ok(A::reply(reply).expect("the engine answers an action with its own reply"))
}

/// `$BULLA_DATA`, else `$XDG_DATA_HOME/bulla`, else `~/.local/share/bulla`.
fn default_data() -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("BULLA_DATA")
        .or_else(|| set("XDG_DATA_HOME").map(|data| data.join("bulla")))
        .or_else(|| Some(env::home_dir()?.join(".local/share/bulla")))
}

fn welcome(data: &Path) {
    note(format_args!("bulla: new keys in {}", data.display()));
    note("       keep a copy of this directory: without it, nothing encrypted with it can be decrypted");
}
