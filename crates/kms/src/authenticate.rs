//! Who sent a request: access key, signature, time, nonce, in this order.
//!
//! A nonce is recorded only after its signature verified, so nobody fills the memory of nonces without a key.
//! An unknown access key costs the same work as a wrong secret.

use bulla_wire::signature::Signature;
use bulla_wire::{Call, Error, ErrorCode};

use crate::Kms;
use crate::origin::{Caller, Connection, Origin};
use crate::replay::{Replay, WINDOW};

impl Kms {
    /// Checks who sent `call`, and that it was not sent before.
    ///
    /// # Errors
    /// IncompleteSignature, InvalidAccessKeyId.NotFound, SignatureDoesNotMatch, Forbidden.AccessKey,
    /// InvalidSecurityToken.MismatchWithAccessKey, InvalidTimeStamp.Expired, SignatureNonceUsed,
    /// Throttling.User when the memory of nonces is full.
    pub fn authenticate(&self, call: &Call, connection: Connection) -> Result<Origin, Error> {
        if matches!(call.signature, Signature::V1(_)) && !self.options.accept_v1 {
            return Err(ErrorCode::IncompleteSignature.into());
        }
        let signer = call.signature.signer()?;
        let snapshot = self.state.snapshot()?;
        let access_key = snapshot.access_key(&signer.access_key_id);
        let verified = self.keyring.verify(access_key, &call.signature);
        let Some(access_key) = access_key else {
            return Err(ErrorCode::InvalidAccessKeyIdNotFound.into());
        };
        verified?;
        if !access_key.active {
            return Err(ErrorCode::ForbiddenAccessKey.into());
        }
        if signer.security_token.is_some() {
            return Err(ErrorCode::SecurityTokenMismatch.into());
        }
        let times = self.clock.look();
        let signed = signer.timestamp.unix();
        if (times.wall - signed).abs() > WINDOW {
            return Err(ErrorCode::InvalidTimeStampExpired.into());
        }
        self.nonces.record(&signer.access_key_id, &signer.nonce, signed, times).map_err(
            |replay| match replay {
                Replay::Used => ErrorCode::SignatureNonceUsed,
                Replay::Closed => ErrorCode::InvalidTimeStampExpired,
                Replay::Full => ErrorCode::ThrottlingUser,
            },
        )?;
        let caller = Caller::Root { access_key_id: signer.access_key_id.clone() };
        Ok(Origin { caller, connection })
    }
}
