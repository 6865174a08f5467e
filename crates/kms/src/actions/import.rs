//! GetParametersForImport, ImportKeyMaterial, DeleteKeyMaterial.
//!
//! Whoever brings material wraps it for a key pair that is made for one token. Everything that can be wrong with what he
//! brings is one error, and the third one ends the token: the unwrapping must tell nobody anything about a plaintext, nor
//! about material that a key had. So whatever else can be wrong is found out before.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bulla_keys::record::Revision;
use bulla_keys::{Key, KeyOrigin, KeyVersion, Material, Operation, Random, SystemRandom};
use bulla_wire::actions::{
    DeleteKeyMaterial, Done, GetParametersForImport, GetParametersForImportReply, ImportKeyMaterial,
};
use bulla_wire::{Error, ErrorCode, Timestamp};
use minicbor::bytes::ByteArray;

use super::versions::{NewVersion, with_material};
use crate::Kms;
use crate::authorize::Allowed;
use crate::crypto::{self, AsymmetricSpec, EncryptionAlgorithm};
use crate::generator::PairFor;
use crate::keyring::{Keyring, refused};
use crate::state::{ImportToken, Row, TokenId, Write};

pub(super) async fn parameters(
    kms: &Kms,
    request: Allowed<GetParametersForImport>,
) -> Result<GetParametersForImportReply, Error> {
    let (spec, algorithm) = wrapping(&request.wrapping_key_spec, &request.wrapping_algorithm)?;
    let (key, primary) = {
        let snapshot = kms.snapshot()?;
        let key = &kms.keyring(&snapshot).by_id(&request.key_id)?.record;
        external(key)?;
        (key.id, key.primary)
    };
    let pair = kms.generator.key_pair(PairFor::ImportToken, spec).await?;
    let mut id = [0; 32];
    SystemRandom.fill(&mut id);
    let expires = kms.now() + TOKEN_LIFE;
    let token = ImportToken {
        id: ByteArray::from(id),
        key,
        algorithm: algorithm.name().into(),
        private_key: Material::from_bytes(pair.private).seal(&kms.roots, key, primary, &SystemRandom).into(),
        expires,
        failures: 0,
    };
    kms.change(&request, |keyring| {
        let row = keyring.by_id(&request.key_id)?;
        let mut writes = vec![(Write::ImportToken(token.clone()), 0), (Write::SameKey(key), row.revision)];
        writes.extend(superfluous(keyring, &row.record));
        Ok(writes)
    })
    .await?;
    Ok(GetParametersForImportReply {
        import_token: STANDARD.encode(id),
        key_id: key.to_string(),
        public_key: STANDARD.encode(pair.public),
        token_expire_time: Timestamp::from_unix(expires),
    })
}

pub(super) async fn import(kms: &Kms, request: Allowed<ImportKeyMaterial>) -> Result<Done, Error> {
    let expires = match request.key_material_expire_unix {
        None | Some(0) => None,
        Some(time) if time > kms.now() && time <= Timestamp::MAX_UNIX => Some(time),
        Some(_) => return Err(Error::invalid("KeyMaterialExpireUnix")),
    };
    let (key, token) = attempt(kms, &request).await?;
    // From here on every answer but success is the same, and counted.
    let wrapped = &request.encrypted_key_material;
    let material = unwrap(kms, &key, &token, wrapped).ok_or(ErrorCode::InvalidKeyMaterial)?;
    kms.change(&request, |keyring| {
        let row = keyring.by_id(&request.key_id)?;
        let changed = row.record.with_imported(&material, expires, keyring.now).map_err(refused)?;
        let changed = changed.ok_or(ErrorCode::InvalidKeyMaterial)?;
        let version = imported_version(kms, keyring, &row.record, &material);
        let token = keyring.snapshot.import_token(&token.id).map(|row| counted(row, u8::saturating_sub));
        Ok([(Write::Key(changed), row.revision), version].into_iter().chain(token).collect())
    })
    .await?;
    Ok(Done {})
}

/// Counts a try of a token, durably, before anything is unwrapped: of many at once, and on a full disk, no more than a
/// few are answered. A try that succeeds is given back.
async fn attempt(
    kms: &Kms,
    request: &Allowed<ImportKeyMaterial>,
) -> Result<(Arc<Key>, Arc<ImportToken>), Error> {
    let found = |keyring: &Keyring<'_>| {
        let key = &keyring.by_id(&request.key_id)?.record;
        external(key)?;
        key.allows(Operation::Import, keyring.now).map_err(refused)?;
        Ok::<_, Error>((key.clone(), token(keyring, key, &request.import_token)?.clone()))
    };
    kms.change(request, |keyring| Ok(vec![counted(&found(keyring)?.1, u8::saturating_add)])).await?;
    let snapshot = kms.snapshot()?;
    let keyring = kms.keyring(&snapshot);
    let key = keyring.by_id(&request.key_id)?.record.clone();
    let id = token_id(&request.import_token).ok_or(ErrorCode::InvalidImportToken)?;
    let token = snapshot.import_token(&id).ok_or(ErrorCode::InvalidImportToken)?;
    Ok((key, token.record.clone()))
}

