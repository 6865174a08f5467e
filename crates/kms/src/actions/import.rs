//! The import of key material: GetParametersForImport, ImportKeyMaterial, DeleteKeyMaterial.
//!
//! The importer wraps the material for a key pair that belongs to one token. Every unwrap failure is the same error, and
//! three failures invalidate the token, so that the endpoint is not a padding oracle. All other checks come before the
//! unwrapping, so that they reveal nothing about the material.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bulla_keys::record::Revision;
use bulla_keys::{Key, KeyOrigin, Material, Operation, Random, SystemRandom};
use bulla_wire::kms::{
    DeleteKeyMaterial, Done, GetParametersForImport, GetParametersForImportReply, ImportKeyMaterial,
};
use bulla_wire::{Error, ErrorCode, Timestamp};
use minicbor::bytes::ByteArray;

use crate::authorize::{Allowed, View};
use crate::crypto::{self, AsymmetricSpec, EncryptionAlgorithm};
use crate::generator::PairFor;
use crate::keyring::Keyring;
use crate::lifecycle::{TOKENS_KEPT, Writes, remove_material, remove_token};
use crate::new_version::NewVersion;
use crate::refusal::key_refused;
use crate::session::Session;
use crate::stale_snapshot::StaleSnapshot;
use crate::state::{ImportToken, Row, TokenId, Write};

pub(super) async fn parameters(
    session: &Session<'_, GetParametersForImport>,
) -> Result<GetParametersForImportReply, Error> {
    let request = session.request;
    let (spec, algorithm) = wrapping(&request.wrapping_key_spec, &request.wrapping_algorithm)?;
    let key = session.key_by_id(&request.key_id)?;
    check_external(&key.record)?;
    let Key { id: key_id, primary, .. } = *key.record;
    let pair = session.key_pair(PairFor::ImportToken, spec).await?;
    let mut id = [0; 32];
    SystemRandom.fill(&mut id);
    let expires = session.now() + TOKEN_LIFE;
    let private = Material::from_bytes(pair.private);
    let token = ImportToken {
        id: ByteArray::from(id),
        key: key_id,
        algorithm: algorithm.name().into(),
        private_key: session.keyring().seal(&private, key_id, primary).into(),
        expires,
        failures: 0,
    };
    session
        .change(|state| {
            let key = state.key_by_id(&request.key_id)?;
            let tokens = key.changes([(Write::ImportToken(token.clone()), 0)]);
            let stale = key.changes(without_stale_tokens(state, &key));
            Ok(tokens.and(key.unchanged()).and(stale).answering(()))
        })
        .await?;
    Ok(GetParametersForImportReply {
        import_token: STANDARD.encode(id),
        key_id: key_id.to_string(),
        public_key: STANDARD.encode(pair.public),
        token_expire_time: Timestamp::from_unix(expires),
    })
}

pub(super) async fn import(session: &Session<'_, ImportKeyMaterial>) -> Result<Done, Error> {
    let request = session.request;
    let expires = match request.key_material_expire_unix {
        None | Some(0) => None,
        Some(time) if time > session.now() && time <= Timestamp::MAX_UNIX => Some(time),
        Some(_) => return Err(Error::invalid("KeyMaterialExpireUnix")),
    };
    let (key, row) = usable(session, request)?;
    let token = &session.token(&row).await?;
    attempt(session, token, row.revision).await?;
    // From here on, every failure is the same error and is counted.
    let wrapped = &request.encrypted_key_material;
    let material = unwrap(session.keyring(), &key, token, wrapped).ok_or(ErrorCode::InvalidKeyMaterial)?;
    session
        .change(|state| {
            let key = state.key_by_id(&request.key_id)?;
            let changed = key.record.with_imported(&material, expires, state.now()).map_err(key_refused)?;
            let changed = changed.ok_or(ErrorCode::InvalidKeyMaterial)?;
            let version = imported_version(state, &key, &material);
            let row = state.token_of(&key, &token.id);
            let token = row.map(|row| counted(token, &row, u8::saturating_sub));
            let writes = [(Write::Key(changed), key.revision), version].into_iter().chain(token);
            Ok(key.changes(writes).answering(Done {}))
        })
        .await
}

/// Counts an attempt with a token, durably, before anything is unwrapped. So even with many attempts at once, or on a full
/// disk, only a few get an answer. A successful attempt is subtracted again.
async fn attempt(
    session: &Session<'_, ImportKeyMaterial>,
    token: &ImportToken,
    revision: Revision,
) -> Result<(), Error> {
    session
        .change(|state| {
            let (key, row) = usable(state, session.request)?;
            if row.revision != revision {
                return Err(StaleSnapshot.into()); // another attempt was counted since the token was read
            }
            Ok(key.changes([counted(token, &row, u8::saturating_add)]).answering(()))
        })
        .await
}

type AllowedRow<'v, R> = Allowed<&'v Row<R>>;

/// Returns the key and the token of the request, if material can be imported with them.
fn usable<'v>(
    view: &View<'v>,
    request: &ImportKeyMaterial,
) -> Result<(AllowedRow<'v, Key>, AllowedRow<'v, ImportToken>), Error> {
    let key = view.key_by_id(&request.key_id)?;
    check_external(&key.record)?;
    key.record.allows(Operation::Import, view.now()).map_err(key_refused)?;
    let token = token(view, &key, &request.import_token)?;
    Ok((key, token))
}

