//! GetSecretValue, BatchGetSecretValue, PutSecretValue, ListSecretVersionIds, UpdateSecretVersionStage.

use std::collections::BTreeSet;

use bulla_keys::record::Revision;
use bulla_keys::secret::binding;
use bulla_keys::{
    KeyId, Secret, SecretDataType, SecretName, SecretValue, SecretValueId, SecretVersion, SecretVersionId,
    Stage, SystemRandom, blob,
};
use bulla_wire::actions::{
    BatchGetSecretValue, BatchGetSecretValueReply, GetSecretValue, GetSecretValueReply, ListSecretVersionIds,
    ListSecretVersionIdsReply, PutSecretValue, PutSecretValueReply, SecretError, SecretReply,
    SecretVersionEntry, SecretVersionList, UpdateSecretVersionStage, VersionStageList,
};
use bulla_wire::{Error, ErrorCode, SecretText, Timestamp};
use serde::Deserialize;

use super::data_keys::refuse_recipient;
use super::dry_run::with_dry_run;
use super::json;
use super::paging::Page;
use super::secrets::{self, find, refused};
use crate::Kms;
use crate::authorize::Allowed;
use crate::keyring::{self, Keyring, OpenKey};
use crate::origin::Origin;
use crate::state::Write;

pub(super) fn get(kms: &Kms, by: &Origin, request: GetSecretValue) -> Result<GetSecretValueReply, Error> {
    with_dry_run(by, request.dry_run, request, |request| {
        refuse_recipient(request.recipient.as_deref())?;
        let which = Which {
            secret_name: request.secret_name.clone(),
            version_id: request.version_id.clone(),
            version_stage: request.version_stage.clone(),
            fetch_extended_config: None,
        };
        which.value(&kms.keyring(&*kms.snapshot()?), request)
    })
}

pub(super) fn get_batch(
    kms: &Kms,
    request: &Allowed<BatchGetSecretValue>,
) -> Result<BatchGetSecretValueReply, Error> {
    let wanted: Vec<Which> = json::list(&request.secrets_list, "SecretsList")?;
    if !(1..=MAX_BATCH).contains(&wanted.len()) {
        return Err(Error::invalid("SecretsList"));
    }
    let snapshot = kms.snapshot()?;
    let keyring = kms.keyring(&snapshot);
    let mut reply = BatchGetSecretValueReply { secret_values: Vec::new(), errors: Vec::new() };
    for which in wanted {
        match which.value(&keyring, request) {
            Ok(value) => reply.secret_values.push(value),
            Err(error) if error.status() < 500 => reply.errors.push(SecretError {
                secret_name: which.secret_name,
                code: error.code_text(),
                http_status: error.status(),
                message: error.message(),
            }),
            Err(error) => return Err(error), // the log has to hear of it
        }
    }
    Ok(reply)
}

pub(super) async fn put(kms: &Kms, request: Allowed<PutSecretValue>) -> Result<PutSecretValueReply, Error> {
    let new =
        NewVersion::new(&request.version_id, &request.secret_data, request.secret_data_type.as_deref())?;
    let stages = stages(request.version_stages.as_deref())?;
    kms.change(&request, |keyring| {
        let row = find(keyring, &request.secret_name)?;
        let secret = &row.record;
        secret.check_in_use().map_err(refused)?;
        match new.existing(keyring, &request, secret)? {
            Some(Existing::SameValue) => return Ok(vec![]), // a repeated request; type and stages do not enter
            Some(Existing::OtherValue) => return Err(ErrorCode::RejectedResourceExist.into()),
            None => {}
        }
        let Sealed { version, writes, .. } =
            new.seal(keyring, &request, &secret.name, &secret.key.to_string())?;
        let (changed, superfluous) = secret.with_version(version, &stages).map_err(refused)?;
        let superfluous = superfluous.and_then(|id| keyring.snapshot.secret_value(id));
        let superfluous = superfluous.map(|row| (Write::NoSecretValue(row.record.id), row.revision));
        let change = (Write::Secret(changed), row.revision);
        Ok([change].into_iter().chain(writes).chain(superfluous).collect())
    })
    .await?;
    let snapshot = kms.snapshot()?;
    let secret = &find(&kms.keyring(&snapshot), &request.secret_name)?.record;
    Ok(PutSecretValueReply {
        secret_name: secret.name.to_string(),
        version_id: new.id.to_string(),
        version_stages: stages_of(secret, &new.id),
    })
}

