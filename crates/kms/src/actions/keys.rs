//! CreateKey, DescribeKey, ListKeys, EnableKey, DisableKey, UpdateKeyDescription, ScheduleKeyDeletion,
//! CancelKeyDeletion, SetDeletionProtection.

use bulla_keys::{
    Description, Key, KeyId, KeyKind, KeyOrigin, KeySpec, KeyState, KeyUsage, KeyVersionId, ProtectionLevel,
    Refusal, RotationInterval, SystemRandom, Tags,
};
use bulla_wire::actions::{
    CancelKeyDeletion, CreateKey, CreateKeyReply, DescribeKey, DescribeKeyReply, DisableKey, Done, EnableKey,
    KeyEntry, KeyList, KeyMetadata, ListKeys, ListKeysReply, ScheduleKeyDeletion, SetDeletionProtection,
    UpdateKeyDescription,
};
use bulla_wire::{Error, ErrorCode, Timestamp};

use super::filters::Filters;
use super::paging::Page;
use super::versions::{self, NewVersion};
use super::{searches, tags};
use crate::Kms;
use crate::authorize::Allowed;
use crate::generator::PairFor;
use crate::keyring::refused;
use crate::state::Write;

pub(super) async fn create(kms: &Kms, request: Allowed<CreateKey>) -> Result<CreateKeyReply, Error> {
    let Wanted { description, spec, usage, origin, rotation, tags } = Wanted::new(&request)?;
    let ids = (KeyId::random(&SystemRandom), KeyVersionId::random(&SystemRandom));
    let now = kms.now();
    let mut key = Key::new(ids, (now, kms.account()), spec, usage, origin);
    (key.description, key.tags, key.rotation_interval) = (description, tags, rotation);
    let reply = CreateKeyReply { key_metadata: metadata(kms, &key, now) };
    let mut writes = vec![Write::Key(key)];
    if origin == KeyOrigin::Kms {
        let new = NewVersion { key: ids.0, id: ids.1, number: 0, spec };
        writes.push(Write::Version(versions::make(kms, new, PairFor::Key, now).await?));
    }
    kms.create(&request, writes).await?;
    Ok(reply)
}

pub(super) fn describe(kms: &Kms, request: &Allowed<DescribeKey>) -> Result<DescribeKeyReply, Error> {
    let snapshot = kms.snapshot()?;
    let keyring = kms.keyring(&snapshot);
    let key = &keyring.by_name(&request.key_id)?.record;
    let protection = key.deletion_protection.as_ref();
    let key_metadata = KeyMetadata {
        deletion_protection: Some(if protection.is_some() { "Enabled" } else { "Disabled" }.into()),
        deletion_protection_description: Some(protection.map_or("", Description::as_str).into()),
        ..metadata(kms, key, keyring.now)
    };
    Ok(DescribeKeyReply { key_metadata })
}

