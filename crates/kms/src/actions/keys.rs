//! CreateKey, DescribeKey, ListKeys, EnableKey, DisableKey.

use bulla_keys::{
    Construction, Description, Key, KeyId, KeyOrigin, KeySpec, KeyState, KeyUsage, KeyVersion, KeyVersionId,
    Material, ProtectionLevel, SystemRandom,
};
use bulla_wire::actions::{
    CreateKey, CreateKeyReply, DescribeKey, DescribeKeyReply, DisableKey, Done, EnableKey, KeyEntry, KeyList,
    KeyMetadata, ListKeys, ListKeysReply,
};
use bulla_wire::{Error, ErrorCode, Timestamp};

use super::filters::Filters;
use super::paging::Page;
use crate::authorize::Allowed;
use crate::keyring::refused;
use crate::origin::Origin;
use crate::snapshot::Write;
use crate::{Kms, commit_error};

pub(super) async fn create(
    kms: &Kms,
    request: Allowed<CreateKey>,
    by: &Origin,
) -> Result<CreateKeyReply, Error> {
    let Wanted { description, spec, usage } = Wanted::new(&request)?;
    let (id, version_id) = (KeyId::random(&SystemRandom), KeyVersionId::random(&SystemRandom));
    let created = by.time;
    let key = Key {
        id,
        created,
        creator: kms.options.account.as_str().into(),
        description,
        spec,
        usage,
        origin: KeyOrigin::Kms,
        protection: ProtectionLevel::Software,
        state: KeyState::Enabled,
        primary: version_id,
        last_rotation: created,
    };
    let material = Material::random(&SystemRandom).seal(&kms.roots, id, version_id, &SystemRandom);
    let version = KeyVersion {
        id: version_id,
        key: id,
        created,
        construction: Construction::Xaes256Gcm,
        sealed_material: material.into(),
    };
    let reply = CreateKeyReply { key_metadata: metadata(kms, &key) };
    kms.create(&request, vec![Write::Key(key), Write::Version(version)]).await.map_err(commit_error)?;
    Ok(reply)
}

pub(super) fn describe(kms: &Kms, request: &Allowed<DescribeKey>) -> Result<DescribeKeyReply, Error> {
    let snapshot = kms.snapshot()?;
    let key = &kms.keyring(&snapshot).by_name(&request.key_id)?.record;
    let key_metadata = KeyMetadata {
        deletion_protection: Some("Disabled".into()),
        deletion_protection_description: Some(String::new()),
        ..metadata(kms, key)
    };
    Ok(DescribeKeyReply { key_metadata })
}

pub(super) fn list(kms: &Kms, request: &Allowed<ListKeys>) -> Result<ListKeysReply, Error> {
    let page = Page::new(request.page_number, request.page_size, 1..=100)?;
    let filters = Filters::parse(request.filters.as_deref())?;
    let snapshot = kms.snapshot()?;
    let matching = || snapshot.keys_by_age().filter(|key| filters.matches(key, &snapshot));
    let total = if filters.is_empty() { snapshot.key_count() } else { matching().count() };
    let entry = |key: &Key| KeyEntry { key_id: key.id.to_string(), key_arn: arn(kms, key.id) };
    Ok(ListKeysReply {
        keys: KeyList { key: page.of(matching()).map(entry).collect() },
        total_count: total as u64,
        page_number: page.number,
        page_size: page.size,
    })
}

pub(super) async fn enable(kms: &Kms, request: Allowed<EnableKey>) -> Result<Done, Error> {
    set_enabled(kms, &request, &request.key_id, true).await
}

pub(super) async fn disable(kms: &Kms, request: Allowed<DisableKey>) -> Result<Done, Error> {
    set_enabled(kms, &request, &request.key_id, false).await
}

async fn set_enabled<A>(kms: &Kms, allowed: &Allowed<A>, key_id: &str, enabled: bool) -> Result<Done, Error> {
    kms.change(allowed, |keyring| {
        let row = keyring.by_id(key_id)?;
        let changed = row.record.with_enabled(enabled).map_err(refused)?;
        let is_change = changed != *row.record;
        Ok(is_change.then_some((Write::Key(changed), row.revision)).into_iter().collect())
    })
    .await?;
    Ok(Done {})
}

/// What a CreateKey asks for, once it is clear that bulla can make it.
struct Wanted {
    description: Description,
    spec: KeySpec,
    usage: KeyUsage,
}

impl Wanted {
    fn new(request: &CreateKey) -> Result<Self, Error> {
        let description = Description::new(request.description.as_deref().unwrap_or_default())
            .ok_or_else(|| Error::invalid("Description"))?;
        let spec = match request.key_spec.as_deref() {
            None => KeySpec::Aes256,
            Some(name) if KeySpec::UNSUPPORTED.contains(&name) => {
                return Err(ErrorCode::UnsupportedOperation.into());
            }
            Some(name) => KeySpec::from_name(name).ok_or_else(|| Error::invalid("KeySpec"))?,
        };
        let usage = match request.key_usage.as_deref().map(KeyUsage::from_name) {
            None | Some(Some(KeyUsage::EncryptDecrypt)) => KeyUsage::EncryptDecrypt,
            Some(Some(KeyUsage::SignVerify) | None) => return Err(Error::invalid("KeyUsage")),
        };
        match request.origin.as_deref().map(KeyOrigin::from_name) {
            None | Some(Some(KeyOrigin::Kms)) => {}
            Some(Some(KeyOrigin::External)) => return Err(ErrorCode::UnsupportedOrigin.into()),
            Some(None) => return Err(Error::invalid("Origin")),
        }
        match request.protection_level.as_deref().map(ProtectionLevel::from_name) {
            None | Some(Some(ProtectionLevel::Software)) => {}
            Some(Some(ProtectionLevel::Hsm)) => return Err(ErrorCode::UnsupportedProtectionLevel.into()),
            Some(None) => return Err(Error::invalid("ProtectionLevel")),
        }
        refuse_unbuilt(request)?;
        Ok(Self { description, spec, usage })
    }
}

/// Fields whose effect is not built: refused rather than accepted without it.
fn refuse_unbuilt(request: &CreateKey) -> Result<(), Error> {
    if request.dkms_instance_id.is_some() {
        return Err(ErrorCode::ForbiddenInstanceNotFound.into());
    }
    let rotation = request.enable_automatic_rotation == Some(true);
    let others = [&request.tags, &request.policy, &request.key_storage_mechanism];
    match rotation || others.into_iter().any(Option::is_some) {
        true => Err(ErrorCode::UnsupportedOperation.into()),
        false => Ok(()),
    }
}

fn metadata(kms: &Kms, key: &Key) -> KeyMetadata {
    KeyMetadata {
        creation_date: Timestamp::from_unix(key.created),
        description: key.description.as_str().into(),
        key_id: key.id.to_string(),
        key_spec: key.spec.name().into(),
        key_state: key.state.name().into(),
        key_usage: key.usage.name().into(),
        primary_key_version: Some(key.primary.to_string()),
        delete_date: String::new(),
        creator: key.creator.to_string(),
        arn: arn(kms, key.id),
        origin: key.origin.name().into(),
        material_expire_time: String::new(),
        protection_level: key.protection.name().into(),
        last_rotation_date: Some(Timestamp::from_unix(key.last_rotation)),
        automatic_rotation: "Disabled".into(),
        deletion_protection: None,
        deletion_protection_description: None,
    }
}

fn arn(kms: &Kms, id: KeyId) -> String {
    format!("acs:kms:{}:{}:key/{id}", kms.options.region, kms.options.account)
}
