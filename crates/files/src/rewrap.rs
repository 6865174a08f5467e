//! Other keys for a file that is there: `rewrap` writes its header, `rekey` all of it.
//!
//! A header says whom a file is for, but nobody has signed that. So a key is only wrapped again after the commitment
//! has proved that it belongs to this very file, and only for keys that the caller named or whose wrap did open it:
//! a wrapped key that somebody stole and put into a file of his own is not rewrapped, and a recipient that somebody
//! wrote into a header gets nothing.

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
use crate::once::Answers;
use crate::options::RewrapOptions;
use crate::output::{Durability, OutputError, Pending, Target};
use crate::progress::Progress;

/// Gives files other keys.
pub struct Rewrapper<K> {
    kms: KeyCache<K>,
    required: EncryptionContext,
    pub(crate) options: RewrapOptions,
    /// What the names of keys stand for now.
    current: Answers<String, KeyVersion>,
    /// New wraps of data keys of whole runs, which many files share, by an old wrap and the new key.
    rewrapped: Answers<(String, String), Wrap>,
    /// The data keys of this run, for `rekey`.
    data_keys: DataKeySets,
    progress: Progress,
}

/// A key in one of its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
struct KeyVersion {
    key_id: String,
    key_version_id: String,
}

/// A file that is open for a change, with every wrap that opened.
struct Opened {
    file: File,
    header: Header,
    unlocked: Vec<Unlocked>,
    /// Wraps that this KMS does not open: they are of another one, or nobody's.
    foreign: Vec<Wrap>,
    /// Whether there were wraps besides that the KMS opens, with no key of this file in them.
    useless: bool,
}

impl<K: KeyService> Rewrapper<K> {
    /// `required` must be part of the contexts that the files name.
    #[must_use]
    pub fn new(kms: K, required: EncryptionContext, options: RewrapOptions) -> Self {
        let kms = KeyCache::new(kms);
        let current = Answers::default();
        let rewrapped = Answers::default();
        let data_keys = DataKeySets::default();
        let progress = Progress::default();
        Self { kms, required, options, current, rewrapped, data_keys, progress }
    }

    /// Bytes of plaintext done so far.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Wraps the key of a file anew and writes it into the header; the body stays as it is. `path` is no link.
    ///
    /// # Errors
    /// [`FileError`]; then the file still opens as before, or already by the new keys too.
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
            damaged_slot: false, // not any more
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

    /// Encrypts a file anew under a new data key, in the place of the old one. `path` is no link.
    ///
    /// # Errors
    /// [`FileError`], and the file is as it was.
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

    /// The new data key of a file: that of the run for these keys and this context, unless each file has its own.
    fn data_keys(&self, keys: &[String], context: &EncryptionContext) -> Result<Arc<DataKeySet>, FileError> {
        let generate = || DataKeySet::generate(&self.kms, keys, context, &self.options.region);
        Ok(if self.options.data_key_per_file {
            Arc::new(generate()?)
        } else {
            self.data_keys.get_or_ask((keys.to_vec(), context.clone()), || generate().map(Arc::new))?
        })
    }

    /// Opens a file, alone, and tries all of its wraps. What only an older slot holds was taken away by a rewrap that
    /// was cut short, unless nothing newer opens.
    fn open(&self, place: &Target<'_>) -> Result<Opened, FileError> {
        let file = lock(place)?;
        let header = Header::read(&file).map_err(|error| match error {
            OpenError::NotNative if is_text(&file) => FileError::NotInText,
            error => error.into(),
        })?;
        let prefix = read_prefix(&file)?;
        // Says whatever there is to say about a file that does not open.
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
        let mut useless = false;
        for wrap in others {
            match self.try_wrap(&header, &wrap, &prefix)? {
                Ok(opened) => unlocked.push(opened),
                Err(UnlockError::Commitment) => useless = true,
                Err(_) => foreign.push(wrap),
            }
        }
        Ok(Opened { file, header, unlocked, foreign, useless })
    }

    /// Tries one of several wraps; an error is about the KMS, and nothing is done.
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
                if error.is_transient() || matches!(error, KeyServiceError::Answer(_)) =>
            {
                Err(EncryptError::Kms(error).into())
            }
            tried => Ok(tried),
        }
    }

    /// What the file shall hold: each key once, and of which kind its wrap is.
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
            // A key gets the data key of the run only if it has it already, or if that was asked for.
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

    /// Which key and version a name stands for: found out once a run, by wrapping a key of no use.
    fn current(&self, name: &str, context: &EncryptionContext) -> Result<KeyVersion, FileError> {
        self.current.get_or_ask(name.to_owned(), || {
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
                self.rewrapped.get_or_ask(question, || {
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

/// Opens a file for a change and waits until nobody else changes it, but not for ever: who may read a file can lock it.
/// Whoever did may have put another file in its place, so the one that is there then is taken.
fn lock(place: &Target<'_>) -> Result<File, FileError> {
    let begun = Instant::now();
    loop {
        let (file, ours) = place.open(OFlags::RDWR)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) if begun.elapsed() < PATIENCE => {
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

/// How long to wait for others who change a file, as long as for the store of an embedded KMS.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

impl Opened {
    /// The data key of the run and its wrap, if one opened.
    fn set(&self) -> Option<(&Wrap, &DataKey)> {
        self.unlocked.iter().find_map(|unlocked| match &unlocked.key {
            UnlockedKey::Set(data_key) => Some((&unlocked.wrap, data_key)),
            UnlockedKey::File(_) => None,
        })
    }

    /// Whether what is planned is what opened, by the versions that the KMS answered, and `only` that stands in the
    /// header.
    fn is_done(&self, plan: &[(WrapKind, KeyVersion)], only: bool) -> bool {
        let is = |(kind, target): &(WrapKind, KeyVersion), unlocked: &Unlocked| {
            *kind == unlocked.wrap.kind
                && target.key_id == unlocked.wrap.key.key_id
                && target.key_version_id == unlocked.key_version_id
        };
        !self.header.needs_repair()
            && !self.useless
            && (!only || self.foreign.is_empty())
            && self.unlocked.len() == plan.len()
            && plan.iter().all(|planned| self.unlocked.iter().any(|unlocked| is(planned, unlocked)))
    }

    /// Writes one slot, makes it durable, and then the other: at any instant one of them is whole. First comes the one
    /// that can best be spared, which is not the one that has just opened the file.
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

    /// Writes the file anew with another header, in the place of the old one.
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

    /// A new file that will take the place of this one, with its mode and owner.
    fn beside(&self, place: &Target<'_>) -> Result<Pending, FileError> {
        let metadata = self.file.metadata().map_err(FileError::Source)?;
        let pending = place.create(0o600, true)?;
        // Only root may give a file away; for others it is theirs already, or becomes so.
        let _ = std::os::unix::fs::fchown(pending.file(), Some(metadata.uid()), Some(metadata.gid()));
        // A set-user-id bit would be the business of whoever runs this now.
        let mode = Permissions::from_mode(metadata.mode() & 0o777);
        pending.file().set_permissions(mode).map_err(OutputError::from)?;
        Ok(pending)
    }
}
