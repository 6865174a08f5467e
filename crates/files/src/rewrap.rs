//! Gives an existing file other keys: `rewrap` writes its header, `rekey` the whole file.
//!
//! The keys in a header are unauthenticated. So a key is wrapped again only after the commitment has proved that it belongs to
//! this file, and only for keys that the caller named or whose wrap opened the file. If an attacker puts a stolen wrapped key
//! into a file of their own, it is not rewrapped; and a recipient that an attacker adds to a header gets nothing.

use std::fmt;
use std::fs::{File, Permissions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bulla_envelope::cobblestone::PREFIX_LEN;
use bulla_envelope::native::{
    Header, OpenError, SealError, UnlockError, Unlocked, UnlockedKey, Wrap, WrapKind,
};
use bulla_envelope::{DataKey, EncryptError, EncryptionContext, KeyService, KeyServiceError, WrappedKey};
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use crate::cache::KeyCache;
use crate::data_keys::{DataKeySet, DataKeySets};
use crate::engine::{self, Body, read_prefix};
use crate::file_error::FileError;
use crate::file_summary::FileSummary;
use crate::format::looks_like_text;
use crate::once::OnceMap;
use crate::options::RewrapOptions;
use crate::output::{Durability, OutputError, Pending, Target};
use crate::progress::Progress;

/// Gives files other keys.
pub struct Rewrapper<K> {
    kms: KeyCache<K>,
    required: EncryptionContext,
    pub(crate) options: RewrapOptions,
    /// The current versions of keys, by name.
    current: OnceMap<String, KeyVersion>,
    /// New wraps of data keys that the files of a run share, by the old wrap and the new key.
    rewrapped: OnceMap<(String, String), Wrap>,
    /// The data keys of this run, for `rekey`.
    data_keys: DataKeySets,
    progress: Progress,
}

/// A key and a version of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct KeyVersion {
    key_id: String,
    key_version_id: String,
}

/// A file that is open and locked for a change, with all wraps that opened it.
struct Opened {
    file: File,
    header: Header,
    unlocked: Vec<Unlocked>,
    /// Wraps that this KMS does not open, which belong to another KMS or are invalid.
    foreign: Vec<Wrap>,
    /// Whether there are other wraps that the KMS opens, but whose key does not belong to this file.
    has_wrong_wraps: bool,
}

impl<K: KeyService> Rewrapper<K> {
    /// Creates a rewrapper. The contexts of the files must have all pairs of `required`.
    #[must_use]
    pub fn new(kms: K, required: EncryptionContext, options: RewrapOptions) -> Self {
        let kms = KeyCache::new(kms);
        let current = OnceMap::default();
        let rewrapped = OnceMap::default();
        let data_keys = DataKeySets::default();
        let progress = Progress::default();
        Self { kms, required, options, current, rewrapped, data_keys, progress }
    }

    /// Returns the progress in bytes of plaintext.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Wraps the key of a file again and writes it into the header; the body is unchanged. `path` must not be a symbolic link.
    ///
    /// # Errors
    /// [`FileError`]; the file still opens with the old keys, and possibly with the new ones too.
    pub fn rewrap(&self, path: impl AsRef<Path>) -> Result<FileSummary, FileError> {
        self.rewrap_at(&Target::of(path.as_ref())?)
    }

    pub(crate) fn rewrap_at(&self, place: &Target<'_>) -> Result<FileSummary, FileError> {
        let opened = self.open(place)?;
        let plan = self.plan(&opened)?;
        let summary = |already_done| FileSummary {
            output: Some(place.path.to_owned()),
            key_id: plan[0].1.key_id.clone(),
            plaintext_len: None,
            already_done,
            damaged_slot: false, // writing repairs both slots
        };
        if opened.is_done(&plan, self.options.keys.is_some()) {
            return Ok(summary(true));
        }
        let mut wraps = plan
            .iter()
            .map(|(kind, target)| self.wrap(&opened, *kind, &target.key_id))
            .collect::<Result<Vec<_>, _>>()?;
        if self.options.keys.is_none() {
            wraps.extend(opened.foreign.iter().cloned());
        }
        let header = opened.header.with_wraps(wraps)?;
        match header.slots().len() {
            1 => opened.replace(place, &header)?,
            _ => opened.write_slots(&header)?,
        }
        Ok(summary(false))
    }

