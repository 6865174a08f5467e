//! The actions on MACs: GenerateMac, VerifyMac.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bulla_keys::KeySpec;
use bulla_wire::Error;
use bulla_wire::kms::{GenerateMac, GenerateMacReply, VerifyMac, VerifyMacReply};
use zeroize::Zeroizing;

use crate::authorize::View;
use crate::crypto::{
    self,
    mac::{self, MacAlgorithm},
};
use crate::keyring::{self, OpenKey};
use crate::session::Session;

pub(super) async fn generate(session: &Session<'_, GenerateMac>) -> Result<GenerateMacReply, Error> {
    let request = session.request;
    let key = open(session, &request.key_id)?;
    let algorithm = algorithm(&request.algorithm, &key)?;
    let message = message(request.message.expose())?;
    Ok(GenerateMacReply {
        algorithm: algorithm.name().into(),
        key_id: key.key_id().to_string(),
        mac: STANDARD.encode(mac::generate(algorithm, key.secret(), &message)),
    })
}

pub(super) async fn verify(session: &Session<'_, VerifyMac>) -> Result<VerifyMacReply, Error> {
    let request = session.request;
    let key = open(session, &request.key_id)?;
    let algorithm = algorithm(&request.algorithm, &key)?;
    let message = message(request.message.expose())?;
    let code = STANDARD.decode(request.mac.trim_ascii()).map_err(|_| Error::invalid("Mac"))?;
    Ok(VerifyMacReply {
        algorithm: algorithm.name().into(),
        key_id: key.key_id().to_string(),
        value: mac::verify(algorithm, key.secret(), &message, &code),
    })
}

fn open<'v>(view: &View<'v>, key_id: &str) -> Result<OpenKey<'v, keyring::Mac>, Error> {
    view.open_primary(&view.key(key_id)?)
}

fn algorithm(name: &str, key: &OpenKey<'_, keyring::Mac>) -> Result<MacAlgorithm, Error> {
    MacAlgorithm::from_name(name)
        .filter(|algorithm| is_of(*algorithm, key.spec()))
        .ok_or_else(|| Error::invalid("Algorithm"))
}

/// Whether a key is for this algorithm: its spec names the hash.
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

/// 6 KB, the limit of the API for all cryptographic operations.
const MAX_MESSAGE: usize = 6144;
