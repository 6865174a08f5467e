//! CreateSecret, DescribeSecret, ListSecrets, UpdateSecret, DeleteSecret, RestoreSecret, UpdateSecretRotationPolicy,
//! RotateSecret.

use bulla_keys::record::Revision;
use bulla_keys::{Description, Secret, SecretKind, SecretName, SecretRefusal, Tags};
use bulla_wire::actions::{
    CreateSecret, CreateSecretReply, DeleteSecret, DeleteSecretReply, DescribeSecret, DescribeSecretReply,
    ListSecrets, ListSecretsReply, RestoreSecret, RotateSecret, RotateSecretReply, SecretEntry, SecretList,
    SecretReply, SecretTagEntry, SecretTagList, UpdateSecret, UpdateSecretRotationPolicy,
};
use bulla_wire::{Error, ErrorCode, MaybeEmpty, Timestamp};

use super::filters::Filters;
use super::paging::Page;
use super::secret_values::{NewVersion, Sealed};
use super::service_key::service_key;
use super::{searches, tags};
use crate::Kms;
use crate::authorize::Allowed;
use crate::keyring::Keyring;
use crate::state::{Row, Write};

pub(super) async fn create(kms: &Kms, request: Allowed<CreateSecret>) -> Result<CreateSecretReply, Error> {
    let Wanted { name, first, description, tags } = Wanted::new(&request)?;
    check_free(&kms.keyring(&*kms.snapshot()?), &name)?; // before a key is made for nothing
    let key = match &request.encryption_key_id {
        Some(key) => key.clone(),
        None => service_key(kms, &request).await?.to_string(),
    };
    kms.change(&request, |keyring| {
        check_free(keyring, &name)?;
        let Sealed { version, key, writes } = first.seal(keyring, &request, &name, &key)?;
        let mut secret = Secret::new(name.clone(), key, version);
        (secret.description, secret.tags) = (description.clone(), tags.clone());
        Ok([(Write::Secret(secret), 0)].into_iter().chain(writes).collect())
    })
    .await?;
    Ok(CreateSecretReply {
        arn: arn(kms, &name),
        secret_name: name.to_string(),
        version_id: request.version_id.clone(),
        secret_type: SecretKind::Generic.name().into(),
    })
}

pub(super) fn describe(kms: &Kms, request: &Allowed<DescribeSecret>) -> Result<DescribeSecretReply, Error> {
    let snapshot = kms.snapshot()?;
    let secret = &find(&kms.keyring(&snapshot), &request.secret_name)?.record;
    let is_of_service = snapshot.key(secret.key).is_some_and(|key| key.record.is_service());
    Ok(DescribeSecretReply {
        arn: arn(kms, &secret.name),
        secret_name: secret.name.to_string(),
        secret_type: secret.kind.name().into(),
        description: secret.description.as_str().into(),
        encryption_key_id: (!is_of_service).then(|| secret.key.to_string()),
        create_time: Timestamp::from_unix(secret.created),
        update_time: Timestamp::from_unix(secret.updated()),
        planned_delete_time: secret.delete_at().map(Timestamp::from_unix),
        tags: tag_list(secret, request.fetch_tags),
    })
}

pub(super) async fn list(kms: &Kms, request: &Allowed<ListSecrets>) -> Result<ListSecretsReply, Error> {
    let page = Page::new(request.page_number, request.page_size, 1..=100)?;
    let filters = Filters::parse(request.filters.as_deref())?;
    let (secrets, total_count) = searches::secrets(kms, page, filters).await?;
    let entry = |secret: &Secret| SecretEntry {
        secret_name: secret.name.to_string(),
        secret_type: secret.kind.name().into(),
        create_time: Timestamp::from_unix(secret.created),
        update_time: Timestamp::from_unix(secret.updated()),
        planned_delete_time: secret.delete_at().map(Timestamp::from_unix),
        tags: tag_list(secret, request.fetch_tags),
    };
    Ok(ListSecretsReply {
        secret_list: SecretList { secret: secrets.iter().map(|secret| entry(secret)).collect() },
        total_count,
        page_number: page.number,
        page_size: page.size,
    })
}

