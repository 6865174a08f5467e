//! Opens a store by its header, and changes that header: raises it to this version, and settles account and region.
//!
//! An [`Unlocked`] header is one that a configured provider opens. Only such a header is ever written to an existing store,
//! so no change of slots can leave a store that does not open.

use bulla_keys::root::RootKeys;

use crate::header::{OldHeader, StoreHeader, row_format};
use crate::home::Home;
use crate::provider::Providers;
use crate::provider_error::ProviderError;
use crate::state::RowFormat;

/// A header that a provider opened, with its keys and home.
#[derive(Debug)]
pub(crate) struct Unlocked {
    header: StoreHeader,
    keys: RootKeys,
    home: Home,
}

/// A header for a store, and the one that it replaces. Created only from an [`Unlocked`] header.
#[derive(Debug)]
pub(crate) struct HeaderChange {
    expected: Vec<u8>,
    header: Vec<u8>,
    raises: bool,
}

/// Why a header does not open.
#[derive(Debug)]
pub(crate) enum UnlockError {
    /// The error of the first provider.
    Provider(ProviderError),
    /// The root key belongs to the store, but the rest of the header was damaged or edited.
    Damaged,
}

impl Unlocked {
    /// Unwraps the root key with the providers, and opens the sealed parts of the header.
    pub(crate) fn new(header: StoreHeader, providers: &Providers) -> Result<Self, UnlockError> {
        let (root, _) = providers.open(&header.slots())?;
        let keys = header.keys(&root).ok_or(UnlockError::Damaged)?;
        let home = header.home(&keys).ok_or(UnlockError::Damaged)?;
        Ok(Self { header, keys, home })
    }

    /// Returns the header that replaces one of an earlier version.
    pub(crate) fn raise(old: &OldHeader, providers: &Providers, home: &Home) -> Result<Self, UnlockError> {
        let (root, provider) = providers.open(&old.slots())?;
        let mut header = old.raised();
        header.slots.push(provider.slot(&header, FIRST_SLOT, &root)?);
        Self::new(header.seal(&root, home), providers)
    }

    /// Returns this header, raised to this version if it is of an earlier one.
    pub(crate) fn raised(self, providers: &Providers) -> Result<Self, UnlockError> {
        if self.header.is_current() {
            return Ok(self); // sealing is random, so the same header would look changed
        }
        let (root, _) = providers.open(&self.header.slots())?;
        Self::new(self.header.raised().seal(&root, &self.home), providers)
    }

    /// Returns this header with another home.
    pub(crate) fn with_home(self, home: &Home, providers: &Providers) -> Result<Self, UnlockError> {
        let (root, _) = providers.open(&self.header.slots())?;
        Self::new(self.header.seal(&root, home), providers)
    }

    /// Returns the change that replaces the stored header with this one; none if they are equal.
    pub(crate) fn replacing(&self, stored: &[u8]) -> Option<HeaderChange> {
        let header = self.header.encode();
        let raises = row_format(stored) == RowFormat::Older;
        (header != stored).then(|| HeaderChange { expected: stored.to_owned(), header, raises })
    }

    #[cfg(test)]
    pub(crate) fn header(&self) -> &StoreHeader {
        &self.header
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    pub(crate) fn into_parts(self) -> (RootKeys, Home) {
        (self.keys, self.home)
    }
}

impl HeaderChange {
    /// The encoded header that the store must still have.
    pub(crate) fn expected(&self) -> &[u8] {
        &self.expected
    }

    /// Whether the store has an earlier version, so that rows change with the header.
    pub(crate) fn raises(&self) -> bool {
        self.raises
    }

    /// The encoded new header.
    pub(crate) fn header(&self) -> &[u8] {
        &self.header
    }
}

impl From<ProviderError> for UnlockError {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}

/// The id of the only slot of a new store.
pub(crate) const FIRST_SLOT: u32 = 1;

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use bulla_keys::SystemRandom;
    use bulla_keys::root::{ProviderKey, RootKey};
    use bulla_wire::kms::{
        CreateAlias, CreateKey, Decrypt, DescribeKey, GenerateDataKey, ListAliases, UpdateKeyDescription,
    };
    use bulla_wire::{Action, Error, MaybeEmpty};

    use super::*;
    use crate::header::{AnyHeader, PreviousRoot, RootKeySlot};
    use crate::open_error::OpenError;
    use crate::root_key::{self, RootKeyFault};
    use crate::store::{Conflict, Store, StoreError};
    use crate::{Kms, Options, Role, SystemClock};

    struct Bench {
        directory: tempfile::TempDir,
        /// A second root key file, besides that of the first start.
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

