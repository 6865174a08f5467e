//! Secrets: what programs need and people should not see, in versions at which stages point.
//!
//! The record of a secret says which versions there are and which stage points at which of them, so that a stage cannot
//! be in two places. What a version holds lies apart from it in a [`SecretValue`], which is written once. As for keys,
//! every change is a function from one record to the next. Times are seconds since 1970.

mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
pub use names::{NotASecretName, SecretName, SecretVersionId, Stage};

use crate::context::EncryptionContext;
use crate::id::{KeyId, SecretValueId};
use crate::key::Description;
use crate::maker::Maker;
use crate::spec::named;
use crate::tags::Tags;

/// A secret without what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Secret {
    /// Its name, which it keeps.
    #[n(0)]
    pub name: SecretName,
    /// When it was made.
    #[n(1)]
    pub created: i64,
    /// When it got its newest version, or when a stage was moved or its description changed since.
    #[n(2)]
    updated: i64,
    /// What it is.
    #[n(3)]
    pub kind: SecretKind,
    /// What it is for.
    #[n(4)]
    pub description: Description,
    /// The key that seals what it holds.
    #[n(5)]
    pub key: KeyId,
    /// What its owners file it under.
    #[n(6)]
    pub tags: Tags,
    /// When it will be gone; only in its recovery window.
    #[n(7)]
    delete_at: Option<i64>,
    /// Oldest first.
    #[n(8)]
    versions: Vec<SecretVersion>,
    /// Each stage points at one version.
    #[n(9)]
    stages: BTreeMap<Stage, SecretVersionId>,
    /// Who made it.
    #[n(10)]
    pub made_by: Option<Maker>,
}

/// One version of a secret: what can be said of it without opening it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SecretVersion {
    /// What its owner calls it.
    #[n(0)]
    pub id: SecretVersionId,
    /// When it was made.
    #[n(1)]
    pub created: i64,
    /// What its owner says it holds.
    #[n(2)]
    pub data_type: SecretDataType,
    /// Where that lies.
    #[n(3)]
    pub value: SecretValueId,
}

/// What a version holds, sealed once more inside the sealed record, under the key of its secret.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SecretValue {
    /// Its place.
    #[n(0)]
    pub id: SecretValueId,
    /// A blob (see [`crate::blob`]) that is bound to the secret and the version by [`binding`].
    #[n(1)]
    pub blob: ByteVec,
}

named! {
    /// What a secret is.
    SecretKind {
        /// Whatever its owner puts into it.
        Generic(0) = "Generic",
    }
}

impl SecretKind {
    /// Kinds that the API has and bulla does not make: each is for another service of the cloud, which changes it.
    pub const UNSUPPORTED: [&str; 5] = ["Rds", "Redis", "RAMCredentials", "ECS", "PolarDB"];
}

named! {
    /// What a version holds, as its owner says; it is a text in both cases.
    SecretDataType {
        /// Text as it is.
        Text(0) = "text",
        /// Text that stands for bytes.
        Binary(1) = "binary",
    }
}

/// Why a secret does not take a change.
///
/// Exhaustive on purpose: each one has an answer of its own in the API, and a `match` that forgets one must not compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretRefusal {
    /// It will be gone when its recovery window is over.
    InDeleteWindow,
    /// It is not in a recovery window.
    NotInDeleteWindow,
    /// It has a version of this name.
    VersionExists,
    /// It has no version of this name.
    NoSuchVersion,
    /// The stage points at another version than the one it is taken from, or at none.
    StageElsewhere,
    /// This stage always points at some version.
    StageStays,
    /// There would be more stages than a secret may have.
    TooManyStages,
}

impl Secret {
    /// As many versions as a secret keeps: with one more, the oldest one is gone at which no stage points.
    pub const MAX_VERSIONS: usize = 10;
    /// As many stages as a secret may have, which are fewer than its versions. The two of the service always have a
    /// place: a new version needs it for the previous one.
    pub const MAX_STAGES: usize = 8;

    /// A new secret, whose first version is the current one.
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

    /// When it was last changed by its owner.
    #[must_use]
    pub fn updated(&self) -> i64 {
        self.updated
    }

    /// When it will be gone, if it is in its recovery window.
    #[must_use]
    pub fn delete_at(&self) -> Option<i64> {
        self.delete_at
    }

    /// Its versions, oldest first.
    pub fn versions(&self) -> impl DoubleEndedIterator<Item = &SecretVersion> {
        self.versions.iter()
    }

