//! GenerateMac, VerifyMac.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bulla_keys::KeySpec;
use bulla_wire::Error;
use bulla_wire::actions::{GenerateMac, GenerateMacReply, VerifyMac, VerifyMacReply};
use zeroize::Zeroizing;

use super::dry_run::with_dry_run;
use crate::Kms;
use crate::authorize::Allowed;
use crate::crypto::{
    self,
    mac::{self, MacAlgorithm},
};
use crate::keyring::{self, OpenKey};
use crate::origin::Origin;

pub(super) fn generate(kms: &Kms, by: &Origin, request: GenerateMac) -> Result<GenerateMacReply, Error> {
    with_dry_run(by, request.dry_run, request, |request| {
        with_key(kms, request, (&request.key_id, &request.algorithm), |key, algorithm| {
            let message = message(request.message.expose())?;
            Ok(GenerateMacReply {
                algorithm: algorithm.name().into(),
                key_id: key.key_id().to_string(),
                mac: STANDARD.encode(mac::generate(algorithm, key.secret(), &message)),
            })
        })
    })
}

pub(super) fn verify(kms: &Kms, by: &Origin, request: VerifyMac) -> Result<VerifyMacReply, Error> {
    with_dry_run(by, request.dry_run, request, |request| {
        with_key(kms, request, (&request.key_id, &request.algorithm), |key, algorithm| {
            let message = message(request.message.expose())?;
            let code = STANDARD.decode(request.mac.trim_ascii()).map_err(|_| Error::invalid("Mac"))?;
            Ok(VerifyMacReply {
                algorithm: algorithm.name().into(),
                key_id: key.key_id().to_string(),
                value: mac::verify(algorithm, key.secret(), &message, &code),
            })
        })
    })
}

fn with_key<A, T>(
    kms: &Kms,
    allowed: &Allowed<A>,
    (key_id, algorithm): (&str, &str),
    run: impl FnOnce(&OpenKey<'_, keyring::Mac>, MacAlgorithm) -> Result<T, Error>,
) -> Result<T, Error> {
    let snapshot = kms.snapshot()?;
    let key = kms.keyring(&snapshot).open_primary(allowed, key_id)?;
    let algorithm = MacAlgorithm::from_name(algorithm)
        .filter(|algorithm| is_of(*algorithm, key.spec()))
        .ok_or_else(|| Error::invalid("Algorithm"))?;
    run(&key, algorithm)
}

/// A key is for the hash that its spec names.
fn is_of(algorithm: MacAlgorithm, spec: KeySpec) -> bool {
    matches!(
        (algorithm, spec),
        (MacAlgorithm::HmacSha256, KeySpec::HmacSha256)
            | (MacAlgorithm::HmacSha384, KeySpec::HmacSha384)
            | (MacAlgorithm::HmacSha512, KeySpec::HmacSha512)
            | (MacAlgorithm::HmacSm3, KeySpec::HmacSm3)
    )
}

fn message(text: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let message = crypto::from_base64(text).ok_or_else(|| Error::invalid("Message"))?;
    match message.len() {
        1..=MAX_MESSAGE => Ok(message),
        _ => Err(Error::invalid("Message")),
    }
}

/// 6 KB, as for all cryptography of the API.
const MAX_MESSAGE: usize = 6144;
