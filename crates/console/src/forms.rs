//! Forms: each is one action of the API, and its fields are the parameters of the action.
//!
//! A table of constants describes how a form shows each parameter. Validation is left to the API: a posted form becomes a
//! request of the action, and errors are those of the API.

mod aliases;
mod also;
pub(crate) mod command;
mod control;
mod cryptography;
mod denied;
mod digest;
mod document;
mod import;
pub(crate) mod keys;
mod links;
mod now;
mod page;
mod people;
mod perform;
mod policies;
mod result;
mod second;
mod secrets;
mod suggest;
mod tags;
mod then;
#[cfg(test)]
mod walk;
mod warning;

use bulla_wire::{Parameters, Product};
use http::StatusCode;
use maud::{Markup, html};

use self::also::Also;
use self::control::Control;
pub(crate) use self::control::unix;
use self::denied::Denied;
pub(crate) use self::links::{button, link, link_as};
use self::now::Now;
use self::second::Second;
pub(crate) use self::then::Then;
use self::warning::Warning;
use crate::context::Context;
use crate::http::Answer;
use crate::layout::TOKEN;
use crate::texts::{self, Text, text};

/// The form of one action.
pub(crate) struct Form {
    pub(crate) product: Product,
    pub(crate) action: &'static str,
    pub(crate) title: Text,
    /// The effect of the action in one or two sentences; empty if the title is enough.
    pub(crate) about: Text,
    pub(crate) fields: &'static [Field],
    /// The parameter whose value the caller must type again to confirm the action.
    pub(crate) confirmed: Option<&'static str>,
    warning: Option<Warning>,
    /// Where the fields get the current values of the resource.
    now: Option<Now>,
    second: Option<Second>,
    also: Option<Also>,
    pub(crate) then: Then,
}

/// The field of one parameter.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    pub(crate) parameter: &'static str,
    pub(crate) label: Text,
    pub(crate) control: Control,
    pub(crate) needed: bool,
}

impl Form {
    /// Creates a form of the KMS without fields, which shows the reply.
    pub(crate) const fn kms(action: &'static str, title: Text) -> Self {
        Self::new(Product::Kms, action, title)
    }

    /// Creates a form of RAM without fields, which shows the reply.
    pub(crate) const fn ram(action: &'static str, title: Text) -> Self {
        Self::new(Product::Ram, action, title)
    }

    const fn new(product: Product, action: &'static str, title: Text) -> Self {
        let about = text("", "");
        Self {
            product,
            action,
            title,
            about,
            fields: &[],
            confirmed: None,
            warning: None,
            now: None,
            second: None,
            also: None,
            then: Then::Reply,
        }
    }

    const fn about(self, english: &'static str, chinese: &'static str) -> Self {
        Self { about: text(english, chinese), ..self }
    }

    const fn fields(self, fields: &'static [Field]) -> Self {
        Self { fields, ..self }
    }

    const fn confirmed(self, parameter: &'static str) -> Self {
        Self { confirmed: Some(parameter), ..self }
    }

    const fn warning(self, warning: Warning) -> Self {
        Self { warning: Some(warning), ..self }
    }

    /// Fills fields with the current values, which the reply to this action has at these JSON pointers.
    const fn now(self, action: &'static str, places: &'static [(&'static str, &'static str)]) -> Self {
        Self { now: Some(Now { action, places }), ..self }
    }

    const fn second(self, second: Second) -> Self {
        Self { second: Some(second), ..self }
    }

    const fn also(self, also: Also) -> Self {
        Self { also: Some(also), ..self }
    }

    const fn then(self, then: Then) -> Self {
        Self { then, ..self }
    }
}

impl Field {
    const fn needed(parameter: &'static str, label: Text, control: Control) -> Self {
        Self { parameter, label, control, needed: true }
    }

    const fn optional(parameter: &'static str, label: Text, control: Control) -> Self {
        Self { parameter, label, control, needed: false }
    }

    /// Creates an optional hidden field, whose value the linking page may provide.
    const fn hidden_optional(parameter: &'static str) -> Self {
        Self { needed: false, ..Self::hidden(parameter) }
    }

    /// Creates a hidden field, whose value the linking page provides.
    const fn hidden(parameter: &'static str) -> Self {
        Self { parameter, label: text("", ""), control: Control::Hidden, needed: true }
    }
}

