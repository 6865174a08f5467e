//! The account and the region of a store. Every ARN names them, so if they changed, the ARNs in policies and programs would
//! silently stop matching.
//!
//! Each of them is **presumed** until a start names it: the default applies meanwhile, and a later start may still name
//! another value. Once named it is **settled** permanently. Otherwise a single start without flags would override a unit file
//! that always named another region.
//!
//! Policies contain ARNs literally. So a store with a policy accepts no account or region other than the one that was used
//! until now, presumed or not: a Deny on an ARN of the old one would match nothing.
//!
//! Account and region are not stored in a row, because a missing row looks like one that was never written, and because they
//! are needed before rows are read. The header has them, sealed together with the slots.

use minicbor::{Decode, Encode};

use crate::Options;
use crate::open_error::OpenError;

/// The beginning of every ARN of a store.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Home {
    #[n(0)]
    pub(crate) account: Box<str>,
    #[n(1)]
    pub(crate) region: Box<str>,
    #[n(2)]
    pub(crate) is_account_presumed: bool,
    #[n(3)]
    #[cbor(default)] // the first stores of header version 3 have both settled
    pub(crate) is_region_presumed: bool,
}

impl Home {
    /// Returns the home of a new store: values from the options are settled, defaults presumed.
    pub(crate) fn new(options: &Options) -> Self {
        let or = |named: &Option<String>, default: &str| named.as_deref().unwrap_or(default).into();
        Self {
            account: or(&options.account, DEFAULT_ACCOUNT),
            region: or(&options.region, DEFAULT_REGION),
            is_account_presumed: options.account.is_none(),
            is_region_presumed: options.region.is_none(),
        }
    }

    /// Returns this home with the values of the options in place of presumed ones.
    ///
    /// # Errors
    /// [`OpenError::OtherHome`] if they name another account or region than the settled one.
    pub(crate) fn settled_by(mut self, options: &Options) -> Result<Self, OpenError> {
        settle("account", &options.account, &mut self.account, &mut self.is_account_presumed)?;
        settle("region", &options.region, &mut self.region, &mut self.is_region_presumed)?;
        Ok(self)
    }

    /// # Errors
    /// [`OpenError::OtherHome`] if this home has another account or region than `used`, the one until now.
    pub(crate) fn check_unchanged(&self, used: &Self) -> Result<(), OpenError> {
        for (setting, named, kept) in
            [("account", &self.account, &used.account), ("region", &self.region, &used.region)]
        {
            if named != kept {
                return Err(OpenError::OtherHome {
                    setting,
                    named: named.to_string(),
                    kept: kept.to_string(),
                });
            }
        }
        Ok(())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        minicbor::to_vec(self).expect("writing to memory does not fail")
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        minicbor::decode(bytes).ok()
    }
}

fn settle(
    setting: &'static str,
    named: &Option<String>,
    kept: &mut Box<str>,
    is_presumed: &mut bool,
) -> Result<(), OpenError> {
    let Some(named) = named else { return Ok(()) };
    if *is_presumed {
        *kept = named.as_str().into();
        *is_presumed = false;
    } else if **named != **kept {
        return Err(OpenError::OtherHome { setting, named: named.clone(), kept: kept.to_string() });
    }
    Ok(())
}

/// The example values of Alibaba's documentation.
const DEFAULT_ACCOUNT: &str = "111122223333";
const DEFAULT_REGION: &str = "cn-hangzhou";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;

    fn options(account: Option<&str>, region: Option<&str>) -> Options {
        let account = account.map(str::to_owned);
        let region = region.map(str::to_owned);
        Options { account, region, ..Options::new("data", Role::Command) }
    }

    #[test]
    fn account_and_region_are_settled_apart_and_once() {
        let presumed = Home::new(&options(None, None));
        assert_eq!((&*presumed.account, &*presumed.region), (DEFAULT_ACCOUNT, DEFAULT_REGION));
        assert_eq!(presumed.clone().settled_by(&options(None, None)).unwrap(), presumed);
        let half = presumed.settled_by(&options(None, Some("cn-beijing"))).unwrap();
        assert_eq!((&*half.account, half.is_account_presumed), (DEFAULT_ACCOUNT, true));
        assert_eq!((&*half.region, half.is_region_presumed), ("cn-beijing", false));
        half.clone().settled_by(&options(Some("42"), Some("cn-hangzhou"))).unwrap_err();
        let whole = half.settled_by(&options(Some("42"), None)).unwrap();
        assert_eq!(whole, Home::new(&options(Some("42"), Some("cn-beijing"))));
        whole.settled_by(&options(Some(DEFAULT_ACCOUNT), None)).unwrap_err();
    }

    /// Even if it equals the default: the operator has decided.
    #[test]
    fn a_default_that_is_named_is_settled() {
        let named = options(Some(DEFAULT_ACCOUNT), Some(DEFAULT_REGION));
        let settled = Home::new(&options(None, None)).settled_by(&named).unwrap();
        assert_eq!(settled, Home::new(&named));
        settled.settled_by(&options(None, Some("cn-beijing"))).unwrap_err();
    }

    #[test]
    fn homes_of_the_first_stores_of_version_3_are_settled() {
        let bytes =
            minicbor::to_vec(OldHome { account: "42".into(), region: "cn-beijing".into(), flag: false });
        let home = Home::decode(&bytes.unwrap()).unwrap();
        assert_eq!(home, Home::new(&options(Some("42"), Some("cn-beijing"))));
        assert_eq!(Home::decode(&home.encode()), Some(home));
    }

    #[derive(Encode)]
    #[cbor(map)]
    struct OldHome {
        #[n(0)]
        account: Box<str>,
        #[n(1)]
        region: Box<str>,
        #[n(2)]
        flag: bool,
    }
}
