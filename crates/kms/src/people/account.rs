//! The account itself, as one row: its alias.

use bulla_keys::record::Record;
use minicbor::{Decode, Encode};

use super::text::TextFault;

/// The account. Creating an access key of root writes it too, so that the quota holds across nodes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Account {
    /// Always [`Account::NAME`].
    #[n(0)]
    pub(crate) name: Box<str>,
    /// The name of the account besides its number.
    #[n(1)]
    pub(crate) alias: Option<Box<str>>,
}

impl Record for Account {
    const TABLE: &'static str = "account";
    fn primary_key(&self) -> &[u8] {
        self.name.as_bytes()
    }
}

impl Default for Account {
    fn default() -> Self {
        Self { name: Self::NAME.into(), alias: None }
    }
}

impl Account {
    /// The name of the row.
    pub(crate) const NAME: &'static str = "account";

    /// Checks an alias: 3 to 32 lower-case letters, digits and hyphens; a hyphen neither first, last, nor beside another.
    ///
    /// # Errors
    /// [`TextFault::Length`], [`TextFault::Format`].
    pub(crate) fn check_alias(alias: &str) -> Result<(), TextFault> {
        if !(3..=32).contains(&alias.chars().count()) {
            return Err(TextFault::Length);
        }
        let is_good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let has_stray_hyphen = alias.starts_with('-') || alias.ends_with('-') || alias.contains("--");
        if alias.bytes().all(is_good) && !has_stray_hyphen { Ok(()) } else { Err(TextFault::Format) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_lower_case_with_single_hyphens_inside() {
        for good in ["abc", "a-b", "my-team-42", &"a".repeat(32)] {
            assert_eq!(Account::check_alias(good), Ok(()), "{good}");
        }
        for (bad, fault) in [
            ("ab", TextFault::Length),
            (&"a".repeat(33), TextFault::Length),
            ("-ab", TextFault::Format),
            ("ab-", TextFault::Format),
            ("a--b", TextFault::Format),
            ("Abc", TextFault::Format),
            ("a_b", TextFault::Format),
        ] {
            assert_eq!(Account::check_alias(bad), Err(fault), "{bad}");
        }
    }
}
