//! The actions on keys: CreateKey, DescribeKey, ListKeys, EnableKey, DisableKey, UpdateKeyDescription, ScheduleKeyDeletion,
//! CancelKeyDeletion, SetDeletionProtection.

use bulla_keys::{
    Description, Key, KeyId, KeyKind, KeyOrigin, KeySpec, KeyState, KeyUsage, KeyVersionId, NewKey,
    ProtectionLevel, RotationInterval, SystemRandom, Tags,
};
use bulla_wire::kms::{
    CancelKeyDeletion, CreateKey, CreateKeyReply, DescribeKey, DescribeKeyReply, DisableKey, Done, EnableKey,
    KeyEntry, KeyList, KeyMetadata, ListKeys, ListKeysReply, ScheduleKeyDeletion, SetDeletionProtection,
    UpdateKeyDescription,
};
use bulla_wire::{Error, ErrorCode, Timestamp};

use super::filters::Filters;
use super::key_change::change_key;
use super::paging::Page;
use super::{policies, rotation_policy, searches, tag_list};
use crate::authorize::{Allowed, Container, View};
use crate::generator::PairFor;
use crate::new_version::NewVersion;
use crate::people::{KeyPolicy, OfKey};
use crate::refusal::key_refused;
use crate::session::Session;
use crate::state::{Row, Write};

pub(super) async fn create(session: &Session<'_, CreateKey>) -> Result<CreateKeyReply, Error> {
    let Wanted { description, spec, usage, origin, rotation, tags } = Wanted::new(session.request)?;
    let keys = session.with_tags(&tags).container(Container::Keys)?; // before the expensive key pair is generated
    let id = KeyId::random(&SystemRandom);
    let primary = KeyVersionId::random(&SystemRandom);
    let created = session.now();
    let mut key = Key::new(NewKey { id, primary, created, creator: session.account(), spec, usage, origin });
    key.description = description;
    key.tags.clone_from(&tags);
    key.rotation_interval = rotation;
    key.made_by = session.maker();
    let key_metadata = metadata(session, &key);
    let policy = session.request.policy.as_deref();
    policy.map(|text| policies::document::<OfKey>(session, text)).transpose()?; // before the expensive key pair is generated
    session.check_room::<Key, _>(&keys, session.quotas().of_keys())?;
    let mut writes = vec![(Write::Key(key), 0)];
    if origin == KeyOrigin::Kms {
        let new = NewVersion { key: id, id: primary, number: 0, spec, created };
        writes.push((Write::Version(new.generated(session, PairFor::Key).await?), 0));
    }
    session
        .change(|state| {
            let keys = state.with_tags(&tags).container(Container::Keys)?;
            state.check_room::<Key, _>(&keys, state.quotas().of_keys())?;
            let Some(text) = policy else { return Ok(keys.changes(writes.clone()).answering(())) };
            let (document, named) = policies::document(state, text)?;
            let policy = Write::KeyPolicy(KeyPolicy { key: id, document });
            let writes = writes.iter().cloned().chain([(policy, 0)]).chain(named);
            Ok(keys.changes(writes).answering(()))
        })
        .await?;
    Ok(CreateKeyReply { key_metadata })
}

pub(super) async fn describe(session: &Session<'_, DescribeKey>) -> Result<DescribeKeyReply, Error> {
    let key = session.key(&session.request.key_id)?;
    Ok(DescribeKeyReply { key_metadata: full_metadata(session, &key) })
}

/// Returns the metadata of a key for callers who may describe it.
pub(crate) fn full_metadata(view: &View<'_>, key: &Allowed<&Row<Key>>) -> KeyMetadata {
    let protection = key.record.deletion_protection.as_ref();
    KeyMetadata {
        deletion_protection: Some(if protection.is_some() { "Enabled" } else { "Disabled" }.into()),
        deletion_protection_description: Some(protection.map_or("", Description::as_str).into()),
        ..metadata(view, &key.record)
    }
}

pub(super) async fn list(session: &Session<'_, ListKeys>) -> Result<ListKeysReply, Error> {
    let request = session.request;
    let page = Page::new(request.page_number, request.page_size, 1..=100)?;
    let filters = Filters::parse(request.filters.as_deref())?;
    let (keys, total_count) = searches::keys(session, page, filters).await?;
    let entry = |(_, id)| KeyEntry { key_id: KeyId::to_string(&id), key_arn: arn(session, id) };
    Ok(ListKeysReply {
        keys: KeyList { key: keys.into_iter().map(entry).collect() },
        total_count,
        page_number: page.number,
        page_size: page.size,
    })
}

pub(super) async fn enable(session: &Session<'_, EnableKey>) -> Result<Done, Error> {
    change_key(session, &session.request.key_id, |key, now| key.with_enabled(true, now)).await
}

