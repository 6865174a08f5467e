//! The data directory: which files it contains, and how a store is created and opened. [`Kms::open`](crate::Kms::open) begins
//! here.
//!
//! ```text
//! DATA/lock                   which process holds the store
//! DATA/store.redb             header and sealed records
//! DATA/root-key               the provider key, unless --root-key names another place
//! DATA/root-access-key.json   the first access key of a server, for its operator (`maintenance/access_key.rs`)
//! DATA/audit                  the audit trail, unless the configuration names another place (`audit/files.rs`)
//! ```
//!
//! The store alone decides whether this is the first start. It is created under a temporary name, then the provider saves its
//! key, then the store gets its name, so a killed first start is finished or repeated by the next one. If the provider has a
//! key but the store is missing, its file system may not be mounted: that is an error, never a first start.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bulla_keys::root::{ProviderKey, RootKey, RootKeys};
use bulla_keys::{StoreId, SystemRandom};

use crate::Options;
use crate::clock::EngineClock;
use crate::files;
use crate::header::{AnyHeader, StoreHeader, row_format};
use crate::home::Home;
use crate::lock::{Lock, LockError};
use crate::open_error::OpenError;
use crate::provider::Providers;
use crate::role::Role;
use crate::state::{RowFormat, of_empty_store};
use crate::store::{Store, StoreError};
use crate::unlock::{FIRST_SLOT, HeaderChange, UnlockError, Unlocked};

/// A locked data directory, its store opened and its root key unwrapped.
pub(crate) struct Data {
    pub(crate) lock: Lock,
    /// When the lock was taken: no other process has used the store since.
    pub(crate) locked: i64,
    pub(crate) store: Store,
    pub(crate) roots: RootKeys,
    pub(crate) home: Home,
    /// The home of the store before this start.
    pub(crate) home_before: Home,
    /// The version of the rows in the store.
    pub(crate) format: RowFormat,
    /// The header with the new home, to be written when nothing else can refuse the start; none if the store holds it already
    /// or is read-only.
    pub(crate) header: Option<HeaderChange>,
    /// Whether this start created the store.
    pub(crate) is_new: bool,
}

impl Data {
    /// Opens the store in `options.data`, or creates it if there never was one.
    pub(crate) fn open(options: &Options, clock: &EngineClock) -> Result<Self, OpenError> {
        files::create_private_dir(&options.data)
            .map_err(|source| OpenError::Directory { path: options.data.clone(), source })?;
        let lock = lock(options)?;
        let locked = clock.now();
        let paths = StorePaths::new(options);
        let is_new = paths.prepare(options)?;
        let Opened { store, format, unlocked, home_before, header } = paths.open(options)?;
        let (roots, home) = unlocked.into_parts();
        Ok(Self { lock, locked, store, roots, home, home_before, format, header, is_new })
    }
}

/// A locked data directory whose store is only read and never changed.
pub(crate) struct Inspected {
    _lock: Lock,
    pub(crate) store: Store,
    pub(crate) roots: Arc<RootKeys>,
    pub(crate) format: RowFormat,
}

impl Inspected {
    /// Opens the store in `options.data`.
    pub(crate) fn open(options: &Options) -> Result<Self, OpenError> {
        let paths = StorePaths::new(options);
        fs::metadata(&paths.store)
            .map_err(|source| OpenError::Directory { path: paths.store.clone(), source })?;
        let lock = lock(options)?;
        let (store, stored) = paths.read(&paths.store)?;
        let (unlocked, _) = paths.unlock(&stored, options)?;
        let (roots, _) = unlocked.into_parts();
        Ok(Self { _lock: lock, store, roots: Arc::new(roots), format: row_format(&stored) })
    }
}