pub(super) async fn update(kms: &Kms, request: Allowed<UpdateSecret>) -> Result<SecretReply, Error> {
    if request.extended_config.is_some() {
        return Err(ErrorCode::UnsupportedOperation.into());
    }
    let parse = |text: &MaybeEmpty| Description::new(&text.0).ok_or_else(|| Error::invalid("Description"));
    let description = request.description.as_ref().map(parse).transpose()?;
    change(kms, &request, &request.secret_name, |secret, now| secret.described(description.clone(), now))
        .await
}

pub(super) async fn delete(kms: &Kms, request: Allowed<DeleteSecret>) -> Result<DeleteSecretReply, Error> {
    let days = request.recovery_window_in_days.unwrap_or(30);
    let (secret, end) = match request.force_delete_without_recovery {
        Some(true) => (remove(kms, &request, &request.secret_name).await?, kms.now()),
        _ if !(7..=30).contains(&days) => return Err(Error::invalid("RecoveryWindowInDays")),
        _ => {
            let end = kms.latest_time() + i64::from(days) * 86_400;
            (change(kms, &request, &request.secret_name, |secret, _| secret.with_deletion(end)).await?, end)
        }
    };
    Ok(DeleteSecretReply { secret_name: secret.secret_name, planned_delete_time: Timestamp::from_unix(end) })
}

pub(super) async fn restore(kms: &Kms, request: Allowed<RestoreSecret>) -> Result<SecretReply, Error> {
    change(kms, &request, &request.secret_name, |secret, _| secret.without_deletion()).await
}

/// # Errors
/// Always: secrets of the only type there is do not change by themselves.
pub(super) fn update_rotation_policy(
    kms: &Kms,
    request: &Allowed<UpdateSecretRotationPolicy>,
) -> Result<SecretReply, Error> {
    find(&kms.keyring(&*kms.snapshot()?), &request.secret_name)?;
    Err(ErrorCode::UnsupportedOperation.into())
}

/// # Errors
/// Always, as above.
pub(super) fn rotate(kms: &Kms, request: &Allowed<RotateSecret>) -> Result<RotateSecretReply, Error> {
    find(&kms.keyring(&*kms.snapshot()?), &request.secret_name)?;
    Err(ErrorCode::UnsupportedOperation.into())
}

/// Writes what becomes of a secret, if it is not what it was.
pub(super) async fn change<A>(
    kms: &Kms,
    allowed: &Allowed<A>,
    name: &str,
    become_what: impl Fn(&Secret, i64) -> Result<Secret, SecretRefusal>,
) -> Result<SecretReply, Error> {
    let name = local_name(&kms.keyring(&*kms.snapshot()?), name)?;
    kms.change(allowed, |keyring| {
        let row = by_name(keyring, name.as_str())?;
        let changed = become_what(&row.record, keyring.now).map_err(refused)?;
        let is_change = changed != *row.record;
        Ok(is_change.then_some((Write::Secret(changed), row.revision)).into_iter().collect())
    })
    .await?;
    Ok(SecretReply { secret_name: name.to_string() })
}

/// Takes a secret away at once, also out of its recovery window.
async fn remove<A>(kms: &Kms, allowed: &Allowed<A>, name: &str) -> Result<SecretReply, Error> {
    let name = local_name(&kms.keyring(&*kms.snapshot()?), name)?;
    kms.change(allowed, |keyring| Ok(removal(keyring, by_name(keyring, name.as_str())?))).await?;
    Ok(SecretReply { secret_name: name.to_string() })
}

/// The changes that take a secret away, with all that it held.
pub(crate) fn removal(keyring: &Keyring<'_>, row: &Row<Secret>) -> Vec<(Write, Revision)> {
    let values = row.record.versions().filter_map(|version| keyring.snapshot.secret_value(version.value));
    let values = values.map(|row| (Write::NoSecretValue(row.record.id), row.revision));
    [(Write::NoSecret(row.record.name.clone()), row.revision)].into_iter().chain(values).collect()
}

/// The secret with this name or ARN.
///
/// # Errors
/// Forbidden.ResourceNotFound.
pub(super) fn find<'a>(keyring: &Keyring<'a>, text: &str) -> Result<&'a Row<Secret>, Error> {
    by_name(keyring, local_name(keyring, text)?.as_str())
}

