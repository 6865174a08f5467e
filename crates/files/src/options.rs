//! How files are encrypted, decrypted and given other keys.

use std::path::PathBuf;

use bulla_envelope::native::AllowedKeys;

use crate::format::Format;
use crate::output::Durability;
use crate::threads::all_cores;

/// Setters that several kinds of options have, each with the field that it sets.
macro_rules! setters {
    ($($setter:ident => $($field:ident).+),+ $(,)?) => {
        $(setters!(@$setter $($field).+);)+
    };
    (@allowed $($field:ident).+) => {
        /// The keys that may be used to open files. Default: all.
        #[must_use]
        pub fn allowed(mut self, allowed: AllowedKeys) -> Self {
            self.$($field).+ = allowed;
            self
        }
    };
    (@durability $($field:ident).+) => {
        /// When an output must be safe from a loss of power. Default: when it has its name.
        #[must_use]
        pub fn durability(mut self, durability: Durability) -> Self {
            self.$($field).+ = durability;
            self
        }
    };
    (@files $($field:ident).+) => {
        /// Files of a tree at once. Default: as many as there are cores. More than [`jobs`](Self::jobs) make sense for
        /// a remote KMS, because each of them waits for it.
        #[must_use]
        pub fn files(mut self, files: usize) -> Self {
            self.$($field).+ = files;
            self
        }
    };
    (@jobs $($field:ident).+) => {
        /// Threads at once. Default: as many as there are cores.
        #[must_use]
        pub fn jobs(mut self, jobs: usize) -> Self {
            self.$($field).+ = jobs;
            self
        }
    };
    (@region $($field:ident).+) => {
        /// The region of the KMS, to be noted in the files. Default: none.
        #[must_use]
        pub fn region(mut self, region: impl Into<String>) -> Self {
            self.$($field).+ = region.into();
            self
        }
    };
    (@remove_source $($field:ident).+) => {
        /// Whether a source is removed after its output was read back and verified. Default: no.
        #[must_use]
        pub fn remove_source(mut self, remove_source: bool) -> Self {
            self.$($field).+ = remove_source;
            self
        }
    };
    (@replace $($field:ident).+) => {
        /// Whether outputs that exist are replaced. Default: no.
        #[must_use]
        pub fn replace(mut self, replace: bool) -> Self {
            self.$($field).+ = replace;
            self
        }
    };
    (@spared $($field:ident).+) => {
        /// Directories that are part of no tree, such as one that holds the keys. Default: none.
        #[must_use]
        pub fn spared(mut self, spared: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
            self.$($field).+ = spared.into_iter().map(Into::into).collect();
            self
        }
    };
}

/// How files are encrypted. The default: one data key for all, nothing replaced, durable, all cores.
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
    /// The default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The format of the output. Default: the native one.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Whether each file gets a data key of its own, at the price of a call to the KMS for each. Default: no.
    #[must_use]
    pub fn data_key_per_file(mut self, data_key_per_file: bool) -> Self {
        self.data_key_per_file = data_key_per_file;
        self
    }

    /// Whether an output that exists counts as done, if it opens and was made from the source as it is. Default: no.
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

/// How files are decrypted. The default: either format, every key, nothing replaced, durable, all cores.
#[derive(Clone, Debug)]
pub struct DecryptOptions {
    pub(crate) format: Option<Format>,
    pub(crate) allowed: AllowedKeys,
    pub(crate) resume: bool,
    pub(crate) whole: bool,
    pub(crate) conversion: Conversion,
}

impl DecryptOptions {
    /// The default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The format, if it must be this one. Default: either.
    #[must_use]
    pub fn format(mut self, format: impl Into<Option<Format>>) -> Self {
        self.format = format.into();
        self
    }

    /// Whether an output that exists counts as done, if it has the size and time that the file says; where its file
    /// system may have rounded the time, if it has the content too. Default: no.
    #[must_use]
    pub fn resume(mut self, resume: bool) -> Self {
        self.resume = resume;
        self
    }

    /// Whether a pipe is spooled to its end before anything is given out. Default: no.
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

/// How files get other keys. The default: the keys they have, in their current versions.
#[derive(Clone, Debug)]
pub struct RewrapOptions {
    /// None for those that open the file now.
    pub(crate) keys: Option<Vec<String>>,
    pub(crate) whole_set: bool,
    pub(crate) data_key_per_file: bool,
    pub(crate) allowed: AllowedKeys,
    pub(crate) jobs: usize,
    pub(crate) files: usize,
    pub(crate) region: String,
}

impl RewrapOptions {
    /// The default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The keys that a file has afterwards; a list of none is an error. Default: those that open it now.
    #[must_use]
    pub fn keys(mut self, keys: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.keys = Some(keys.into_iter().map(Into::into).collect());
        self
    }

    /// Whether other keys get the data key of a whole run too, and with it every file of that run. Default: no.
    #[must_use]
    pub fn whole_set(mut self, whole_set: bool) -> Self {
        self.whole_set = whole_set;
        self
    }

    /// Whether [`rekey`](crate::Rewrapper::rekey) gets a data key for each file, at the price of a call to the KMS for each.
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

/// What is the same to encryption and decryption: how a source becomes an output, and how many at once.
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

/// How one file is written.
#[derive(Clone, Copy)]
pub(crate) struct How {
    pub(crate) threads: usize,
    pub(crate) durability: Durability,
}