    /// Encrypts a file again under a new data key and replaces it. `path` must not be a symbolic link.
    ///
    /// # Errors
    /// [`FileError`]; the file is unchanged.
    pub fn rekey(&self, path: impl AsRef<Path>) -> Result<FileSummary, FileError> {
        self.rekey_at(&Target::of(path.as_ref())?, self.options.jobs)
    }

    pub(crate) fn rekey_at(&self, place: &Target<'_>, jobs: usize) -> Result<FileSummary, FileError> {
        let opened = self.open(place)?;
        if self.options.keys.is_none() && !opened.foreign.is_empty() {
            let keys = opened.foreign.iter().map(|wrap| wrap.key.key_id.clone()).collect();
            return Err(FileError::Foreign { keys });
        }
        let file_len = opened.file.metadata().map_err(FileError::Source)?.len();
        let body = Body::of(&opened.file, file_len, &opened.header, &opened.unlocked[0].opener)?;
        let keys: Vec<_> = self.plan(&opened)?.into_iter().map(|(_, target)| target.key_id).collect();
        let context = opened.header.context();
        let set = self.data_keys(&keys, context)?;
        let new = set.new_file(*opened.header.source())?;
        let pending = opened.beside(place)?;
        engine::seal_body(&body, pending.file(), &new, jobs, &self.progress)?;
        pending.publish(opened.file.metadata().and_then(|file| file.modified()).ok(), Durability::Synced)?;
        Ok(FileSummary::of_content(set.key_id().to_owned(), body.len).written_to(place.path))
    }

    /// Returns the new data key for a file: the shared one of the run for these keys and this context, or one for each file.
    fn data_keys(&self, keys: &[String], context: &EncryptionContext) -> Result<Arc<DataKeySet>, FileError> {
        let generate = || DataKeySet::generate(&self.kms, keys, context, &self.options.region);
        Ok(if self.options.data_key_per_file {
            Arc::new(generate()?)
        } else {
            self.data_keys.get_or_call((keys.to_vec(), context.clone()), || generate().map(Arc::new))?
        })
    }

    /// Opens and locks a file, and tries all of its wraps. Wraps that only an older slot has are ignored, because an interrupted
    /// rewrap removed them, unless no newer slot opens the file.
    fn open(&self, place: &Target<'_>) -> Result<Opened, FileError> {
        let file = lock(place)?;
        let header = Header::read(&file).map_err(|error| match error {
            OpenError::NotNative if is_text(&file) => FileError::NotInText,
            error => error.into(),
        })?;
        let prefix = read_prefix(&file)?;
        // Returns the right error for a file that does not open.
        let first = header.unlock(&prefix, &self.kms, &self.required, &self.options.allowed)?;
        let slots = || header.slots().iter().flatten();
        let generation = slots()
            .filter(|slot| slot.wraps.contains(&first.wrap))
            .map(|slot| slot.generation)
            .max()
            .unwrap_or_default();
        let counts = |wrap: &&Wrap| {
            **wrap != first.wrap
                && slots().any(|slot| slot.generation >= generation && slot.wraps.contains(wrap))
        };
        let others: Vec<_> = header.wraps().filter(counts).cloned().collect();
        let mut unlocked = vec![first];
        let mut foreign = Vec::new();
        let mut has_wrong_wraps = false;
        for wrap in others {
            match self.try_wrap(&header, &wrap, &prefix)? {
                Ok(opened) => unlocked.push(opened),
                Err(UnlockError::Commitment) => has_wrong_wraps = true,
                Err(_) => foreign.push(wrap),
            }
        }
        Ok(Opened { file, header, unlocked, foreign, has_wrong_wraps })
    }

