//! Fills a form with the current values of its resource.

use bulla_wire::{Parameters, ReplyFormat, render_reply};
use serde_json::Value;

use super::Form;
use crate::context::Context;

/// The action of the same product that reads the resource, and for each parameter of the form a JSON pointer into its reply.
///
/// The action gets those of its parameters that are in the query of the form.
#[derive(Clone, Copy)]
pub(crate) struct Now {
    pub(super) action: &'static str,
    pub(super) places: &'static [(&'static str, &'static str)],
}

impl Now {
    /// Fills the fields that have no value yet. They remain empty for a caller who may not read the resource.
    pub(super) async fn fill(self, form: &Form, context: &Context<'_>, fields: &mut Parameters) {
        let mut parameters = Parameters::default();
        for name in form.product.parameters(self.action).unwrap_or_default() {
            if let Some(value) = fields.non_empty(name) {
                parameters.set(name, value);
            }
        }
        let Ok(reply) = context.call(form.product, self.action, &parameters).await else { return };
        let reply = render_reply(ReplyFormat::Json, &reply, context.request_id());
        let reply: Value = serde_json::from_str(&reply).unwrap_or_default();
        for (parameter, place) in self.places {
            let value = match reply.pointer(place) {
                Some(Value::String(text)) => text.clone(),
                Some(value @ (Value::Bool(_) | Value::Number(_))) => value.to_string(),
                _ => continue,
            };
            if fields.get(parameter).is_none() {
                fields.set(parameter, value);
            }
        }
    }
}