pub(super) async fn disable(session: &Session<'_, DisableKey>) -> Result<Done, Error> {
    change_key(session, &session.request.key_id, |key, now| key.with_enabled(false, now)).await
}

pub(super) async fn update_description(session: &Session<'_, UpdateKeyDescription>) -> Result<Done, Error> {
    let description =
        Description::new(&session.request.description.0).ok_or_else(|| Error::invalid("Description"))?;
    change_key(session, &session.request.key_id, |key, now| {
        key.with_metadata(now, |key| key.description = description.clone())
    })
    .await
}

pub(super) async fn schedule_deletion(session: &Session<'_, ScheduleKeyDeletion>) -> Result<Done, Error> {
    let days = session.request.pending_window_in_days.unwrap_or(30);
    if !(7..=366).contains(&days) {
        return Err(Error::invalid("PendingWindowInDays"));
    }
    let end = session.latest_time() + i64::from(days) * 86_400;
    change_key(session, &session.request.key_id, |key, now| key.with_deletion(end, now)).await
}

pub(super) async fn cancel_deletion(session: &Session<'_, CancelKeyDeletion>) -> Result<Done, Error> {
    change_key(session, &session.request.key_id, Key::without_deletion).await
}

pub(super) async fn set_deletion_protection(
    session: &Session<'_, SetDeletionProtection>,
) -> Result<Done, Error> {
    let request = session.request;
    if request.kms_instance_id.is_some() {
        return Err(ErrorCode::ForbiddenInstanceNotFound.into());
    }
    let protection = protection(request)?;
    let protected = |key: &Key, now| {
        key.with_metadata(now, |key| key.deletion_protection.clone_from(&protection)).map_err(key_refused)
    };
    let name = ProtectedKey::of(request)?;
    session
        .change(|state| {
            let key = match name {
                ProtectedKey::Arn(arn) => state.key_by_arn(arn)?,
                ProtectedKey::Id(id) => state.key_by_id(id)?,
            };
            Ok(key.replaced(protected(&key.record, state.now())?).answering(Done {}))
        })
        .await
}

/// The name of the key in a SetDeletionProtection.
enum ProtectedKey<'a> {
    Arn(&'a str),
    Id(&'a str),
}

impl<'a> ProtectedKey<'a> {
    fn of(request: &'a SetDeletionProtection) -> Result<Self, Error> {
        match (request.protected_resource_arn.as_deref(), request.key_id.as_deref()) {
            (Some(arn), None) if arn.starts_with("acs:kms:") => Ok(Self::Arn(arn)),
            (Some(_), None) => Err(Error::invalid("ProtectedResourceArn")),
            (None, Some(id)) => Ok(Self::Id(id)),
            (Some(_), Some(_)) => Err(Error::invalid("KeyId")),
            (None, None) => Err(Error::with(ErrorCode::Missing, "ProtectedResourceArn")),
        }
    }
}

/// The requested protection with its reason; none to disable it, which ignores any description.
fn protection(request: &SetDeletionProtection) -> Result<Option<Description>, Error> {
    if !request.enable_deletion_protection {
        return Ok(None);
    }
    let why = request.deletion_protection_description.as_deref().unwrap_or_default();
    Description::new(why).map(Some).ok_or_else(|| Error::invalid("DeletionProtectionDescription"))
}

/// A CreateKey with supported and valid parameters.
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
            enabled => rotation_policy::parse(enabled == Some(true), request.rotation_interval.as_deref())?,
        };
        let tags = request.tags.as_deref().map(tag_list::parse).transpose()?.unwrap_or_default();
        Ok(Self { description, spec, usage, origin, rotation, tags })
    }
}

/// Refuses fields whose effect is not implemented, rather than ignoring them.
fn refuse_unbuilt(request: &CreateKey) -> Result<(), Error> {
    if request.dkms_instance_id.is_some() {
        return Err(ErrorCode::ForbiddenInstanceNotFound.into());
    }
    match request.protection_level.as_deref().map(ProtectionLevel::from_name) {
        None | Some(Some(ProtectionLevel::Software)) => {}
        Some(Some(ProtectionLevel::Hsm)) => return Err(ErrorCode::UnsupportedProtectionLevel.into()),
        Some(None) => return Err(Error::invalid("ProtectionLevel")),
    }
    if request.key_storage_mechanism.is_some() {
        return Err(ErrorCode::UnsupportedOperation.into());
    }
    Ok(())
}

fn metadata(view: &View<'_>, key: &Key) -> KeyMetadata {
    let now = view.now();
    let state = key.state(now);
    let date =
        |time: Option<i64>| time.map_or_else(String::new, |time| Timestamp::from_unix(time).to_string());
    let symmetric = key.spec.kind() == KeyKind::Symmetric;
    // A key that waits for imported material has no version that could encrypt.
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
        arn: arn(view, key.id),
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

fn arn(view: &View<'_>, id: KeyId) -> String {
    view.arn(&format_args!("key/{id}"))
}