    /// Tries one of several wraps. The outer error means that the KMS is unavailable, so that nothing can be decided.
    fn try_wrap(
        &self,
        header: &Header,
        wrap: &Wrap,
        prefix: &[u8; PREFIX_LEN],
    ) -> Result<Result<Unlocked, UnlockError>, FileError> {
        if !self.options.allowed.allows(&wrap.key.key_id) {
            return Ok(Err(UnlockError::NotAllowed { keys: vec![wrap.key.key_id.clone()] }));
        }
        match header.try_wrap(wrap, prefix, &self.kms, &self.options.allowed) {
            Err(UnlockError::Kms(error))
                if error.is_transient() || matches!(error, KeyServiceError::InvalidResponse(_)) =>
            {
                Err(EncryptError::Kms(error).into())
            }
            tried => Ok(tried),
        }
    }

    /// Returns the new wraps of the file: each key once, and the kind of its wrap.
    fn plan(&self, opened: &Opened) -> Result<Vec<(WrapKind, KeyVersion)>, FileError> {
        let names: Vec<_> = match &self.options.keys {
            None => opened.unlocked.iter().map(|unlocked| unlocked.wrap.key.key_id.clone()).collect(),
            Some(keys) => keys.clone(),
        };
        if names.is_empty() {
            return Err(FileError::NoKeys);
        }
        let data_key_known = opened.set().is_some();
        let mut plan = Vec::<(WrapKind, KeyVersion)>::new();
        for name in names {
            let target = self.current(&name, opened.header.context())?;
            if plan.iter().any(|(_, planned)| planned.key_id == target.key_id) {
                continue;
            }
            // A key gets the data key of the run only if it already has it, or on request.
            let has_it = opened.unlocked.iter().any(|unlocked| {
                unlocked.wrap.kind == WrapKind::Set && unlocked.wrap.key.key_id == target.key_id
            });
            let kind = if data_key_known && (has_it || self.options.whole_set) {
                WrapKind::Set
            } else {
                WrapKind::File
            };
            plan.push((kind, target));
        }
        Ok(plan)
    }

    /// Returns the current key and version for a name, determined once per run by wrapping a random key.
    fn current(&self, name: &str, context: &EncryptionContext) -> Result<KeyVersion, FileError> {
        self.current.get_or_call(name.to_owned(), || {
            let WrappedKey { key_id, key_version_id, .. } =
                self.kms.wrap(name, &DataKey::random(), context).map_err(EncryptError::Kms)?;
            Ok(KeyVersion { key_id, key_version_id })
        })
    }

    fn wrap(&self, opened: &Opened, kind: WrapKind, key_id: &str) -> Result<Wrap, FileError> {
        let context = opened.header.context();
        let wrap = |key| Wrap { kind, region: self.options.region.clone(), key };
        match (kind, opened.set()) {
            (WrapKind::Set, Some((old, data_key))) => {
                let question = (old.key.ciphertext_blob.clone(), key_id.to_owned());
                self.rewrapped.get_or_call(question, || {
                    Ok(wrap(self.kms.wrap(key_id, data_key, context).map_err(EncryptError::Kms)?))
                })
            }
            _ => {
                let body_key = opened.unlocked[0].key.body_key(&opened.header);
                Ok(wrap(body_key.wrap(&self.kms, key_id, context).map_err(EncryptError::Kms)?))
            }
        }
    }
}

impl<K> fmt::Debug for Rewrapper<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rewrapper")
            .field("required", &self.required)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

fn is_text(file: &File) -> bool {
    let mut head = [0; 8];
    file.read_exact_at(&mut head, 0).is_ok() && looks_like_text(&head)
}

