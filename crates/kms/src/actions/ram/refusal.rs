//! What RAM answers to texts that it does not take.

use bulla_wire::{Error, ErrorCode};

use crate::people::TextFault;

/// The answer to a text that is not good for its parameter.
pub(super) fn text_refused(parameter: &str, fault: TextFault) -> Error {
    let code = match fault {
        TextFault::Length => ErrorCode::ParameterLength,
        TextFault::InvalidChars => ErrorCode::ParameterInvalidChars,
        TextFault::Format => ErrorCode::ParameterFormat,
    };
    Error::with(code, parameter)
}
