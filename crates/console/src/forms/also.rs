//! A second action that follows the first one if its field was filled in: a new key gets an alias.
//!
//! If it fails, the first one has succeeded all the same, so the form of the second one is shown with the error.

use bulla_wire::{Parameters, Product, Reply, ReplyFormat, render_reply};
use serde_json::Value;

use super::{Field, Form, find};

/// The action, which is one of the KMS with a form of its own.
#[derive(Clone, Copy)]
pub(crate) struct Also {
    /// The field that is filled in if the action is wanted, by the parameter of the second action.
    pub(super) field: Field,
    pub(super) action: &'static str,
    /// The parameter that names what the first action made, and the place of the name in its reply.
    pub(super) subject: (&'static str, &'static str),
}

impl Also {
    /// The form of the action and what is filled in; none if it is not wanted.
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
