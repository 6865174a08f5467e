//! The actions on values of secrets: GetSecretValue, BatchGetSecretValue, PutSecretValue, ListSecretVersionIds,
//! UpdateSecretVersionStage.

use std::collections::BTreeSet;

use bulla_keys::{Key, Secret, SecretValue, SecretVersion, SecretVersionId, Stage};
use bulla_wire::kms::{
    BatchGetSecretValue, BatchGetSecretValueReply, Decrypt, GenerateDataKey, GetSecretValue,
    GetSecretValueReply, ListSecretVersionIds, ListSecretVersionIdsReply, PutSecretValue,
    PutSecretValueReply, SecretError, SecretReply, SecretVersionEntry, SecretVersionList,
    UpdateSecretVersionStage, VersionStageList,
};
use bulla_wire::{Error, ErrorCode, Timestamp};
use serde::Deserialize;

use super::json;
use super::new_secret_version::{NewSecretVersion, Sealed};
use super::paging::Page;
use super::recipient::refuse_recipient;
use super::secret_change::change_secret;
use super::secret_value::{self, Chosen};
use crate::authorize::{Allowed, Permission, View};
use crate::refusal::secret_refused;
use crate::session::Session;
use crate::stale_snapshot::StaleSnapshot;
use crate::state::{Row, Write};

pub(super) async fn get(session: &Session<'_, GetSecretValue>) -> Result<GetSecretValueReply, Error> {
    let request = session.request;
    refuse_recipient(request.recipient.as_deref())?;
    let which = Which {
        secret_name: request.secret_name.clone(),
        version_id: request.version_id.clone(),
        version_stage: request.version_stage.clone(),
        fetch_extended_config: None,
    };
    let found = which.find(session)?;
    let values = secret_value::read(session, &[&found.chosen]).await?;
    found.reply(session, &values[0])
}

pub(super) async fn get_batch(
    session: &Session<'_, BatchGetSecretValue>,
) -> Result<BatchGetSecretValueReply, Error> {
    let requested: Vec<Which> = json::list(&session.request.secrets_list, "SecretsList")?;
    if !(1..=MAX_BATCH).contains(&requested.len()) {
        return Err(Error::invalid("SecretsList"));
    }
    let found: Vec<_> = requested.iter().map(|which| which.find(session)).collect();
    let chosen: Vec<_> = found.iter().flatten().map(|found| &found.chosen).collect();
    let mut values = secret_value::read(session, &chosen).await?.into_iter();
    let mut reply = BatchGetSecretValueReply { secret_values: Vec::new(), errors: Vec::new() };
    for (which, found) in requested.iter().zip(found) {
        let value = found.and_then(|found| found.reply(session, &values.next().expect("one for each found")));
        match value {
            Ok(value) => reply.secret_values.push(value),
            Err(error) if error.status() < 500 => reply.errors.push(SecretError {
                secret_name: which.secret_name.clone(),
                code: error.code_text(),
                http_status: error.status(),
                message: error.message(),
            }),
            Err(error) => return Err(error), // the log must contain it
        }
    }
    Ok(reply)
}

pub(super) async fn put(session: &Session<'_, PutSecretValue>) -> Result<PutSecretValueReply, Error> {
    let request = session.request;
    let new = NewSecretVersion::new(
        &request.version_id,
        &request.secret_data,
        request.secret_data_type.as_deref(),
    )?;
    let stages = stages(request.version_stages.as_deref())?;
    let reply = |secret: &Secret| PutSecretValueReply {
        secret_name: secret.name.to_string(),
        version_id: new.id().to_string(),
        version_stages: stages_of(secret, new.id()),
    };
    let (secret, key) = writable(session, &request.secret_name)?;
    if let Some(version) = secret.record.version(new.id().as_str()) {
        // A retried request succeeds if the value is the same; type and stages are not compared.
        let existing = Chosen { secret, version };
        let values = secret_value::read(session, &[&existing]).await?;
        let is_same = new.has_value(&existing.open(session, &values[0], &key)?);
        return is_same.then(|| reply(&secret.record)).ok_or_else(|| ErrorCode::RejectedResourceExist.into());
    }
    session
        .change(|state| {
            let (secret, key) = writable(state, &request.secret_name)?;
            if secret.record.version(new.id().as_str()).is_some() {
                return Err(StaleSnapshot.into()); // another request has created the version: its value must be compared
            }
            let Sealed { version, writes, .. } = new.seal(state, &secret.record.name, &key)?;
            let (changed, dropped) = secret.record.with_version(version, &stages).map_err(secret_refused)?;
            let dropped = dropped.map(|id| (Write::NoSecretValue(id), 0));
            let reply = reply(&changed);
            Ok(secret.replaced(changed).and(writes).and(secret.changes(dropped)).answering(reply))
        })
        .await
}

