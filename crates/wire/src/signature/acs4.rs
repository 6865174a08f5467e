//! Signature version 4: what differs from version 3 is the key, good for one day, region and product only.
//!
//! ```text
//! Credential = <id>/<yyyymmdd>/<region>/Kms/aliyun_v4_request
//! Key        = HMAC(HMAC(HMAC(HMAC("aliyun_v4" ‖ secret, yyyymmdd), region), "Kms"), "aliyun_v4_request")
//! ```
//!
//! The day must be that of `x-acs-date`. The region may be any: a client that was given none takes one from the
//! address it was pointed at, or "center" if it finds none there, so it cannot be asked for the server's.

use zeroize::Zeroizing;

use super::hash::Hash;

/// What a key is derived for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scope {
    day: String,
    region: String,
}

impl Scope {
    /// The access key id and the scope of a credential, in a request of `date` (`yyyy-MM-ddTHH:mm:ssZ`).
    ///
    /// Read from the end, so that an id may have slashes.
    pub(super) fn parse<'a>(credential: &'a str, date: &str) -> Option<(&'a str, Self)> {
        let rest = credential.strip_suffix(TERMINATOR)?.strip_suffix('/')?;
        let rest = rest.strip_suffix(PRODUCT)?.strip_suffix('/')?;
        let (rest, region) = rest.rsplit_once('/')?;
        let (id, day) = rest.rsplit_once('/')?;
        let of_the_day = date.bytes().filter(|byte| *byte != b'-').take(8).eq(day.bytes());
        let scope = Self { day: day.to_owned(), region: region.to_owned() };
        (of_the_day && !region.is_empty()).then_some((id, scope))
    }

    /// The key that is derived from the secret.
    pub(super) fn key(&self, secret: &str) -> Zeroizing<[u8; 32]> {
        let secret = Zeroizing::new(["aliyun_v4", secret].concat());
        let day = Hash::Sha256.mac(secret.as_bytes(), self.day.as_bytes());
        [&*self.region, PRODUCT, TERMINATOR]
            .into_iter()
            .fold(day, |key, part| Hash::Sha256.mac(&*key, part.as_bytes()))
    }
}

/// As every client of the service writes it.
const PRODUCT: &str = "Kms";
const TERMINATOR: &str = "aliyun_v4_request";

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "2026-11-23T21:32:10Z";

    #[test]
    fn a_credential_has_five_parts() {
        let scope = |region: &str| Scope { day: "20261123".into(), region: region.into() };
        for (credential, id, region) in [
            ("testid/20261123/cn-hangzhou/Kms/aliyun_v4_request", "testid", "cn-hangzhou"),
            ("a/b/20261123/center/Kms/aliyun_v4_request", "a/b", "center"),
        ] {
            assert_eq!(Scope::parse(credential, DATE), Some((id, scope(region))));
        }
        for credential in [
            "testid",
            "20261123/cn-hangzhou/Kms/aliyun_v4_request",
            "testid/20261123/Kms/aliyun_v4_request",
            "testid/20261123//Kms/aliyun_v4_request",
            "testid/20261123/cn-hangzhou/aliyun_v4_request",
            "testid/20261123/cn-hangzhou/Kms",
            "testid/20261123/cn-hangzhou/Kms/",
            "testid/20261123/cn-hangzhou/Kms/aliyun_v4_request/",
            "testid/20261123/cn-hangzhou/Kms/aws4_request",
            "testid/20261123/cn-hangzhou/kms/aliyun_v4_request",
            "testid/20261123/cn-hangzhou/oss/aliyun_v4_request",
            "testid/20261123/cn-hangzhouKms/aliyun_v4_request",
        ] {
            assert_eq!(Scope::parse(credential, DATE), None, "{credential}");
        }
    }

    #[test]
    fn the_day_is_that_of_the_request() {
        for day in ["20261122", "20261124", "2026-11-23", "2026112", "202611233", "20261123T", ""] {
            let credential = format!("testid/{day}/cn-hangzhou/Kms/aliyun_v4_request");
            assert_eq!(Scope::parse(&credential, DATE), None, "{day}");
        }
    }
}
