//! Translates invalid names, texts and policies into errors of RAM.

use std::str::FromStr;

use bulla_access::{PolicyError, Reason};
use bulla_wire::{Error, ErrorCode};

use crate::people::{NameFault, TextFault};

/// Parses the name of a new record in a parameter.
///
/// # Errors
/// `InvalidParameter.<Name>.InvalidChars`, `InvalidParameter.<Name>.Length`.
pub(super) fn parse_name<N: FromStr<Err = NameFault>>(parameter: &str, text: &str) -> Result<N, Error> {
    text.parse().map_err(|fault| {
        let code = match fault {
            NameFault::Length => ErrorCode::ParameterLength,
            NameFault::InvalidChars => ErrorCode::ParameterInvalidChars,
        };
        Error::with(code, parameter)
    })
}

/// The error for a parameter with an invalid text.
pub(super) fn text_refused(parameter: &str, fault: TextFault) -> Error {
    let code = match fault {
        TextFault::Length => ErrorCode::ParameterLength,
        TextFault::InvalidChars => ErrorCode::ParameterInvalidChars,
        TextFault::Format => ErrorCode::ParameterFormat,
    };
    Error::with(code, parameter)
}

/// Returns the text of an optional parameter.
///
/// # Errors
/// Like [`text_refused`].
pub(super) fn good_text(
    parameter: &str,
    value: Option<&str>,
    check: fn(&str) -> Result<(), TextFault>,
) -> Result<Option<Box<str>>, Error> {
    let Some(text) = value else { return Ok(None) };
    check(text).map_err(|fault| text_refused(parameter, fault))?;
    Ok(Some(text.into()))
}

/// The error for a parameter with an invalid policy, with the position in it.
pub(super) fn document_refused(parameter: &str, error: &PolicyError) -> Error {
    match error.reason {
        Reason::Length(_) => Error::with(ErrorCode::ParameterLength, parameter),
        _ => Error::with(ErrorCode::MalformedPolicyDocument, error.to_string()),
    }
}

/// The error for a parameter with an invalid value.
pub(super) fn incorrect(parameter: &str) -> Error {
    Error::with(ErrorCode::ParameterIncorrect, parameter)
}
