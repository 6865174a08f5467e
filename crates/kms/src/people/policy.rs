//! A policy of the account: named, with versions, of which one counts.

use bulla_keys::Tags;
use bulla_keys::record::Record;
use minicbor::{Decode, Encode};

use super::name::PolicyName;

/// A policy that can be attached to users, groups and roles.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct ManagedPolicy {
    #[n(0)]
    pub(crate) name: PolicyName,
    /// May be empty.
    #[n(1)]
    pub(crate) description: Box<str>,
    /// Oldest first; never empty.
    #[n(2)]
    versions: Vec<PolicyVersion>,
    /// The number of the version that counts.
    #[n(3)]
    default: u32,
    /// The number of the next version: none is used twice.
    #[n(4)]
    next: u32,
    /// Seconds since 1970.
    #[n(5)]
    pub(crate) created: i64,
    #[n(6)]
    pub(crate) updated: i64,
    #[n(7)]
    pub(crate) tags: Tags,
}

/// One version of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct PolicyVersion {
    /// From 1; `v1` in the API.
    #[n(0)]
    pub(crate) number: u32,
    /// The document as it was written.
    #[n(1)]
    pub(crate) text: Box<str>,
    #[n(2)]
    pub(crate) created: i64,
}

/// Why a change of the versions is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VersionRefusal {
    LimitExceeded,
    /// There is no version of this number.
    Unknown,
    /// The version that counts is not deleted by itself.
    IsDefault,
}

/// What a policy still has and must be without to be deleted; the first one in this order counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PolicyConflict {
    User,
    Group,
    Role,
    /// There is another version than the one that counts.
    Version,
}

impl Record for ManagedPolicy {
    const TABLE: &'static str = "policy";
    fn primary_key(&self) -> &[u8] {
        self.name.key.as_str().as_bytes()
    }
}

impl ManagedPolicy {
    /// A new policy, whose first version counts.
    pub(crate) fn new(name: PolicyName, text: Box<str>, now: i64) -> Self {
        Self {
            name,
            description: Box::default(),
            versions: vec![PolicyVersion { number: 1, text, created: now }],
            default: 1,
            next: 2,
            created: now,
            updated: now,
            tags: Tags::default(),
        }
    }

    /// All versions, oldest first.
    pub(crate) fn versions(&self) -> &[PolicyVersion] {
        &self.versions
    }

    pub(crate) fn version(&self, number: u32) -> Option<&PolicyVersion> {
        self.versions.iter().find(|version| version.number == number)
    }

    /// The version that counts.
    pub(crate) fn default_version(&self) -> &PolicyVersion {
        self.version(self.default).expect("the default version is one of the versions")
    }

    /// Adds a version, and returns its number. At the limit the oldest one that does not count makes room, if `rotates`.
    ///
    /// # Errors
    /// [`VersionRefusal::LimitExceeded`]; nothing was changed.
    pub(crate) fn add_version(
        &mut self,
        text: Box<str>,
        now: i64,
        limit: usize,
        rotates: bool,
    ) -> Result<u32, VersionRefusal> {
        if self.versions.len() >= limit {
            let oldest = self.versions.iter().position(|version| version.number != self.default);
            let oldest = oldest.filter(|_| rotates).ok_or(VersionRefusal::LimitExceeded)?;
            self.versions.remove(oldest);
        }
        let number = self.next;
        self.next += 1;
        self.versions.push(PolicyVersion { number, text, created: now });
        self.updated = now;
        Ok(number)
    }

    /// Lets another version count.
    ///
    /// # Errors
    /// [`VersionRefusal::Unknown`].
    pub(crate) fn set_default(&mut self, number: u32, now: i64) -> Result<(), VersionRefusal> {
        self.version(number).ok_or(VersionRefusal::Unknown)?;
        self.default = number;
        self.updated = now;
        Ok(())
    }