pub(super) async fn list(kms: &Kms, request: &Allowed<ListKeys>) -> Result<ListKeysReply, Error> {
    let page = Page::new(request.page_number, request.page_size, 1..=100)?;
    let (keys, total_count) = searches::keys(kms, page, Filters::parse(request.filters.as_deref())?).await?;
    let entry = |(_, id)| KeyEntry { key_id: KeyId::to_string(&id), key_arn: arn(kms, id) };
    Ok(ListKeysReply {
        keys: KeyList { key: keys.into_iter().map(entry).collect() },
        total_count,
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

pub(super) async fn update_description(
    kms: &Kms,
    request: Allowed<UpdateKeyDescription>,
) -> Result<Done, Error> {
    let description =
        Description::new(&request.description.0).ok_or_else(|| Error::invalid("Description"))?;
    change(kms, &request, &request.key_id, |key, now| {
        key.described(now, |key| key.description = description.clone())
    })
    .await
}

pub(super) async fn schedule_deletion(
    kms: &Kms,
    request: Allowed<ScheduleKeyDeletion>,
) -> Result<Done, Error> {
    let days = request.pending_window_in_days.unwrap_or(30);
    if !(7..=366).contains(&days) {
        return Err(Error::invalid("PendingWindowInDays"));
    }
    let window = i64::from(days) * 86_400;
    change(kms, &request, &request.key_id, |key, now| key.with_deletion(kms.latest_time() + window, now))
        .await
}

pub(super) async fn cancel_deletion(kms: &Kms, request: Allowed<CancelKeyDeletion>) -> Result<Done, Error> {
    change(kms, &request, &request.key_id, Key::without_deletion).await
}

pub(super) async fn set_deletion_protection(
    kms: &Kms,
    request: Allowed<SetDeletionProtection>,
) -> Result<Done, Error> {
    if request.kms_instance_id.is_some() {
        return Err(ErrorCode::ForbiddenInstanceNotFound.into());
    }
    let why = match request.enable_deletion_protection {
        true => {
            let why = request.deletion_protection_description.as_deref().unwrap_or_default();
            Some(Description::new(why).ok_or_else(|| Error::invalid("DeletionProtectionDescription"))?)
        }
        false => None, // a description is ignored then, whatever it says
    };
    let name = match (&request.protected_resource_arn, &request.key_id) {
        (Some(arn), None) => id_of_arn(kms, arn)?,
        (None, Some(id)) => id.clone(),
        (Some(_), Some(_)) => return Err(Error::invalid("KeyId")),
        (None, None) => return Err(Error::with(ErrorCode::Missing, "ProtectedResourceArn")),
    };
    change(kms, &request, &name, |key, now| {
        key.described(now, |key| key.deletion_protection.clone_from(&why))
    })
    .await
}

async fn set_enabled<A>(kms: &Kms, allowed: &Allowed<A>, key_id: &str, enabled: bool) -> Result<Done, Error> {
    change(kms, allowed, key_id, |key, now| key.with_enabled(enabled, now)).await
}

/// Writes what becomes of a key, if it is not what it was.
pub(super) async fn change<A>(
    kms: &Kms,
    allowed: &Allowed<A>,
    key_id: &str,
    become_what: impl Fn(&Key, i64) -> Result<Key, Refusal>,
) -> Result<Done, Error> {
    kms.change(allowed, |keyring| {
        let row = keyring.by_id(key_id)?;
        let changed = become_what(&row.record, keyring.now).map_err(refused)?;
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
    origin: KeyOrigin,
    rotation: Option<RotationInterval>,
    tags: Tags,
}

impl Wanted {
    fn new(request: &CreateKey) -> Result<Self, Error> {
        refuse_unbuilt(request)?;
        let description = Description::new(request.description.as_deref().unwrap_or_default())
            .ok_or_else(|| Error::invalid("Description"))?;
        let spec = match request.key_spec.as_deref() {
            None => KeySpec::Aes256,
            Some(name) if KeySpec::UNSUPPORTED.contains(&name) => {
                return Err(ErrorCode::UnsupportedOperation.into());
            }
            Some(name) => KeySpec::from_name(name).ok_or_else(|| Error::invalid("KeySpec"))?,
        };
        let usage = match request.key_usage.as_deref() {
            None => spec.usages()[0],
            Some(name) => KeyUsage::from_name(name)
                .filter(|usage| spec.usages().contains(usage))
                .ok_or_else(|| Error::invalid("KeyUsage"))?,
        };
        let origin = match request.origin.as_deref() {
            None => KeyOrigin::Kms,
            Some(name) => KeyOrigin::from_name(name).ok_or_else(|| Error::invalid("Origin"))?,
        };
        if origin == KeyOrigin::External && spec.kind() != KeyKind::Symmetric {
            return Err(ErrorCode::UnsupportedOrigin.into());
        }
        let rotation = match request.enable_automatic_rotation {
            Some(true) if origin == KeyOrigin::External || spec.kind() != KeyKind::Symmetric => {
                return Err(ErrorCode::UnsupportedOperation.into());
            }
            enabled => rotation(enabled == Some(true), request.rotation_interval.as_deref())?,
        };
        let tags = request.tags.as_deref().map(tags::parse).transpose()?.unwrap_or_default();
        Ok(Self { description, spec, usage, origin, rotation, tags })
    }
}

/// Fields whose effect is not built: refused rather than accepted without it.
fn refuse_unbuilt(request: &CreateKey) -> Result<(), Error> {
    if request.dkms_instance_id.is_some() {
        return Err(ErrorCode::ForbiddenInstanceNotFound.into());
    }
    match request.protection_level.as_deref().map(ProtectionLevel::from_name) {
        None | Some(Some(ProtectionLevel::Software)) => {}
        Some(Some(ProtectionLevel::Hsm)) => return Err(ErrorCode::UnsupportedProtectionLevel.into()),
        Some(None) => return Err(Error::invalid("ProtectionLevel")),
    }
    match request.policy.is_some() || request.key_storage_mechanism.is_some() {
        true => Err(ErrorCode::UnsupportedOperation.into()),
        false => Ok(()),
    }
}

/// How often new versions are made by themselves; the interval is needed if they are, and else ignored.
///
/// # Errors
/// MissingRotationInterval, InvalidParameter.
pub(super) fn rotation(enabled: bool, interval: Option<&str>) -> Result<Option<RotationInterval>, Error> {
    if !enabled {
        return Ok(None);
    }
    let interval = interval.ok_or_else(|| Error::with(ErrorCode::Missing, "RotationInterval"))?;
    RotationInterval::parse(interval).map(Some).ok_or_else(|| Error::invalid("RotationInterval"))
}

fn metadata(kms: &Kms, key: &Key, now: i64) -> KeyMetadata {
    let state = key.state(now);
    let date =
        |time: Option<i64>| time.map_or_else(String::new, |time| Timestamp::from_unix(time).to_string());
    let symmetric = key.spec.kind() == KeyKind::Symmetric;
    // A key that waits for its material has no version that could encrypt.
    let has_primary = symmetric && (key.origin == KeyOrigin::Kms || key.has_imported(now));
    let rotation = key.rotation_interval;
    KeyMetadata {
        creation_date: Timestamp::from_unix(key.created),
        description: key.description.as_str().into(),
        key_id: key.id.to_string(),
        key_spec: key.spec.name().into(),
        key_state: state.name().into(),
        key_usage: key.usage.name().into(),
        primary_key_version: has_primary.then(|| key.primary.to_string()),
        delete_date: date(key.delete_at()),
        creator: key.creator.to_string(),
        arn: arn(kms, key.id),
        origin: key.origin.name().into(),
        material_expire_time: date(key.material_expires().filter(|_| key.has_imported(now))),
        protection_level: key.protection.name().into(),
        last_rotation_date: Some(Timestamp::from_unix(key.last_rotation)),
        automatic_rotation: match (rotation, state) {
            (None, _) => "Disabled",
            (Some(_), KeyState::Enabled) => "Enabled",
            (Some(_), _) => "Suspended",
        }
        .into(),
        next_rotation_date: key.planned_rotation().map(Timestamp::from_unix),
        rotation_interval: rotation.map(|interval| interval.to_string()),
        deletion_protection: None,
        deletion_protection_description: None,
    }
}

fn id_of_arn(kms: &Kms, arn: &str) -> Result<String, Error> {
    let snapshot = kms.snapshot()?;
    let arn = arn.strip_prefix("acs:kms:").ok_or_else(|| Error::invalid("ProtectedResourceArn"))?;
    let id = kms.keyring(&snapshot).local_name(arn).ok_or(ErrorCode::ForbiddenKeyNotFound)?;
    Ok(id.to_owned())
}

fn arn(kms: &Kms, id: KeyId) -> String {
    format!("acs:kms:{}:{}:key/{id}", kms.region(), kms.account())
}
