//! The actions on key versions: CreateKeyVersion, DescribeKeyVersion, ListKeyVersions, UpdateRotationPolicy.

use bulla_keys::{KeyVersion, KeyVersionId, SystemRandom};
use bulla_wire::kms::{
    CreateKeyVersion, DescribeKeyVersion, Done, KeyVersionEntry, KeyVersionList, KeyVersionReply,
    ListKeyVersions, ListKeyVersionsReply, UpdateRotationPolicy,
};
use bulla_wire::{Error, Timestamp};

use super::paging::Page;
use super::rotation_policy;
use crate::generator::PairFor;
use crate::lifecycle::rotate_if_due;
use crate::new_version::NewVersion;
use crate::refusal::key_refused;
use crate::session::Session;
use crate::state::Write;

pub(super) async fn create(session: &Session<'_, CreateKeyVersion>) -> Result<KeyVersionReply, Error> {
    let id = KeyVersionId::random(&SystemRandom);
    let key = session.key(&session.request.key_id)?;
    let versions = session.next_version_of(&key) as usize;
    key.record.rotated(id, versions, session.now()).map_err(key_refused)?; // before the expensive key pair is generated
    session.check_room_for_version(&key)?;
    let key = key.record.clone();
    // Its number is unknown: another version may be created meanwhile.
    let new = NewVersion { key: key.id, id, number: 0, spec: key.spec, created: session.now() };
    let made = new.generated(session, PairFor::Version).await?;
    session
        .change(|state| {
            let key = state.same_key(made.key, &session.request.key_id)?;
            let number = state.next_version_of(&key);
            let rotated = key.record.rotated(id, number as usize, state.now()).map_err(key_refused)?;
            state.check_room_for_version(&key)?;
            let version = KeyVersion { number, ..made.clone() };
            let key_version = entry(&version);
            let changes = key.changes([(Write::Key(rotated), key.revision), (Write::Version(version), 0)]);
            Ok(changes.answering(KeyVersionReply { key_version }))
        })
        .await
}

pub(super) async fn describe(session: &Session<'_, DescribeKeyVersion>) -> Result<KeyVersionReply, Error> {
    let key = session.key(&session.request.key_id)?;
    Ok(KeyVersionReply { key_version: entry(session.version(&key, &session.request.key_version_id)?) })
}

pub(super) async fn list(session: &Session<'_, ListKeyVersions>) -> Result<ListKeyVersionsReply, Error> {
    let request = session.request;
    let page = Page::new(request.page_number, request.page_size, 0..=101)?;
    let key = session.key(&request.key_id)?;
    let versions = session.versions_of(&key);
    let versions = versions.rows(page.places());
    Ok(ListKeyVersionsReply {
        key_versions: KeyVersionList { key_version: versions.map(|row| entry(&row.record)).collect() },
        total_count: session.next_version_of(&key).into(),
        page_number: page.number,
        page_size: page.size,
    })
}

pub(super) async fn update_policy(session: &Session<'_, UpdateRotationPolicy>) -> Result<Done, Error> {
    let request = session.request;
    let rotation =
        rotation_policy::parse(request.enable_automatic_rotation, request.rotation_interval.as_deref())?;
    session
        .change(|state| {
            let key = state.key_by_id(&request.key_id)?;
            let changed = key.record.with_rotation(rotation, state.now()).map_err(key_refused)?;
            // If a rotation is overdue by the new interval, it happens at once.
            let number = state.next_version_of(&key);
            let rotated = rotate_if_due(number, state.keyring(), &changed, key.revision, state.now())?;
            let changes = if rotated.is_empty() { key.replaced(changed) } else { key.changes(rotated) };
            Ok(changes.answering(Done {}))
        })
        .await
}

fn entry(version: &KeyVersion) -> KeyVersionEntry {
    KeyVersionEntry {
        key_id: version.key.to_string(),
        key_version_id: version.id.to_string(),
        creation_date: Timestamp::from_unix(version.created),
    }
}
