//! Other keys for a file that is there: `rewrap` writes its header, `rekey` all of it.
//!
//! A header says whom a file is for, but nobody has signed that. So a key is only wrapped again after the commitment
//! has proved that it belongs to this very file, and only for keys that the caller named or whose wrap did open it:
//! a wrapped key that somebody stole and put into a file of his own is not rewrapped, and a recipient that somebody
//! wrote into a header gets nothing.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bulla_envelope::cobblestone::PREFIX_LEN;
use bulla_envelope::native::{
    AllowedKeys, Header, SealError, UnlockError, Unlocked, UnlockedKey, Wrap, WrapKind,
};
use bulla_envelope::{DataKey, EncryptionContext, KeyService, KeyServiceError, WrappedKey};
use rustix::fs::{FlockOperation, flock};

use crate::cache::KeyCache;
use crate::data_keys::DataKeySet;
use crate::encrypt::Done;
use crate::engine::{self, Body, Progress, read_prefix};
use crate::file_error::FileError;
use crate::output::{Directory, Durability, OutputError, Pending};

/// How files get other keys. The default: the keys they have, in their current versions.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RewrapOptions {
    /// The keys that the file shall have afterwards; empty for those that open it now.
    pub keys: Vec<String>,
    /// Other keys get the data key of the whole run too, and with it every file of the run.
    pub whole_set: bool,
    /// The keys that may be used to open the file.
    pub allowed: AllowedKeys,
    /// The region of the KMS, to be noted in the files; empty if it has none.
    pub region: String,
}

/// Gives files other keys.
pub struct Rewrapper<'a> {
    kms: KeyCache<'a>,
    said: EncryptionContext,
    options: RewrapOptions,
    /// What the names of keys stand for now.
    current: Mutex<HashMap<String, KeyVersion>>,
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
}

impl<'a> Rewrapper<'a> {
    /// `said` must be part of the files' contexts.
    #[must_use]
    pub fn new(kms: &'a dyn KeyService, said: EncryptionContext, options: RewrapOptions) -> Self {
        let kms = KeyCache::new(kms);
        Self { kms, said, options, current: Mutex::default(), progress: Progress::new(0) }
    }

    /// Bytes of plaintext done so far.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Wraps the key of a file anew and writes it into the header; the body stays as it is.
    ///
    /// # Errors
    /// [`FileError`]; then the file still opens as before, or already by the new keys too.
    pub fn rewrap(&self, path: &Path) -> Result<Done, FileError> {
        let path = fs::canonicalize(path).map_err(FileError::Source)?;
        let opened = self.open(&path)?;
        let plan = self.plan(&opened)?;
        let done = |already| Done {
            output: path.clone(),
            key_id: plan[0].1.key_id.clone(),
            plaintext_len: 0,
            already,
            damaged_slot: opened.header.slots().iter().any(Option::is_none),
        };
        if opened.is_done(&plan) {
            return Ok(done(true));
        }
        let mut wraps = plan
            .iter()
            .map(|(kind, target)| self.wrap(&opened, *kind, &target.key_id))
            .collect::<Result<Vec<_>, _>>()?;
        if self.options.keys.is_empty() {
            wraps.extend(opened.foreign.iter().cloned());
        }
        let header = opened.header.with_wraps(wraps)?;
        match header.slots().len() {
            1 => opened.replace(&path, &header)?,
            _ => opened.write_slots(&header)?,
        }
        Ok(done(false))
    }

    /// Encrypts a file anew under a new data key, in the place of the old one.
    ///
    /// # Errors
    /// [`FileError`], and the file is as it was.
    pub fn rekey(&self, path: &Path, jobs: usize) -> Result<Done, FileError> {
        let path = fs::canonicalize(path).map_err(FileError::Source)?;
        let opened = self.open(&path)?;
        let file_len = opened.file.metadata().map_err(FileError::Source)?.len();
        let body = Body::of(&opened.file, file_len, &opened.header, &opened.unlocked[0].opener)?;
        let keys: Vec<_> = self.plan(&opened)?.into_iter().map(|(_, target)| target.key_id).collect();
        let context = opened.header.context();
        let set = DataKeySet::generate(&self.kms, &keys, context, &self.options.region)?;
        let (header, key) = set.header(*opened.header.source())?;
        let pending = opened.beside(&path)?;
        engine::seal_body(&body, pending.file(), (&header, &key), jobs, &self.progress)?;
        pending.publish(opened.file.metadata().and_then(|file| file.modified()).ok(), Durability::Synced)?;
        Ok(Done {
            output: path,
            key_id: set.key_id().to_owned(),
            plaintext_len: body.len,
            already: false,
            damaged_slot: false,
        })
    }

    /// Opens a file, alone, and tries all of its wraps.
    fn open(&self, path: &Path) -> Result<Opened, FileError> {
        let file = File::options().read(true).write(true).open(path).map_err(FileError::Source)?;
        if !file.metadata().map_err(FileError::Source)?.is_file() {
            return Err(FileError::Special);
        }
        flock(&file, FlockOperation::LockExclusive).map_err(|error| FileError::Source(error.into()))?;
        let header = Header::read(&file)?;
        let prefix = read_prefix(&file)?;
        // Says whatever there is to say about a file that does not open.
        let first = header.unlock(&prefix, &self.kms, &self.said, &self.options.allowed)?;
        let (mut unlocked, mut foreign) = (vec![first], Vec::new());
        let opened_by = unlocked[0].wrap.clone();
        for wrap in header.wraps().filter(|wrap| **wrap != opened_by) {
            match self.try_wrap(&header, wrap, &prefix)? {
                Some(opened) => unlocked.push(opened),
                None => foreign.push(wrap.clone()),
            }
        }
        Ok(Opened { file, header, unlocked, foreign })
    }

