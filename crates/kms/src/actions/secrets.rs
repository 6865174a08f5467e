//! The actions on secrets: CreateSecret, DescribeSecret, ListSecrets, UpdateSecret, DeleteSecret, RestoreSecret,
//! UpdateSecretRotationPolicy, RotateSecret.

use std::sync::Arc;

use bulla_keys::{Description, Key, Secret, SecretKind, SecretName, Tags};
use bulla_wire::kms::{
    CreateSecret, CreateSecretReply, DeleteSecret, DeleteSecretReply, DescribeSecret, DescribeSecretReply,
    GenerateDataKey, ListSecrets, ListSecretsReply, RestoreSecret, RotateSecret, RotateSecretReply,
    SecretEntry, SecretList, SecretReply, SecretTagEntry, SecretTagList, UpdateSecret,
    UpdateSecretRotationPolicy,
};
use bulla_wire::{Error, ErrorCode, MaybeEmpty, Timestamp};

use super::filters::Filters;
use super::new_secret_version::{NewSecretVersion, Sealed};
use super::paging::Page;
use super::secret_change::change_secret;
use super::service_key::ensure_service_key;
use super::{policies, searches, tag_list};
use crate::authorize::{Allowed, CheckedResource, Container, Permission, View};
use crate::lifecycle::remove_secret;
use crate::people::{OfSecret, SecretPolicy};
use crate::refusal::secret_refused;
use crate::session::Session;
use crate::state::{Row, Write};

pub(super) async fn create(session: &Session<'_, CreateSecret>) -> Result<CreateSecretReply, Error> {
    let request = session.request;
    let Wanted { name, first, description, tags } = Wanted::new(request)?;
    let secrets = session.with_tags(&tags).container(Container::Secrets)?;
    let named_key = request.encryption_key_id.as_deref();
    named_key.map(|key| ask_named_key(session, key)).transpose()?; // before the error that the name is in use
    check_free(session, &secrets, &name)?; // before the service key is created unnecessarily
    let policy = request.policy.as_deref();
    policy.map(|text| policies::document::<OfSecret>(session, text)).transpose()?;
    session.check_room::<Secret, _>(&secrets, session.quotas().of_secrets())?;
    if named_key.is_none() {
        ensure_service_key(session, &tags).await?;
    }
    session
        .change(|state| {
            let secrets = state.with_tags(&tags).container(Container::Secrets)?;
            let key = match named_key {
                Some(key) => ask_named_key(state, key)?,
                None => state.key_of_service(&secrets).ok_or(ErrorCode::ForbiddenKeyNotFound.into()),
            };
            check_free(state, &secrets, &name)?;
            state.check_room::<Secret, _>(&secrets, state.quotas().of_secrets())?;
            let Sealed { version, key, writes } = first.seal(state, &name, &key?)?;
            let mut secret = Secret::new(name.clone(), key, version);
            (secret.description, secret.tags) = (description.clone(), tags.clone());
            secret.made_by = state.maker();
            let changes = secrets.changes([(Write::Secret(secret), 0)]).and(writes);
            let Some(text) = policy else { return Ok(changes.answering(())) };
            let (document, named) = policies::document(state, text)?;
            let policy = Write::SecretPolicy(SecretPolicy { secret: name.clone(), document });
            Ok(changes.and(secrets.changes(named.into_iter().chain([(policy, 0)]))).answering(()))
        })
        .await?;
    Ok(CreateSecretReply {
        arn: arn(session, &name),
        secret_name: name.to_string(),
        version_id: request.version_id.clone(),
        secret_type: SecretKind::Generic.name().into(),
    })
}

/// Checks the permission for the key of the account that will seal a secret.
fn ask_named_key<'v>(view: &View<'v>, name: &str) -> Result<CheckedResource<&'v Row<Key>>, Error> {
    view.with_permission(Permission::of::<GenerateDataKey>()).ask_key(name)
}

pub(super) async fn describe(session: &Session<'_, DescribeSecret>) -> Result<DescribeSecretReply, Error> {
    let secret = session.secret(&session.request.secret_name)?;
    let is_of_service = session.is_sealed_by_service(&secret);
    let secret = &secret.record;
    Ok(DescribeSecretReply {
        arn: arn(session, &secret.name),
        secret_name: secret.name.to_string(),
        secret_type: secret.kind.name().into(),
        description: secret.description.as_str().into(),
        encryption_key_id: (!is_of_service).then(|| secret.key.to_string()),
        create_time: Timestamp::from_unix(secret.created),
        update_time: Timestamp::from_unix(secret.updated()),
        planned_delete_time: secret.delete_at().map(Timestamp::from_unix),
        tags: tag_entries(secret, session.request.fetch_tags),
    })
}

pub(super) async fn list(session: &Session<'_, ListSecrets>) -> Result<ListSecretsReply, Error> {
    let request = session.request;
    let page = Page::new(request.page_number, request.page_size, 1..=100)?;
    let filters = Filters::parse(request.filters.as_deref())?;
    let (secrets, total_count) = searches::secrets(session, page, filters).await?;
    let entry = |secret: &Arc<Secret>| listed(secret, request.fetch_tags);
    Ok(ListSecretsReply {
        secret_list: SecretList { secret: secrets.iter().map(entry).collect() },
        total_count,
        page_number: page.number,
        page_size: page.size,
    })
}

