//! Forms: each is one action of the API, and its fields are the parameters.
//!
//! The table says how people see a parameter; what it means and whether it is right, the API says. So a form is posted as a
//! request of the API is, and an error is the API's.

mod command;
mod control;
mod keys;
mod result;

use bulla_wire::{Error, Format, Parameters, Product, render_reply};
use http::StatusCode;
use maud::{Markup, html};
use serde_json::Value;
use zeroize::Zeroizing;

use self::control::Control;
use crate::context::Context;
use crate::http::Answer;
use crate::layout::{self, TOKEN, foreign, problem, token};
use crate::paths::{path, with_query};
use crate::texts::{self, Text, text};

/// One action as a form.
pub(crate) struct Form {
    pub(crate) product: Product,
    pub(crate) action: &'static str,
    pub(crate) title: Text,
    /// What happens, in a sentence or two; empty if the title says it.
    pub(crate) about: Text,
    pub(crate) fields: &'static [Field],
    /// The parameter that has to be typed once more before the form does anything.
    pub(crate) confirmed: Option<&'static str>,
    pub(crate) then: Then,
}

/// One parameter as a field.
pub(crate) struct Field {
    pub(crate) parameter: &'static str,
    pub(crate) label: Text,
    pub(crate) control: Control,
    pub(crate) needed: bool,
}

impl Form {
    /// A form of the KMS without fields, which shows the reply.
    pub(crate) const fn kms(action: &'static str, title: Text) -> Self {
        Self::new(Product::Kms, action, title)
    }

    /// A form of RAM without fields, which shows the reply.
    pub(crate) const fn ram(action: &'static str, title: Text) -> Self {
        Self::new(Product::Ram, action, title)
    }

    const fn new(product: Product, action: &'static str, title: Text) -> Self {
        Self { product, action, title, about: text("", ""), fields: &[], confirmed: None, then: Then::Reply }
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

    /// What the page that leads here knows already.
    const fn hidden(parameter: &'static str) -> Self {
        Self { parameter, label: text("", ""), control: Control::Hidden, needed: true }
    }
}

/// What is shown after the action.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    /// The reply.
    Reply,
    /// The page of what a parameter names: a collection, and the parameter.
    Of(&'static str, &'static str),
    /// The page of what the reply names: a collection, and the place in the reply.
    Made(&'static str, &'static str),
    /// The page of a collection.
    List(&'static str),
}

/// All forms.
static FORMS: [&[Form]; 1] = [keys::FORMS];

/// The collections, with the action that a POST to each is.
const COLLECTIONS: [(&str, Product, &str); 2] =
    [("keys", Product::Kms, "CreateKey"), ("aliases", Product::Kms, "CreateAlias")];

/// The form of an action.
pub(crate) fn find(product: Product, action: &str) -> Option<&'static Form> {
    FORMS.iter().copied().flatten().find(|form| form.product == product && form.action == action)
}

/// A link to the form of an action, filled with what is known already.
pub(crate) fn link(context: &Context<'_>, product: Product, action: &str, known: &[(&str, &str)]) -> Markup {
    let form = find(product, action).expect("a page links to forms of the table");
    let to = with_query(&form.path(), known);
    html! { a.action href=(to) { (context.say(form.title)) } }
}

/// The page of a form that was not sent yet.
pub(crate) fn show(context: &Context<'_>, product: &str, action: &str) -> Option<Answer> {
    let form = named(product, action)?;
    let page = form.page(context, &context.request.queried(), None);
    Some(Answer::page(StatusCode::OK, context.view.finish(page)))
}

/// Does what a form that was sent asks for.
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
    let product = Product::ALL.iter().find(|known| known.name().eq_ignore_ascii_case(product))?;
    find(*product, action)
}

impl Form {
    pub(crate) fn path(&self) -> String {
        path("do", &[&self.product.name().to_ascii_lowercase(), self.action])
    }

    async fn perform(&self, context: &Context<'_>, fields: &Parameters) -> Answer {
        let again = |status, problem: Markup| {
            let page = self.page(context, fields, Some(&problem));
            Answer::page(status, context.view.finish(page))
        };
        if !self.is_confirmed(fields) {
            let words = html! { div.problem role="alert" { (context.say(texts::TYPE_TO_CONFIRM)) } };
            return again(StatusCode::BAD_REQUEST, words);
        }
        match self.call(context, fields).await {
            Ok((parameters, reply)) => self.answer(context, &parameters, reply),
            Err(error) => {
                let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
                let mut answer = again(status, problem(&context.view, &error, context.request_id()));
                answer.code = Some(error.code_text());
                answer
            }
        }
    }