/// Opens a file for a change and waits for the lock, with a timeout, because any process that can read the file can lock it. The
/// previous holder of the lock may have replaced the file; then the new one is opened and locked.
fn lock(place: &Target<'_>) -> Result<File, FileError> {
    let begun = Instant::now();
    loop {
        let (file, ours) = place.open(OFlags::RDWR)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) if begun.elapsed() < LOCK_TIMEOUT => {
                thread::sleep(PAUSE);
                continue;
            }
            Err(Errno::WOULDBLOCK) => return Err(FileError::InUse),
            locked => locked.map_err(|error| FileError::Source(error.into()))?,
        }
        if place.leads_to(&ours)? {
            return Ok(file);
        }
    }
}

/// How long to wait for other processes that change a file; the same as for the store of an embedded KMS.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

impl Opened {
    /// Returns the data key of the run and its wrap, if one opened.
    fn set(&self) -> Option<(&Wrap, &DataKey)> {
        self.unlocked.iter().find_map(|unlocked| match &unlocked.key {
            UnlockedKey::Set(data_key) => Some((&unlocked.wrap, data_key)),
            UnlockedKey::File(_) => None,
        })
    }

    /// Whether the planned wraps are those that opened the file, in the versions that the KMS returned. With `only`, the header
    /// must not have other wraps.
    fn is_done(&self, plan: &[(WrapKind, KeyVersion)], only: bool) -> bool {
        let is = |(kind, target): &(WrapKind, KeyVersion), unlocked: &Unlocked| {
            *kind == unlocked.wrap.kind
                && target.key_id == unlocked.wrap.key.key_id
                && target.key_version_id == unlocked.key_version_id
        };
        !self.header.needs_repair()
            && !self.has_wrong_wraps
            && (!only || self.foreign.is_empty())
            && self.unlocked.len() == plan.len()
            && plan.iter().all(|planned| self.unlocked.iter().any(|unlocked| is(planned, unlocked)))
    }

    /// Writes one slot, syncs it, and then writes the other one, so that at least one of them is intact at any time. The slot
    /// that did not open the file is written first.
    fn write_slots(&self, header: &Header) -> Result<(), FileError> {
        let slots = self.header.slots();
        let opens = |slot: usize| {
            slots[slot].as_ref().is_some_and(|slot| slot.wraps.contains(&self.unlocked[0].wrap))
        };
        let order = if opens(0) && !opens(1) { [1, 0] } else { [0, 1] };
        for slot in order {
            let write = || {
                self.file
                    .write_all_at(&header.slot_bytes(slot)?, header.slot_offset(slot))
                    .map_err(SealError::Write)?;
                self.file.sync_data().map_err(SealError::Write)
            };
            write()?;
        }
        Ok(())
    }

    /// Writes the file with another header and replaces it.
    fn replace(&self, place: &Target<'_>, header: &Header) -> Result<(), FileError> {
        let pending = self.beside(place)?;
        let bytes = header.to_bytes()?;
        let mut output = pending.file();
        let mut body = &self.file;
        body.seek(SeekFrom::Start(bytes.len() as u64)).map_err(FileError::Source)?;
        output
            .write_all(&bytes)
            .and_then(|()| io::copy(&mut body, &mut output))
            .map_err(OutputError::from)?;
        let modified = self.file.metadata().and_then(|file| file.modified()).ok();
        Ok(pending.publish(modified, Durability::Synced)?)
    }

    /// Creates a new file to replace this one, with its mode and owner.
    fn beside(&self, place: &Target<'_>) -> Result<Pending, FileError> {
        let metadata = self.file.metadata().map_err(FileError::Source)?;
        let pending = place.create(0o600, true)?;
        // Only root can change the owner. For other users, the new file belongs to them.
        let _ = std::os::unix::fs::fchown(pending.file(), Some(metadata.uid()), Some(metadata.gid()));
        // A set-user-id bit would apply to the user who runs this.
        let mode = Permissions::from_mode(metadata.mode() & 0o777);
        pending.file().set_permissions(mode).map_err(OutputError::from)?;
        Ok(pending)
    }
}
