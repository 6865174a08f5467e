//! Secrets, such as passwords that programs need: versions of a value, and stages that point to them.
//!
//! The record of a secret lists its versions and which version each stage points to, so a stage points to only one version. The
//! value of a version is stored separately in a [`SecretValue`], which is never rewritten. As for keys, every change is a
//! function from a record to a new one. Times are in seconds since the Unix epoch.

mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
pub use names::{NotASecretName, SecretName, SecretVersionId, Stage};

use crate::context::CanonicalContext;
use crate::id::{KeyId, SecretValueId};
use crate::key::Description;
use crate::maker::Maker;
use crate::spec::named;
use crate::tags::Tags;

/// A secret without its values.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Secret {
    /// The name of the secret, which does not change.
    #[n(0)]
    pub name: SecretName,
    /// When the secret was created.
    #[n(1)]
    pub created: i64,
    /// When the last version was added, a stage moved, or the description changed, whichever was last.
    #[n(2)]
    updated: i64,
    /// The kind of the secret.
    #[n(3)]
    pub kind: SecretKind,
    /// The purpose of the secret, in its owner's words.
    #[n(4)]
    pub description: Description,
    /// The key that encrypts the values.
    #[n(5)]
    pub key: KeyId,
    /// The tags that the secret's owners set.
    #[n(6)]
    pub tags: Tags,
    /// When the secret will be deleted; only in its recovery window.
    #[n(7)]
    delete_at: Option<i64>,
    /// The versions, oldest first.
    #[n(8)]
    versions: Vec<SecretVersion>,
    /// The version that each stage points to.
    #[n(9)]
    stages: BTreeMap<Stage, SecretVersionId>,
    /// The user or program that created the secret.
    #[n(10)]
    pub made_by: Option<Maker>,
}

/// One version of a secret, without its value.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SecretVersion {
    /// The id that the owner gave to the version.
    #[n(0)]
    pub id: SecretVersionId,
    /// When the version was created.
    #[n(1)]
    pub created: i64,
    /// The type of the value, as its owner declared it.
    #[n(2)]
    pub data_type: SecretDataType,
    /// The id of the [`SecretValue`].
    #[n(3)]
    pub value: SecretValueId,
}

/// The value of a version. It is encrypted under the key of its secret, inside the sealed record.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SecretValue {
    /// The id of the value.
    #[n(0)]
    pub id: SecretValueId,
    /// A blob (see [`crate::blob`]) that [`binding`] binds to the secret and the version.
    #[n(1)]
    pub blob: ByteVec,
}

named! {
    /// The kind of a secret.
    SecretKind {
        /// Any value that its owner chooses.
        Generic(0) = "Generic",
    }
}

impl SecretKind {
    /// The kinds of the API that bulla does not support: each is for another service of the cloud, which changes the secret.
    pub const UNSUPPORTED: [&str; 5] = ["Rds", "Redis", "RAMCredentials", "ECS", "PolarDB"];
}

named! {
    /// The type of a value, as its owner declared it. The value is a text for both types.
    SecretDataType {
        /// The text itself.
        Text(0) = "text",
        /// Bytes, encoded as text.
        Binary(1) = "binary",
    }
}

/// Why a secret does not allow a change.
///
/// The enum is exhaustive on purpose: the API has a separate answer for each variant, and a `match` that omits one must not
/// compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretRefusal {
    /// The secret is in its recovery window and will be deleted.
    InDeleteWindow,
    /// The secret is not in a recovery window.
    NotInDeleteWindow,
    /// The secret has a version with this id already.
    VersionExists,
    /// The secret has no version with this id.
    NoSuchVersion,
    /// The stage does not point to the version that the caller named.
    StageNotAtVersion,
    /// The stage is one of the service's, which always point to a version.
    ServiceStage,
    /// The secret would have too many stages.
    TooManyStages,
}