pub(super) fn list(
    kms: &Kms,
    request: &Allowed<ListSecretVersionIds>,
) -> Result<ListSecretVersionIdsReply, Error> {
    let page = Page::new(request.page_number, request.page_size.or(Some(20)), 1..=100)?;
    let snapshot = kms.snapshot()?;
    let secret = &find(&kms.keyring(&snapshot), &request.secret_name)?.record;
    let all = request.include_deprecated == Some(true);
    let is_listed = |version: &&SecretVersion| all || secret.stages_of(&version.id).next().is_some();
    let (versions, total_count) = page.counted(secret.versions().rev().filter(is_listed));
    let entry = |version: &SecretVersion| SecretVersionEntry {
        version_id: version.id.to_string(),
        create_time: Timestamp::from_unix(version.created),
        version_stages: stages_of(secret, &version.id),
    };
    Ok(ListSecretVersionIdsReply {
        secret_name: secret.name.to_string(),
        version_ids: SecretVersionList { version_id: versions.into_iter().map(entry).collect() },
        total_count,
        page_number: page.number,
        page_size: page.size,
    })
}

pub(super) async fn move_stage(
    kms: &Kms,
    request: Allowed<UpdateSecretVersionStage>,
) -> Result<SecretReply, Error> {
    let stage: Stage = request.version_stage.parse().map_err(|_| Error::invalid("VersionStage"))?;
    let from = version_id(request.remove_from_version.as_deref(), "RemoveFromVersion")?;
    let to = version_id(request.move_to_version.as_deref(), "MoveToVersion")?;
    if from.is_none() && to.is_none() {
        return Err(Error::with(ErrorCode::Missing, "MoveToVersion"));
    }
    secrets::change(kms, &request, &request.secret_name, |secret, now| match (&from, &to) {
        (from, Some(to)) => secret.with_stage(&stage, from.as_ref(), to, now),
        (Some(from), None) => secret.without_stage(&stage, from, now),
        (None, None) => Ok(secret.clone()),
    })
    .await
}

/// A version of a secret that somebody wants to read.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Which {
    secret_name: String,
    version_id: Option<String>,
    version_stage: Option<String>,
    /// Of no effect for the only type there is.
    #[expect(dead_code, reason = "it may be there")]
    fetch_extended_config: Option<Flag>,
}

/// A boolean, as some clients write it, or a text.
#[derive(Deserialize)]
#[serde(untagged)]
#[expect(dead_code, reason = "nobody asks which")]
enum Flag {
    Bool(bool),
    Text(String),
}

impl Which {
    fn value<A>(&self, keyring: &Keyring<'_>, allowed: &Allowed<A>) -> Result<GetSecretValueReply, Error> {
        let secret = &find(keyring, &self.secret_name)?.record;
        secret.check_in_use().map_err(refused)?;
        let version = self.version(secret).ok_or(ErrorCode::ForbiddenResourceNotFound)?;
        Ok(GetSecretValueReply {
            secret_name: secret.name.to_string(),
            secret_type: secret.kind.name().into(),
            version_id: version.id.to_string(),
            secret_data: open(keyring, allowed, secret, version)?,
            secret_data_type: version.data_type.name().into(),
            version_stages: stages_of(secret, &version.id),
            create_time: Timestamp::from_unix(secret.created),
        })
    }

    /// The version that is named and at which the stage points, as far as either is said.
    fn version<'s>(&'s self, secret: &'s Secret) -> Option<&'s SecretVersion> {
        let given = |text: &'s Option<String>| text.as_deref().filter(|text| !text.is_empty());
        let stage = given(&self.version_stage);
        let Some(id) = given(&self.version_id) else {
            return secret.staged(stage.unwrap_or(Stage::CURRENT));
        };
        let named = secret.version(id);
        named.filter(|_| stage.is_none_or(|stage| secret.staged(stage) == named))
    }
}

/// A version that is to be made.
pub(super) struct NewVersion<'a> {
    id: SecretVersionId,
    data_type: SecretDataType,
    data: &'a SecretText,
}

/// A version that the secret has already, compared with one that is to be made.
enum Existing {
    SameValue,
    OtherValue,
}

/// A version whose value is sealed.
pub(super) struct Sealed {
    pub(super) version: SecretVersion,
    /// The key that sealed it.
    pub(super) key: KeyId,
    /// The value; and the key as it is, because a value must not outlive the decision that its key can open it.
    pub(super) writes: [(Write, Revision); 2],
}

