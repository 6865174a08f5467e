//! The operations that a key allows in each state.

use std::fmt;

use minicbor::{Decode, Encode};

use crate::spec::named;

named! {
    /// The state of a key.
    KeyState {
        /// The key can be used.
        Enabled(0) = "Enabled",
        /// The owner disabled the key.
        Disabled(1) = "Disabled",
        /// The key is scheduled for deletion.
        PendingDeletion(2) = "PendingDeletion",
        /// The key has no material.
        PendingImport(3) = "PendingImport",
    }
}

/// An operation on a key whose permission depends on the state of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Any cryptographic operation, such as Encrypt, Decrypt and GenerateDataKey; also creating versions and setting their
    /// policy.
    Use,
    /// Changing the metadata: description, tags, deletion protection.
    Describe,
    /// EnableKey and DisableKey; repeating one succeeds without a change.
    EnableOrDisable,
    /// ScheduleKeyDeletion.
    ScheduleDeletion,
    /// CancelKeyDeletion.
    CancelDeletion,
    /// ImportKeyMaterial.
    Import,
    /// CreateAlias for this key.
    NameByAlias,
    /// UpdateAlias with this key as the new target.
    RetargetAlias,
}

/// Why a key does not allow an operation.
///
/// The enum is exhaustive on purpose: the API has a separate answer for each variant, and a `match` that omits one must not
/// compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The key is in this state.
    State(KeyState),
    /// The operation cannot change the state that the key is in.
    StateModifiedFailed,
    /// The key is protected from deletion.
    DeletionProtected,
    /// Keys of this kind, origin or usage do not support the operation.
    Unsupported,
    /// The key has the maximum number of versions.
    TooManyVersions,
}

impl KeyState {
    /// Checks that a key in this state allows `operation`.
    ///
    /// # Errors
    /// The [`Refusal`] that the API returns.
    pub fn allows(self, operation: Operation) -> Result<(), Refusal> {
        match (operation, self) {
            (Operation::Use, Self::Enabled) => Ok(()),
            (Operation::Use, state) => Err(Refusal::State(state)),
            (Operation::EnableOrDisable, Self::Enabled | Self::Disabled) => Ok(()),
            (Operation::EnableOrDisable, _) => Err(Refusal::StateModifiedFailed),
            (Operation::CancelDeletion, Self::PendingDeletion) => Ok(()),
            (Operation::CancelDeletion, _) => Err(Refusal::StateModifiedFailed),
            (Operation::Describe | Operation::RetargetAlias, Self::PendingDeletion) => {
                Err(Refusal::State(self))
            }
            (
                Operation::NameByAlias | Operation::ScheduleDeletion | Operation::Import,
                Self::PendingDeletion,
            ) => Err(Refusal::StateModifiedFailed),
            (
                Operation::Describe
                | Operation::RetargetAlias
                | Operation::NameByAlias
                | Operation::ScheduleDeletion
                | Operation::Import,
                _,
            ) => Ok(()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(state) => write!(f, "the key state is {state}"),
            Self::StateModifiedFailed => f.write_str("the key state cannot be changed from here"),
            Self::DeletionProtected => f.write_str("the key is protected from deletion"),
            Self::Unsupported => f.write_str("keys like this one do not take that"),
            Self::TooManyVersions => f.write_str("the key has as many versions as one may have"),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use KeyState::{Disabled, Enabled, PendingDeletion, PendingImport};

    use super::*;

    /// The table of the API reference, row by row, in the order of the states above.
    #[test]
    fn the_table_of_the_reference() {
        let modified = Err(Refusal::StateModifiedFailed);
        let rejected = |state| Err(Refusal::State(state));
        let rows = [
            (
                Operation::Use,
                [Ok(()), rejected(Disabled), rejected(PendingDeletion), rejected(PendingImport)],
            ),
            (Operation::EnableOrDisable, [Ok(()), Ok(()), modified, modified]),
            (Operation::Describe, [Ok(()), Ok(()), rejected(PendingDeletion), Ok(())]),
            (Operation::ScheduleDeletion, [Ok(()), Ok(()), modified, Ok(())]),
            (Operation::CancelDeletion, [modified, modified, Ok(()), modified]),
            (Operation::Import, [Ok(()), Ok(()), modified, Ok(())]),
            (Operation::NameByAlias, [Ok(()), Ok(()), modified, Ok(())]),
            (Operation::RetargetAlias, [Ok(()), Ok(()), rejected(PendingDeletion), Ok(())]),
        ];
        for (operation, expected) in rows {
            let found = [Enabled, Disabled, PendingDeletion, PendingImport].map(|s| s.allows(operation));
            assert_eq!(found, expected, "{operation:?}");
        }
    }
}