impl Secret {
    /// Maximum number of versions. Adding another drops the oldest one without a stage.
    pub const MAX_VERSIONS: usize = 10;
    /// Maximum number of stages, which is less than that of versions. It includes the two stages of the service, whose places are
    /// reserved: a new version needs one of them for the previous version.
    pub const MAX_STAGES: usize = 8;

    /// Creates a secret with its first version, which is the current one.
    #[must_use]
    pub fn new(name: SecretName, key: KeyId, first: SecretVersion) -> Self {
        Self {
            name,
            created: first.created,
            updated: first.created,
            kind: SecretKind::Generic,
            description: Description::default(),
            key,
            tags: Tags::default(),
            delete_at: None,
            stages: BTreeMap::from([(Stage::current(), first.id.clone())]),
            versions: vec![first],
            made_by: None,
        }
    }

    /// Returns when the secret was last changed, not counting changes of its tags and its deletion.
    #[must_use]
    pub fn updated(&self) -> i64 {
        self.updated
    }

    /// Returns when the secret will be deleted, if it is in its recovery window.
    #[must_use]
    pub fn delete_at(&self) -> Option<i64> {
        self.delete_at
    }

    /// Returns the versions, oldest first.
    pub fn versions(&self) -> impl DoubleEndedIterator<Item = &SecretVersion> {
        self.versions.iter()
    }

    /// Returns the version with this id.
    #[must_use]
    pub fn version(&self, id: &str) -> Option<&SecretVersion> {
        self.versions.iter().find(|version| version.id.as_str() == id)
    }

    /// Returns the version that a stage points to.
    #[must_use]
    pub fn staged(&self, stage: &str) -> Option<&SecretVersion> {
        let (_, version) = self.stages.iter().find(|(name, _)| name.as_str() == stage)?;
        self.version(version.as_str())
    }

    /// Returns the stages that point to a version, in the order of their names. A version without a stage is deprecated.
    pub fn stages_of(&self, version: &SecretVersionId) -> impl Iterator<Item = &Stage> {
        self.stages.iter().filter(move |(_, pointed)| *pointed == version).map(|(stage, _)| stage)
    }

    /// Checks that the secret can be read and changed.
    ///
    /// # Errors
    /// [`SecretRefusal::InDeleteWindow`] if it is in its recovery window.
    pub fn check_in_use(&self) -> Result<(), SecretRefusal> {
        self.delete_at.map_or(Ok(()), |_| Err(SecretRefusal::InDeleteWindow))
    }

    /// Adds a version and points `stages` to it. Also returns the value of the version that was dropped to make room, if one was.
    ///
    /// # Errors
    /// [`SecretRefusal`] if the secret is in its recovery window, has a version with this id, or would have too many stages.
    pub fn with_version(
        &self,
        version: SecretVersion,
        stages: &BTreeSet<Stage>,
    ) -> Result<(Self, Option<SecretValueId>), SecretRefusal> {
        self.check_in_use()?;
        if self.version(version.id.as_str()).is_some() {
            return Err(SecretRefusal::VersionExists);
        }
        let mut secret = self.clone();
        for stage in stages {
            secret.point(stage, &version.id); // in the order of names, so that an explicit ACSPrevious overrides the implied one
        }
        secret.updated = version.created;
        secret.versions.push(version);
        let dropped = secret.drop_oldest_unstaged();
        Ok((secret.check_stage_limit(self)?, dropped))
    }

    /// Points a stage to the version `to`. If `from` is given, the stage must have pointed to that version.
    ///
    /// # Errors
    /// [`SecretRefusal`] if the secret is in its recovery window, has no such version, or would have too many stages, or if the
    /// stage does not point to `from`.
    pub fn with_stage(
        &self,
        stage: &Stage,
        from: Option<&SecretVersionId>,
        to: &SecretVersionId,
        now: i64,
    ) -> Result<Self, SecretRefusal> {
        self.check_in_use()?;
        from.map_or(Ok(()), |from| self.check_stage(stage, from))?;
        self.version(to.as_str()).ok_or(SecretRefusal::NoSuchVersion)?;
        let mut secret = Self { updated: now, ..self.clone() };
        secret.point(stage, to);
        secret.check_stage_limit(self)
    }