/// The token with one try more or less.
fn counted(row: &Row<ImportToken>, count: fn(u8, u8) -> u8) -> (Write, Revision) {
    let mut token = (*row.record).clone();
    token.failures = count(token.failures, 1);
    (Write::ImportToken(token), row.revision)
}

pub(super) async fn delete(kms: &Kms, request: Allowed<DeleteKeyMaterial>) -> Result<Done, Error> {
    kms.change(&request, |keyring| {
        let row = keyring.by_id(&request.key_id)?;
        external(&row.record)?;
        without_material(keyring, row)
    })
    .await?;
    Ok(Done {})
}

/// The changes that take the imported material of a key away, if it has some.
pub(crate) fn without_material(
    keyring: &Keyring<'_>,
    row: &Row<Key>,
) -> Result<Vec<(Write, Revision)>, Error> {
    let changed = row.record.without_imported().map_err(refused)?;
    let mut writes = Vec::new();
    if changed != *row.record {
        writes.push((Write::Key(changed), row.revision));
    }
    if let Some(version) = keyring.snapshot.version(row.record.primary).filter(|v| v.record.has_material()) {
        let empty = KeyVersion { sealed_material: Vec::new().into(), ..(*version.record).clone() };
        writes.push((Write::Version(empty), version.revision));
    }
    Ok(writes)
}

fn external(key: &Key) -> Result<(), Error> {
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

/// The token that somebody brought back, for this key and not ended.
fn token<'a>(keyring: &Keyring<'a>, key: &Key, text: &str) -> Result<&'a Row<ImportToken>, Error> {
    let token = token_id(text).and_then(|id| keyring.snapshot.import_token(&id));
    let token = token.filter(|token| token.record.key == key.id && token.record.failures < MAX_FAILURES);
    let token = token.ok_or(ErrorCode::InvalidImportToken)?;
    match keyring.now < token.record.expires {
        true => Ok(token),
        false => Err(ErrorCode::ExpiredImportToken.into()),
    }
}

fn token_id(text: &str) -> Option<TokenId> {
    let id: [u8; 32] = STANDARD.decode(text.trim_ascii()).ok()?.try_into().ok()?;
    Some(ByteArray::from(id))
}

/// The material, if it unwraps and is as long as that of this key.
fn unwrap(kms: &Kms, key: &Key, token: &ImportToken, wrapped: &str) -> Option<Material> {
    let wrapped = STANDARD.decode(wrapped.trim_ascii()).ok()?;
    let algorithm = EncryptionAlgorithm::from_name(&token.algorithm)?;
    let spec = match algorithm {
        EncryptionAlgorithm::Sm2Pke => AsymmetricSpec::EcSm2,
        _ => AsymmetricSpec::Rsa2048,
    };
    let private = Material::open(&kms.roots, key.id, key.primary, &token.private_key).ok()?;
    let material = crypto::decrypt(spec, algorithm, private.expose(), &wrapped).ok()?;
    (Some(material.len()) == key.spec.secret_len()).then(|| Material::from_bytes(material))
}

/// The one version of a key with imported material: made with the first import, and filled again by later ones.
fn imported_version(kms: &Kms, keyring: &Keyring<'_>, key: &Key, material: &Material) -> (Write, Revision) {
    let there = keyring.snapshot.version(key.primary);
    let created = there.map_or(keyring.now, |row| row.record.created);
    let new = NewVersion { key: key.id, id: key.primary, number: 0, spec: key.spec };
    (Write::Version(with_material(kms, new, material, created)), there.map_or(0, |row| row.revision))
}

/// Tokens of this key that are of no use any more, and the oldest ones beyond a few.
fn superfluous(keyring: &Keyring<'_>, key: &Key) -> Vec<(Write, Revision)> {
    let mut tokens: Vec<_> = keyring.snapshot.import_tokens_of(key.id).collect();
    tokens.sort_unstable_by_key(|row| std::cmp::Reverse(row.record.expires));
    let useless = |row: &Row<ImportToken>| {
        row.record.expires <= keyring.now - TOKENS_KEPT || row.record.failures >= MAX_FAILURES
    };
    let tokens = tokens.into_iter().enumerate();
    tokens
        .filter(|(index, row)| *index + 1 >= MAX_TOKENS || useless(row))
        .map(|(_, row)| (Write::NoImportToken(row.record.id), row.revision))
        .collect()
}

/// 24 hours.
const TOKEN_LIFE: i64 = 86_400;
/// Seconds for which a token that has ended is known, so that whoever brings it hears that.
pub(crate) const TOKENS_KEPT: i64 = 86_400;
/// Wrapped material that does not unwrap, after which a token is of no use.
const MAX_FAILURES: u8 = 3;
/// Tokens of one key at a time.
const MAX_TOKENS: usize = 10;
