//! The parameter Recipient: an enclave that alone may read the reply. There are none here, so it is refused.

use bulla_wire::{Error, ErrorCode};

/// Refuses a request for a plaintext that only an enclave may read.
///
/// # Errors
/// UnsupportedOperation.
pub(super) fn refuse_recipient(recipient: Option<&str>) -> Result<(), Error> {
    recipient.map_or(Ok(()), |_| Err(ErrorCode::UnsupportedOperation.into()))
}