    /// Removes a stage, which must have pointed to the version `from`.
    ///
    /// # Errors
    /// [`SecretRefusal`] if the secret is in its recovery window, the stage does not point to `from`, or the stage is one of the
    /// service's.
    pub fn without_stage(
        &self,
        stage: &Stage,
        from: &SecretVersionId,
        now: i64,
    ) -> Result<Self, SecretRefusal> {
        self.check_in_use()?;
        self.check_stage(stage, from)?;
        if stage.is_of_service() {
            return Err(SecretRefusal::ServiceStage);
        }
        let mut secret = Self { updated: now, ..self.clone() };
        secret.stages.remove(stage);
        Ok(secret)
    }

    /// Replaces the description; returns an unchanged copy for `None`.
    ///
    /// # Errors
    /// [`SecretRefusal::InDeleteWindow`] if the secret is in its recovery window.
    pub fn with_description(
        &self,
        description: Option<Description>,
        now: i64,
    ) -> Result<Self, SecretRefusal> {
        self.check_in_use()?;
        let same = self.clone();
        Ok(match description {
            Some(description) => Self { description, updated: now, ..same },
            None => same,
        })
    }

    /// Replaces the tags.
    ///
    /// # Errors
    /// [`SecretRefusal::InDeleteWindow`] if the secret is in its recovery window.
    pub fn with_tags(&self, tags: Tags) -> Result<Self, SecretRefusal> {
        self.check_in_use()?;
        Ok(Self { tags, ..self.clone() })
    }

    /// Schedules the deletion of the secret at `delete_at`.
    ///
    /// # Errors
    /// [`SecretRefusal::InDeleteWindow`] if it is scheduled already.
    pub fn with_deletion(&self, delete_at: i64) -> Result<Self, SecretRefusal> {
        self.check_in_use()?;
        Ok(Self { delete_at: Some(delete_at), ..self.clone() })
    }

    /// Cancels the scheduled deletion of the secret.
    ///
    /// # Errors
    /// [`SecretRefusal::NotInDeleteWindow`] if it is not scheduled.
    pub fn without_deletion(&self) -> Result<Self, SecretRefusal> {
        self.delete_at.ok_or(SecretRefusal::NotInDeleteWindow)?;
        Ok(Self { delete_at: None, ..self.clone() })
    }

    /// Points a stage to a version. If it is ACSCurrent, ACSPrevious then points to the version that was current.
    fn point(&mut self, stage: &Stage, version: &SecretVersionId) {
        let before = self.stages.insert(stage.clone(), version.clone());
        if stage.as_str() == Stage::CURRENT
            && let Some(before) = before.filter(|before| before != version)
        {
            self.stages.insert(Stage::previous(), before);
        }
    }

    fn drop_oldest_unstaged(&mut self) -> Option<SecretValueId> {
        if self.versions.len() <= Self::MAX_VERSIONS {
            return None;
        }
        let deprecated = |version: &SecretVersion| self.stages_of(&version.id).next().is_none();
        let oldest = self.versions.iter().position(deprecated)?;
        Some(self.versions.remove(oldest).value)
    }

    fn check_stage(&self, stage: &Stage, from: &SecretVersionId) -> Result<(), SecretRefusal> {
        self.version(from.as_str()).ok_or(SecretRefusal::NoSuchVersion)?;
        if self.stages.get(stage) == Some(from) { Ok(()) } else { Err(SecretRefusal::StageNotAtVersion) }
    }

