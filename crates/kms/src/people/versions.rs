//! The versions of a managed policy. The default one is in force and kept parsed; the others are texts.

use std::sync::Arc;

use bulla_access::{Policy, PolicyError, PolicyKind};
use minicbor::{Decode, Decoder, Encode, Encoder};

/// The versions of a policy. A record whose default version does not parse is damaged, because its Deny statements would be
/// lost.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Versions {
    stored: Stored,
    policy: Arc<Policy>,
}

/// One version of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct PolicyVersion {
    /// Begins with 1; `v1` in the API.
    #[n(0)]
    pub(crate) number: u32,
    /// The document as written.
    #[n(1)]
    pub(crate) text: Box<str>,
    /// Seconds since 1970.
    #[n(2)]
    pub(crate) created: i64,
}

/// Why a change of the versions is refused.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum VersionRefusal {
    LimitExceeded,
    /// There is no version with this number.
    Unknown,
    /// The default version can be deleted only with the policy.
    IsDefault,
    /// The document is invalid.
    Document(PolicyError),
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Stored {
    /// Oldest first; never empty.
    #[n(0)]
    list: Vec<PolicyVersion>,
    /// The number of the default version.
    #[n(1)]
    default: u32,
    /// The number of the next version; numbers are not reused.
    #[n(2)]
    next: u32,
}

impl Versions {
    /// Creates a first version, which is the default.
    ///
    /// # Errors
    /// The first error of the document.
    pub(crate) fn new(text: &str, now: i64) -> Result<Self, PolicyError> {
        let policy = parse(text)?;
        let list = vec![PolicyVersion { number: 1, text: text.into(), created: now }];
        Ok(Self { stored: Stored { list, default: 1, next: 2 }, policy })
    }

    /// All versions, oldest first.
    pub(crate) fn list(&self) -> &[PolicyVersion] {
        &self.stored.list
    }

    pub(crate) fn get(&self, number: u32) -> Option<&PolicyVersion> {
        self.stored.get(number)
    }

    /// The default version.
    pub(crate) fn default_version(&self) -> &PolicyVersion {
        self.get(self.stored.default).expect("the default version is one of the versions")
    }

    /// The default version, parsed.
    pub(crate) fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Adds a version, and returns its number. At the limit, it drops the oldest version that is not the default, if
    /// `rotates`.
    ///
    /// # Errors
    /// [`VersionRefusal::Document`], [`VersionRefusal::LimitExceeded`]; nothing is changed.
    pub(crate) fn add(
        &mut self,
        text: &str,
        now: i64,
        limit: usize,
        rotates: bool,
    ) -> Result<u32, VersionRefusal> {
        parse(text)?;
        let Stored { list, default, next } = &mut self.stored;
        if list.len() >= limit {
            let oldest = list.iter().position(|version| version.number != *default);
            let oldest = oldest.filter(|_| rotates).ok_or(VersionRefusal::LimitExceeded)?;
            list.remove(oldest);
        }
        let number = *next;
        *next += 1;
        list.push(PolicyVersion { number, text: text.into(), created: now });
        Ok(number)
    }

    /// Makes another version the default.
    ///
    /// # Errors
    /// [`VersionRefusal::Unknown`]; [`VersionRefusal::Document`] if this program no longer accepts the document.
    pub(crate) fn set_default(&mut self, number: u32) -> Result<(), VersionRefusal> {
        self.policy = parse(&self.get(number).ok_or(VersionRefusal::Unknown)?.text)?;
        self.stored.default = number;
        Ok(())
    }

    /// Deletes a version.
    ///
    /// # Errors
    /// [`VersionRefusal::Unknown`], [`VersionRefusal::IsDefault`].
    pub(crate) fn delete(&mut self, number: u32) -> Result<(), VersionRefusal> {
        self.get(number).ok_or(VersionRefusal::Unknown)?;
        if number == self.stored.default {
            return Err(VersionRefusal::IsDefault);
        }
        self.stored.list.retain(|version| version.number != number);
        Ok(())
    }
}

impl PolicyVersion {
    /// Parses a number such as `v1`; none for any other spelling.
    pub(crate) fn parse_id(text: &str) -> Option<u32> {
        let digits = text.strip_prefix('v')?;
        let is_spelled = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| is_spelled)
    }

    /// Returns the number in the form of the API.
    pub(crate) fn id(&self) -> String {
        format!("v{}", self.number)
    }
}

impl Stored {
    fn get(&self, number: u32) -> Option<&PolicyVersion> {
        self.list.iter().find(|version| version.number == number)
    }
}

impl<C> Encode<C> for Versions {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        self.stored.encode(e, context)
    }
}

