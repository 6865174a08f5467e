//! The access key in the environment of a first start.

use std::env;
use std::path::Path;

use bulla_kms::{SecretFileFault, SecretReaders, read_secret_file};
use bulla_wire::SecretText;
use zeroize::Zeroizing;

use crate::failure::{Exit, Failure};

/// Returns the access key in the environment, which the first start uses instead of creating one.
pub(super) fn given_access_key(readers: SecretReaders) -> Result<Option<(String, SecretText)>, Failure> {
    let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
    match (set(ACCESS_KEY_ID), given_secret(readers)?) {
        (Some(id), Some(secret)) => {
            let printable = secret.expose().bytes().all(|byte| byte.is_ascii_graphic());
            if id.starts_with(TEMPORARY) {
                let what =
                    format!("{ACCESS_KEY_ID} begins with {TEMPORARY}, as only temporary access keys do");
                return Err(Failure::new(Exit::Usage, what, "choose another id"));
            }
            let is_id_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte);
            if printable && id.bytes().all(is_id_byte) {
                return Ok(Some((id, secret)));
            }
            let what = format!("{ACCESS_KEY_ID} or its secret has a character that signatures cannot carry");
            let hint = "use letters, digits and ._-@ for the id, no blanks in the secret";
            Err(Failure::new(Exit::Usage, what, hint))
        }
        (None, None) => Ok(None),
        _ => {
            let what = format!(
                "only one of {ACCESS_KEY_ID} and {ACCESS_KEY_SECRET} or {ACCESS_KEY_SECRET_FILE} is set"
            );
            Err(Failure::new(Exit::Usage, what, "set both, or neither to generate one"))
        }
    }
}

/// Returns the secret from the environment, or from the file that the environment names: the environment of a running
/// process can be read in /proc.
fn given_secret(readers: SecretReaders) -> Result<Option<SecretText>, Failure> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    match (set(ACCESS_KEY_SECRET), set(ACCESS_KEY_SECRET_FILE)) {
        (None, None) => Ok(None),
        // A secret that is not text has a character that signatures cannot carry.
        (Some(secret), None) => {
            let secret = secret.into_string().unwrap_or_else(|secret| secret.to_string_lossy().into());
            Ok(Some(secret.into()))
        }
        (None, Some(path)) => secret_of_file(Path::new(&path), readers).map(Some),
        (Some(_), Some(_)) => {
            let what = format!("both {ACCESS_KEY_SECRET} and {ACCESS_KEY_SECRET_FILE} are set");
            Err(Failure::new(Exit::Usage, what, "set one of them; the file keeps the secret out of /proc"))
        }
    }
}

/// Returns the secret in a file: one line, without its line end.
fn secret_of_file(path: &Path, readers: SecretReaders) -> Result<SecretText, Failure> {
    let refused = |what: String, hint: String| {
        Failure::new(Exit::Usage, format!("{ACCESS_KEY_SECRET_FILE}: {what}"), hint)
    };
    let malformed = || {
        let what = format!("{} does not hold a secret", path.display());
        refused(what, format!("it is one line of up to {MAX_SECRET} characters"))
    };
    let content = read_secret_file(path, MAX_SECRET, readers).map_err(|error| match error.fault {
        SecretFileFault::TooLong => malformed(),
        _ => refused(error.to_string(), error.hint()),
    })?;
    let text = str::from_utf8(&content).map_err(|_| malformed())?;
    match text.trim_end_matches(['\n', '\r']) {
        "" => Err(malformed()),
        secret => Ok(Zeroizing::new(secret.to_owned()).into()),
    }
}

pub(super) const ACCESS_KEY_ID: &str = "BULLA_ROOT_ACCESS_KEY_ID";
const ACCESS_KEY_SECRET: &str = "BULLA_ROOT_ACCESS_KEY_SECRET";
const ACCESS_KEY_SECRET_FILE: &str = "BULLA_ROOT_ACCESS_KEY_SECRET_FILE";
/// The prefix of ids of temporary access keys.
const TEMPORARY: &str = "STS.";
/// The maximum length of a secret in a file.
const MAX_SECRET: usize = 256;
