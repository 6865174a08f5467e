//! The lines of operators' calls, which reach a server over its control socket and not over the network.

use std::time::Duration;

use bulla_wire::{Error, ErrorCode};
use futures_channel::oneshot;

use super::record::Record;
use crate::Kms;
use crate::audit::{CallerIdentity, CallerType, Outcome, Request};

/// A call by the operator.
#[derive(Clone, Copy, Debug)]
pub struct OperatorCall<'c> {
    /// The id of the call in the trail.
    pub request_id: &'c str,
    /// The id of the user on this machine who calls, according to the kernel.
    pub user: u32,
    /// The name of the call, if it exists.
    pub name: Option<&'static str>,
    /// The status of the reply, as in HTTP.
    pub status: u16,
    /// The error code, if it was refused.
    pub code: Option<&'static str>,
    /// Its duration.
    pub took: Duration,
    /// Whether the call is answered even if its line cannot be written, so the log has that answer.
    pub is_answered_anyway: bool,
}

impl Kms {
    /// Writes the line of an operator's call to the audit trail, if there is one, and to the request log. The thread of the trail
    /// writes, so the caller's thread never hangs with a disk. Once this was polled, the line is written even if it is dropped.
    ///
    /// # Errors
    /// ServiceUnavailableTemporary if it cannot be written. Unless it is answered anyway, the call must not succeed then.
    pub async fn note_operator_call(&self, call: OperatorCall<'_>) -> Result<(), Error> {
        let record = record(self, &call);
        let line = self.auditor.line_of(&record);
        let Some(running) = &self.auditor.trail else { return Ok(()) };
        let written = running.waiting.push(running.members(record), true);
        let written: Result<(), Error> =
            written.await.map_err(|oneshot::Canceled| ErrorCode::ServiceUnavailableTemporary.into());
        match &written {
            Ok(()) => line.write_waited(),
            Err(_) if call.is_answered_anyway => line.write(),
            Err(error) => {
                line.discard();
                self.auditor.line_of(&self::record(self, &call).refused(error)).write();
            }
        }
        written
    }
}

fn record<'c>(kms: &Kms, call: &OperatorCall<'c>) -> Record<'c> {
    let id = Some(call.user.to_string().into());
    let caller =
        CallerIdentity { kind: CallerType::Operator, name: None, id, arn: None, session: Vec::new() };
    let request = Request {
        request_id: call.request_id.into(),
        caller: Some(caller),
        product: Some(PRODUCT.into()),
        action: call.name.map(Into::into),
        outcome: Outcome { status: call.status, code: call.code.map(Into::into) },
        microseconds: u64::try_from(call.took.as_micros()).unwrap_or(u64::MAX),
        ..Request::default()
    };
    Record::new(kms.clock.raw(), request)
}

/// In place of the name of the product in a line of the API.
const PRODUCT: &str = "Control";
