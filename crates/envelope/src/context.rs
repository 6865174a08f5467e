//! The encryption context: what a caller says about its data, and must say again to decrypt.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

/// Names and values that a KMS binds to a wrapped key, sorted by name. The default is none.
///
/// Not a secret: it stands in requests and audit logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncryptionContext(BTreeMap<String, String>);

/// A name that stands in a context more than once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatedName(pub String);

impl EncryptionContext {
    /// The context with these pairs, in any order.
    ///
    /// # Errors
    /// [`RepeatedName`], also if the value is the same.
    pub fn new<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self, RepeatedName>
    where
        N: Into<String>,
        V: Into<String>,
    {
        let mut context = BTreeMap::new();
        for (name, value) in pairs {
            let name = name.into();
            if context.contains_key(&name) {
                return Err(RepeatedName(name));
            }
            context.insert(name, value.into());
        }
        Ok(Self(context))
    }

    /// Whether there are no pairs, which a KMS treats as no context.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pairs, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Display for RepeatedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name {:?} stands twice in the encryption context", self.0)
    }
}

impl Error for RepeatedName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_sorted_by_name() {
        let context = EncryptionContext::new([("b", "1"), ("a", "2")]).unwrap();
        assert_eq!(context.iter().collect::<Vec<_>>(), [("a", "2"), ("b", "1")]);
        assert!(!context.is_empty());
        assert!(EncryptionContext::default().is_empty());
    }

    #[test]
    fn a_repeated_name_is_refused() {
        let repeated = EncryptionContext::new([("a", "1"), ("a", "1")]);
        assert_eq!(repeated, Err(RepeatedName("a".to_owned())));
    }
}