/// Locks the data directory, which no other user may be able to write to.
pub(crate) fn lock(options: &Options) -> Result<Lock, OpenError> {
    let data = &*options.data;
    let directory = |source| OpenError::Directory { path: data.to_owned(), source };
    let found = fs::metadata(data).map_err(directory)?;
    let owner = rustix::process::geteuid().as_raw();
    if found.uid() != owner || found.mode() & 0o022 != 0 {
        return Err(OpenError::Exposed {
            path: data.to_owned(),
            owner: found.uid(),
            mode: found.mode() & 0o777,
        });
    }
    Lock::take(options).map_err(|error| match error {
        LockError::Held(by) => OpenError::InUse { path: data.to_owned(), by },
        LockError::Io(source) => directory(source),
    })
}

/// A store whose root key a provider has unwrapped.
struct Opened {
    store: Store,
    format: RowFormat,
    unlocked: Unlocked,
    home_before: Home,
    header: Option<HeaderChange>,
}

struct StorePaths {
    store: PathBuf,
    unfinished: PathBuf,
    providers: Providers,
}

impl StorePaths {
    fn new(options: &Options) -> Self {
        Self {
            store: options.data.join(STORE),
            unfinished: options.data.join(UNFINISHED),
            providers: Providers::configured(options),
        }
    }

    /// Creates the store on a first start, or finishes its creation. Returns whether it did.
    fn prepare(&self, options: &Options) -> Result<bool, OpenError> {
        let is_there = |path: &Path| {
            files::exists(path).map_err(|source| OpenError::Directory { path: path.to_owned(), source })
        };
        if is_there(&self.store)? {
            return Ok(false);
        }
        let provider = self.providers.first();
        if !provider.has_key().map_err(OpenError::Provider)? {
            self.create(options)?;
        } else if is_there(&self.unfinished)? {
            self.check_unfinished()?;
        } else {
            return Err(OpenError::StoreMissing { store: self.store.clone(), root_key: provider.location() });
        }
        fs::rename(&self.unfinished, &self.store)
            .and_then(|()| files::sync_dir(files::parent(&self.store)))
            .map_err(|error| self.store_error(error.into()))?;
        Ok(true)
    }

    fn create(&self, options: &Options) -> Result<(), OpenError> {
        match fs::remove_file(&self.unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(self.store_error(error.into()));
            }
            _ => {}
        }
        let key = ProviderKey::random(&SystemRandom);
        let root = RootKey::random(&SystemRandom);
        let provider = self.providers.first();
        let mut header = StoreHeader::new(StoreId::random(&SystemRandom));
        header.slots.push(provider.slot_of_key(&key, &header, FIRST_SLOT, &root));
        let header = header.seal(&root, &Home::new(options));
        let anchor = of_empty_store(&root.keys(header.store, header.generation));
        Store::create(&self.unfinished, &header.encode(), &anchor)
            .map_err(|error| self.store_error(error))?;
        provider.keep(&key).map_err(OpenError::Provider)
    }

    /// Checks that a store without its final name opens. Its first start was killed just before the last step.
    fn check_unfinished(&self) -> Result<(), OpenError> {
        let (_, header) = self.read(&self.unfinished)?;
        let opened = match AnyHeader::decode(&header).map_err(|error| self.store_error(error.into()))? {
            AnyHeader::Current(header) => Unlocked::new(header, &self.providers).map(drop),
            AnyHeader::Old(old) => self.providers.open(&old.slots()).map(drop).map_err(UnlockError::from),
        };
        opened.map_err(|error| self.unlock_error(error))
    }

    /// Opens the store by its header, and decides which header to write. Its file is unchanged until a provider has opened
    /// the header and the options match it.
    fn open(&self, options: &Options) -> Result<Opened, OpenError> {
        let (store, stored) = self.read(&self.store)?;
        let (unlocked, home_before) = self.unlock(&stored, options)?;
        let store = store.into_writable().map_err(|error| self.store_error(error))?;
        if options.role == Role::Server && store.is_read_only() {
            return Err(self.store_error(StoreError::ReadOnly)); // it could not record the time, so requests could be replayed
        }
        let header = unlocked.replacing(&stored).filter(|_| !store.is_read_only());
        Ok(Opened { store, format: row_format(&stored), unlocked, home_before, header })
    }

    /// Returns the header to use from now on, raised to this version and with the settled account and region, and the home
    /// before.
    fn unlock(&self, stored: &[u8], options: &Options) -> Result<(Unlocked, Home), OpenError> {
        let stored = AnyHeader::decode(stored).map_err(|error| self.store_error(error.into()))?;
        let unlocked = match stored {
            AnyHeader::Old(old) => Unlocked::raise(&old, &self.providers, &Home::new(options)),
            AnyHeader::Current(header) => {
                Unlocked::new(header, &self.providers).and_then(|unlocked| unlocked.raised(&self.providers))
            }
        };
        let unlocked = unlocked.map_err(|error| self.unlock_error(error))?;
        let before = unlocked.home().clone();
        let home = before.clone().settled_by(options)?;
        if home == before {
            return Ok((unlocked, before)); // sealing is random, so the same header would look changed
        }
        let settled = unlocked.with_home(&home, &self.providers);
        Ok((settled.map_err(|error| self.unlock_error(error))?, before))
    }

    fn read(&self, path: &Path) -> Result<(Store, Vec<u8>), OpenError> {
        let read = Store::open(path).and_then(|store| {
            let header = store.header()?;
            Ok((store, header))
        });
        read.map_err(|error| self.store_error(error))
    }

    fn unlock_error(&self, error: UnlockError) -> OpenError {
        match error {
            UnlockError::Provider(error) => OpenError::Provider(error),
            UnlockError::Damaged => self.store_error(StoreError::HeaderDamaged),
        }
    }

    fn store_error(&self, source: StoreError) -> OpenError {
        match source {
            // The lock file was removed while a server runs; a command would have ended by now.
            StoreError::InUse => {
                OpenError::InUse { path: files::parent(&self.store).to_owned(), by: Role::Server }
            }
            source => OpenError::Store { path: self.store.clone(), source },
        }
    }
}

