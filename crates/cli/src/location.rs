//! The location of the KMS, from `--kms` or the environment.

use std::env;
use std::path::PathBuf;

use bulla_client::Endpoint;

use crate::args::KmsFlags;
use crate::failure::{Exit, Failure};

/// Where the KMS is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KmsLocation {
    /// In this process, with its store in this directory.
    Embedded(PathBuf),
    Remote(Endpoint),
}

impl KmsLocation {
    /// Returns the location that `--kms` names, otherwise `BULLA_KMS`, otherwise the embedded KMS.
    pub(crate) fn of(flags: &KmsFlags) -> Result<Self, Failure> {
        match flags.kms.clone().or_else(|| environment("BULLA_KMS")) {
            Some(named) => Self::parse(&named),
            None => Ok(Self::Embedded(default_data()?)),
        }
    }

    fn parse(named: &str) -> Result<Self, Failure> {
        match named.split_once(':') {
            None if named == EMBEDDED => return Ok(Self::Embedded(default_data()?)),
            Some((EMBEDDED, data)) if !data.is_empty() => return Ok(Self::Embedded(data.into())),
            _ => {}
        }
        Endpoint::parse(named).map(Self::Remote).map_err(|error| {
            let hint = "--kms is embedded, embedded:DIR, https://HOST:PORT, http://LOOPBACK:PORT, aliyun:REGION or \
                        aliyun-vpc:REGION";
            // The typed text is not repeated, because it may hold a password.
            Failure::new(Exit::Usage, format!("--kms or BULLA_KMS: {error}"), hint)
        })
    }
}

/// Returns a variable of the environment; an empty one counts as absent.
pub(crate) fn environment(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns `$BULLA_DATA`, otherwise `$XDG_DATA_HOME/bulla`, otherwise `~/.local/share/bulla`.
///
/// The last two variables are not set for bulla in particular, so a relative one is refused: each working directory
/// would get keys of its own.
fn default_data() -> Result<PathBuf, Failure> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(data) = set("BULLA_DATA") {
        return Ok(data);
    }
    let refused = |what: String| {
        Failure::new(Exit::Usage, what, "name its directory with --kms embedded:DIR or BULLA_DATA")
    };
    let (variable, base, below) = match set("XDG_DATA_HOME") {
        Some(data) => ("XDG_DATA_HOME", data, "bulla"),
        None => {
            let home = env::home_dir();
            let home =
                home.ok_or_else(|| refused("there is no home directory for the embedded KMS".into()))?;
            ("HOME", home, ".local/share/bulla")
        }
    };
    if base.is_relative() {
        let base = base.display();
        return Err(refused(format!(
            "{variable} is not an absolute path, so the embedded KMS has no data directory: {base}"
        )));
    }
    Ok(base.join(below))
}

const EMBEDDED: &str = "embedded";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_stores_and_endpoints() {
        let location = |named| KmsLocation::parse(named).ok();
        for (named, data) in
            [("embedded:dir", "dir"), ("embedded:/a:b", "/a:b"), ("embedded::", ":"), ("embedded: ", " ")]
        {
            assert_eq!(location(named), Some(KmsLocation::Embedded(data.into())), "{named}");
        }
        for named in ["https://kms.example:8443", "aliyun:cn-hangzhou", "aliyun-vpc:cn-hangzhou"] {
            assert_eq!(location(named), Endpoint::parse(named).ok().map(KmsLocation::Remote), "{named}");
        }
        for wrong in ["", "embedded:", "embedded/dir", "Embedded:dir", "embeddedx", "http://kms.example:80"] {
            assert_eq!(KmsLocation::parse(wrong).unwrap_err().exit, Exit::Usage, "{wrong}");
        }
    }
}