impl<'a> NewVersion<'a> {
    /// # Errors
    /// InvalidParameter naming VersionId, SecretData or SecretDataType.
    pub(super) fn new(id: &str, data: &'a SecretText, data_type: Option<&str>) -> Result<Self, Error> {
        let data_type = data_type.map_or(Some(SecretDataType::Text), SecretDataType::from_name);
        if data.expose().len() > MAX_DATA {
            return Err(Error::invalid("SecretData"));
        }
        Ok(Self {
            id: id.parse().map_err(|_| Error::invalid("VersionId"))?,
            data_type: data_type.ok_or_else(|| Error::invalid("SecretDataType"))?,
            data,
        })
    }

    /// Seals the value under the primary version of a key.
    ///
    /// # Errors
    /// As [`Keyring::open_primary`].
    pub(super) fn seal<A>(
        &self,
        keyring: &Keyring<'_>,
        allowed: &Allowed<A>,
        name: &SecretName,
        key: &str,
    ) -> Result<Sealed, Error> {
        let open: OpenKey<'_, keyring::Encrypt> = keyring.open_primary(allowed, key)?;
        let blob = open.seal(&binding(name, &self.id), self.data.expose().as_bytes())?.into();
        let (key, value) = (open.key_id(), SecretValueId::random(&SystemRandom));
        let revision = keyring.by_id(&key.to_string())?.revision;
        let (id, created, data_type) = (self.id.clone(), keyring.now, self.data_type);
        let writes =
            [(Write::SecretValue(SecretValue { id: value, blob }), 0), (Write::SameKey(key), revision)];
        Ok(Sealed { version: SecretVersion { id, created, data_type, value }, key, writes })
    }

    /// Whether the secret has this version already, and with which value.
    fn existing<A>(
        &self,
        keyring: &Keyring<'_>,
        allowed: &Allowed<A>,
        secret: &Secret,
    ) -> Result<Option<Existing>, Error> {
        let Some(version) = secret.version(self.id.as_str()) else { return Ok(None) };
        let is_same = open(keyring, allowed, secret, version)? == *self.data; // in constant time
        Ok(Some(if is_same { Existing::SameValue } else { Existing::OtherValue }))
    }
}

/// Opens what a version holds.
///
/// # Errors
/// Forbidden.KeyNotFound if the key of the secret is gone; as [`Keyring::open_to_decrypt`].
fn open<A>(
    keyring: &Keyring<'_>,
    allowed: &Allowed<A>,
    secret: &Secret,
    version: &SecretVersion,
) -> Result<SecretText, Error> {
    keyring.by_id(&secret.key.to_string())?;
    let value = keyring.snapshot.secret_value(version.value);
    let blob = &value.ok_or_else(|| Error::internal("a version without its value"))?.record.blob;
    let by = blob::version(blob).ok_or_else(|| Error::internal("a value that is no blob"))?;
    let key = keyring.open_to_decrypt(allowed, by)?;
    let data = key.open(&binding(&secret.name, &version.id), blob)?.map_err(Error::internal)?;
    Ok(str::from_utf8(&data).map_err(Error::internal)?.to_owned().into())
}

/// The stages of a JSON list, or of a list inside an object as replies have it; the current one if nothing is said.
fn stages(text: Option<&str>) -> Result<BTreeSet<Stage>, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct Wrapped {
        version_stage: Vec<String>,
    }

    let Some(text) = text.filter(|text| text.trim() != "null") else {
        return Ok(BTreeSet::from([Stage::current()]));
    };
    let names: Vec<String> = match serde_json::from_str(text) {
        Ok(names) => names,
        Err(_) => json::object::<Wrapped>(text, "VersionStages")?.version_stage,
    };
    let stages: Option<BTreeSet<Stage>> = names.iter().map(|name| name.parse().ok()).collect();
    stages.filter(|stages| !stages.is_empty()).ok_or_else(|| Error::invalid("VersionStages"))
}

fn version_id(text: Option<&str>, parameter: &str) -> Result<Option<SecretVersionId>, Error> {
    text.map(|text| text.parse().map_err(|_| Error::invalid(parameter))).transpose()
}

fn stages_of(secret: &Secret, version: &SecretVersionId) -> VersionStageList {
    VersionStageList { version_stage: secret.stages_of(version).map(Stage::to_string).collect() }
}

/// 30 KB of the text as it is given.
const MAX_DATA: usize = 30_720;
/// Secrets that are read at once.
const MAX_BATCH: usize = 20;
