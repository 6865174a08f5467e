//! The login name that a user types: `alice`, `alice@111122223333`, `alice@alias` or `alice@alias.onaliyun.com`.

use crate::people::NameKey;

/// The name of a user, with the account that was typed with it.
pub(super) struct LoginName<'n> {
    pub(super) user: NameKey,
    account: Option<&'n str>,
}

impl<'n> LoginName<'n> {
    /// Splits a text. The name need not be valid: then no user has it.
    pub(super) fn parse(text: &'n str) -> Self {
        let (user, account) = match text.split_once('@') {
            Some((user, account)) => (user, Some(without_domain(account))),
            None => (text, None),
        };
        Self { user: NameKey::of(user), account }
    }

    /// Whether it belongs to this account.
    pub(super) fn is_of(&self, account: &str, alias: Option<&str>) -> bool {
        let is = |name: &str| self.account.is_none_or(|written| written.eq_ignore_ascii_case(name));
        is(account) || alias.is_some_and(is)
    }
}

fn without_domain(account: &str) -> &str {
    let start = account.len().saturating_sub(DOMAIN.len());
    match account.split_at_checked(start) {
        Some((name, domain)) if domain.eq_ignore_ascii_case(DOMAIN) => name,
        _ => account,
    }
}

const DOMAIN: &str = ".onaliyun.com";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_the_account_that_it_names_or_of_any() {
        for (text, user, expected) in [
            ("Alice", "alice", true),
            ("alice@42", "alice", true),
            ("ALICE@My-Team", "alice", true),
            ("alice@42.onaliyun.com", "alice", true),
            ("alice@my-team.OnAliyun.com", "alice", true),
            ("alice@", "alice", false),
            ("alice@43", "alice", false),
            ("alice@.onaliyun.com", "alice", false),
            ("alice@42.example.com", "alice", false),
            ("alice@42@42", "alice", false),
            ("alice@4é", "alice", false),
            ("alice@é.onaliyun.co", "alice", false),
            ("", "", true),
        ] {
            let name = LoginName::parse(text);
            assert_eq!(name.user.as_str(), user, "{text}");
            assert_eq!(name.is_of("42", Some("my-team")), expected, "{text}");
        }
        assert!(!LoginName::parse("alice@my-team").is_of("42", None));
    }
}
