//! What a user is told about a provider of root keys: where its key is, and why it fails. A variant for each provider.

use std::fmt;
use std::path::PathBuf;

use crate::role::Role;
use crate::root_key::RootKeyError;

/// Why a provider keeps no key, or opens no slot of the store.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProviderError {
    /// The root key file is not taken.
    RootKeyFile(RootKeyError),
}

/// Where a provider has its key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyLocation {
    /// In this root key file.
    File(PathBuf),
}

impl ProviderError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self, role: Role) -> String {
        match self {
            Self::RootKeyFile(error) => error.hint(role),
        }
    }
}

impl KeyLocation {
    /// How a user takes the key away, without destroying it.
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
        }
    }
}

impl From<RootKeyError> for ProviderError {
    fn from(error: RootKeyError) -> Self {
        Self::RootKeyFile(error)
    }
}