    /// Checks the number of stages. A secret that had too many before, under an earlier limit, may keep as many.
    fn check_stage_limit(self, before: &Self) -> Result<Self, SecretRefusal> {
        let own = |secret: &Self| secret.stages.keys().filter(|stage| !stage.is_of_service()).count();
        if own(&self) <= own(before).max(Self::MAX_STAGES - 2) {
            Ok(self)
        } else {
            Err(SecretRefusal::TooManyStages)
        }
    }
}

/// Returns the encryption context that binds a blob to its secret and version, so that it does not open for any other.
#[must_use]
pub fn binding(name: &SecretName, version: &SecretVersionId) -> CanonicalContext {
    CanonicalContext::new([("bulla/secret", name.as_str()), ("bulla/version", version.as_str())])
        .expect("the two names differ")
}

impl fmt::Display for SecretRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InDeleteWindow => "the secret is planned to be deleted",
            Self::NotInDeleteWindow => "the secret is not planned to be deleted",
            Self::VersionExists => "the secret has a version of this name",
            Self::NoSuchVersion => "the secret has no version of this name",
            Self::StageNotAtVersion => "the stage does not point at that version",
            Self::ServiceStage => "this stage always points at some version",
            Self::TooManyStages => "the secret has as many stages as one may have",
        })
    }
}

impl std::error::Error for SecretRefusal {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::BlobKey;
    use crate::id::KeyVersionId;
    use crate::material::{Construction, Material};
    use crate::random::SystemRandom;
    use crate::xaes::Damaged;

    fn version(id: &str, created: i64) -> SecretVersion {
        let value = SecretValueId::random(&SystemRandom);
        SecretVersion { id: id.parse().unwrap(), created, data_type: SecretDataType::Text, value }
    }

    fn secret() -> Secret {
        Secret::new("db/password".parse().unwrap(), KeyId::random(&SystemRandom), version("v1", 1000))
    }

    fn stages(names: &[&str]) -> BTreeSet<Stage> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn put(secret: &Secret, id: &str, names: &[&str]) -> Secret {
        secret.with_version(version(id, 2000), &stages(names)).unwrap().0
    }

    /// Returns the versions with their stages, oldest first.
    fn shown(secret: &Secret) -> Vec<String> {
        let show = |version: &SecretVersion| {
            let stages: Vec<_> = secret.stages_of(&version.id).map(Stage::as_str).collect();
            format!("{}:{}", version.id, stages.join(","))
        };
        secret.versions().map(show).collect()
    }

    #[test]
    fn a_new_version_is_current_unless_the_caller_sets_other_stages() {
        let first = secret();
        assert_eq!(shown(&first), ["v1:ACSCurrent"]);
        let second = put(&first, "v2", &["ACSCurrent"]);
        assert_eq!(shown(&second), ["v1:ACSPrevious", "v2:ACSCurrent"]);
        assert_eq!((second.created, second.updated()), (1000, 2000));
        let third = put(&second, "v3", &["ACSCurrent"]);
        assert_eq!(shown(&third), ["v1:", "v2:ACSPrevious", "v3:ACSCurrent"]);
        let tried = put(&third, "v4", &["try", "ACSNext"]);
        assert_eq!(shown(&tried), ["v1:", "v2:ACSPrevious", "v3:ACSCurrent", "v4:ACSNext,try"]);
        assert_eq!(tried.staged("try"), tried.version("v4"));
        assert_eq!((tried.staged("none"), tried.version("v5")), (None, None));
        let chosen = put(&tried, "v5", &["ACSPrevious", "ACSCurrent", "try"]);
        assert_eq!(shown(&chosen), ["v1:", "v2:", "v3:", "v4:ACSNext", "v5:ACSCurrent,ACSPrevious,try"]);
        let again = third.with_version(version("v1", 0), &stages(&["x"]));
        assert_eq!(again, Err(SecretRefusal::VersionExists), "also for a deprecated one");
    }