/// The entry of a secret for callers who may list secrets.
pub(crate) fn listed(secret: &Secret, fetch_tags: Option<bool>) -> SecretEntry {
    SecretEntry {
        secret_name: secret.name.to_string(),
        secret_type: secret.kind.name().into(),
        create_time: Timestamp::from_unix(secret.created),
        update_time: Timestamp::from_unix(secret.updated()),
        planned_delete_time: secret.delete_at().map(Timestamp::from_unix),
        tags: tag_entries(secret, fetch_tags),
    }
}

pub(super) async fn update(session: &Session<'_, UpdateSecret>) -> Result<SecretReply, Error> {
    let request = session.request;
    if request.extended_config.is_some() {
        return Err(ErrorCode::UnsupportedOperation.into());
    }
    let parse = |text: &MaybeEmpty| Description::new(&text.0).ok_or_else(|| Error::invalid("Description"));
    let description = request.description.as_ref().map(parse).transpose()?;
    change_secret(session, &request.secret_name, |secret, now| {
        secret.with_description(description.clone(), now)
    })
    .await
}

pub(super) async fn delete(session: &Session<'_, DeleteSecret>) -> Result<DeleteSecretReply, Error> {
    let request = session.request;
    let days = request.recovery_window_in_days.unwrap_or(30);
    let (secret, end) = if request.force_delete_without_recovery == Some(true) {
        (remove(session).await?, session.now())
    } else if !(7..=30).contains(&days) {
        return Err(Error::invalid("RecoveryWindowInDays"));
    } else {
        let end = session.latest_time() + i64::from(days) * 86_400;
        (change_secret(session, &request.secret_name, |secret, _| secret.with_deletion(end)).await?, end)
    };
    Ok(DeleteSecretReply { secret_name: secret.secret_name, planned_delete_time: Timestamp::from_unix(end) })
}

/// Deletes a secret at once, even in its recovery window.
async fn remove(session: &Session<'_, DeleteSecret>) -> Result<SecretReply, Error> {
    session
        .change(|state| {
            let secret = state.secret(&session.request.secret_name)?;
            let reply = SecretReply { secret_name: secret.record.name.to_string() };
            let policy = state.policy_of_secret(&secret);
            Ok(secret.changes(remove_secret(&secret, policy)).answering(reply))
        })
        .await
}

pub(super) async fn restore(session: &Session<'_, RestoreSecret>) -> Result<SecretReply, Error> {
    change_secret(session, &session.request.secret_name, |secret, _| secret.without_deletion()).await
}

/// # Errors
/// Always: secrets of the only type cannot be rotated.
pub(super) async fn update_rotation_policy(
    session: &Session<'_, UpdateSecretRotationPolicy>,
) -> Result<SecretReply, Error> {
    session.secret(&session.request.secret_name)?;
    Err(ErrorCode::UnsupportedOperation.into())
}

/// # Errors
/// Always, as above.
pub(super) async fn rotate(session: &Session<'_, RotateSecret>) -> Result<RotateSecretReply, Error> {
    session.secret(&session.request.secret_name)?;
    Err(ErrorCode::UnsupportedOperation.into())
}

/// A CreateSecret with supported and valid parameters.
struct Wanted<'a> {
    name: SecretName,
    first: NewSecretVersion<'a>,
    description: Description,
    tags: Tags,
}

impl<'a> Wanted<'a> {
    fn new(request: &'a CreateSecret) -> Result<Self, Error> {
        refuse_unbuilt(request)?;
        let description = Description::new(request.description.as_deref().unwrap_or_default());
        Ok(Self {
            name: request.secret_name.parse().map_err(|_| Error::invalid("SecretName"))?,
            first: NewSecretVersion::new(
                &request.version_id,
                &request.secret_data,
                request.secret_data_type.as_deref(),
            )?,
            description: description.ok_or_else(|| Error::invalid("Description"))?,
            tags: request.tags.as_deref().map(tag_list::parse).transpose()?.unwrap_or_default(),
        })
    }
}

/// Refuses fields whose effect is not implemented, rather than ignoring them.
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
    if rotates || request.extended_config.is_some() {
        return Err(ErrorCode::UnsupportedOperation.into());
    }
    Ok(())
}

/// Checks that the name is free; a secret in its recovery window still has its name.
fn check_free(view: &View<'_>, secrets: &Allowed<Container>, name: &SecretName) -> Result<(), Error> {
    let is_taken = view.is_taken(secrets, name).map_err(secret_refused)?;
    if is_taken { Err(ErrorCode::RejectedResourceExist.into()) } else { Ok(()) }
}

fn tag_entries(secret: &Secret, fetch_tags: Option<bool>) -> Option<SecretTagList> {
    let entry =
        |(name, value): (&str, &str)| SecretTagEntry { tag_key: name.into(), tag_value: value.into() };
    (fetch_tags == Some(true)).then(|| SecretTagList { tag: secret.tags.iter().map(entry).collect() })
}

fn arn(view: &View<'_>, name: &SecretName) -> String {
    view.arn(&format_args!("secret/{name}"))
}