        fn header(&self) -> StoreHeader {
            let header = Store::open(&self.data().join("store.redb")).unwrap().header().unwrap();
            let AnyHeader::Current(header) = AnyHeader::decode(&header).unwrap() else { panic!() };
            header
        }

        /// Writes a header while an engine has the store open.
        fn write(&self, kms: &Kms, expected: &Unlocked, header: &Unlocked) -> Result<(), Conflict> {
            let change = header.replacing(&expected.header().encode()).unwrap();
            kms.state.write_header(&change).unwrap()
        }
    }

    fn call<A: Action>(kms: &Kms, request: A) -> Result<A::Reply, Error> {
        pollster::block_on(kms.call(request.into(), &kms.owner())).map(|reply| A::reply(reply).unwrap())
    }

    fn opens(opened: Result<Kms, OpenError>) -> bool {
        match opened {
            Ok(_) => true,
            Err(OpenError::Provider(ProviderError::RootKeyFile(error))) => {
                assert!(matches!(error.fault, RootKeyFault::NoSlot), "{error}");
                false
            }
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn slots_are_added_and_removed_while_the_store_is_open() {
        let bench = Bench::new();
        let (first, second) = (bench.first(), bench.second.clone());
        let [of_first, of_second] = [Providers::of_files([&first]), Providers::of_files([&second])];
        let one = Unlocked::new(bench.header(), &of_first).unwrap();
        let (root, _) = of_first.open(&one.header().slots()).unwrap();

        let mut header = one.header().clone();
        header.slots.push(of_second.first().slot(&header, 2, &root).unwrap());
        let two = Unlocked::new(header.clone().seal(&root, one.home()), &of_second).unwrap();
        let kms = bench.open(&first).unwrap();
        let key = call(&kms, CreateKey::default()).unwrap().key_metadata.key_id;
        bench.write(&kms, &one, &two).unwrap();
        assert_eq!(bench.write(&kms, &one, &two), Err(Conflict), "it is another one by now");
        call(&kms, CreateAlias { key_id: key, alias_name: "alias/a".into() }).unwrap();
        drop(kms);
        assert!(opens(bench.open(&first)) && opens(bench.open(&second)));
        assert_eq!(bench.header(), *two.header());

        header.slots.remove(0);
        let three = Unlocked::new(header.clone().seal(&root, one.home()), &of_second).unwrap();
        let kms = bench.open(&first).unwrap();
        bench.write(&kms, &two, &three).unwrap();
        drop(kms);
        assert!(!opens(bench.open(&first)));
        let kms = bench.open(&second).unwrap();
        assert_eq!(call(&kms, ListAliases::default()).unwrap().total_count, 1);

        let closed = header.seal(&root, one.home());
        assert!(Unlocked::new(closed, &of_first).is_err(), "one that no provider opens cannot be written");
    }

    /// A recovery key is enough, and the error is that of the first provider.
    #[test]
    fn providers_are_tried_in_turn() {
        let bench = Bench::new();
        let (first, second, missing) = (bench.first(), bench.second.clone(), bench.data().join("missing"));
        let unlock = |paths: [&Path; 2]| Unlocked::new(bench.header(), &Providers::of_files(paths));
        unlock([&first, &second]).unwrap();
        unlock([&second, &first]).unwrap();
        unlock([&missing, &first]).unwrap();
        for (paths, tried_first) in [([&second, &missing], &second), ([&missing, &second], &missing)] {
            let refused = unlock(paths.map(|path| &**path)).unwrap_err();
            let UnlockError::Provider(ProviderError::RootKeyFile(error)) = refused else { panic!() };
            assert_eq!(error.path, *tried_first);
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
            matches!(Unlocked::new(header, &providers), Err(UnlockError::Provider(_))),
            "other parameters"
        );
    }

    /// A slot of a later program, for a kind of provider that this one lacks.
    #[test]
    fn slots_of_an_unknown_provider_are_skipped_and_kept() {
        let bench = Bench::new();
        let providers = Providers::of_files([&bench.first()]);
        let before = Unlocked::new(bench.header(), &providers).unwrap();
        let (root, _) = providers.open(&before.header().slots()).unwrap();
        let unknown = RootKeySlot {
            provider: 7,
            wrapped: vec![1; 60].into(),
            id: 2,
            parameters: b"handle".to_vec().into(),
        };
        let mut header = before.header().clone();
        header.slots.insert(0, unknown.clone());
        assert!(before.home().is_region_presumed);
        let after = Unlocked::new(header.seal(&root, before.home()), &providers).unwrap();
        let kms = bench.open(&bench.first()).unwrap();
        bench.write(&kms, &before, &after).unwrap();
        drop(kms);
        assert!(!opens(bench.open(&bench.second)), "by the unknown slot");

        let region = Some("cn-beijing".to_owned()); // the start settles the home, so it writes the header
        let server = Options { region, ..Options::new(bench.data(), Role::Server) };
        drop(Kms::open(&server, SystemClock).unwrap());
        let written = bench.header();
        assert_eq!(written.slots[0], unknown);
        assert!(!Unlocked::new(written, &providers).unwrap().home().is_region_presumed);
    }

    #[test]
    fn slots_of_unknown_kinds_alone_are_not_those_of_another_store() {
        let bench = Bench::new();
        let first = bench.first();
        let providers = Providers::of_files([&first]);
        let before = Unlocked::new(bench.header(), &providers).unwrap();
        let (root, _) = providers.open(&before.header().slots()).unwrap();
        let mut header = before.header().clone();
        let slot = header.slots.remove(0);
        for (id, provider) in [(1, 9), (2, 7), (3, 9)] {
            header.slots.push(RootKeySlot { provider, id, ..slot.clone() });
        }
        let sealed = header.seal(&root, before.home());
        let UnlockError::Provider(error) = Unlocked::new(sealed, &providers).unwrap_err() else { panic!() };
        assert!(matches!(&error, ProviderError::UnknownKinds { kinds } if *kinds == [7, 9]), "{error:?}");
        assert_eq!(
            error.to_string(),
            "the root key of the store is kept by providers that this bulla does not have: kind 7, 9"
        );
        assert!(error.hint(Role::Server).contains("newer"), "{}", error.hint(Role::Server));
    }

    /// As in the middle of a root key change, whose rows are rewritten one by one.
    #[test]
    fn a_store_has_rows_of_two_root_keys() {
        let bench = Bench::new();
        let first = bench.first();
        let providers = Providers::of_files([&first]);
        let before = Unlocked::new(bench.header(), &providers).unwrap();
        let kms = bench.open(&first).unwrap();
        let key_id = call(&kms, CreateKey::default()).unwrap().key_metadata.key_id;
        call(&kms, CreateAlias { key_id: key_id.clone(), alias_name: "alias/old".into() }).unwrap();
        let old = GenerateDataKey { key_id: "alias/old".into(), ..GenerateDataKey::default() };
        let blob = call(&kms, old.clone()).unwrap();

        let (old_root, _) = providers.open(&before.header().slots()).unwrap();
        let root = RootKey::random(&SystemRandom);
        let mut header = before.header().clone();
        (header.generation, header.slots) = (2, vec![]);
        header.slots.push(providers.first().slot(&header, 2, &root).unwrap());
        let wrapped = root.wrap_previous(&old_root, header.previous_binding(1), &SystemRandom).into();
        header.previous.push(PreviousRoot { generation: 1, wrapped });
        let after = Unlocked::new(header.clone().seal(&root, before.home()), &providers).unwrap();
        bench.write(&kms, &before, &after).unwrap();
        drop(kms);

        let kms = bench.open(&first).unwrap();
        let new_id = call(&kms, CreateKey::default()).unwrap().key_metadata.key_id;
        call(&kms, CreateAlias { key_id: new_id.clone(), alias_name: "alias/new".into() }).unwrap();
        let described =
            UpdateKeyDescription { key_id: key_id.clone(), description: MaybeEmpty("moved".into()) };
        call(&kms, described).unwrap();
        drop(kms);

        let kms = bench.open(&first).unwrap();
        for (alias, id) in [("alias/old", &key_id), ("alias/new", &new_id)] {
            let found = call(&kms, DescribeKey { key_id: alias.into() }).unwrap().key_metadata;
            assert_eq!(found.key_id, *id);
        }
        call(&kms, old).unwrap();
        let decrypt = Decrypt {
            ciphertext_blob: blob.ciphertext_blob,
            encryption_context: None,
            recipient: None,
            dry_run: None,
        };
        assert_eq!(call(&kms, decrypt).unwrap().plaintext, blob.plaintext);

        // There are rows under both: without the first root key some do not open.
        header.previous.clear();
        let alone = Unlocked::new(header.seal(&root, before.home()), &providers).unwrap();
        bench.write(&kms, &after, &alone).unwrap();
        drop(kms);
        let refused = bench.open(&first).map(drop).unwrap_err();
        assert!(matches!(refused, OpenError::Store { source: StoreError::Row { .. }, .. }), "{refused}");
    }
}