impl<'b, C> Decode<'b, C> for Versions {
    fn decode(d: &mut Decoder<'b>, context: &mut C) -> Result<Self, minicbor::decode::Error> {
        let damaged = || minicbor::decode::Error::message("a policy without a version that parses");
        let stored = Stored::decode(d, context)?;
        let default = stored.get(stored.default).ok_or_else(damaged)?;
        let policy = parse(&default.text).map_err(|_| damaged())?;
        Ok(Self { stored, policy })
    }
}

impl From<PolicyError> for VersionRefusal {
    fn from(error: PolicyError) -> Self {
        Self::Document(error)
    }
}

/// These policies name no principals, so they are the same for every account.
fn parse(text: &str) -> Result<Arc<Policy>, PolicyError> {
    Policy::parse(PolicyKind::Identity, "", text).map(Arc::new)
}

#[cfg(test)]
pub(super) mod testing {
    /// Returns a document that differs from those of other numbers.
    pub(in super::super) fn document(number: u32) -> String {
        format!(
            r#"{{"Version": "1", "Statement": [{{"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "acs:kms:*:42:key/{number}"}}]}}"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::testing::document;
    use super::*;

    fn versions() -> Versions {
        Versions::new(&document(1), 7).unwrap()
    }

    fn numbers(versions: &Versions) -> Vec<u32> {
        versions.list().iter().map(|version| version.number).collect()
    }

    #[test]
    fn numbers_of_versions_are_never_used_twice() {
        let mut versions = versions();
        assert_eq!(versions.add(&document(2), 8, 5, false), Ok(2));
        versions.delete(2).unwrap();
        assert_eq!(versions.add(&document(3), 10, 5, false), Ok(3));
        assert_eq!(numbers(&versions), [1, 3]);
    }

    #[test]
    fn at_the_limit_the_oldest_version_that_does_not_count_makes_room() {
        let mut versions = versions();
        versions.add(&document(2), 8, 3, false).unwrap();
        versions.add(&document(3), 8, 3, false).unwrap();
        assert_eq!(versions.add(&document(4), 8, 3, false), Err(VersionRefusal::LimitExceeded));
        assert_eq!(versions.add(&document(4), 8, 3, true), Ok(4));
        assert_eq!(numbers(&versions), [1, 3, 4], "the first one counts");
        versions.set_default(4).unwrap();
        assert_eq!(versions.add(&document(5), 9, 3, true), Ok(5));
        assert_eq!(numbers(&versions), [3, 4, 5]);
        let mut only = Versions::new(&document(1), 7).unwrap();
        assert_eq!(only.add(&document(2), 8, 1, true), Err(VersionRefusal::LimitExceeded));
    }

    #[test]
    fn the_version_that_counts_is_another_one_or_stays() {
        let mut versions = versions();
        versions.add(&document(2), 8, 5, false).unwrap();
        let first = Arc::clone(versions.policy());
        assert_eq!(versions.set_default(3), Err(VersionRefusal::Unknown));
        assert_eq!(versions.delete(1), Err(VersionRefusal::IsDefault));
        versions.set_default(2).unwrap();
        assert_eq!(*versions.default_version().text, *document(2));
        assert_ne!(*versions.policy(), first);
        versions.delete(1).unwrap();
        assert_eq!(versions.delete(1), Err(VersionRefusal::Unknown));
    }

    #[test]
    fn a_document_is_checked_when_it_is_written() {
        let mut versions = versions();
        let refused = versions.add("{}", 8, 5, true);
        assert!(matches!(refused, Err(VersionRefusal::Document(_))), "{refused:?}");
        assert_eq!(numbers(&versions), [1]);
        Versions::new("{}", 7).unwrap_err();
    }

    #[test]
    fn a_policy_without_the_version_that_counts_is_damaged() {
        let missing = Stored { default: 2, ..versions().stored };
        minicbor::decode::<Versions>(&minicbor::to_vec(&missing).unwrap()).unwrap_err();
        let mut broken = versions().stored;
        broken.list[0].text = "{}".into();
        minicbor::decode::<Versions>(&minicbor::to_vec(&broken).unwrap()).unwrap_err();
    }

    #[test]
    fn an_id_of_a_version_has_one_spelling() {
        assert_eq!(PolicyVersion::parse_id("v12"), Some(12));
        assert_eq!(versions().default_version().id(), "v1");
        for other in ["12", "v", "v0", "v01", "V1", "v+1", "v1 ", "v99999999999"] {
            assert_eq!(PolicyVersion::parse_id(other), None, "{other}");
        }
    }
}
