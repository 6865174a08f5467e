//! CreateKeyVersion, DescribeKeyVersion, ListKeyVersions, UpdateRotationPolicy.

use bulla_keys::{Construction, KeyId, KeyKind, KeySpec, KeyVersion, KeyVersionId, Material, SystemRandom};
use bulla_wire::actions::{
    CreateKeyVersion, DescribeKeyVersion, Done, KeyVersionEntry, KeyVersionList, KeyVersionReply,
    ListKeyVersions, ListKeyVersionsReply, UpdateRotationPolicy,
};
use bulla_wire::{Error, Timestamp};

use super::paging::Page;
use super::{asymmetric, keys};
use crate::Kms;
use crate::authorize::Allowed;
use crate::generator::PairFor;
use crate::keyring::refused;
use crate::state::Write;

pub(super) async fn create(kms: &Kms, request: Allowed<CreateKeyVersion>) -> Result<KeyVersionReply, Error> {
    let id = KeyVersionId::random(&SystemRandom);
    let (key, spec) = {
        let snapshot = kms.snapshot()?;
        let keyring = kms.keyring(&snapshot);
        let key = &keyring.by_name(&request.key_id)?.record;
        let versions = snapshot.next_version_of(key.id) as usize;
        key.rotated(id, versions, keyring.now).map_err(refused)?; // before a key pair is made for nothing
        (key.id, key.spec)
    };
    // Its number is not known yet: another one may come in between.
    let made = make(kms, NewVersion { key, id, number: 0, spec }, PairFor::Version, kms.now()).await?;
    kms.change(&request, |keyring| {
        let row = keyring.by_id(&key.to_string())?;
        let number = keyring.snapshot.next_version_of(key);
        let rotated = row.record.rotated(id, number as usize, keyring.now).map_err(refused)?;
        let version = KeyVersion { number, created: keyring.now, ..made.clone() };
        Ok(vec![(Write::Key(rotated), row.revision), (Write::Version(version), 0)])
    })
    .await?;
    let snapshot = kms.snapshot()?;
    let version = snapshot.version(id).ok_or_else(|| Error::internal("a new version is gone"))?;
    Ok(KeyVersionReply { key_version: entry(&version.record) })
}

pub(super) fn describe(kms: &Kms, request: &Allowed<DescribeKeyVersion>) -> Result<KeyVersionReply, Error> {
    let snapshot = kms.snapshot()?;
    let keyring = kms.keyring(&snapshot);
    let key = &keyring.by_name(&request.key_id)?.record;
    Ok(KeyVersionReply { key_version: entry(keyring.version(key, &request.key_version_id)?) })
}

pub(super) fn list(kms: &Kms, request: &Allowed<ListKeyVersions>) -> Result<ListKeyVersionsReply, Error> {
    let page = Page::new(request.page_number, request.page_size, 0..=101)?;
    let snapshot = kms.snapshot()?;
    let key = kms.keyring(&snapshot).by_name(&request.key_id)?.record.id;
    let (versions, _) = page.of(snapshot.versions_by_key(), &[key]);
    let versions = versions.into_iter().filter_map(|(_, id)| snapshot.version(*id));
    Ok(ListKeyVersionsReply {
        key_versions: KeyVersionList { key_version: versions.map(|row| entry(&row.record)).collect() },
        total_count: snapshot.next_version_of(key).into(),
        page_number: page.number,
        page_size: page.size,
    })
}

pub(super) async fn update_policy(kms: &Kms, request: Allowed<UpdateRotationPolicy>) -> Result<Done, Error> {
    let interval = request.rotation_interval.as_deref();
    let rotation = keys::rotation(request.enable_automatic_rotation, interval)?;
    keys::change(kms, &request, &request.key_id, |key, now| key.with_rotation(rotation, now)).await?;
    // A version that is overdue by the new interval is made at once.
    kms.change(&request, |keyring| kms.rotation_if_due(keyring, keyring.by_id(&request.key_id)?)).await?;
    Ok(Done {})
}

/// A version to be made.
#[derive(Clone, Copy)]
pub(crate) struct NewVersion {
    pub(crate) key: KeyId,
    pub(crate) id: KeyVersionId,
    pub(crate) number: u32,
    pub(crate) spec: KeySpec,
}

/// Makes a version with new material.
pub(crate) async fn make(
    kms: &Kms,
    new: NewVersion,
    purpose: PairFor,
    now: i64,
) -> Result<KeyVersion, Error> {
    match new.spec.kind() {
        KeyKind::Asymmetric => {
            let pair = kms.generator.key_pair(purpose, asymmetric::asymmetric(new.spec)?).await?;
            let public_key = Some(pair.public.into());
            Ok(KeyVersion { public_key, ..with_material(kms, new, &Material::from_bytes(pair.private), now) })
        }
        KeyKind::Symmetric | KeyKind::Mac => Ok(make_secret(kms, new, now)),
    }
}

/// Makes a version of a key that is no key pair.
pub(crate) fn make_secret(kms: &Kms, new: NewVersion, now: i64) -> KeyVersion {
    let len = new.spec.secret_len().expect("a key that is no key pair is a secret");
    with_material(kms, new, &Material::random(len, &SystemRandom), now)
}

/// A version with this material.
pub(crate) fn with_material(kms: &Kms, new: NewVersion, material: &Material, now: i64) -> KeyVersion {
    let NewVersion { key, id, number, spec } = new;
    let sealed_material = material.seal(&kms.roots, key, id, &SystemRandom).into();
    let construction = Construction::of(spec);
    KeyVersion { id, key, created: now, construction, sealed_material, public_key: None, number }
}

fn entry(version: &KeyVersion) -> KeyVersionEntry {
    KeyVersionEntry {
        key_id: version.key.to_string(),
        key_version_id: version.id.to_string(),
        creation_date: Timestamp::from_unix(version.created),
    }
}