    /// The version of this name.
    #[must_use]
    pub fn version(&self, id: &str) -> Option<&SecretVersion> {
        self.versions.iter().find(|version| version.id.as_str() == id)
    }

    /// The version at which a stage points.
    #[must_use]
    pub fn staged(&self, stage: &str) -> Option<&SecretVersion> {
        let (_, version) = self.stages.iter().find(|(name, _)| name.as_str() == stage)?;
        self.version(version.as_str())
    }

    /// The stages that point at a version, by name; a version without any is deprecated.
    pub fn stages_of(&self, version: &SecretVersionId) -> impl Iterator<Item = &Stage> {
        self.stages.iter().filter(move |(_, pointed)| *pointed == version).map(|(stage, _)| stage)
    }

    /// Whether it can be read and changed.
    ///
    /// # Errors
    /// [`SecretRefusal::InDeleteWindow`].
    pub fn check_in_use(&self) -> Result<(), SecretRefusal> {
        self.delete_at.map_or(Ok(()), |_| Err(SecretRefusal::InDeleteWindow))
    }

    /// This secret with one more version, at which `stages` point from now on; and the value that is of no use any more.
    ///
    /// # Errors
    /// [`SecretRefusal`].
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
            secret.point(stage, &version.id); // by name, so that a previous version that was chosen stays the chosen one
        }
        secret.updated = version.created;
        secret.versions.push(version);
        let superfluous = secret.remove_superfluous();
        Ok((secret.with_no_more_stages_than(self)?, superfluous))
    }

    /// This secret with a stage that points at `to`; it must have pointed at `from`, if that is said.
    ///
    /// # Errors
    /// [`SecretRefusal`].
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
        secret.with_no_more_stages_than(self)
    }

    /// This secret without a stage, which pointed at `from`.
    ///
    /// # Errors
    /// [`SecretRefusal`].
    pub fn without_stage(
        &self,
        stage: &Stage,
        from: &SecretVersionId,
        now: i64,
    ) -> Result<Self, SecretRefusal> {
        self.check_in_use()?;
        self.check_stage(stage, from)?;
        if stage.is_of_service() {
            return Err(SecretRefusal::StageStays);
        }
        let mut secret = Self { updated: now, ..self.clone() };
        secret.stages.remove(stage);
        Ok(secret)
    }

    /// This secret with another description; the same secret if none is given.
    ///
    /// # Errors
    /// [`SecretRefusal::InDeleteWindow`].
    pub fn described(&self, description: Option<Description>, now: i64) -> Result<Self, SecretRefusal> {
        self.check_in_use()?;
        let same = self.clone();
        Ok(match description {
            Some(description) => Self { description, updated: now, ..same },
            None => same,
        })
    }

    /// This secret with other tags.
    ///
    /// # Errors
    /// [`SecretRefusal::InDeleteWindow`].
    pub fn tagged(&self, tags: Tags) -> Result<Self, SecretRefusal> {
        self.check_in_use()?;
        Ok(Self { tags, ..self.clone() })
    }

    /// This secret, to be gone at `delete_at`.
    ///
    /// # Errors
    /// [`SecretRefusal::InDeleteWindow`].
    pub fn with_deletion(&self, delete_at: i64) -> Result<Self, SecretRefusal> {
        self.check_in_use()?;
        Ok(Self { delete_at: Some(delete_at), ..self.clone() })
    }

    /// This secret, which stays after all.
    ///
    /// # Errors
    /// [`SecretRefusal::NotInDeleteWindow`].
    pub fn without_deletion(&self) -> Result<Self, SecretRefusal> {
        self.delete_at.ok_or(SecretRefusal::NotInDeleteWindow)?;
        Ok(Self { delete_at: None, ..self.clone() })
    }

    /// Points a stage at a version. What was current before is the previous version then.
    fn point(&mut self, stage: &Stage, version: &SecretVersionId) {
        let before = self.stages.insert(stage.clone(), version.clone());
        if stage.as_str() == Stage::CURRENT
            && let Some(before) = before.filter(|before| before != version)
        {
            self.stages.insert(Stage::previous(), before);
        }
    }

    fn remove_superfluous(&mut self) -> Option<SecretValueId> {
        if self.versions.len() <= Self::MAX_VERSIONS {
            return None;
        }
        let deprecated = |version: &SecretVersion| self.stages_of(&version.id).next().is_none();
        let oldest = self.versions.iter().position(deprecated)?;
        Some(self.versions.remove(oldest).value)
    }

    fn check_stage(&self, stage: &Stage, from: &SecretVersionId) -> Result<(), SecretRefusal> {
        self.version(from.as_str()).ok_or(SecretRefusal::NoSuchVersion)?;
        if self.stages.get(stage) == Some(from) { Ok(()) } else { Err(SecretRefusal::StageElsewhere) }
    }

    /// This secret, unless it has too many stages, and more than `before`.
    fn with_no_more_stages_than(self, before: &Self) -> Result<Self, SecretRefusal> {
        let own = |secret: &Self| secret.stages.keys().filter(|stage| !stage.is_of_service()).count();
        if own(&self) <= own(before).max(Self::MAX_STAGES - 2) {
            Ok(self)
        } else {
            Err(SecretRefusal::TooManyStages)
        }
    }
}