type Usable<'v, R> = Allowed<&'v Row<R>>;

/// Returns a secret that may get a new version, and the key that seals it.
fn writable<'v>(view: &View<'v>, name: &str) -> Result<(Usable<'v, Secret>, Usable<'v, Key>), Error> {
    let secret = view.secret(name)?;
    let key = view.key_of(&secret, Permission::of::<GenerateDataKey>())?;
    secret.record.check_in_use().map_err(secret_refused)?;
    Ok((secret, key.ok_or(ErrorCode::ForbiddenKeyNotFound)?))
}

pub(super) async fn list(
    session: &Session<'_, ListSecretVersionIds>,
) -> Result<ListSecretVersionIdsReply, Error> {
    let request = session.request;
    let page = Page::new(request.page_number, request.page_size.or(Some(20)), 1..=100)?;
    let secret = &session.secret(&request.secret_name)?.record;
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
    session: &Session<'_, UpdateSecretVersionStage>,
) -> Result<SecretReply, Error> {
    let request = session.request;
    let stage: Stage = request.version_stage.parse().map_err(|_| Error::invalid("VersionStage"))?;
    let from = version_id(request.remove_from_version.as_deref(), "RemoveFromVersion")?;
    let to = version_id(request.move_to_version.as_deref(), "MoveToVersion")?;
    if from.is_none() && to.is_none() {
        return Err(Error::with(ErrorCode::Missing, "MoveToVersion"));
    }
    change_secret(session, &request.secret_name, |secret, now| match (&from, &to) {
        (from, Some(to)) => secret.with_stage(&stage, from.as_ref(), to, now),
        (Some(from), None) => secret.without_stage(&stage, from, now),
        (None, None) => Ok(secret.clone()),
    })
    .await
}

/// The version of a secret to read.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Which {
    secret_name: String,
    version_id: Option<String>,
    version_stage: Option<String>,
    /// Has no effect on the only type of secret.
    #[expect(dead_code, reason = "it may be there")]
    fetch_extended_config: Option<Flag>,
}

/// A boolean, or a text as some clients send it.
#[derive(Deserialize)]
#[serde(untagged)]
#[expect(dead_code, reason = "its presence alone is checked")]
enum Flag {
    Bool(bool),
    Text(String),
}

impl Which {
    /// Returns the version. Checks the permission to read it and, if the secret has a key of the account, to decrypt with
    /// that key.
    fn find<'v>(&self, view: &View<'v>) -> Result<Found<'v>, Error> {
        let view = view.with_permission(Permission::of::<GetSecretValue>());
        let secret = view.secret(&self.secret_name)?;
        let key = view.key_of(&secret, Permission::of::<Decrypt>())?;
        secret.record.check_in_use().map_err(secret_refused)?;
        let version = self.version(&secret.record).ok_or(ErrorCode::ForbiddenResourceNotFound)?;
        let key = key.ok_or(ErrorCode::ForbiddenKeyNotFound)?;
        Ok(Found { chosen: Chosen { secret, version }, key })
    }

    /// Returns the version with the id and the stage that the request names; either may be missing.
    fn version<'s>(&self, secret: &'s Secret) -> Option<&'s SecretVersion> {
        fn non_empty(text: &Option<String>) -> Option<&str> {
            text.as_deref().filter(|text| !text.is_empty())
        }
        let stage = non_empty(&self.version_stage);
        let Some(id) = non_empty(&self.version_id) else {
            return secret.staged(stage.unwrap_or(Stage::CURRENT));
        };
        let named = secret.version(id);
        named.filter(|_| stage.is_none_or(|stage| secret.staged(stage) == named))
    }
}

/// A version to read, and the key that opens it.
struct Found<'v> {
    chosen: Chosen<'v>,
    key: Usable<'v, Key>,
}

impl<'v> Found<'v> {
    fn reply(&self, view: &View<'v>, value: &SecretValue) -> Result<GetSecretValueReply, Error> {
        let Chosen { secret, version } = &self.chosen;
        let secret = &secret.record;
        Ok(GetSecretValueReply {
            secret_name: secret.name.to_string(),
            secret_type: secret.kind.name().into(),
            version_id: version.id.to_string(),
            secret_data: self.chosen.open(view, value, &self.key)?,
            secret_data_type: version.data_type.name().into(),
            version_stages: stages_of(secret, &version.id),
            create_time: Timestamp::from_unix(secret.created),
        })
    }
}

/// Parses the stages: a JSON list, or a list inside an object as in replies. Default: the current stage.
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

/// Maximum secrets in one request.
const MAX_BATCH: usize = 20;
