//! The input of the form, and the query that it describes.

use std::collections::BTreeMap;

use bulla_kms::Explain;
use bulla_wire::{ContextParameter, Parameters};

use crate::context::Context;
use crate::forms::unix;

/// The fields of the form.
pub(super) struct Fields {
    entered: Parameters,
    /// Whether the page itself was requested over TLS.
    is_page_secure: bool,
}

/// A field whose value cannot be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldFault {
    Address,
    Time,
    EncryptionContext,
}

impl Fields {
    pub(super) fn of(context: &Context<'_>) -> Self {
        Self { entered: context.request.queried(), is_page_secure: context.origin.connection().tls }
    }

    /// Returns the input of a field, trimmed.
    pub(super) fn get(&self, name: &str) -> &str {
        self.entered.get(name).unwrap_or_default().trim()
    }

    /// Whether the question is complete. Links fill in only a part of it.
    pub(super) fn has_question(&self) -> bool {
        ["who", "action"].iter().all(|name| !self.get(name).is_empty())
    }

    /// Whether an optional property of the request was entered.
    pub(super) fn has_more(&self) -> bool {
        let optional = ["ip", "mfa", "time", "context", "external", "session"];
        optional.iter().any(|name| !self.get(name).is_empty()) || self.tls() != self.is_page_secure
    }

    /// Whether the supposed request uses TLS; by default, whether the page does.
    pub(super) fn tls(&self) -> bool {
        match self.get("tls") {
            "yes" => true,
            "no" => false,
            _ => self.is_page_secure,
        }
    }

    pub(super) fn query(&self) -> Result<Explain, FieldFault> {
        let entered = |name| Some(self.get(name)).filter(|text| !text.is_empty());
        let [who, action, resource] = ["who", "action", "resource"].map(|name| self.get(name).to_owned());
        let source_ip = entered("ip").map(str::parse).transpose().map_err(|_| FieldFault::Address)?;
        let time = entered("time").map(|text| unix(text).ok_or(FieldFault::Time)).transpose()?;
        let encryption_context = entered("context").map(encryption_context).transpose()?;
        let mfa = match self.get("mfa") {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        };
        Ok(Explain {
            who,
            action,
            resource,
            source_ip,
            tls: self.tls(),
            mfa,
            time,
            encryption_context,
            external_id: entered("external").map(str::to_owned),
            session_policy: entered("session").map(|text| text.replace("\r\n", "\n")),
        })
    }
}

fn encryption_context(text: &str) -> Result<ContextParameter, FieldFault> {
    let members: BTreeMap<String, String> =
        serde_json::from_str(text).map_err(|_| FieldFault::EncryptionContext)?;
    Ok(ContextParameter(members))
}