/// What binds the blob of a version to its place: the blob of another version, or of another secret, does not open there.
#[must_use]
pub fn binding(name: &SecretName, version: &SecretVersionId) -> EncryptionContext {
    EncryptionContext::new([("bulla/secret", name.as_str()), ("bulla/version", version.as_str())])
        .expect("the two names differ")
}

impl fmt::Display for SecretRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InDeleteWindow => "the secret is planned to be deleted",
            Self::NotInDeleteWindow => "the secret is not planned to be deleted",
            Self::VersionExists => "the secret has a version of this name",
            Self::NoSuchVersion => "the secret has no version of this name",
            Self::StageElsewhere => "the stage does not point at that version",
            Self::StageStays => "this stage always points at some version",
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

    /// Versions with their stages, oldest first.
    fn shown(secret: &Secret) -> Vec<String> {
        let show = |version: &SecretVersion| {
            let stages: Vec<_> = secret.stages_of(&version.id).map(Stage::as_str).collect();
            format!("{}:{}", version.id, stages.join(","))
        };
        secret.versions().map(show).collect()
    }

    #[test]
    fn a_new_version_is_current_unless_somebody_says_otherwise() {
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
        assert_eq!(moved("ACSCurrent", Some("v1"), "v3"), Err(SecretRefusal::StageElsewhere));
        assert_eq!(moved("new", Some("v1"), "v3"), Err(SecretRefusal::StageElsewhere));
        assert_eq!(moved("try", None, "v9"), Err(SecretRefusal::NoSuchVersion));
        assert_eq!(moved("try", Some("v9"), "v1"), Err(SecretRefusal::NoSuchVersion));

        let taken = |stage: &str, from: &str| two.without_stage(&stage.parse().unwrap(), &id(from), 3000);
        assert_eq!(shown(&taken("try", "v3").unwrap()), ["v1:ACSPrevious", "v2:ACSCurrent", "v3:"]);
        assert_eq!(taken("try", "v2"), Err(SecretRefusal::StageElsewhere));
        assert_eq!(taken("ACSCurrent", "v2"), Err(SecretRefusal::StageStays));
        assert_eq!(taken("ACSPrevious", "v1"), Err(SecretRefusal::StageStays));
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
        let (next, superfluous) = full.with_version(version("v10", 0), &stages(&["ACSCurrent"])).unwrap();
        assert_eq!(superfluous, Some(oldest));
        assert_eq!(next.versions().count(), Secret::MAX_VERSIONS);
        assert_eq!((next.version("v1"), next.staged("kept").is_some()), (None, true));
        let second = next.version("v2").unwrap().value;
        let (_, superfluous) = next.with_version(version("v11", 0), &stages(&["x"])).unwrap();
        assert_eq!(superfluous, Some(second), "a version with a stage stays, however old");
    }

    /// The limit of an earlier version was another one.
    #[test]
    fn a_secret_that_has_too_many_stages_keeps_them() {
        let mut secret = put(&secret(), "v2", &["s1", "s2", "s3", "s4", "s5", "s6"]);
        secret.stages.insert("s7".parse().unwrap(), "v2".parse().unwrap());
        assert!(secret.with_version(version("v3", 0), &stages(&["ACSCurrent", "s1"])).is_ok());
        assert!(secret.with_stage(&"s7".parse().unwrap(), None, &"v1".parse().unwrap(), 0).is_ok());
        let one_more = secret.with_version(version("v3", 0), &stages(&["s8"]));
        assert_eq!(one_more, Err(SecretRefusal::TooManyStages));
    }

    /// There are fewer stages than versions, so a full secret always has a version that can make room.
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
            ending.described(None, 0),
            ending.tagged(Tags::default()),
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
        assert_eq!(key.open(by, &EncryptionContext::default(), &blob), Err(Damaged));
    }
}
