//! Options for encrypting, decrypting and rewrapping files.

use std::path::PathBuf;

use bulla_envelope::native::AllowedKeys;

use crate::format::Format;
use crate::output::Durability;
use crate::threads::all_cores;

/// Defines setters that several options have, each for a field.
macro_rules! setters {
    ($($setter:ident => $($field:ident).+),+ $(,)?) => {
        $(setters!(@$setter $($field).+);)+
    };
    (@allowed $($field:ident).+) => {
        /// Sets the keys that may be used to open files. Default: all.
        #[must_use]
        pub fn allowed(mut self, allowed: AllowedKeys) -> Self {
            self.$($field).+ = allowed;
            self
        }
    };
    (@durability $($field:ident).+) => {
        /// Sets when an output must be durable. Default: when it has its name.
        #[must_use]
        pub fn durability(mut self, durability: Durability) -> Self {
            self.$($field).+ = durability;
            self
        }
    };
    (@files $($field:ident).+) => {
        /// Sets the number of files of a tree to process at once. Default: the number of cores. For a remote KMS, more than
        /// [`jobs`](Self::jobs) is useful, because each file waits for it.
        #[must_use]
        pub fn files(mut self, files: usize) -> Self {
            self.$($field).+ = files;
            self
        }
    };
    (@jobs $($field:ident).+) => {
        /// Sets the number of threads. Default: the number of cores.
        #[must_use]
        pub fn jobs(mut self, jobs: usize) -> Self {
            self.$($field).+ = jobs;
            self
        }
    };
    (@region $($field:ident).+) => {
        /// Sets the region of the KMS to store in the files. Default: none.
        #[must_use]
        pub fn region(mut self, region: impl Into<String>) -> Self {
            self.$($field).+ = region.into();
            self
        }
    };
    (@remove_source $($field:ident).+) => {
        /// Sets whether to remove a source after its output was read back and verified. Default: no.
        #[must_use]
        pub fn remove_source(mut self, remove_source: bool) -> Self {
            self.$($field).+ = remove_source;
            self
        }
    };
    (@replace $($field:ident).+) => {
        /// Sets whether to replace existing outputs. Default: no.
        #[must_use]
        pub fn replace(mut self, replace: bool) -> Self {
            self.$($field).+ = replace;
            self
        }
    };
    (@spared $($field:ident).+) => {
        /// Sets directories to exclude from all trees, such as one that contains keys. Default: none.
        #[must_use]
        pub fn spared(mut self, spared: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
            self.$($field).+ = spared.into_iter().map(Into::into).collect();
            self
        }
    };
}

/// Options for encryption. By default, all files share a data key, outputs are durable and replace nothing, and all cores are
/// used.
///
/// ```
/// use bulla_files::{EncryptOptions, Format};
///
/// let options = EncryptOptions::new().format(Format::Text).resume(true).jobs(2);
/// ```
#[derive(Clone, Debug)]
pub struct EncryptOptions {
    pub(crate) format: Format,
    pub(crate) data_key_per_file: bool,
    pub(crate) resume: bool,
    pub(crate) region: String,
    pub(crate) conversion: Conversion,
}

impl EncryptOptions {
    /// Returns the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the format of the output. Default: the native one.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Sets whether each file gets its own data key, which takes a call of the KMS for each. Default: no.
    #[must_use]
    pub fn data_key_per_file(mut self, data_key_per_file: bool) -> Self {
        self.data_key_per_file = data_key_per_file;
        self
    }

    /// Sets whether an existing output counts as complete if it opens and was made from the current source. Default: no.
    #[must_use]
    pub fn resume(mut self, resume: bool) -> Self {
        self.resume = resume;
        self
    }

    setters! {
        durability => conversion.durability,
        files => conversion.files,
        jobs => conversion.jobs,
        region => region,
        remove_source => conversion.remove_source,
        replace => conversion.replace,
        spared => conversion.spared,
    }
}

impl Default for EncryptOptions {
    fn default() -> Self {
        Self {
            format: Format::Native,
            data_key_per_file: false,
            resume: false,
            region: String::new(),
            conversion: Conversion::default(),
        }
    }
}