    /// Deletes a version.
    ///
    /// # Errors
    /// [`VersionRefusal::Unknown`], [`VersionRefusal::IsDefault`].
    pub(crate) fn delete_version(&mut self, number: u32, now: i64) -> Result<(), VersionRefusal> {
        self.version(number).ok_or(VersionRefusal::Unknown)?;
        if number == self.default {
            return Err(VersionRefusal::IsDefault);
        }
        self.versions.retain(|version| version.number != number);
        self.updated = now;
        Ok(())
    }

    /// Whether there is only the version that counts.
    pub(crate) fn has_one_version(&self) -> bool {
        self.versions.len() == 1
    }
}

impl PolicyVersion {
    /// The number in a text such as `v1`; none for any other spelling.
    pub(crate) fn parse_id(text: &str) -> Option<u32> {
        let digits = text.strip_prefix('v')?;
        let is_spelled = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| is_spelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> ManagedPolicy {
        ManagedPolicy::new("Ops".parse().unwrap(), "1".into(), 7)
    }

    fn numbers(policy: &ManagedPolicy) -> Vec<u32> {
        policy.versions().iter().map(|version| version.number).collect()
    }

    #[test]
    fn a_policy_comes_back() {
        let mut policy = policy();
        policy.add_version("2".into(), 8, 5, false).unwrap();
        policy.tags.set("team", "ops").unwrap();
        let back: ManagedPolicy = minicbor::decode(&minicbor::to_vec(&policy).unwrap()).unwrap();
        assert_eq!(back, policy);
        assert_eq!(&*policy.default_version().text, "1");
    }

    #[test]
    fn numbers_of_versions_are_never_used_twice() {
        let mut policy = policy();
        assert_eq!(policy.add_version("2".into(), 8, 5, false), Ok(2));
        policy.delete_version(2, 9).unwrap();
        assert_eq!(policy.add_version("3".into(), 10, 5, false), Ok(3));
        assert_eq!(numbers(&policy), [1, 3]);
        assert_eq!(policy.updated, 10);
    }

    #[test]
    fn at_the_limit_the_oldest_version_that_does_not_count_makes_room() {
        let mut policy = policy();
        policy.add_version("2".into(), 8, 3, false).unwrap();
        policy.add_version("3".into(), 8, 3, false).unwrap();
        assert_eq!(policy.add_version("4".into(), 8, 3, false), Err(VersionRefusal::LimitExceeded));
        assert_eq!(policy.add_version("4".into(), 8, 3, true), Ok(4));
        assert_eq!(numbers(&policy), [1, 3, 4], "the first one counts");
        policy.set_default(4, 9).unwrap();
        assert_eq!(policy.add_version("5".into(), 9, 3, true), Ok(5));
        assert_eq!(numbers(&policy), [3, 4, 5]);
        let mut only = ManagedPolicy::new("One".parse().unwrap(), "1".into(), 7);
        assert_eq!(only.add_version("2".into(), 8, 1, true), Err(VersionRefusal::LimitExceeded));
    }

    #[test]
    fn the_version_that_counts_is_another_one_or_stays() {
        let mut policy = policy();
        policy.add_version("2".into(), 8, 5, false).unwrap();
        assert_eq!(policy.set_default(3, 9), Err(VersionRefusal::Unknown));
        assert_eq!(policy.delete_version(1, 9), Err(VersionRefusal::IsDefault));
        policy.set_default(2, 9).unwrap();
        assert_eq!(&*policy.default_version().text, "2");
        policy.delete_version(1, 10).unwrap();
        assert_eq!(policy.delete_version(1, 10), Err(VersionRefusal::Unknown));
        assert!(policy.has_one_version());
    }

    #[test]
    fn an_id_of_a_version_has_one_spelling() {
        assert_eq!(PolicyVersion::parse_id("v12"), Some(12));
        for other in ["12", "v", "v0", "v01", "V1", "v+1", "v1 ", "v99999999999"] {
            assert_eq!(PolicyVersion::parse_id(other), None, "{other}");
        }
    }
}