    #[test]
    fn stages_move() {
        let two = put(&put(&secret(), "v2", &["ACSCurrent"]), "v3", &["try"]);
        let id = |text: &str| text.parse::<SecretVersionId>().unwrap();
        let moved = |stage: &str, from: Option<&str>, to: &str| {
            let secret = two.with_stage(&stage.parse().unwrap(), from.map(id).as_ref(), &id(to), 3000);
            secret.map(|secret| (shown(&secret), secret.updated()))
        };
        let back = ["v1:ACSCurrent", "v2:ACSPrevious", "v3:try"].map(str::to_owned).to_vec();
        assert_eq!(moved("ACSCurrent", None, "v1"), Ok((back.clone(), 3000)));
        assert_eq!(moved("ACSCurrent", Some("v2"), "v1"), Ok((back, 3000)));
        let same = ["v1:ACSPrevious", "v2:ACSCurrent", "v3:try"].map(str::to_owned).to_vec();
        assert_eq!(moved("ACSCurrent", None, "v2").unwrap().0, same);
        assert_eq!(
            moved("ACSPrevious", None, "v3").unwrap().0,
            ["v1:", "v2:ACSCurrent", "v3:ACSPrevious,try"]
        );
        assert_eq!(moved("new", None, "v1").unwrap().0, ["v1:ACSPrevious,new", "v2:ACSCurrent", "v3:try"]);
        assert_eq!(moved("ACSCurrent", Some("v1"), "v3"), Err(SecretRefusal::StageNotAtVersion));
        assert_eq!(moved("new", Some("v1"), "v3"), Err(SecretRefusal::StageNotAtVersion));
        assert_eq!(moved("try", None, "v9"), Err(SecretRefusal::NoSuchVersion));
        assert_eq!(moved("try", Some("v9"), "v1"), Err(SecretRefusal::NoSuchVersion));

        let taken = |stage: &str, from: &str| two.without_stage(&stage.parse().unwrap(), &id(from), 3000);
        assert_eq!(shown(&taken("try", "v3").unwrap()), ["v1:ACSPrevious", "v2:ACSCurrent", "v3:"]);
        assert_eq!(taken("try", "v2"), Err(SecretRefusal::StageNotAtVersion));
        assert_eq!(taken("ACSCurrent", "v2"), Err(SecretRefusal::ServiceStage));
        assert_eq!(taken("ACSPrevious", "v1"), Err(SecretRefusal::ServiceStage));
        assert_eq!(taken("try", "v9"), Err(SecretRefusal::NoSuchVersion));
    }

    #[test]
    fn the_oldest_deprecated_version_makes_room() {
        let mut full = put(&secret(), "kept", &["kept"]);
        for number in 2..=9 {
            full = put(&full, &format!("v{number}"), &["ACSCurrent"]);
        }
        assert_eq!(full.versions().count(), Secret::MAX_VERSIONS);
        let oldest = full.version("v1").unwrap().value;
        let (next, dropped) = full.with_version(version("v10", 0), &stages(&["ACSCurrent"])).unwrap();
        assert_eq!(dropped, Some(oldest));
        assert_eq!(next.versions().count(), Secret::MAX_VERSIONS);
        assert_eq!((next.version("v1"), next.staged("kept").is_some()), (None, true));
        let second = next.version("v2").unwrap().value;
        let (_, dropped) = next.with_version(version("v11", 0), &stages(&["x"])).unwrap();
        assert_eq!(dropped, Some(second), "a version with a stage stays, however old");
    }

    /// An earlier version had a higher limit.
    #[test]
    fn a_secret_that_has_too_many_stages_keeps_them() {
        let mut secret = put(&secret(), "v2", &["s1", "s2", "s3", "s4", "s5", "s6"]);
        secret.stages.insert("s7".parse().unwrap(), "v2".parse().unwrap());
        assert!(secret.with_version(version("v3", 0), &stages(&["ACSCurrent", "s1"])).is_ok());
        assert!(secret.with_stage(&"s7".parse().unwrap(), None, &"v1".parse().unwrap(), 0).is_ok());
        let one_more = secret.with_version(version("v3", 0), &stages(&["s8"]));
        assert_eq!(one_more, Err(SecretRefusal::TooManyStages));
    }