    fn is_confirmed(&self, fields: &Parameters) -> bool {
        self.confirmed.is_none_or(|parameter| {
            fields.non_empty(parameter).is_some_and(|value| fields.get(CONFIRMATION) == Some(value))
        })
    }

    async fn call(
        &self,
        context: &Context<'_>,
        fields: &Parameters,
    ) -> Result<(Parameters, Zeroizing<String>), Error> {
        let parameters = self.parameters(fields)?;
        let reply = context.call(self.product, self.action, &parameters).await?;
        Ok((parameters, render_reply(Format::Json, &reply, context.request_id())))
    }

    /// The parameters of the request. Only those of the form's fields are taken: what else a form carries is no part of it.
    fn parameters(&self, fields: &Parameters) -> Result<Parameters, Error> {
        let mut parameters = Parameters::default();
        for field in self.fields {
            if let Some(value) = field.control.value(field.parameter, fields)? {
                parameters.set(field.parameter, value);
            }
        }
        Ok(parameters)
    }

    fn answer(&self, context: &Context<'_>, parameters: &Parameters, reply: Zeroizing<String>) -> Answer {
        let done = [("done", self.action), ("of", self.product.name())];
        let to = match self.then {
            Then::Reply => None,
            Then::Of(collection, parameter) => {
                parameters.get(parameter).map(|name| path(collection, &[name]))
            }
            Then::Made(collection, place) => {
                let reply: Option<Value> = serde_json::from_str(&reply).ok();
                let name = reply.as_ref().and_then(|reply| reply.pointer(place)?.as_str());
                name.map(|name| path(collection, &[name]))
            }
            Then::List(collection) => Some(path(collection, &[])),
        };
        match to {
            Some(to) => Answer::redirect(&with_query(&to, &done)),
            None => {
                let page = result::page(self, context, parameters, &reply);
                Answer::page(StatusCode::OK, context.view.finish(page))
            }
        }
    }

    fn page(&self, context: &Context<'_>, fields: &Parameters, problem: Option<&Markup>) -> Markup {
        let title = context.say(self.title);
        let content = html! {
            @if let Some(problem) = problem { (problem) }
            p { (context.say(self.about)) }
            form.fields method="post" action=(self.path()) autocomplete="off" {
                (token(&context.view))
                @for field in self.fields { (field.control.show(context, field, fields)) }
                @if let Some(parameter) = self.confirmed {
                    div.field {
                        label for=(CONFIRMATION) {
                            (context.say(texts::TYPE_TO_CONFIRM)) ": "
                            code { (foreign(fields.get(parameter).unwrap_or_default())) }
                        }
                        input id=(CONFIRMATION) name=(CONFIRMATION) required spellcheck="false";
                    }
                }
                div.buttons {
                    button.danger[self.confirmed.is_some()] { (title) }
                    a href=(self.way_back(fields)) { (context.say(texts::CANCEL)) }
                }
            }
        };
        layout::page(&context.view, title, &content)
    }

    fn way_back(&self, fields: &Parameters) -> String {
        match self.then {
            Then::Of(collection, parameter) => match fields.non_empty(parameter) {
                Some(name) => path(collection, &[name]),
                None => path(collection, &[]),
            },
            Then::Made(collection, _) | Then::List(collection) => path(collection, &[]),
            Then::Reply => path("", &[]),
        }
    }
}

/// The name of the field that confirms.
const CONFIRMATION: &str = "confirmation";

/// What a redirect after an action says that was done.
pub(crate) fn done(context: &Context<'_>) -> Markup {
    let fields = context.request.queried();
    let form = fields.get("done").and_then(|action| named(fields.get("of")?, action));
    html! {
        @if let Some(form) = form {
            p.done role="status" { (context.say(texts::DONE)) " " (context.say(form.title)) }
        }
    }
}

#[cfg(test)]
mod tests {
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
            if let Then::Of(_, parameter) = form.then {
                assert!(has(parameter), "{}", form.action);
            }
        }
        for (collection, product, action) in COLLECTIONS {
            assert!(find(product, action).is_some(), "{collection}");
        }
    }
}
