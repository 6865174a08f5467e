//! The parameter Recipient: an enclave that alone may see the answer.

use bulla_wire::{Error, ErrorCode};

/// Refuses a request for a plaintext that only an enclave may see: there are none here.
///
/// # Errors
/// UnsupportedOperation.
pub(super) fn refuse_recipient(recipient: Option<&str>) -> Result<(), Error> {
    recipient.map_or(Ok(()), |_| Err(ErrorCode::UnsupportedOperation.into()))
}
