//! The lines of sign-ins and sign-outs in the audit trail and in the log. A session begins only after its line was written.

use bulla_kms::{Caller, OutsideRequest, Proof, SignedIn};
use bulla_wire::Error;
use http::StatusCode;

use crate::routes::Visit;

impl Visit<'_> {
    /// Writes the line of a sign-in.
    ///
    /// # Errors
    /// ServiceUnavailableTemporary if it cannot be written, so the session must not begin.
    pub(crate) async fn note_sign_in(&self, signed_in: &SignedIn) -> Result<(), Error> {
        let caller = match (signed_in.user_id(), signed_in.access_key_id().map(str::to_owned)) {
            (Some(id), Some(access_key)) => Some(Caller::User { id, proof: Proof::AccessKey(access_key) }),
            (Some(id), None) => {
                Some(Caller::User { id, proof: Proof::Password { mfa: signed_in.has_given_code() } })
            }
            (None, Some(access_key_id)) => Some(Caller::Root { access_key_id }),
            (None, None) => None,
        };
        self.note("SignIn", caller.as_ref(), None).await
    }

    /// Writes the line of a refused sign-in. The answer does not wait for it, because the caller is unproved.
    pub(crate) async fn note_refused_sign_in(&self, code: &'static str) {
        let _ = self.note("SignIn", None, Some(code)).await;
    }

    /// Writes the line of a sign-out. A session ends also while the trail takes no lines.
    pub(crate) async fn note_sign_out(&self) {
        let _ = self.note("SignOut", None, None).await;
    }

    async fn note(
        &self,
        action: &'static str,
        caller: Option<&Caller>,
        code: Option<&str>,
    ) -> Result<(), Error> {
        let request = OutsideRequest {
            connection: self.request.connection,
            caller,
            access_key_id: None,
            requested: Some((CONSOLE, action)),
            status: if code.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK }.as_u16(),
            code,
            took: self.kms.elapsed().saturating_sub(self.begun),
        };
        self.kms.note_request(request).await
    }
}

/// The product of console requests.
const CONSOLE: &str = "Console";
