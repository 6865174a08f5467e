//! What a record's rotation, loss of material or removal writes. Requests and maintenance share it, each with its own proof.

use bulla_keys::record::Revision;
use bulla_keys::{Key, KeyVersion, KeyVersionId, Secret, SystemRandom};
use bulla_wire::Error;

use crate::keyring::Keyring;
use crate::new_version::NewVersion;
use crate::refusal::key_refused;
use crate::state::{ImportToken, Row, Snapshot, Write};

/// Writes that belong together, each with the revision of the row that it replaces.
pub(crate) type Writes = Vec<(Write, Revision)>;

/// Gives a key, which has this revision, a new primary version of this number, if its rotation policy wants one by now.
///
/// # Errors
/// The answer to a key that does not rotate.
pub(crate) fn rotate_if_due(
    number: u32,
    keyring: &Keyring,
    key: &Key,
    revision: Revision,
    now: i64,
) -> Result<Writes, Error> {
    if key.next_rotation().is_none_or(|at| at > now) {
        return Ok(vec![]);
    }
    let id = KeyVersionId::random(&SystemRandom);
    let rotated = key.rotated(id, number as usize, now).map_err(key_refused)?;
    let version = NewVersion { key: key.id, id, number, spec: key.spec, created: now }.random(keyring);
    Ok(vec![(Write::Key(rotated), revision), (Write::Version(version), 0)])
}

/// Takes the imported material of a key away, which is in its primary `version`, if it has some.
///
/// # Errors
/// The answer to a key whose material stays.
pub(crate) fn remove_material(version: Option<&Row<KeyVersion>>, row: &Row<Key>) -> Result<Writes, Error> {
    let changed = row.record.without_imported().map_err(key_refused)?;
    let mut writes = Vec::new();
    if changed != *row.record {
        writes.push((Write::Key(changed), row.revision));
    }
    if let Some(version) = version.filter(|row| row.record.has_material()) {
        let empty = KeyVersion { sealed_material: Vec::new().into(), ..(*version.record).clone() };
        writes.push((Write::Version(empty), version.revision));
    }
    Ok(writes)
}

/// Takes a key away, with all that belongs to it.
pub(crate) fn remove_key(snapshot: &Snapshot, row: &Row<Key>) -> Writes {
    let id = row.record.id;
    let mut writes = vec![(Write::NoKey(id), row.revision)];
    writes.extend(snapshot.versions_of(id).map(|row| (Write::NoVersion(row.record.id), row.revision)));
    let aliases = snapshot.aliases_of(id);
    writes.extend(aliases.map(|row| (Write::NoAlias(row.record.name.clone()), row.revision)));
    writes.extend(snapshot.import_tokens_of(id).map(remove_token));
    writes
}

/// Takes a secret away, with all that it holds.
pub(crate) fn remove_secret(row: &Row<Secret>) -> Writes {
    let values = row.record.versions().map(|version| (Write::NoSecretValue(version.value), 0));
    [(Write::NoSecret(row.record.name.clone()), row.revision)].into_iter().chain(values).collect()
}

/// Takes an import token away.
pub(crate) fn remove_token(row: &Row<ImportToken>) -> (Write, Revision) {
    (Write::NoImportToken(row.record.id), row.revision)
}

/// Seconds for which an import token is kept after it expired, so that an importer is told that it has expired.
pub(crate) const TOKENS_KEPT: i64 = 86_400;