    /// There are fewer stages than versions, so a secret at the limit always has a version without a stage to drop.
    #[test]
    fn there_are_eight_stages_at_most() {
        const { assert!(Secret::MAX_STAGES < Secret::MAX_VERSIONS) };
        let mut secret = put(&secret(), "v2", &["ACSCurrent"]);
        for number in 3..=8 {
            secret = put(&secret, &format!("v{number}"), &[&format!("s{number}")]);
        }
        let one_more = secret.with_version(version("v9", 0), &stages(&["s9"]));
        assert_eq!(one_more, Err(SecretRefusal::TooManyStages));
        let first = secret.version("v1").unwrap().id.clone();
        let one_more = secret.with_stage(&"s9".parse().unwrap(), None, &first, 0);
        assert_eq!(one_more, Err(SecretRefusal::TooManyStages));
        assert!(secret.with_stage(&"s8".parse().unwrap(), None, &first, 0).is_ok());
        assert!(secret.with_version(version("v9", 0), &stages(&["s8"])).is_ok());
    }

    #[test]
    fn the_previous_version_has_its_place_from_the_beginning() {
        let own = ["s1", "s2", "s3", "s4", "s5", "s6"];
        let mut secret = put(&secret(), "v2", &own);
        assert_eq!(
            secret.with_version(version("v3", 0), &stages(&["s7"])),
            Err(SecretRefusal::TooManyStages),
            "though there is no previous version yet"
        );
        for id in ["v3", "v4"] {
            secret = put(&secret, id, &["ACSCurrent"]);
        }
        assert_eq!(shown(&secret), ["v1:", "v2:s1,s2,s3,s4,s5,s6", "v3:ACSPrevious", "v4:ACSCurrent"]);
    }

    #[test]
    fn a_secret_in_its_window_takes_nothing_but_its_restoration() {
        let kept = secret();
        assert_eq!(kept.without_deletion(), Err(SecretRefusal::NotInDeleteWindow));
        let ending = kept.with_deletion(5000).unwrap();
        assert_eq!((ending.delete_at(), ending.updated()), (Some(5000), 1000));
        let (v1, stage) = (ending.version("v1").unwrap().id.clone(), "x".parse().unwrap());
        let refusals = [
            ending.with_version(version("v2", 0), &stages(&["x"])).map(|(secret, _)| secret),
            ending.with_stage(&stage, None, &v1, 0),
            ending.without_stage(&stage, &v1, 0),
            ending.with_description(None, 0),
            ending.with_tags(Tags::default()),
            ending.with_deletion(6000),
        ];
        assert!(refusals.iter().all(|refusal| *refusal == Err(SecretRefusal::InDeleteWindow)));
        assert_eq!(ending.without_deletion(), Ok(kept));
    }

    #[test]
    fn the_blob_of_another_secret_or_version_does_not_open() {
        let key = BlobKey::new(Construction::Xaes256Gcm, &Material::random(32, &SystemRandom)).unwrap();
        let by = KeyVersionId::random(&SystemRandom);
        let bound = |name: &str, version: &str| binding(&name.parse().unwrap(), &version.parse().unwrap());
        let blob = key.seal(by, &bound("a", "v1"), b"hunter2", &SystemRandom);
        assert_eq!(*key.open(by, &bound("a", "v1"), &blob).unwrap(), b"hunter2");
        for (name, version) in [("b", "v1"), ("a", "v2"), ("av", "1")] {
            assert_eq!(key.open(by, &bound(name, version), &blob), Err(Damaged), "{name} {version}");
        }
        assert_eq!(key.open(by, &CanonicalContext::default(), &blob), Err(Damaged));
    }
}
