//! A second action that follows the first if its field was filled in: a new key gets an alias.
//!
//! If the second action fails, the first has succeeded already, so its own form is shown with the error.

use bulla_wire::{Parameters, Product, Reply, ReplyFormat, render_reply};
use serde_json::Value;

use super::{Field, Form, find};

/// The second action, which is one of the KMS and has a form of its own.
#[derive(Clone, Copy)]
pub(crate) struct Also {
    /// The field that requests the action, named after a parameter of the action.
    pub(super) field: Field,
    pub(super) action: &'static str,
    /// The parameter that names the new resource, and the JSON pointer to the name in the reply to the first action.
    pub(super) subject: (&'static str, &'static str),
}

impl Also {
    /// Returns the form of the action and its fields; `None` if the caller did not request it.
    pub(super) fn fields(self, fields: &Parameters, reply: &Reply) -> Option<(&'static Form, Parameters)> {
        let value = fields.non_empty(self.field.parameter)?;
        let reply: Value = serde_json::from_str(&render_reply(ReplyFormat::Json, reply, "")).ok()?;
        let (parameter, place) = self.subject;
        let mut filled = Parameters::default();
        filled.set(self.field.parameter, value);
        filled.set(parameter, reply.pointer(place)?.as_str()?);
        Some((find(Product::Kms, self.action)?, filled))
    }
}