/// Options for decryption. By default, both formats and all keys are accepted, outputs are durable and replace nothing, and all
/// cores are used.
#[derive(Clone, Debug)]
pub struct DecryptOptions {
    pub(crate) format: Option<Format>,
    pub(crate) allowed: AllowedKeys,
    pub(crate) resume: bool,
    pub(crate) whole: bool,
    pub(crate) conversion: Conversion,
}

impl DecryptOptions {
    /// Returns the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the only accepted format. Default: both are accepted.
    #[must_use]
    pub fn format(mut self, format: impl Into<Option<Format>>) -> Self {
        self.format = format.into();
        self
    }

    /// Sets whether an existing output counts as complete if it has the size and time that the encrypted file records. If its
    /// file system may have rounded the time, it must have the content too. Default: no.
    #[must_use]
    pub fn resume(mut self, resume: bool) -> Self {
        self.resume = resume;
        self
    }

    /// Sets whether to spool a pipe completely before writing any plaintext. Default: no.
    #[must_use]
    pub fn whole(mut self, whole: bool) -> Self {
        self.whole = whole;
        self
    }

    setters! {
        allowed => allowed,
        durability => conversion.durability,
        files => conversion.files,
        jobs => conversion.jobs,
        remove_source => conversion.remove_source,
        replace => conversion.replace,
        spared => conversion.spared,
    }
}

impl Default for DecryptOptions {
    fn default() -> Self {
        Self {
            format: None,
            allowed: AllowedKeys::all(),
            resume: false,
            whole: false,
            conversion: Conversion::default(),
        }
    }
}

/// Options for rewrapping. By default, files keep their keys, in their current versions.
#[derive(Clone, Debug)]
pub struct RewrapOptions {
    /// `None` for the keys that open the file at present.
    pub(crate) keys: Option<Vec<String>>,
    pub(crate) whole_set: bool,
    pub(crate) data_key_per_file: bool,
    pub(crate) allowed: AllowedKeys,
    pub(crate) jobs: usize,
    pub(crate) files: usize,
    pub(crate) region: String,
}

impl RewrapOptions {
    /// Returns the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the keys of a file afterwards. An empty list is an error. Default: the keys that open it at present.
    #[must_use]
    pub fn keys(mut self, keys: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.keys = Some(keys.into_iter().map(Into::into).collect());
        self
    }

    /// Sets whether other keys get the data key of the whole run, which opens every file of that run. Default: no.
    #[must_use]
    pub fn whole_set(mut self, whole_set: bool) -> Self {
        self.whole_set = whole_set;
        self
    }

    /// Sets whether [`rekey`](crate::Rewrapper::rekey) uses a new data key for each file, which takes a call of the KMS for each.
    /// Default: no.
    #[must_use]
    pub fn data_key_per_file(mut self, data_key_per_file: bool) -> Self {
        self.data_key_per_file = data_key_per_file;
        self
    }

    setters! {
        allowed => allowed,
        files => files,
        jobs => jobs,
        region => region,
    }
}

impl Default for RewrapOptions {
    fn default() -> Self {
        Self {
            keys: None,
            whole_set: false,
            data_key_per_file: false,
            allowed: AllowedKeys::all(),
            jobs: all_cores(),
            files: all_cores(),
            region: String::new(),
        }
    }
}

/// Options that encryption and decryption share: how to write outputs, and how many at once.
#[derive(Clone, Debug)]
pub(crate) struct Conversion {
    pub(crate) replace: bool,
    pub(crate) remove_source: bool,
    pub(crate) durability: Durability,
    pub(crate) jobs: usize,
    pub(crate) files: usize,
    pub(crate) spared: Vec<PathBuf>,
}

impl Default for Conversion {
    fn default() -> Self {
        Self {
            replace: false,
            remove_source: false,
            durability: Durability::Synced,
            jobs: all_cores(),
            files: all_cores(),
            spared: Vec::new(),
        }
    }
}

/// How to write one file.
#[derive(Clone, Copy)]
pub(crate) struct How {
    pub(crate) threads: usize,
    pub(crate) durability: Durability,
}
