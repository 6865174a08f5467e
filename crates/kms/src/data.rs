//! The data directory: what lies where, and how a store comes into being.
//!
//! ```text
//! DATA/lock                   who holds the store
//! DATA/store.redb             header and sealed records
//! DATA/root-key               the provider key, unless --root-key names another place
//! DATA/root-access-key.json   the first access key of a server, for its operator
//! ```
//!
//! The store is made under a temporary name, then the root key file is written, then the store gets its name:
//! a run that is killed in between is finished or begun anew by the next one, and a root key without its store
//! is never taken for a first start.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bulla_keys::root::{ProviderKey, RootKey, RootKeys};
use bulla_keys::{StoreId, SystemRandom};

use crate::Options;
use crate::clock::EngineClock;
use crate::files;
use crate::header::{Header, Provider, Slot};
use crate::lock::{Lock, LockError, Role};
use crate::open_error::OpenError;
use crate::root_key::{self, RootKeyError, RootKeyFault};
use crate::secret_file::SecretReaders;
use crate::store::{Store, StoreError};

/// A locked data directory, its store opened and its root key unwrapped.
pub(crate) struct Data {
    pub(crate) lock: Lock,
    /// When the lock was taken: nobody has used the store since.
    pub(crate) locked: i64,
    pub(crate) store: Store,
    pub(crate) roots: RootKeys,
    /// Whether the store was made just now.
    pub(crate) is_new: bool,
}

impl Data {
    /// Opens the store below `options.data`, or makes it if there is neither store nor root key.
    pub(crate) fn open(options: &Options, clock: &EngineClock) -> Result<Self, OpenError> {
        let data = &*options.data;
        let directory = |source| OpenError::Directory { path: data.to_owned(), source };
        files::create_private_dir(data).map_err(directory)?;
        let found = fs::metadata(data).map_err(directory)?;
        let owner = rustix::process::geteuid().as_raw();
        if found.uid() != owner || found.mode() & 0o022 != 0 {
            return Err(OpenError::Exposed {
                path: data.to_owned(),
                owner: found.uid(),
                mode: found.mode() & 0o777,
            });
        }
        let lock = Lock::take(options).map_err(|error| match error {
            LockError::Held(by) => OpenError::InUse { path: data.to_owned(), by },
            LockError::Io(source) => directory(source),
        })?;
        let locked = clock.now();
        let place = Place {
            store: data.join(STORE),
            unfinished: data.join(UNFINISHED),
            root_key: options.root_key_path(),
            readers: options.secret_readers,
        };
        let is_new = place.prepare()?;
        let (store, roots) = place.open(&place.store)?;
        if options.role == Role::Server && store.is_read_only() {
            return Err(place.store_error(StoreError::ReadOnly)); // it could not note the time, and accept requests twice
        }
        Ok(Self { lock, locked, store, roots, is_new })
    }
}

struct Place {
    store: PathBuf,
    unfinished: PathBuf,
    root_key: PathBuf,
    readers: SecretReaders,
}

impl Place {
    /// Sees to it that there is a store; true if it was made now.
    fn prepare(&self) -> Result<bool, OpenError> {
        let there = |path: &Path| match path.symlink_metadata() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(OpenError::Directory { path: path.to_owned(), source }),
        };
        match (there(&self.store)?, there(&self.root_key)?, there(&self.unfinished)?) {
            (true, ..) => return Ok(false),
            (false, false, _) => self.create()?,
            (false, true, true) => drop(self.open(&self.unfinished)?), // killed just before the last step
            (false, true, false) => {
                return Err(OpenError::StoreMissing {
                    store: self.store.clone(),
                    root_key: self.root_key.clone(),
                });
            }
        }
        fs::rename(&self.unfinished, &self.store)
            .and_then(|()| files::sync_dir(files::parent(&self.store)))
            .map_err(|error| self.store_error(error.into()))?;
        Ok(true)
    }

    fn create(&self) -> Result<(), OpenError> {
        match fs::remove_file(&self.unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(self.store_error(error.into()));
            }
            _ => {}
        }
        let (provider, root) = (ProviderKey::random(&SystemRandom), RootKey::random(&SystemRandom));
        let store = StoreId::random(&SystemRandom);
        let wrapped = root.wrap_v1(&provider, store, FIRST_GENERATION, &SystemRandom).into();
        let header = Header {
            version: Header::VERSION,
            store,
            generation: FIRST_GENERATION,
            slots: vec![Slot { provider: Provider::File, wrapped }],
        };
        Store::create(&self.unfinished, &header).map_err(|error| self.store_error(error))?;
        let directory = files::parent(&self.root_key);
        files::create_private_dir(directory)
            .map_err(|source| OpenError::Directory { path: directory.to_owned(), source })?;
        root_key::create(&self.root_key, &provider).map_err(OpenError::RootKey)
    }

    fn open(&self, path: &Path) -> Result<(Store, RootKeys), OpenError> {
        let provider = root_key::load(&self.root_key, self.readers).map_err(OpenError::RootKey)?;
        let store = Store::open(path).map_err(|error| self.store_error(error))?;
        let header = store.header().map_err(|error| self.store_error(error))?;
        let unwrap = |slot: &Slot| match slot.provider {
            Provider::File => {
                RootKey::unwrap_v1(&provider, header.store, header.generation, &slot.wrapped).ok()
            }
        };
        let root = header.slots.iter().find_map(unwrap).ok_or_else(|| {
            let path = self.root_key.clone();
            OpenError::RootKey(RootKeyError { path, fault: RootKeyFault::OtherStore })
        })?;
        Ok((store, root.keys(header.store, header.generation)))
    }

    fn store_error(&self, source: StoreError) -> OpenError {
        match source {
            // The lock file was removed under a server; a command would be done by now.
            StoreError::InUse => {
                OpenError::InUse { path: files::parent(&self.store).to_owned(), by: Role::Server }
            }
            source => OpenError::Store { path: self.store.clone(), source },
        }
    }
}

