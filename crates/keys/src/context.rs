//! The encryption context: pairs that a caller binds to its data, and must pass again to decrypt.

use std::fmt;

/// An encryption context in canonical form, as it is used in associated data.
///
/// ```text
/// u32be count, then for each pair, sorted by name (bytes): u32be length ‖ name, u32be length ‖ value
/// ```
///
/// Texts are UTF-8 as passed, without Unicode normalization. No context is the same as an empty one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CanonicalContext(Vec<u8>);

/// The error for a name that occurs more than once in a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatedContextName(pub String);

impl CanonicalContext {
    /// Creates a context with these pairs, in any order.
    ///
    /// # Errors
    /// [`RepeatedContextName`] if a name occurs twice, even with the same value.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, RepeatedContextName> {
        let mut pairs: Vec<_> = pairs.into_iter().collect();
        pairs.sort_unstable();
        if let Some(twice) = pairs.windows(2).find(|two| two[0].0 == two[1].0) {
            return Err(RepeatedContextName(twice[0].0.to_owned()));
        }
        let mut canonical = length(pairs.len()).to_vec();
        for text in pairs.into_iter().flat_map(|(name, value)| [name, value]) {
            canonical.extend_from_slice(&length(text.len()));
            canonical.extend_from_slice(text.as_bytes());
        }
        Ok(Self(canonical))
    }

    /// Returns the canonical bytes.
    #[must_use]
    pub fn canonical(&self) -> &[u8] {
        &self.0
    }
}

impl Default for CanonicalContext {
    fn default() -> Self {
        Self(length(0).to_vec())
    }
}

impl fmt::Debug for CanonicalContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CanonicalContext({} bytes)", self.0.len())
    }
}

impl fmt::Display for RepeatedContextName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name {:?} is repeated in the encryption context", self.0)
    }
}

impl std::error::Error for RepeatedContextName {}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("contexts are limited to 8192 characters").to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_bytes() {
        let context = CanonicalContext::new([("b", ""), ("a", "值")]).unwrap();
        assert_eq!(context.canonical(), b"\0\0\0\x02\0\0\0\x01a\0\0\0\x03\xe5\x80\xbc\0\0\0\x01b\0\0\0\0");
        assert_eq!(CanonicalContext::new([]).unwrap(), CanonicalContext::default());
        assert_eq!(CanonicalContext::default().canonical(), b"\0\0\0\0");
    }

    #[test]
    fn pairs_cannot_run_into_each_other() {
        let one = CanonicalContext::new([("ab", "c")]).unwrap();
        let other = CanonicalContext::new([("a", "bc")]).unwrap();
        assert_ne!(one, other);
    }

    #[test]
    fn order_does_not_matter_but_repetition_does() {
        let pairs = [("x", "1"), ("a", "2")];
        let turned = [("a", "2"), ("x", "1")];
        assert_eq!(CanonicalContext::new(pairs), CanonicalContext::new(turned));
        assert_eq!(CanonicalContext::new([("x", "1"), ("x", "1")]), Err(RepeatedContextName("x".into())));
    }
}
