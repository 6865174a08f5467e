//! Translates refusals of keys and secrets (`bulla_keys`) into errors of the API.

use bulla_keys::{KeyState, Refusal, SecretRefusal};
use bulla_wire::{Error, ErrorCode};

/// The error for an operation that a key refuses, usually because of its state.
pub(crate) fn key_refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::State(state) => Error::with(ErrorCode::RejectedState, KeyState::name(state)),
        Refusal::StateModifiedFailed => ErrorCode::StateModifiedFailed.into(),
        Refusal::DeletionProtected => ErrorCode::RejectedDeletionProtected.into(),
        Refusal::Unsupported => ErrorCode::RejectedUnsupportedOperation.into(),
        Refusal::TooManyVersions => ErrorCode::RejectedLimitExceeded.into(),
    }
}

/// The error for a change that a secret refuses.
pub(crate) fn secret_refused(refusal: SecretRefusal) -> Error {
    match refusal {
        SecretRefusal::InDeleteWindow => ErrorCode::RejectedResourceInDeleteWindow.into(),
        SecretRefusal::NotInDeleteWindow => ErrorCode::RejectedResourceInUse.into(),
        SecretRefusal::VersionExists => ErrorCode::RejectedResourceExist.into(),
        SecretRefusal::NoSuchVersion => ErrorCode::ForbiddenResourceNotFound.into(),
        SecretRefusal::StageNotAtVersion => Error::invalid("RemoveFromVersion"),
        SecretRefusal::ServiceStage => Error::with(ErrorCode::Missing, "MoveToVersion"),
        SecretRefusal::TooManyStages => ErrorCode::RejectedLimitExceeded.into(),
    }
}
