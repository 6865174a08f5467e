//! How files are encrypted, decrypted and given other keys.

use std::path::PathBuf;

use bulla_envelope::native::AllowedKeys;

use crate::engine::all_cores;
use crate::format::Format;
use crate::output::Durability;

/// How files are encrypted. The default: one data key for all, nothing replaced, durable, all cores.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EncryptOptions {
    /// The format of the output.
    pub format: Format,
    /// Whether each file gets a data key of its own, at the price of a call to the KMS for each.
    pub data_key_per_file: bool,
    /// Replace outputs that exist.
    pub replace: bool,
    /// Take an output that exists for done, if it opens and was made from the source as it is.
    pub resume: bool,
    /// Remove a source after its output was read back and verified.
    pub remove_source: bool,
    /// When the output must be safe from a loss of power.
    pub durability: Durability,
    /// Threads at once.
    pub jobs: usize,
    /// Files of a tree at once. More than `jobs` make sense for a remote KMS, because each of them waits for it.
    pub files: usize,
    /// The region of the KMS, to be noted in the files; empty if it has none.
    pub region: String,
    /// Directories that are part of no tree: those that the keys lie in.
    pub spared: Vec<PathBuf>,
}

/// How files are decrypted. The default: either format, every key, nothing replaced, durable, all cores.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DecryptOptions {
    /// The format, if it must be this one.
    pub format: Option<Format>,
    /// The keys that may be used.
    pub allowed: AllowedKeys,
    /// Replace outputs that exist.
    pub replace: bool,
    /// Take an output that exists for done, if it has the size and time that the file says; where its file system may
    /// have rounded the time, if it has the content too.
    pub resume: bool,
    /// Remove an encrypted file after its output was read back.
    pub remove_source: bool,
    /// Spool a pipe to its end before anything is given out.
    pub whole: bool,
    /// When the output must be safe from a loss of power.
    pub durability: Durability,
    /// Threads at once.
    pub jobs: usize,
    /// Files of a tree at once. More than `jobs` make sense for a remote KMS, because each of them waits for it.
    pub files: usize,
    /// Directories that are part of no tree: those that the keys lie in.
    pub spared: Vec<PathBuf>,
}

impl Default for DecryptOptions {
    fn default() -> Self {
        Self {
            format: None,
            allowed: AllowedKeys::all(),
            replace: false,
            resume: false,
            remove_source: false,
            whole: false,
            durability: Durability::Synced,
            jobs: all_cores(),
            files: all_cores(),
            spared: Vec::new(),
        }
    }
}

/// How files get other keys. The default: the keys they have, in their current versions.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RewrapOptions {
    /// The keys that the file shall have afterwards; empty for those that open it now.
    pub keys: Vec<String>,
    /// Other keys get the data key of the whole run too, and with it every file of the run.
    pub whole_set: bool,
    /// Whether `rekey` gets a data key for each file, at the price of a call to the KMS for each.
    pub data_key_per_file: bool,
    /// The keys that may be used to open the file.
    pub allowed: AllowedKeys,
    /// The region of the KMS, to be noted in the files; empty if it has none.
    pub region: String,
}

impl Default for RewrapOptions {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            whole_set: false,
            data_key_per_file: false,
            allowed: AllowedKeys::all(),
            region: String::new(),
        }
    }
}

impl Default for EncryptOptions {
    fn default() -> Self {
        Self {
            format: Format::Native,
            data_key_per_file: false,
            replace: false,
            resume: false,
            remove_source: false,
            durability: Durability::Synced,
            jobs: all_cores(),
            files: all_cores(),
            region: String::new(),
            spared: Vec::new(),
        }
    }
}

/// How one file is written.
#[derive(Clone, Copy)]
pub(crate) struct How {
    pub(crate) threads: usize,
    pub(crate) durability: Durability,
}