pub(crate) const STORE: &str = "store.redb";
const UNFINISHED: &str = "store.redb.new";
pub(crate) const ROOT_KEY: &str = "root-key";

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use bulla_wire::ram::CreatePolicy;

    use super::*;
    use crate::provider_error::ProviderError;
    use crate::root_key::RootKeyFault;
    use crate::secret_file::SecretFileFault;
    use crate::{Clock, Kms, SystemClock};

    fn open(data: &Path) -> Result<Data, OpenError> {
        Data::open(&Options::new(data, Role::Command), &EngineClock::new(SystemClock))
    }

    fn root_key_fault(refused: OpenError) -> RootKeyFault {
        let OpenError::Provider(ProviderError::RootKeyFile(error)) = refused else { panic!("{refused}") };
        error.fault
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
    fn a_killed_first_start_is_finished_or_repeated() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path();
        drop(open(data).unwrap());
        let (store, root_key) = (data.join(STORE), data.join(ROOT_KEY));

        fs::rename(&store, data.join(UNFINISHED)).unwrap();
        assert!(open(data).unwrap().is_new, "killed before the rename: finished");

        fs::rename(&store, data.join(UNFINISHED)).unwrap();
        fs::remove_file(&root_key).unwrap();
        assert!(open(data).unwrap().is_new, "killed before the root key: created again");

        fs::rename(&store, data.join(UNFINISHED)).unwrap();
        fs::remove_file(&root_key).unwrap();
        fs::write(data.join(UNFINISHED), b"half").unwrap();
        assert!(open(data).unwrap().is_new, "killed while making the store: created again");
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
        assert!(matches!(root_key_fault(refused), RootKeyFault::NoSlot));
        fs::remove_file(one.path().join(ROOT_KEY)).unwrap();
        let refused = open(one.path()).map(drop).unwrap_err();
        assert!(matches!(root_key_fault(refused), RootKeyFault::File(SecretFileFault::Missing)));
    }

    /// It may be the only copy of a store whose root key file was replaced.
    #[test]
    fn an_unfinished_store_that_its_root_key_does_not_open_is_left_alone() {
        let (directory, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let data = directory.path();
        drop(open(data).unwrap());
        drop(open(other.path()).unwrap());
        let (store, unfinished) = (data.join(STORE), data.join(UNFINISHED));
        fs::rename(&store, &unfinished).unwrap();
        let content = fs::read(&unfinished).unwrap();
        fs::copy(other.path().join(ROOT_KEY), data.join(ROOT_KEY)).unwrap();
        let refused = open(data).map(drop).unwrap_err();
        assert!(matches!(root_key_fault(refused), RootKeyFault::NoSlot));
        assert!(fs::read(&unfinished).unwrap() == content && !store.exists());
    }

    /// A copy of a golden store, which an earlier version made.
    fn older(version: u32) -> tempfile::TempDir {
        use std::os::unix::fs::PermissionsExt;
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden");
        let directory = tempfile::tempdir().unwrap();
        for file in [STORE, ROOT_KEY] {
            let copy = directory.path().join(file);
            fs::copy(golden.join(format!("store-v{version}")).join(file), &copy).unwrap();
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
        }
        directory
    }

    fn header(data: &Path) -> AnyHeader {
        AnyHeader::decode(&header_bytes(data)).unwrap()
    }

    fn header_bytes(data: &Path) -> Vec<u8> {
        Store::open(&data.join(STORE)).unwrap().header().unwrap()
    }

    fn open_as(
        data: &Path,
        role: Role,
        account: Option<&str>,
        region: Option<&str>,
    ) -> Result<Home, OpenError> {
        open_at(SystemClock, data, role, account, region)
    }

    fn open_at(
        clock: impl Clock,
        data: &Path,
        role: Role,
        account: Option<&str>,
        region: Option<&str>,
    ) -> Result<Home, OpenError> {
        let (account, region) = (account.map(str::to_owned), region.map(str::to_owned));
        let options = Options { account, region, ..Options::new(data, role) };
        Kms::open(&options, clock).map(|kms| kms.home.clone())
    }

    #[test]
    fn older_stores_are_raised_with_what_the_options_name() {
        for version in [1, 2] {
            let directory = older(version);
            let data = directory.path();
            assert!(matches!(header(data), AnyHeader::Old(_)));
            let raised = open_as(data, Role::Server, Some("42"), Some("cn-beijing")).unwrap();
            let AnyHeader::Current(now) = header(data) else { panic!("not raised") };
            assert_eq!(now.slots.len(), 1);
            assert_eq!((&*raised.account, &*raised.region), ("42", "cn-beijing"));
            assert!(!raised.is_account_presumed && !raised.is_region_presumed);
            assert_eq!(open_as(data, Role::Command, None, None).unwrap(), raised);
        }
    }

    #[test]
    fn an_older_store_stays_as_it_is_if_its_root_key_is_not_there() {
        let directory = older(1);
        let store = fs::read(directory.path().join(STORE)).unwrap();
        fs::remove_file(directory.path().join(ROOT_KEY)).unwrap();
        open_as(directory.path(), Role::Server, None, None).unwrap_err();
        assert!(fs::read(directory.path().join(STORE)).unwrap() == store);
    }

    /// A Deny on an ARN of the old account would match nothing.
    #[test]
    fn a_store_with_a_policy_keeps_the_account_and_region_that_it_was_used_with() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path();
        {
            let kms = Kms::open(&Options::new(data, Role::Command), SystemClock).unwrap();
            let document =
                r#"{"Version":"1","Statement":[{"Effect":"Deny","Action":"kms:*","Resource":"*"}]}"#;
            let create = CreatePolicy {
                policy_name: "none".into(),
                policy_document: document.into(),
                description: None,
                tag: None,
            };
            pollster::block_on(kms.call(create.into(), &kms.owner())).unwrap();
        }
        for (account, region, setting) in
            [(Some("42"), None, "account"), (None, Some("cn-beijing"), "region")]
        {
            match open_as(data, Role::Server, account, region) {
                Err(OpenError::OtherHome { setting: refused, .. }) => assert_eq!(refused, setting),
                other => panic!("{other:?}"),
            }
        }
        let used = open_as(data, Role::Command, None, None).unwrap();
        assert!(used.is_account_presumed && used.is_region_presumed, "a refused start decides nothing");
        let settled = open_as(data, Role::Server, Some(&used.account), Some(&used.region)).unwrap();
        assert!(!settled.is_account_presumed && !settled.is_region_presumed);
    }

    /// Otherwise one start without flags would override a unit file that always named another region.
    #[test]
    fn what_no_start_has_named_a_later_one_settles() {
        for role in [Role::Command, Role::Server] {
            for directory in [older(1), older(2), tempfile::tempdir().unwrap()] {
                let data = directory.path();
                let presumed = open_as(data, role, None, None).unwrap();
                assert_eq!((&*presumed.account, &*presumed.region), ("111122223333", "cn-hangzhou"));
                let unchanged = header_bytes(data);
                assert_eq!(open_as(data, Role::Command, None, None).unwrap(), presumed);
                assert!(header_bytes(data) == unchanged);
                let settled = open_as(data, role, None, Some("cn-beijing")).unwrap();
                assert_eq!((&*settled.account, &*settled.region), ("111122223333", "cn-beijing"));
                assert_eq!(open_as(data, Role::Command, None, None).unwrap(), settled);
                open_as(data, role, None, Some("cn-hangzhou")).unwrap_err();
                let settled = open_as(data, role, Some("42"), None).unwrap();
                assert_eq!((&*settled.account, &*settled.region), ("42", "cn-beijing"));
                open_as(data, role, Some("111122223333"), None).unwrap_err();
            }
        }
    }

    #[test]
    fn a_start_whose_clock_is_behind_neither_raises_nor_settles() {
        let directory = older(2);
        let data = directory.path();
        let at = |second| move || UNIX_EPOCH + Duration::from_secs(second);
        let old = header_bytes(data);
        open_at(at(1_900_007_200), data, Role::Server, None, None).unwrap();
        let presumed = header_bytes(data);
        let refused = |header: &[u8]| {
            let (account, region) = (Some("43"), Some("cn-shanghai"));
            let refused = open_at(at(1_900_000_000), data, Role::Server, account, region).unwrap_err();
            assert!(matches!(refused, OpenError::ClockBehind { seconds: 7200 }), "{refused}");
            assert!(header_bytes(data) == header);
        };
        refused(&presumed);
        assert!(presumed != old);
        let (account, region) = (Some("42"), Some("cn-beijing"));
        let settled = open_at(at(1_900_007_210), data, Role::Server, account, region).unwrap();
        assert_eq!((&*settled.account, &*settled.region), ("42", "cn-beijing"));

        // An earlier version has recorded the time.
        let directory = older(3);
        let data = directory.path();
        let old = header_bytes(data);
        let refused = open_at(at(1_767_220_000), data, Role::Server, None, None).unwrap_err();
        assert!(matches!(refused, OpenError::ClockBehind { .. }), "{refused}");
        assert!(header_bytes(data) == old);
        open_at(at(1_767_226_000), data, Role::Server, None, None).unwrap();
        let AnyHeader::Current(raised) = header(data) else { panic!("not raised") };
        assert!(raised.is_current());
    }

    #[test]
    fn another_account_or_region_is_refused_and_nothing_changes() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path();
        let made = open_as(data, Role::Server, Some("42"), Some("cn-beijing")).unwrap();
        let store = fs::read(data.join(STORE)).unwrap();
        for (account, region, setting, named) in [
            (Some("43"), None, "account", "43"),
            (Some("43"), Some("cn-beijing"), "account", "43"),
            (None, Some("cn-hangzhou"), "region", "cn-hangzhou"),
        ] {
            for role in [Role::Server, Role::Command] {
                let refused = open_as(data, role, account, region).unwrap_err();
                assert!(
                    matches!(&refused, OpenError::OtherHome { setting: found, named: other, .. }
                        if (*found, other.as_str()) == (setting, named)),
                    "{refused}"
                );
            }
        }
        assert!(fs::read(data.join(STORE)).unwrap() == store);
        for (account, region) in [(None, None), (Some("42"), None), (Some("42"), Some("cn-beijing"))] {
            assert_eq!(open_as(data, Role::Server, account, region).unwrap(), made);
        }
    }
}