/// All forms.
static FORMS: [&[Form]; 8] = [
    keys::FORMS,
    aliases::FORMS,
    import::FORMS,
    cryptography::FORMS,
    people::FORMS,
    policies::FORMS,
    secrets::FORMS,
    tags::FORMS,
];

/// The collections, with the action that a POST to each calls.
const COLLECTIONS: [(&str, Product, &str); 8] = [
    ("keys", Product::Kms, "CreateKey"),
    ("aliases", Product::Kms, "CreateAlias"),
    ("secrets", Product::Kms, "CreateSecret"),
    ("users", Product::Ram, "CreateUser"),
    ("groups", Product::Ram, "CreateGroup"),
    ("roles", Product::Ram, "CreateRole"),
    ("policies", Product::Ram, "CreatePolicy"),
    ("access-keys", Product::Ram, "CreateAccessKey"),
];

/// Returns the form of an action.
pub(crate) fn find(product: Product, action: &str) -> Option<&'static Form> {
    FORMS.iter().copied().flatten().find(|form| form.product == product && form.action == action)
}

/// Shows a form; `None` if the action has none.
pub(crate) async fn show(context: &Context<'_>, product: &str, action: &str) -> Option<Answer> {
    let form = named(product, action)?;
    let mut fields = context.request.queried();
    if let Some(now) = form.now {
        now.fill(form, context, &mut fields).await;
    }
    let page = form.page(context, &fields, None).await;
    Some(Answer::page(StatusCode::OK, context.view.finish(page)))
}

/// Performs a posted form; `None` if there is no such form.
pub(crate) async fn perform(
    context: &Context<'_>,
    segments: &[&str],
    mut fields: Parameters,
) -> Option<Answer> {
    let form = match segments {
        ["do", product, action] => named(product, action)?,
        [collection] => {
            let (_, product, action) = COLLECTIONS.iter().find(|(name, ..)| name == collection)?;
            find(*product, action)?
        }
        _ => return None,
    };
    fields.set(TOKEN, ""); // no part of the request
    let mut answer = form.perform(context, &fields).await;
    answer.action = Some(form.action);
    Some(answer)
}

fn named(product: &str, action: &str) -> Option<&'static Form> {
    let product = Product::ALL.iter().find(|candidate| candidate.name().eq_ignore_ascii_case(product))?;
    find(*product, action)
}

/// Shows which action the redirect to this page reports as done.
pub(crate) fn done(context: &Context<'_>) -> Markup {
    let fields = context.request.queried();
    let form = fields.get("done").and_then(|action| named(fields.get("of")?, action));
    html! {
        @if let Some(form) = form {
            p.done role="status" { (context.text(texts::DONE)) (context.text(form.title)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_form_is_an_action_and_every_field_one_of_its_parameters() {
        for form in FORMS.iter().copied().flatten() {
            let parameters = form.product.parameters(form.action).expect(form.action);
            for field in form.fields {
                assert!(parameters.contains(&field.parameter), "{} of {}", field.parameter, form.action);
            }
            let has = |name: &str| form.fields.iter().any(|field| field.parameter == name);
            assert!(form.confirmed.is_none_or(has), "{}", form.action);
            let named = match form.then {
                Then::Of(_, parameter) => vec![parameter],
                Then::OneOf(places) => places.iter().map(|(_, parameter)| *parameter).collect(),
                Then::Typed { name, kind, .. } => vec![name, kind],
                _ => Vec::new(),
            };
            assert!(named.iter().all(|name| name.is_empty() || has(name)), "{}", form.action);
            let now = form.now.iter().flat_map(|now| now.places);
            assert!(now.into_iter().all(|(parameter, _)| has(parameter)), "{}", form.action);
            if let Some(also) = form.also {
                let second = find(form.product, also.action).expect(also.action);
                let has = |name: &str| second.fields.iter().any(|field| field.parameter == name);
                assert!(has(also.field.parameter) && has(also.subject.0), "{}", form.action);
            }
            if let Some(Second::Generate(parameter)) = form.second {
                assert!(has(parameter), "{}", form.action);
            }
        }
        let names = FORMS.iter().copied().flatten().map(|form| (form.product.name(), form.action));
        assert_eq!(names.clone().collect::<BTreeSet<_>>().len(), names.count(), "a form is there twice");
        for (collection, product, action) in COLLECTIONS {
            assert!(find(product, action).is_some(), "{collection}");
        }
    }
}