/// Returns the token with the failures of its row, changed by one.
fn counted(token: &ImportToken, row: &Row<ImportToken>, count: fn(u8, u8) -> u8) -> (Write, Revision) {
    let failures = count(row.record.failures, 1);
    (Write::ImportToken(ImportToken { failures, ..token.clone() }), row.revision)
}

pub(super) async fn delete(session: &Session<'_, DeleteKeyMaterial>) -> Result<Done, Error> {
    session
        .change(|state| {
            let key = state.key_by_id(&session.request.key_id)?;
            check_external(&key.record)?;
            let version = state.version_of(&key, key.record.primary);
            Ok(key.changes(remove_material(version, &key)?).answering(Done {}))
        })
        .await
}

fn check_external(key: &Key) -> Result<(), Error> {
    match key.origin {
        KeyOrigin::External => Ok(()),
        KeyOrigin::Kms => Err(ErrorCode::UnsupportedOrigin.into()),
    }
}

fn wrapping(spec: &str, algorithm: &str) -> Result<(AsymmetricSpec, EncryptionAlgorithm), Error> {
    let spec = match spec {
        "RSA_2048" => AsymmetricSpec::Rsa2048,
        "EC_SM2" => AsymmetricSpec::EcSm2,
        _ => return Err(Error::invalid("WrappingKeySpec")),
    };
    let algorithm = EncryptionAlgorithm::from_name(algorithm).filter(|algorithm| algorithm.fits(spec));
    Ok((spec, algorithm.ok_or_else(|| Error::invalid("WrappingAlgorithm"))?))
}

/// Returns the token of the request, if it belongs to this key and is valid.
fn token<'v>(
    view: &View<'v>,
    key: &Allowed<&'v Row<Key>>,
    text: &str,
) -> Result<Allowed<&'v Row<ImportToken>>, Error> {
    let token = token_id(text).and_then(|id| view.token_of(key, &id));
    let token = token.filter(|token| token.record.failures < MAX_FAILURES);
    let token = token.ok_or(ErrorCode::InvalidImportToken)?;
    if view.now() < token.record.expires { Ok(token) } else { Err(ErrorCode::ExpiredImportToken.into()) }
}

fn token_id(text: &str) -> Option<TokenId> {
    let id: [u8; 32] = STANDARD.decode(text.trim_ascii()).ok()?.try_into().ok()?;
    Some(ByteArray::from(id))
}

/// Unwraps the material; none if it does not unwrap or has the wrong length for the key.
fn unwrap(
    keyring: &Keyring,
    key: &Allowed<&Row<Key>>,
    token: &ImportToken,
    wrapped: &str,
) -> Option<Material> {
    let wrapped = STANDARD.decode(wrapped.trim_ascii()).ok()?;
    let algorithm = EncryptionAlgorithm::from_name(&token.algorithm)?;
    let spec = match algorithm {
        EncryptionAlgorithm::Sm2Pke => AsymmetricSpec::EcSm2,
        _ => AsymmetricSpec::Rsa2048,
    };
    let private = keyring.import_key(key, token).ok()?;
    let material = crypto::decrypt(spec, algorithm, private.private(), &wrapped).ok()?;
    (Some(material.len()) == key.record.spec.secret_len()).then(|| Material::from_bytes(material))
}

/// Returns the only version of a key with imported material: the first import creates it, later ones refill it.
fn imported_version<'v>(
    view: &View<'v>,
    key: &Allowed<&'v Row<Key>>,
    material: &Material,
) -> (Write, Revision) {
    let there = view.version_of(key, key.record.primary);
    let key = &key.record;
    let created = there.map_or(view.now(), |row| row.record.created);
    let new = NewVersion { key: key.id, id: key.primary, number: 0, spec: key.spec, created };
    let version = new.with_material(view.keyring(), material);
    (Write::Version(version), there.map_or(0, |row| row.revision))
}

/// Removes expired and exhausted tokens of this key, and the oldest ones beyond [`MAX_TOKENS`].
fn without_stale_tokens<'v>(view: &View<'v>, key: &Allowed<&'v Row<Key>>) -> Writes {
    let mut tokens: Vec<_> = view.tokens_of(key).collect();
    tokens.sort_unstable_by_key(|row| std::cmp::Reverse(row.record.expires));
    let is_stale = |row: &Row<ImportToken>| {
        row.record.expires <= view.now() - TOKENS_KEPT || row.record.failures >= MAX_FAILURES
    };
    let tokens = tokens.into_iter().enumerate();
    let tokens = tokens.filter(|(index, row)| *index + 1 >= MAX_TOKENS || is_stale(row));
    tokens.map(|(_, row)| remove_token(row)).collect()
}

/// 24 hours.
const TOKEN_LIFE: i64 = 86_400;
/// Failed unwraps that invalidate a token.
const MAX_FAILURES: u8 = 3;
/// Maximum tokens of one key.
const MAX_TOKENS: usize = 10;
