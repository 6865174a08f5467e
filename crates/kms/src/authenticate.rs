//! Checks who sent a request: access key, signature, time and nonce, in this order, and with temporary credentials the token
//! and its chain. The server calls it before [`Kms::call`]; the result is the [`Origin`] that every permission check uses.
//!
//! A nonce is recorded only after its signature verified, so an attacker without a key cannot fill the memory of nonces. An
//! unknown access key costs the same work as a wrong secret. Until the signature verified with the secret in a token, errors
//! about the token reveal only that it does not open or belongs to another access key.

use bulla_wire::signature::{Signature, Signer};
use bulla_wire::{Call, Error, ErrorCode};

use crate::Kms;
use crate::clock::Times;
use crate::origin::{Caller, Connection, Origin, Proof};
use crate::replay::{Replay, WINDOW};
use crate::sessions::{PREFIX, SealedToken};
use crate::state::{AccessKey, AccessKeyOwner, Snapshot};

impl AccessKey {
    /// Returns who acts by this active access key; none if it belongs to a user who does not have it.
    pub(crate) fn caller(&self, snapshot: &Snapshot) -> Option<Caller> {
        let access_key_id = self.id.to_string();
        match self.owner {
            AccessKeyOwner::Root => Some(Caller::Root { access_key_id }),
            AccessKeyOwner::User(id) => snapshot
                .has_access_key(id, &self.id)
                .then_some(Caller::User { id, proof: Proof::AccessKey(access_key_id) }),
        }
    }
}

impl Kms {
    /// Checks who sent `call`, and that it was not sent before.
    ///
    /// # Errors
    /// IncompleteSignature, InvalidAccessKeyId.NotFound, SignatureDoesNotMatch, Forbidden.AccessKey, MissingSecurityToken,
    /// InvalidSecurityToken.Malformed, InvalidSecurityToken.MismatchWithAccessKey, InvalidSecurityToken.Expired,
    /// InvalidTimeStamp.Expired, SignatureNonceUsed, Throttling.User when the memory of nonces is full.
    pub fn authenticate(&self, call: &Call, connection: Connection) -> Result<Origin, Error> {
        let is_own_proof = call.product.is_some_and(|product| product.may_be_unsigned(&call.action));
        if is_own_proof && matches!(call.signature, Signature::Unsigned) {
            return Ok(Origin { caller: Caller::Unsigned, connection });
        }
        if matches!(call.signature, Signature::V1(_)) && !self.options.accept_v1 {
            return Err(ErrorCode::IncompleteSignature.into());
        }
        let signer = call.signature.signer()?;
        let times = self.clock.times();
        let snapshot = self.state.snapshot()?;
        let is_temporary = signer.access_key_id.starts_with(PREFIX);
        let caller = if is_temporary && snapshot.access_key(&signer.access_key_id).is_none() {
            self.session(&snapshot, &call.signature, signer, times)?
        } else {
            self.access_key_owner(&snapshot, &call.signature, signer)?
        };
        self.take_nonce(signer, times)?;
        if !matches!(caller, Caller::Session(_)) {
            self.note_use(&signer.access_key_id, times.believed);
        }
        // A request with a proof of its own does not act as its signer.
        Ok(Origin { caller: if is_own_proof { Caller::Unsigned } else { caller }, connection })
    }

    /// Returns the owner of the access key that signed.
    fn access_key_owner(
        &self,
        snapshot: &Snapshot,
        signature: &Signature,
        signer: &Signer,
    ) -> Result<Caller, Error> {
        let access_key = snapshot.access_key(&signer.access_key_id);
        let verified = self.keyring.verify(access_key, signature);
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
        access_key.caller(snapshot).ok_or_else(|| ErrorCode::InvalidAccessKeyIdNotFound.into())
    }

    /// Returns the session of temporary credentials. A session that ended early gets the same answer as an expired one: the
    /// client then requests new credentials, and the refusal of that request names the reason.
    fn session(
        &self,
        snapshot: &Snapshot,
        signature: &Signature,
        signer: &Signer,
        times: Times,
    ) -> Result<Caller, Error> {
        let Some(token) = &signer.security_token else {
            return Err(Error::with(ErrorCode::Missing, "SecurityToken"));
        };
        let opened = SealedToken::parse(token.expose())
            .and_then(|token| self.keyring.open_token(snapshot, &token, self.account()));
        let Some((session, secret)) = opened else {
            return Err(ErrorCode::SecurityTokenMalformed.into());
        };
        if *session.access_key_id != *signer.access_key_id {
            return Err(ErrorCode::SecurityTokenMismatch.into());
        }
        signature.verify(secret.expose())?;
        if !session.lasts(times.believed) || !session.holds(snapshot, &self.oidc) {
            return Err(ErrorCode::SecurityTokenExpired.into());
        }
        Ok(Caller::Session(session.into()))
    }

    /// Checks when the request was signed, and records its nonce.
    fn take_nonce(&self, signer: &Signer, times: Times) -> Result<(), Error> {
        let signed = signer.timestamp.unix();
        if (times.wall - signed).abs() > WINDOW {
            return Err(ErrorCode::InvalidTimeStampExpired.into());
        }
        self.nonces.record(&signer.access_key_id, &signer.nonce, signed, times).map_err(|replay| {
            let code = match replay {
                Replay::Used => ErrorCode::SignatureNonceUsed,
                Replay::Closed => ErrorCode::InvalidTimeStampExpired,
                Replay::Full => ErrorCode::ThrottlingUser,
            };
            code.into()
        })
    }
}
