//! Opening a store by its header, and what follows for writing one.
//!
//! An [`Unlocked`] header is one that a provider of this configuration opens. Only such a header is ever written to a
//! store that exists, so no change of slots can leave a store that does not open again.

use bulla_keys::root::RootKeys;

use crate::header::{Header, OldHeader};
use crate::home::Home;
use crate::provider::Providers;
use crate::root_key::RootKeyError;

/// A header that a provider opens, with the keys and the home that it holds.
#[derive(Debug)]
pub(crate) struct Unlocked {
    header: Header,
    keys: RootKeys,
    home: Home,
}

/// Why a header does not open.
#[derive(Debug)]
pub(crate) enum UnlockError {
    /// Of the first provider.
    RootKey(RootKeyError),
    /// The root key is that of the store, but the rest of the header was damaged or edited.
    Damaged,
}

impl Unlocked {
    /// Asks the providers for the root key, and opens what the header holds under it.
    pub(crate) fn new(header: Header, providers: &Providers) -> Result<Self, UnlockError> {
        let (root, _) = providers.open(&header.slots())?;
        let keys = header.keys(&root).ok_or(UnlockError::Damaged)?;
        let home = header.home(&keys).ok_or(UnlockError::Damaged)?;
        Ok(Self { header, keys, home })
    }

    /// The header that takes the place of one of an earlier version.
    pub(crate) fn raise(old: &OldHeader, providers: &Providers, home: &Home) -> Result<Self, UnlockError> {
        let (root, provider) = providers.open(&old.slots())?;
        let mut header = old.raised();
        header.slots.push(provider.slot(&header, FIRST_SLOT, &root)?);
        Self::new(header.seal(&root, home), providers)
    }

    /// This header with another home.
    pub(crate) fn with_home(&self, home: &Home, providers: &Providers) -> Result<Self, UnlockError> {
        let (root, _) = providers.open(&self.header.slots())?;
        Self::new(self.header.clone().seal(&root, home), providers)
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    pub(crate) fn into_parts(self) -> (RootKeys, Home) {
        (self.keys, self.home)
    }
}

impl From<RootKeyError> for UnlockError {
    fn from(error: RootKeyError) -> Self {
        Self::RootKey(error)
    }
}

/// The id of the only slot of a new store.
pub(crate) const FIRST_SLOT: u32 = 1;

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use bulla_keys::SystemRandom;
    use bulla_keys::root::ProviderKey;

    use super::*;
    use crate::header::StoredHeader;
    use crate::open_error::OpenError;
    use crate::root_key;
    use crate::store::Store;
    use crate::{Kms, Options, Role, SystemClock};

    struct Bench {
        directory: tempfile::TempDir,
        /// Another root key file than that of the first start.
        second: PathBuf,
    }

    impl Bench {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let second = directory.path().join("second-key");
            root_key::create(&second, &ProviderKey::random(&SystemRandom)).unwrap();
            let bench = Self { directory, second };
            drop(bench.open(&bench.first()).unwrap());
            bench
        }

        fn data(&self) -> PathBuf {
            self.directory.path().join("data")
        }

        fn first(&self) -> PathBuf {
            self.data().join("root-key")
        }

        fn open(&self, root_key: &Path) -> Result<Kms, OpenError> {
            let root_key = Some(root_key.to_owned());
            Kms::open(&Options { root_key, ..Options::new(self.data(), Role::Command) }, SystemClock)
        }

        fn header(&self) -> Header {
            let header = Store::open(&self.data().join("store.redb")).unwrap().header().unwrap();
            let StoredHeader::Current(header) = StoredHeader::decode(&header).unwrap() else { panic!() };
            header
        }
    }

    /// A recovery key is enough, and the error is that of the provider that was asked first.
    #[test]
    fn providers_are_asked_in_turn() {
        let bench = Bench::new();
        let (first, second, missing) = (bench.first(), bench.second.clone(), bench.data().join("missing"));
        let unlock = |paths: [&Path; 2]| Unlocked::new(bench.header(), &Providers::of_files(paths));
        unlock([&first, &second]).unwrap();
        unlock([&second, &first]).unwrap();
        unlock([&missing, &first]).unwrap();
        for (paths, asked_first) in [([&second, &missing], &second), ([&missing, &second], &missing)] {
            let refused = unlock(paths.map(|path| &**path)).unwrap_err();
            assert!(matches!(refused, UnlockError::RootKey(error) if error.path == *asked_first));
        }
    }

    #[test]
    fn a_header_that_was_edited_does_not_open() {
        let bench = Bench::new();
        let providers = Providers::of_files([&bench.first()]);
        let mut header = bench.header();
        header.slots.push(header.slots[0].clone());
        assert!(matches!(Unlocked::new(header, &providers), Err(UnlockError::Damaged)), "a slot more");
        let mut header = bench.header();
        header.slots[0].parameters = vec![1].into();
        assert!(
            matches!(Unlocked::new(header, &providers), Err(UnlockError::RootKey(_))),
            "other parameters"
        );
    }
}
