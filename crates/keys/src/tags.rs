//! Tags: names and values with which owners classify keys and secrets.

use std::collections::BTreeMap;
use std::fmt;

use minicbor::{Decode, Encode};

/// Up to [`Tags::MAX`] names, each with a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Tags(#[n(0)] BTreeMap<Box<str>, Box<str>>);

/// Why a tag is refused.
///
/// The enum is exhaustive on purpose: the API has a separate answer for each variant, and a `match` that omits one must not
/// compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagProblem {
    /// The name or value is too long, or the name is empty or reserved.
    Spelling,
    /// The key or secret has the maximum number of tags.
    TooMany,
}

impl Tags {
    /// Maximum number of tags of a key or secret.
    pub const MAX: usize = 20;

    /// Sets a tag.
    ///
    /// # Errors
    /// [`TagProblem`]; the tags are unchanged.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), TagProblem> {
        let reserved = ["aliyun", "acs:"].iter().any(|prefix| name.starts_with(prefix));
        let fits = |text: &str| text.chars().count() <= MAX_CHARS;
        if name.is_empty() || reserved || !fits(name) || !fits(value) {
            return Err(TagProblem::Spelling);
        }
        if self.0.len() == Self::MAX && !self.0.contains_key(name) {
            return Err(TagProblem::TooMany);
        }
        self.0.insert(name.into(), value.into());
        Ok(())
    }

    /// Removes a tag, if it exists.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Removes all tags.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns the value of a tag.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| &**value)
    }

    /// Whether there are no tags.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

impl fmt::Display for TagProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spelling => write!(
                f,
                "a tag has a name and a value of up to {MAX_CHARS} characters, and a name begins with neither aliyun nor acs:"
            ),
            Self::TooMany => write!(f, "a key or secret has up to {} tags", Tags::MAX),
        }
    }
}

impl std::error::Error for TagProblem {}

const MAX_CHARS: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        let mut tags = Tags::default();
        let long = "密".repeat(128);
        assert_eq!(tags.set(&long, &long), Ok(()));
        for (name, value) in
            [("", "v"), ("aliyun", ""), ("acs:x", ""), (&*format!("{long}x"), ""), ("n", &format!("{long}x"))]
        {
            assert_eq!(tags.set(name, value), Err(TagProblem::Spelling), "{name}");
        }
        for number in 1..Tags::MAX {
            assert_eq!(tags.set(&number.to_string(), ""), Ok(()));
        }
        assert_eq!(tags.set("one more", ""), Err(TagProblem::TooMany));
        assert_eq!(TagProblem::TooMany.to_string(), "a key or secret has up to 20 tags");
        assert_eq!(tags.set("1", "again"), Ok(()));
        tags.remove(&long);
        assert_eq!(tags.set("one more", ""), Ok(()));
        assert_eq!(tags.get("1"), Some("again"));
    }
}
