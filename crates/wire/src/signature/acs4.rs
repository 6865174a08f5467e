//! Signature version 4. It differs from version 3 in the key, which is valid for one day, region and product only.
//!
//! ```text
//! Credential = <id>/<yyyymmdd>/<region>/<product>/aliyun_v4_request
//! Key        = HMAC(HMAC(HMAC(HMAC("aliyun_v4" ‖ secret, yyyymmdd), region), product), "aliyun_v4_request")
//! ```
//!
//! The day must be that of `x-acs-date`, and the product that of `x-acs-version`. Any region is accepted: a client without a
//! configured region takes one from the address of the server, or "center" if the address has none, so the server cannot require
//! its own.

use zeroize::Zeroizing;

use super::hash::Hash;
use crate::actions::Product;

/// What a key is derived for: the scope of a credential.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scope {
    day: String,
    region: String,
    product: Product,
}

impl Scope {
    /// Splits a credential into the access key id and the scope. Returns `None` unless the scope is for `product` and the day of
    /// `date` (`yyyy-MM-ddTHH:mm:ssZ`).
    ///
    /// Parses from the end, because an id may contain slashes.
    pub(super) fn parse<'a>(credential: &'a str, product: Product, date: &str) -> Option<(&'a str, Self)> {
        let rest = credential.strip_suffix(TERMINATOR)?.strip_suffix('/')?;
        let rest = rest.strip_suffix(product.name())?.strip_suffix('/')?;
        let (rest, region) = rest.rsplit_once('/')?;
        let (id, day) = rest.rsplit_once('/')?;
        let of_the_day = date.bytes().filter(|byte| *byte != b'-').take(8).eq(day.bytes());
        let scope = Self { day: day.to_owned(), region: region.to_owned(), product };
        (of_the_day && !region.is_empty()).then_some((id, scope))
    }

    /// Derives the key from the secret.
    pub(super) fn key(&self, secret: &str) -> Zeroizing<[u8; 32]> {
        let secret = Zeroizing::new(["aliyun_v4", secret].concat());
        let day = Hash::Sha256.mac(secret.as_bytes(), self.day.as_bytes());
        [&*self.region, self.product.name(), TERMINATOR]
            .into_iter()
            .fold(day, |key, part| Hash::Sha256.mac(&*key, part.as_bytes()))
    }
}

const TERMINATOR: &str = "aliyun_v4_request";

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "2026-11-23T21:32:10Z";

    #[test]
    fn a_credential_has_five_parts() {
        let scope =
            |region: &str| Scope { day: "20261123".into(), region: region.into(), product: Product::Kms };
        for (credential, id, region) in [
            ("testid/20261123/cn-hangzhou/Kms/aliyun_v4_request", "testid", "cn-hangzhou"),
            ("a/b/20261123/center/Kms/aliyun_v4_request", "a/b", "center"),
        ] {
            assert_eq!(Scope::parse(credential, Product::Kms, DATE), Some((id, scope(region))));
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
            assert_eq!(Scope::parse(credential, Product::Kms, DATE), None, "{credential}");
        }
    }

    #[test]
    fn the_product_is_that_of_the_request() {
        let kms = "testid/20261123/cn-hangzhou/Kms/aliyun_v4_request";
        let toy = "testid/20261123/cn-hangzhou/Toy/aliyun_v4_request";
        assert!(Scope::parse(kms, Product::Kms, DATE).is_some());
        assert!(Scope::parse(toy, Product::Toy, DATE).is_some());
        assert_eq!(Scope::parse(kms, Product::Toy, DATE), None);
        assert_eq!(Scope::parse(toy, Product::Kms, DATE), None);
        let key = |credential, product| Scope::parse(credential, product, DATE).unwrap().1.key("testsecret");
        assert_ne!(key(kms, Product::Kms), key(toy, Product::Toy));
    }

    #[test]
    fn the_day_is_that_of_the_request() {
        for day in ["20261122", "20261124", "2026-11-23", "2026112", "202611233", "20261123T", ""] {
            let credential = format!("testid/{day}/cn-hangzhou/Kms/aliyun_v4_request");
            assert_eq!(Scope::parse(&credential, Product::Kms, DATE), None, "{day}");
        }
    }
}
