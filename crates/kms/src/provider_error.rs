//! The errors of providers of root keys, and where each provider has its key. One variant for each provider.

use std::fmt;
use std::path::PathBuf;

use crate::role::Role;
use crate::root_key::RootKeyError;

/// Why a provider cannot save a key, or opens no slot of the store.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProviderError {
    /// The root key file is not accepted.
    RootKeyFile(RootKeyError),
    /// This program has no provider for any slot of the store.
    UnknownKinds {
        /// The numbers of the kinds in the header, in ascending order.
        kinds: Vec<u32>,
    },
}

/// The place of a provider's key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyLocation {
    /// This root key file.
    File(PathBuf),
}

impl ProviderError {
    /// Returns advice for the user.
    #[must_use]
    pub fn hint(&self, role: Role) -> String {
        match self {
            Self::RootKeyFile(error) => error.hint(role),
            Self::UnknownKinds { .. } => {
                "use the bulla that wrote the store: it is newer, or was built with other providers".into()
            }
        }
    }
}

impl KeyLocation {
    /// The kind of provider, as one word.
    #[must_use]
    pub fn provider(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
        }
    }

    /// How the user can move the key away without destroying it.
    pub(crate) fn removal(&self) -> String {
        match self {
            Self::File(path) => format!("move {} away", path.display()),
        }
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RootKeyFile(error) => error.fmt(f),
            Self::UnknownKinds { kinds } => {
                let numbers: Vec<_> = kinds.iter().map(u32::to_string).collect();
                write!(
                    f,
                    "the root key of the store is kept by providers that this bulla does not have: kind {}",
                    numbers.join(", ")
                )
            }
        }
    }
}

impl fmt::Display for KeyLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl std::error::Error for ProviderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::RootKeyFile(error) => error.source(), // the text is that of the error
            Self::UnknownKinds { .. } => None,
        }
    }
}

impl From<RootKeyError> for ProviderError {
    fn from(error: RootKeyError) -> Self {
        Self::RootKeyFile(error)
    }
}