    /// None for a wrap that this KMS does not open.
    fn try_wrap(
        &self,
        header: &Header,
        wrap: &Wrap,
        prefix: &[u8; PREFIX_LEN],
    ) -> Result<Option<Unlocked>, FileError> {
        if !self.options.allowed.allows(&wrap.key.key_id) {
            return Ok(None);
        }
        match header.try_wrap(wrap, prefix, &self.kms, &self.options.allowed) {
            Ok(unlocked) => Ok(Some(unlocked)),
            // Nothing can be said about the wrap, so nothing is done.
            Err(UnlockError::Kms(
                error @ (KeyServiceError::Unreachable { .. }
                | KeyServiceError::Throttled
                | KeyServiceError::Answer(_)
                | KeyServiceError::Local { .. }),
            )) => Err(error.into()),
            Err(_) => Ok(None),
        }
    }

    /// What the file shall hold: each key once, and of which kind its wrap is.
    fn plan(&self, opened: &Opened) -> Result<Vec<(WrapKind, KeyVersion)>, FileError> {
        let names: Vec<_> = match &*self.options.keys {
            [] => opened.unlocked.iter().map(|unlocked| unlocked.wrap.key.key_id.clone()).collect(),
            keys => keys.to_vec(),
        };
        let data_key_known = opened.data_key().is_some();
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
            let kind = match data_key_known && (has_it || self.options.whole_set) {
                true => WrapKind::Set,
                false => WrapKind::File,
            };
            plan.push((kind, target));
        }
        Ok(plan)
    }

    /// Which key and version a name stands for: found out once a run, by wrapping a key of no use.
    fn current(&self, name: &str, context: &EncryptionContext) -> Result<KeyVersion, FileError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = current.get(name) {
            return Ok(known.clone());
        }
        let WrappedKey { key_id, key_version_id, .. } = self.kms.wrap(name, &DataKey::random(), context)?;
        let version = KeyVersion { key_id, key_version_id };
        current.insert(name.to_owned(), version.clone());
        Ok(version)
    }

    fn wrap(&self, opened: &Opened, kind: WrapKind, key_id: &str) -> Result<Wrap, FileError> {
        let body_key = opened.unlocked[0].key.body_key(&opened.header);
        let key = match (kind, opened.data_key()) {
            (WrapKind::Set, Some(data_key)) => data_key,
            _ => body_key.as_key(),
        };
        let key = self.kms.wrap(key_id, key, opened.header.context())?;
        Ok(Wrap { kind, region: self.options.region.clone(), key })
    }
}

impl Opened {
    /// The data key of the run, if a wrap of it opened.
    fn data_key(&self) -> Option<&DataKey> {
        self.unlocked.iter().find_map(|unlocked| match &unlocked.key {
            UnlockedKey::Set(data_key) => Some(data_key),
            UnlockedKey::File(_) => None,
        })
    }

    /// Whether the wraps that opened are what is planned, by the versions that the KMS answered, and nothing else
    /// stands in the header.
    fn is_done(&self, plan: &[(WrapKind, KeyVersion)]) -> bool {
        let planned = |unlocked: &Unlocked| {
            plan.iter().any(|(kind, target)| {
                *kind == unlocked.wrap.kind
                    && target.key_id == unlocked.wrap.key.key_id
                    && target.key_version_id == unlocked.key_version_id
            })
        };
        !self.header.needs_repair()
            && self.foreign.is_empty()
            && self.unlocked.len() == plan.len()
            && self.unlocked.iter().all(planned)
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
    fn replace(&self, path: &Path, header: &Header) -> Result<(), FileError> {
        let pending = self.beside(path)?;
        let bytes = header.to_bytes()?;
        let mut output = pending.file();
        let mut body = &self.file;
        body.seek(SeekFrom::Start(bytes.len() as u64)).map_err(FileError::Source)?;
        output
            .write_all(&bytes)
            .and_then(|()| io::copy(&mut body, &mut output))
            .map_err(OutputError::from)?;
        Ok(pending.publish(None, Durability::Synced)?)
    }

    /// A new file that will take the place of this one, with its mode and owner.
    fn beside(&self, path: &Path) -> Result<Pending, FileError> {
        let metadata = self.file.metadata().map_err(FileError::Source)?;
        let directory = Arc::new(Directory::of(path)?);
        let name = path.file_name().ok_or(OutputError::IsDirectory)?;
        let pending = Pending::create(directory, name, 0o600, true).map_err(OutputError::Directory)?;
        // Only root may give a file away; for others it is theirs already, or becomes so.
        let _ = std::os::unix::fs::fchown(pending.file(), Some(metadata.uid()), Some(metadata.gid()));
        pending.file().set_permissions(metadata.permissions()).map_err(OutputError::from)?;
        Ok(pending)
    }
}
