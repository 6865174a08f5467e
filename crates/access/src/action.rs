//! Actions: `kms:Decrypt` in a request, `kms:*` or `*:Get*` in a policy. ASCII letters match in either case.

use std::fmt;

use crate::error::Reason;
use crate::pattern::{Pattern, Subject};

/// The `Action` or `NotAction` of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ActionList {
    /// Set for `NotAction`: the list matches every action that no pattern matches.
    pub(crate) negated: bool,
    pub(crate) patterns: Box<[ActionPattern]>,
}

/// One entry of the list, such as `kms:Get*`, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ActionPattern {
    /// `None` for any product.
    product: Option<Box<str>>,
    name: Pattern,
}

impl fmt::Display for ActionPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.product.as_deref().unwrap_or("*"), self.name)
    }
}

/// One name of the requested action, split into product and name.
#[derive(Debug)]
pub(crate) struct ActionName<'a> {
    product: &'a str,
    name: Subject<'a>,
}

impl<'a> ActionName<'a> {
    pub(crate) fn new(action: &'a str) -> Self {
        let (product, name) = action.split_once(':').unwrap_or(("", action));
        Self { product, name: Subject::without_case(name) }
    }
}

impl ActionList {
    /// Whether the list matches every action.
    pub(crate) fn is_everything(&self) -> bool {
        let is_any = |pattern: &ActionPattern| pattern.product.is_none() && pattern.name == Pattern::Any;
        !self.negated && self.patterns.iter().any(is_any)
    }

    /// Whether the list matches at least one of the names.
    pub(crate) fn has_any(&self, names: &[ActionName<'_>]) -> bool {
        let listed = |name| self.patterns.iter().any(|pattern| pattern.matches(name));
        names.iter().any(|name| listed(name) != self.negated)
    }
}

impl ActionPattern {
    /// Whether `action_names` has actions of the pattern's product, and the pattern matches none of them.
    pub(crate) fn misses(&self, action_names: &[ActionName<'_>]) -> bool {
        let of_product =
            |action: &&ActionName<'_>| self.product.as_deref().is_some_and(|name| name == action.product);
        let mut of_product = action_names.iter().filter(of_product).peekable();
        of_product.peek().is_some() && !of_product.any(|action| self.matches(action))
    }

    pub(crate) fn parse(text: &str, only: Option<&'static str>) -> Result<Self, Reason> {
        let lower = text.to_ascii_lowercase();
        let (product, name) = match lower.split_once(':') {
            None if lower == "*" => ("*", "*"),
            Some((product, name)) if is_product(product) && is_action_name(name) => (product, name),
            _ => return Err(Reason::Action(text.to_owned())),
        };
        if let Some(only) = only.filter(|only| *only != product) {
            return Err(Reason::ForeignAction { action: text.to_owned(), product: only });
        }
        Ok(Self { product: (product != "*").then(|| product.into()), name: Pattern::new(name) })
    }

    pub(crate) fn matches(&self, action: &ActionName<'_>) -> bool {
        self.product.as_deref().is_none_or(|product| product.eq_ignore_ascii_case(action.product))
            && self.name.matches(&action.name)
    }
}

fn is_product(text: &str) -> bool {
    text == "*" || !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_action_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"*?-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, action: &str) -> bool {
        ActionPattern::parse(pattern, None).expect("a pattern").matches(&ActionName::new(action))
    }

    #[test]
    fn actions_match_without_case() {
        for pattern in ["*", "kms:*", "KMS:decrypt", "kms:DEC*", "*:Decrypt", "kms:?ecryp*", "*:*"] {
            assert!(matches(pattern, "kms:Decrypt"), "{pattern}");
        }
        for pattern in ["kms:Decryp", "kms:Decrypt?", "ram:*", "*:Encrypt", "kms:*Key"] {
            assert!(!matches(pattern, "kms:Decrypt"), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_misses_all_actions_of_its_product() {
        let action_names = ["kms:Decrypt", "kms:Encrypt", "ram:GetUser"].map(ActionName::new);
        let misses = |text| {
            let pattern = ActionPattern::parse(text, None).expect("a pattern");
            assert_eq!(pattern.to_string(), text.to_lowercase());
            pattern.misses(&action_names)
        };
        for wrong in ["kms:Decrpt", "kms:Get*", "KMS:?crypt", "ram:decrypt", "ram:Get?User*"] {
            assert!(misses(wrong), "{wrong}");
        }
        for right in ["kms:decrypt", "kms:*", "kms:*ncrypt", "*:Foo", "ecs:TagResources", "ram:Get*"] {
            assert!(!misses(right), "{right}");
        }
    }

    #[test]
    fn an_action_names_its_product() {
        for wrong in
            ["", "Decrypt", "kms:", ":Decrypt", "k*:Decrypt", "kms:De crypt", "kms:a:b", "**", "?", "kms: *"]
        {
            assert_eq!(ActionPattern::parse(wrong, None), Err(Reason::Action(wrong.into())), "{wrong}");
        }
        assert!(ActionPattern::parse("KMS:*", Some("kms")).is_ok());
        for foreign in ["*", "ecs:TagResources", "*:Get*"] {
            let refused = Reason::ForeignAction { action: foreign.into(), product: "kms" };
            assert_eq!(ActionPattern::parse(foreign, Some("kms")), Err(refused));
        }
    }
}
