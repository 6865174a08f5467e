//! Refuses the parameter Recipient, with which a caller asks for a reply that only an enclave can read. This KMS supports no
//! enclaves.

use bulla_wire::{Error, ErrorCode};

/// Refuses a request for a plaintext that only an enclave may read.
///
/// # Errors
/// UnsupportedOperation.
pub(super) fn refuse_recipient(recipient: Option<&str>) -> Result<(), Error> {
    recipient.map_or(Ok(()), |_| Err(ErrorCode::UnsupportedOperation.into()))
}
