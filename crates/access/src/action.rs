//! Actions: `kms:Decrypt` in a request, `kms:*` or `*:Get*` in a policy. Matched without case.

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
