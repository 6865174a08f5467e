//! Which state lets a key do what: the one table of it.

use std::fmt;

use minicbor::{Decode, Encode};

use crate::spec::named;

named! {
    /// The state of a key.
    KeyState {
        /// Ready for use.
        Enabled(0) = "Enabled",
        /// Switched off by its owner.
        Disabled(1) = "Disabled",
        /// Waiting for the end of its life.
        PendingDeletion(2) = "PendingDeletion",
        /// Without material.
        PendingImport(3) = "PendingImport",
    }
}

/// What somebody wants to do with a key, as far as its state has a say in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Any cryptography: Encrypt, Decrypt, GenerateDataKey and their kin; also new versions and their policy.
    Use,
    /// Changing what is said about it: description, tags, protection from deletion.
    Describe,
    /// EnableKey and DisableKey; repeating one changes nothing and succeeds.
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

/// Why the state of a key does not allow an operation.
///
/// Exhaustive on purpose: each one has an answer of its own in the API, and a `match` that forgets one must not compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The key is in this state.
    State(KeyState),
    /// The state cannot be changed from here.
    StateModifiedFailed,
    /// The key is protected from deletion.
    DeletionProtected,
    /// It is for other keys: of another kind, origin or usage.
    Unsupported,
    /// The key has as many versions as one may have.
    TooManyVersions,
}

impl KeyState {
    /// Whether a key in this state allows `operation`.
    ///
    /// # Errors
    /// The [`Refusal`] that the API answers.
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
