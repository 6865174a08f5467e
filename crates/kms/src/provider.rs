//! The providers of root keys in the configuration. Each unwraps the root key from its kind of slot; opening a store tries
//! one after another.

use std::collections::BTreeSet;
use std::path::PathBuf;

use bulla_keys::SystemRandom;
use bulla_keys::root::{ProviderKey, RootKey};

use crate::Options;
use crate::header::{RootKeySlot, SlotView, StoreHeader};
use crate::provider_error::{KeyLocation, ProviderError};
use crate::root_key::{self, RootKeyError, RootKeyFault};
use crate::secret_file::SecretReaders;

/// The providers of a configuration: at least one.
pub(crate) struct Providers {
    first: Provider,
    others: Vec<Provider>,
}

/// A keeper of a provider key, which wraps the root key.
pub(crate) enum Provider {
    /// The root key file. The parameters of its slots are empty.
    RootKeyFile { path: PathBuf, readers: SecretReaders },
}

impl Providers {
    pub(crate) fn configured(options: &Options) -> Self {
        let path = options.root_key_path();
        let readers = options.secret_readers;
        Self { first: Provider::RootKeyFile { path, readers }, others: Vec::new() }
    }

    #[cfg(test)]
    pub(crate) fn of_files<const N: usize>(paths: [&std::path::Path; N]) -> Self {
        let provider = |path: &std::path::Path| Provider::RootKeyFile {
            path: path.to_owned(),
            readers: SecretReaders::OwnerOnly,
        };
        let mut providers = paths.into_iter().map(provider);
        Self { first: providers.next().expect("a test names some"), others: providers.collect() }
    }

    /// Returns the provider that saves the key of a new store.
    pub(crate) fn first(&self) -> &Provider {
        &self.first
    }

    /// Returns the root key, and the provider that opened one of the slots.
    ///
    /// # Errors
    /// [`ProviderError::UnknownKinds`] if this program has no provider for any slot; otherwise the error of the first
    /// provider, if no provider opens a slot.
    pub(crate) fn open(&self, slots: &[SlotView<'_>]) -> Result<(RootKey, &Provider), ProviderError> {
        refuse_unknown_kinds(slots)?;
        let first = self.first.open(slots).map(|root| (root, &self.first));
        self.others.iter().fold(first, |found, provider| {
            found.or_else(|error| provider.open(slots).map(|root| (root, provider)).map_err(|_| error))
        })
    }
}

impl Provider {
    /// The number of its kind in headers. Numbers are never reused. Other numbers are kinds of later versions, whose slots no
    /// provider here opens.
    fn kind(&self) -> u32 {
        match self {
            Self::RootKeyFile { .. } => ROOT_KEY_FILE,
        }
    }

    /// Whether it has a key already. A store that is missing then was not left out but is elsewhere, for example not mounted.
    pub(crate) fn has_key(&self) -> Result<bool, ProviderError> {
        match self {
            Self::RootKeyFile { path, .. } => Ok(root_key::exists(path)?),
        }
    }

    /// Where its key is, or will be saved.
    pub(crate) fn location(&self) -> KeyLocation {
        match self {
            Self::RootKeyFile { path, .. } => KeyLocation::File(path.clone()),
        }
    }

    /// Saves a new key, durably. Never replaces an existing one.
    pub(crate) fn keep(&self, key: &ProviderKey) -> Result<(), ProviderError> {
        match self {
            Self::RootKeyFile { path, .. } => Ok(root_key::create(path, key)?),
        }
    }

    /// Returns a slot of `header` that this provider opens.
    pub(crate) fn slot(
        &self,
        header: &StoreHeader,
        id: u32,
        root: &RootKey,
    ) -> Result<RootKeySlot, ProviderError> {
        Ok(self.slot_of_key(&self.key()?, header, id, root))
    }

    /// Like [`Provider::slot`], for a key that is not saved yet.
    pub(crate) fn slot_of_key(
        &self,
        key: &ProviderKey,
        header: &StoreHeader,
        id: u32,
        root: &RootKey,
    ) -> RootKeySlot {
        let provider = self.kind();
        let parameters = &[];
        let binding = header.slot_binding(id, provider, parameters);
        let wrapped = root.wrap(key, binding, &SystemRandom).into();
        RootKeySlot { provider, wrapped, id, parameters: parameters.to_vec().into() }
    }

    /// Unwraps the root key in a slot of this provider.
    fn open(&self, slots: &[SlotView<'_>]) -> Result<RootKey, ProviderError> {
        let key = self.key()?;
        let mut own = slots.iter().filter(|slot| slot.provider == self.kind());
        match self {
            Self::RootKeyFile { path, .. } => own
                .find_map(|slot| if slot.parameters.is_empty() { slot.open(&key) } else { None })
                .ok_or_else(|| RootKeyError { path: path.clone(), fault: RootKeyFault::NoSlot }.into()),
        }
    }

    fn key(&self) -> Result<ProviderKey, ProviderError> {
        match self {
            Self::RootKeyFile { path, readers } => Ok(root_key::load(path, *readers)?),
        }
    }
}

/// Distinguishes slots of unknown kinds from slots of another store: only the latter can be fixed by restoring the root key
/// file.
fn refuse_unknown_kinds(slots: &[SlotView<'_>]) -> Result<(), ProviderError> {
    let kinds: BTreeSet<u32> = slots.iter().map(|slot| slot.provider).collect();
    if kinds.is_empty() || kinds.iter().any(|kind| KINDS.contains(kind)) {
        return Ok(());
    }
    Err(ProviderError::UnknownKinds { kinds: kinds.into_iter().collect() })
}

const ROOT_KEY_FILE: u32 = 0;
/// The kinds of slots that this program can open.
const KINDS: [u32; 1] = [ROOT_KEY_FILE];
