//! The encryption context: pairs that a caller binds to its data, and must pass again to decrypt.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

/// Names and values that a KMS binds to a wrapped key, sorted by name. The default is empty.
///
/// It is no secret: requests and audit logs contain it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct EncryptionContext(BTreeMap<String, String>);

/// The error for a name that occurs more than once in a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatedName(pub String);

impl EncryptionContext {
    /// Creates a context with these pairs, in any order.
    ///
    /// # Errors
    /// [`RepeatedName`] if a name occurs twice, even with the same value.
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

    /// Whether the context is empty, which a KMS treats as no context.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this context has all pairs of `other`.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        other.0.iter().all(|(name, value)| self.0.get(name) == Some(value))
    }

    /// Returns the pairs, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The canonical form: u32be count, then for each pair, sorted by name: u32be length ‖ name, u32be length ‖ value.
impl EncryptionContext {
    pub(crate) fn to_canonical(&self) -> Vec<u8> {
        let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        let mut canonical = length(self.0.len()).to_vec();
        for text in self.0.iter().flat_map(|(name, value)| [name, value]) {
            canonical.extend_from_slice(&length(text.len()));
            canonical.extend_from_slice(text.as_bytes());
        }
        canonical
    }

    /// Parses the canonical form. Returns `None` for any other encoding of a context.
    pub(crate) fn from_canonical(mut bytes: &[u8]) -> Option<Self> {
        fn split<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
            let (part, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            Some(part)
        }
        fn number(bytes: &mut &[u8]) -> Option<usize> {
            let number = split(bytes, 4)?.try_into().ok()?;
            usize::try_from(u32::from_be_bytes(number)).ok()
        }
        fn text(bytes: &mut &[u8]) -> Option<String> {
            let length = number(bytes)?;
            String::from_utf8(split(bytes, length)?.to_vec()).ok()
        }
        let count = number(&mut bytes)?;
        let mut pairs = BTreeMap::new();
        for _ in 0..count {
            let name = text(&mut bytes)?;
            let value = text(&mut bytes)?;
            let sorted = pairs.last_key_value().is_none_or(|(before, _)| *before < name);
            if !sorted {
                return None;
            }
            pairs.insert(name, value);
        }
        bytes.is_empty().then_some(Self(pairs))
    }
}

impl fmt::Display for RepeatedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name {:?} is repeated in the encryption context", self.0)
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
    fn canonical_bytes_both_ways() {
        let context = EncryptionContext::new([("b", ""), ("a", "值")]).unwrap();
        let canonical = context.to_canonical();
        assert_eq!(canonical, b"\0\0\0\x02\0\0\0\x01a\0\0\0\x03\xe5\x80\xbc\0\0\0\x01b\0\0\0\0");
        assert_eq!(EncryptionContext::from_canonical(&canonical), Some(context));
        let refused = EncryptionContext::from_canonical;
        for cut in 0..canonical.len() {
            assert_eq!(refused(&canonical[..cut]), None);
        }
        assert_eq!(refused(&[&canonical[..], b"x"].concat()), None, "surplus");
        assert_eq!(refused(b"\0\0\0\x02\0\0\0\x01b\0\0\0\0\0\0\0\x01a\0\0\0\0"), None, "not sorted");
        assert_eq!(refused(b"\0\0\0\x02\0\0\0\x01a\0\0\0\0\0\0\0\x01a\0\0\0\0"), None, "twice");
        assert_eq!(refused(b"\0\0\0\x01\0\0\0\x01\xff\0\0\0\0"), None, "not UTF-8");
        assert_eq!(refused(b"\xff\xff\xff\xff"), None);
    }

    #[test]
    fn a_context_contains_its_parts() {
        let whole = EncryptionContext::new([("a", "1"), ("b", "2")]).unwrap();
        assert!(whole.contains(&whole) && whole.contains(&EncryptionContext::default()));
        assert!(whole.contains(&EncryptionContext::new([("b", "2")]).unwrap()));
        assert!(!whole.contains(&EncryptionContext::new([("b", "1")]).unwrap()));
        assert!(!whole.contains(&EncryptionContext::new([("c", "2")]).unwrap()));
    }

    #[test]
    fn a_repeated_name_is_refused() {
        let repeated = EncryptionContext::new([("a", "1"), ("a", "1")]);
        assert_eq!(repeated, Err(RepeatedName("a".to_owned())));
    }
}