const STORE: &str = "store.redb";
const UNFINISHED: &str = "store.redb.new";
pub(crate) const ROOT_KEY: &str = "root-key";
const FIRST_GENERATION: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemClock;
    use crate::secret_file::SecretFileFault;

    fn open(data: &Path) -> Result<Data, OpenError> {
        Data::open(&Options::new(data, Role::Command), &EngineClock::new(SystemClock))
    }

    #[test]
    fn a_first_start_makes_everything_once() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("a/b");
        let first = open(&data).unwrap();
        assert!(first.is_new);
        let store = first.roots.store();
        drop(first);
        let second = open(&data).unwrap();
        assert!(!second.is_new);
        assert_eq!(second.roots.store(), store);
    }

    #[test]
    fn a_directory_that_others_may_write_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        for mode in [0o777, 0o770, 0o702] {
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).unwrap();
            let refused = open(directory.path()).map(drop).unwrap_err();
            assert!(matches!(refused, OpenError::Exposed { mode: found, .. } if found == mode));
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        open(directory.path()).unwrap();
    }

    /// The steps of a first start, killed after each.
    #[test]
    fn a_killed_first_start_is_finished_or_begun_anew() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path();
        drop(open(data).unwrap());
        let (store, root_key) = (data.join(STORE), data.join(ROOT_KEY));

        fs::rename(&store, data.join(UNFINISHED)).unwrap();
        assert!(open(data).unwrap().is_new, "killed before the rename: finished");

        fs::rename(&store, data.join(UNFINISHED)).unwrap();
        fs::remove_file(&root_key).unwrap();
        assert!(open(data).unwrap().is_new, "killed before the root key: begun anew");

        fs::rename(&store, data.join(UNFINISHED)).unwrap();
        fs::remove_file(&root_key).unwrap();
        fs::write(data.join(UNFINISHED), b"half").unwrap();
        assert!(open(data).unwrap().is_new, "killed while making the store: begun anew");
        drop(open(data).unwrap());
    }

    #[test]
    fn a_root_key_without_its_store_is_not_a_first_start() {
        let directory = tempfile::tempdir().unwrap();
        drop(open(directory.path()).unwrap());
        fs::remove_file(directory.path().join(STORE)).unwrap();
        assert!(matches!(open(directory.path()), Err(OpenError::StoreMissing { .. })));
    }

    #[test]
    fn the_root_key_of_another_store_is_refused() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        drop(open(one.path()).unwrap());
        drop(open(other.path()).unwrap());
        fs::copy(other.path().join(ROOT_KEY), one.path().join(ROOT_KEY)).unwrap();
        let refused = open(one.path()).map(drop).unwrap_err();
        assert!(matches!(refused, OpenError::RootKey(RootKeyError { fault: RootKeyFault::OtherStore, .. })));
        fs::remove_file(one.path().join(ROOT_KEY)).unwrap();
        let refused = open(one.path()).map(drop).unwrap_err();
        let OpenError::RootKey(RootKeyError { fault, .. }) = refused else { panic!("{refused}") };
        assert!(matches!(fault, RootKeyFault::File(SecretFileFault::Missing)));
    }
}
