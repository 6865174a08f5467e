//! The KMS of a run: embedded or remote, behind the same methods.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{env, fs};

use bulla_client::{
    ApiKeyService, CallError, Client, ClientOptions, CredentialOptions, CredentialProvider, Endpoint, KmsApi,
};
use bulla_envelope::native::AllowedKeys;
use bulla_files::output::directory_of;
use bulla_files::threads::all_cores;
use bulla_wire::kms::DescribeKey;
use bulla_wire::{Action, Parameters, Product, SecretText};

use crate::args::{KmsFlags, RunOptions};
use crate::embedded::{DEFAULT_KEY, EmbeddedKms};
use crate::failure::{Exit, Failure};
use crate::location::{KmsLocation, environment};
use crate::names::KeyName;

/// The KMS that `--kms` names.
pub(crate) enum KmsConnection {
    Embedded(Box<EmbeddedKms>),
    Remote(Box<Client>),
}

impl KmsConnection {
    /// Determines the KMS and how to reach it. Calls nothing yet.
    pub(crate) fn connect(flags: &KmsFlags) -> Result<Self, Failure> {
        Ok(match KmsLocation::of(flags)? {
            KmsLocation::Embedded(data) => Self::Embedded(EmbeddedKms::new(data).into()),
            KmsLocation::Remote(endpoint) => Self::Remote(client(endpoint, flags)?.into()),
        })
    }

    /// Returns how many files of a tree to process at once: `--jobs`, or more than the cores for a remote KMS, because
    /// threads wait for its replies.
    pub(crate) fn files_at_once(&self, run: &RunOptions) -> usize {
        match (run.jobs, self) {
            (Some(jobs), _) => jobs.into(),
            (None, Self::Embedded(_)) => all_cores(),
            (None, Self::Remote(_)) => all_cores().max(REMOTE_CALLS),
        }
    }

    /// Returns this KMS as the key service of encryption and decryption.
    pub(crate) fn service(&self) -> ApiKeyService<&Self> {
        ApiKeyService::new(self)
    }

    /// Returns the keys to encrypt with: the named ones, or the default key of the embedded KMS.
    pub(crate) fn keys(&self, named: &[KeyName]) -> Result<Vec<String>, Failure> {
        let named: Vec<_> = named.iter().filter(|key| !key.is_empty()).map(KeyName::to_string).collect();
        match self {
            _ if !named.is_empty() => Ok(named),
            Self::Embedded(_) => Ok(vec![DEFAULT_KEY.to_owned()]),
            Self::Remote(client) => {
                let what = format!("no key was named for {}", client.endpoint());
                Err(Failure::new(
                    Exit::Usage,
                    what,
                    "name one with -k KEY or BULLA_KEY, such as -k alias/NAME",
                ))
            }
        }
    }

    /// Returns the ids of the keys that may be used; all keys without `--allow-key`.
    pub(crate) fn allowed(&self, named: &[KeyName]) -> Result<AllowedKeys, Failure> {
        if named.is_empty() {
            return Ok(AllowedKeys::all());
        }
        let id = |key: &KeyName| match key.id() {
            Some(id) => Ok(id.to_owned()),
            None => Ok(self.call(&DescribeKey { key_id: key.to_string() })?.key_metadata.key_id),
        };
        Ok(AllowedKeys::only(named.iter().map(id).collect::<Result<Vec<_>, Failure>>()?))
    }

    /// Returns the directories of the KMS itself, whose files a tree command must neither encrypt nor remove.
    pub(crate) fn spared(&self) -> Vec<PathBuf> {
        match self {
            Self::Embedded(kms) => vec![kms.data().to_owned()],
            Self::Remote(_) => vec![],
        }
    }

    /// Refuses to remove a file that the KMS needs.
    pub(crate) fn refuse_to_remove(&self, path: &Path) -> Result<(), Failure> {
        let place = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
        let parent = place(directory_of(path));
        if parent.is_some() && self.spared().iter().any(|own| place(own) == parent) {
            let what = format!("{} belongs to this KMS, which could not decrypt without it", path.display());
            return Err(Failure::new(Exit::Usage, what, "keep it, or leave out --remove-source"));
        }
        Ok(())
    }

    /// Returns the address of the KMS for messages.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Embedded(_) => "embedded".into(),
            Self::Remote(client) => client.endpoint().to_string(),
        }
    }

    /// Whether it is the cloud's KMS.
    pub(crate) fn is_cloud(&self) -> bool {
        matches!(self, Self::Remote(client) if client.endpoint().is_cloud())
    }

    /// Returns the region that a file stores with its wrapped keys; empty if the KMS has no region that other machines
    /// know.
    pub(crate) fn region(&self) -> String {
        match self {
            Self::Embedded(_) => String::new(),
            Self::Remote(client) => client.endpoint().region().unwrap_or_default().to_owned(),
        }
    }

    pub(crate) fn call<A: Action>(&self, request: &A) -> Result<A::Reply, CallError> {
        match self {
            Self::Embedded(kms) => kms.call(request),
            Self::Remote(client) => client.call(request),
        }
    }

    pub(crate) fn call_raw(
        &self,
        product: Product,
        action: &str,
        parameters: &Parameters,
    ) -> Result<SecretText, CallError> {
        match self {
            Self::Embedded(kms) => kms.call_raw(product, action, parameters),
            Self::Remote(client) => client.call_raw(product.version(), action, parameters),
        }
    }
}

impl KmsApi for KmsConnection {
    fn call<A: Action>(&self, request: &A) -> Result<A::Reply, CallError> {
        Self::call(self, request)
    }

    fn create_on_first_use(&self, key: &str) -> Result<bool, CallError> {
        match self {
            Self::Embedded(kms) => kms.create_on_first_use(key),
            Self::Remote(client) => client.create_on_first_use(key),
        }
    }
}

fn client(endpoint: Endpoint, flags: &KmsFlags) -> Result<Client, Failure> {
    let options = connection(flags);
    let credentials = credentials(endpoint.clone(), options.clone(), flags)?;
    Ok(Client::new(endpoint, credentials, options)?)
}

/// Returns the options for connections to servers, from the environment and the flags.
pub(crate) fn connection(flags: &KmsFlags) -> ClientOptions {
    let options = ClientOptions::from_environment(environment);
    match &flags.ca {
        Some(ca) => options.ca(ca),
        None => options,
    }
}

/// Finds credentials for the KMS at `endpoint`; servers that issue them are reached with the same `connection` options.
pub(crate) fn credentials(
    endpoint: Endpoint,
    connection: ClientOptions,
    flags: &KmsFlags,
) -> Result<CredentialProvider, Failure> {
    let mut search = CredentialOptions::new(endpoint, connection).imds_v1(flags.imdsv1);
    if let Some(named) = &flags.sts_endpoint {
        let sts = Endpoint::parse_sts(named).map_err(|_| {
            let hint = "--sts-endpoint is HOST, https://HOST:PORT or http://LOOPBACK:PORT";
            // The typed text is not repeated, because it may hold a password.
            Failure::new(Exit::Usage, "--sts-endpoint does not name a server", hint)
        })?;
        search = search.sts(sts);
    }
    // A relative home would select the profile of some other directory.
    let home = env::home_dir().filter(|home| home.is_absolute());
    CredentialProvider::find(environment, home.as_deref(), &search).map_err(|error| Failure::from(&error))
}

/// Concurrent calls to a remote KMS. At 30 ms each they are about 500 calls a second.
const REMOTE_CALLS: usize = 16;