/// The secret with this name; for actions that take no ARN.
///
/// # Errors
/// Forbidden.ResourceNotFound.
pub(super) fn by_name<'a>(keyring: &Keyring<'a>, name: &str) -> Result<&'a Row<Secret>, Error> {
    let name = name.parse().map_err(|_| ErrorCode::ForbiddenResourceNotFound)?;
    keyring.snapshot.secret(&name).ok_or_else(|| ErrorCode::ForbiddenResourceNotFound.into())
}

/// What the API answers to a change that a secret does not take.
pub(super) fn refused(refusal: SecretRefusal) -> Error {
    match refusal {
        SecretRefusal::InDeleteWindow => ErrorCode::RejectedResourceInDeleteWindow.into(),
        SecretRefusal::NotInDeleteWindow => ErrorCode::RejectedResourceInUse.into(),
        SecretRefusal::VersionExists => ErrorCode::RejectedResourceExist.into(),
        SecretRefusal::NoSuchVersion => ErrorCode::ForbiddenResourceNotFound.into(),
        SecretRefusal::StageElsewhere => Error::invalid("RemoveFromVersion"),
        SecretRefusal::StageStays => Error::with(ErrorCode::Missing, "MoveToVersion"),
        SecretRefusal::TooManyStages => ErrorCode::RejectedLimitExceeded.into(),
    }
}

/// What a CreateSecret asks for, once it is clear that bulla can make it.
struct Wanted<'a> {
    name: SecretName,
    first: NewVersion<'a>,
    description: Description,
    tags: Tags,
}

impl<'a> Wanted<'a> {
    fn new(request: &'a CreateSecret) -> Result<Self, Error> {
        refuse_unbuilt(request)?;
        let description = Description::new(request.description.as_deref().unwrap_or_default());
        Ok(Self {
            name: request.secret_name.parse().map_err(|_| Error::invalid("SecretName"))?,
            first: NewVersion::new(
                &request.version_id,
                &request.secret_data,
                request.secret_data_type.as_deref(),
            )?,
            description: description.ok_or_else(|| Error::invalid("Description"))?,
            tags: request.tags.as_deref().map(tags::parse).transpose()?.unwrap_or_default(),
        })
    }
}

/// Fields whose effect is not built: refused rather than accepted without it.
fn refuse_unbuilt(request: &CreateSecret) -> Result<(), Error> {
    if request.dkms_instance_id.is_some() {
        return Err(ErrorCode::ForbiddenInstanceNotFound.into());
    }
    match request.secret_type.as_deref() {
        Some(name) if SecretKind::UNSUPPORTED.contains(&name) => {
            return Err(ErrorCode::UnsupportedOperation.into());
        }
        Some(name) if SecretKind::from_name(name).is_none() => return Err(Error::invalid("SecretType")),
        _ => {}
    }
    let rotates = request.enable_automatic_rotation == Some(true);
    match rotates || request.extended_config.is_some() || request.policy.is_some() {
        true => Err(ErrorCode::UnsupportedOperation.into()),
        false => Ok(()),
    }
}

/// A secret in its recovery window keeps its name.
fn check_free(keyring: &Keyring<'_>, name: &SecretName) -> Result<(), Error> {
    let Some(row) = keyring.snapshot.secret(name) else { return Ok(()) };
    row.record.check_in_use().map_err(refused)?;
    Err(ErrorCode::RejectedResourceExist.into())
}

/// The name that a text is, or that stands in an ARN of this region and account.
fn local_name(keyring: &Keyring<'_>, text: &str) -> Result<SecretName, Error> {
    let name = match text.strip_prefix("acs:kms:") {
        Some(arn) => keyring.local_resource(arn).and_then(|resource| resource.strip_prefix("secret/")),
        None => Some(text),
    };
    name.and_then(|name| name.parse().ok()).ok_or_else(|| ErrorCode::ForbiddenResourceNotFound.into())
}

fn tag_list(secret: &Secret, wanted: Option<bool>) -> Option<SecretTagList> {
    let entry =
        |(name, value): (&str, &str)| SecretTagEntry { tag_key: name.into(), tag_value: value.into() };
    (wanted == Some(true)).then(|| SecretTagList { tag: secret.tags.iter().map(entry).collect() })
}

fn arn(kms: &Kms, name: &SecretName) -> String {
    format!("acs:kms:{}:{}:secret/{name}", kms.region(), kms.account())
}
