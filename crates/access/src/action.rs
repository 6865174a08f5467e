//! Actions: `kms:Decrypt` in a request, `kms:*` or `*:Get*` in a policy. Matched without case.

use std::fmt;

use crate::error::Reason;
use crate::pattern::{Pattern, Subject};

/// The actions of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ActionList {
    /// `NotAction`: all actions but these.
    pub(crate) negated: bool,
    pub(crate) patterns: Box<[ActionPattern]>,
}

/// One action of a policy, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ActionPattern {
    /// `None` for every product.
    product: Option<Box<str>>,
    name: Pattern,
}

impl fmt::Display for ActionPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.product.as_deref().unwrap_or("*"), self.name)
    }
}

/// One name of the action of a request.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    product: &'a str,
    name: Subject<'a>,
}

impl<'a> Asked<'a> {
    pub(crate) fn new(action: &'a str) -> Self {
        let (product, name) = action.split_once(':').unwrap_or(("", action));
        Self { product, name: Subject::without_case(name) }
    }
}

impl ActionList {
    /// Whether the list has every action.
    pub(crate) fn is_everything(&self) -> bool {
        let is_any = |pattern: &ActionPattern| pattern.product.is_none() && pattern.name == Pattern::Any;
        !self.negated && self.patterns.iter().any(is_any)
    }

    /// Whether the list has one of the names.
    pub(crate) fn has_any(&self, names: &[Asked<'_>]) -> bool {
        let listed = |name| self.patterns.iter().any(|pattern| pattern.matches(name));
        names.iter().any(|name| listed(name) != self.negated)
    }
}

impl ActionPattern {
    /// Whether it is about a product of `known` actions, and about none of them.
    pub(crate) fn misses(&self, known: &[Asked<'_>]) -> bool {
        let of_product =
            |asked: &&Asked<'_>| self.product.as_deref().is_some_and(|name| name == asked.product);
        let mut of_product = known.iter().filter(of_product).peekable();
        of_product.peek().is_some() && !of_product.any(|asked| self.matches(asked))
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

    pub(crate) fn matches(&self, asked: &Asked<'_>) -> bool {
        self.product.as_deref().is_none_or(|product| product.eq_ignore_ascii_case(asked.product))
            && self.name.matches(&asked.name)
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
        ActionPattern::parse(pattern, None).expect("a pattern").matches(&Asked::new(action))
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
        let known = ["kms:Decrypt", "kms:Encrypt", "ram:GetUser"].map(Asked::new);
        let misses = |text| {
            let pattern = ActionPattern::parse(text, None).expect("a pattern");
            assert_eq!(pattern.to_string(), text.to_lowercase());
            pattern.misses(&known)
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
